//! Plays a thread's part of a program with real guards, attributed functions and futures, and logs
//! what it does.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use profiler_runtime::site::Kind;
use profiler_runtime::{Range, op, profiled_op, profiled_stage, profiled_step, request, request_scope, stage, step};
use profiler_tests::tasks::{finish, poll, second_poll};

use super::log::{Event, Log, Told};
use super::program::{self, Block, Call, Op, SLOTS};

type Boxed = Pin<Box<dyn Future<Output = ()>>>;

/// State that a thread shares with its functions and futures.
#[derive(Clone, Default)]
pub(crate) struct Player {
    log: Rc<RefCell<Log>>,
    tasks: Rc<RefCell<[Option<Polled>; SLOTS]>>,
    /// Number of the thread, which makes ids of requests and indices of steps unique.
    thread: u64,
}

/// Open range, which logs its end.
struct Guard {
    range: usize,
    log: Rc<RefCell<Log>>,
    _range: Option<Range>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.log.borrow_mut().events.push(Event::End(self.range));
    }
}

/// Guards that a thread or a future holds.
#[derive(Default)]
pub(crate) struct Held {
    slots: [Option<Guard>; SLOTS],
    list: Vec<Guard>,
}

impl Player {
    pub(crate) fn new(thread: usize) -> Self {
        Self { thread: thread as u64, ..Self::default() }
    }

    pub(crate) fn boundary(&self) {
        self.log.borrow_mut().events.push(Event::Boundary);
    }

    /// Cancels the remaining futures.
    pub(crate) fn cancel(&self) {
        (0..SLOTS).for_each(|slot| self.put(slot, None));
    }

    pub(crate) fn into_log(self) -> Log {
        self.log.take()
    }

    pub(crate) fn play(&self, ops: &[Op], held: &mut Held) {
        ops.iter().for_each(|op| self.step(op, held));
    }

    fn step(&self, op: &Op, held: &mut Held) {
        match op {
            Op::Begin(block, slot) => held.slots[*slot] = Some(self.begin(*block)),
            Op::End(slot) => held.slots[*slot] = None,
            Op::Swap(one, other) => held.slots.swap(*one, *other),
            Op::Forget(slot) => std::mem::forget(held.slots[*slot].take()),
            Op::Push(block) => held.list.push(self.begin(*block)),
            Op::Shift => drop((!held.list.is_empty()).then(|| held.list.remove(0))),
            Op::Clear => held.list.clear(),
            Op::Fields(one, other) => drop((self.begin(*one), self.begin(*other))),
            Op::Scope(block, ops) => {
                let _guard = self.begin(*block);
                self.play(ops, held);
            }
            Op::Call(call, ops) => self.call(*call, ops, held),
            Op::Spawn(slot, future, ops) => self.put(*slot, Some(self.future(*future, ops))),
            Op::Poll(slot) => self.poll(*slot),
            Op::Cancel(slot) => self.put(*slot, None),
            Op::Await => {}
            Op::Run(future, ops) => finish(self.future(*future, ops)),
            Op::Join(a, one, b, other) => finish(join(self.future(*a, one), self.future(*b, other))),
            Op::Work(micros) => work(*micros),
        }
    }

    fn begin(&self, block: Block) -> Guard {
        let id = self.id();
        let (range, kind, name) = match block {
            Block::Alpha => (stage!("alpha"), Kind::Stage, "alpha"),
            Block::Beta => (stage!("beta"), Kind::Stage, "beta"),
            Block::NamedAlpha => (stage("alpha"), Kind::Stage, "alpha"),
            Block::OpAlpha => (op!("alpha"), Kind::Op, "alpha"),
            Block::Gamma => (op!("gamma", shapes([1.0_f32; 3])), Kind::Op, "gamma"),
            Block::Loop => (step!("loop", id), Kind::Step, "loop"),
            Block::NamedLoop => (step("turn"), Kind::Step, "turn"),
            Block::Request => (request(&id.to_string()), Kind::Request, "request"),
        };
        let id = matches!(block, Block::Loop | Block::Request).then_some(id);
        self.guard(Told { kind, name, id, task: None }, Some(range))
    }

    fn guard(&self, told: Told, range: Option<Range>) -> Guard {
        let (log, range_id) = (Rc::clone(&self.log), self.log.borrow_mut().begin(told));
        Guard { range: range_id, log, _range: range }
    }

    /// Returns a number that no other range of the process has.
    fn id(&self) -> u64 {
        self.thread * 1_000_000 + (self.log.borrow().ranges.len() + self.log.borrow().tasks.len()) as u64
    }

    fn call(&self, call: Call, ops: &[Op], held: &mut Held) {
        let told = |kind, name| Told { kind, name, id: None, task: None };
        match call {
            Call::Alpha => alpha(self, told(Kind::Stage, "alpha"), ops, held),
            Call::Delta => delta(self, told(Kind::Stage, "delta"), ops, held),
            Call::Gamma => gamma(self, told(Kind::Op, "gamma"), ops, held),
            Call::Pass => pass(self, told(Kind::Step, "pass"), ops, held),
        }
    }

    /// Runs the body of an attributed function, inside its range.
    fn body(&self, told: Told, ops: &[Op], held: &mut Held) {
        let _logged = self.guard(told, None);
        self.play(ops, held);
    }

    fn future(&self, future: program::Future, ops: &[Op]) -> Polled {
        let id = self.id();
        let (kind, name) = match future {
            program::Future::Stage => (Kind::Stage, "task"),
            program::Future::Op => (Kind::Op, "chunk"),
            program::Future::Step => (Kind::Step, "tick"),
            program::Future::Scope => (Kind::Request, "request"),
        };
        let body = self.clone().live(ops.to_vec());
        let inner: Boxed = match future {
            program::Future::Stage => Box::pin(task(body)),
            program::Future::Op => Box::pin(chunk(body)),
            program::Future::Step => Box::pin(tick(body)),
            program::Future::Scope => Box::pin(request_scope(id.to_string(), body)),
        };
        let told = Told { kind, name, id: (kind == Kind::Request).then_some(id), task: None };
        let task = self.log.borrow_mut().task(told);
        Polled { inner: Some(inner), task, was_polled: false, player: self.clone() }
    }

    /// Returns the body of a future.
    fn live(self, ops: Vec<Op>) -> Boxed {
        Box::pin(async move {
            let mut held = Held::default();
            for op in &ops {
                match op {
                    Op::Await => second_poll().await,
                    Op::Run(future, ops) => self.future(*future, ops).await,
                    Op::Join(a, one, b, other) => join(self.future(*a, one), self.future(*b, other)).await,
                    op => self.step(op, &mut held),
                }
            }
        })
    }

    /// Polls a future, unless this call is part of a poll of the same future.
    fn poll(&self, slot: usize) {
        let Some(mut task) = self.tasks.borrow_mut()[slot].take() else { return };
        let result = poll(Pin::new(&mut task));
        if result.is_pending() {
            self.put(slot, Some(task));
        }
    }

    /// Puts a future into a slot. Drops the slot's content, which may end ranges.
    fn put(&self, slot: usize, task: Option<Polled>) {
        let before = std::mem::replace(&mut self.tasks.borrow_mut()[slot], task);
        drop(before);
    }
}

#[profiled_stage("alpha")]
fn alpha(player: &Player, told: Told, ops: &[Op], held: &mut Held) {
    player.body(told, ops, held);
}

#[profiled_stage("delta")]
fn delta(player: &Player, told: Told, ops: &[Op], held: &mut Held) {
    player.body(told, ops, held);
}

#[profiled_op("gamma")]
fn gamma(player: &Player, told: Told, ops: &[Op], held: &mut Held) {
    player.body(told, ops, held);
}

#[profiled_step("pass")]
fn pass(player: &Player, told: Told, ops: &[Op], held: &mut Held) {
    player.body(told, ops, held);
}

#[profiled_stage("task")]
async fn task(body: Boxed) {
    body.await;
}

#[profiled_op("chunk")]
async fn chunk(body: Boxed) {
    body.await;
}

#[profiled_step("tick")]
async fn tick(body: Boxed) {
    body.await;
}

/// Future whose polls and end are logged.
struct Polled {
    inner: Option<Boxed>,
    task: usize,
    was_polled: bool,
    player: Player,
}

impl Polled {
    fn end(&mut self, ready: bool) {
        // The guards of the future end with it, before its life does.
        self.inner = None;
        if std::mem::take(&mut self.was_polled) {
            self.player.log.borrow_mut().events.push(Event::TaskEnd(self.task, ready));
        }
    }
}

impl Future for Polled {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let Some(inner) = &mut this.inner else { return Poll::Ready(()) };
        this.was_polled = true;
        let told = Told { task: Some(this.task), ..this.player.log.borrow().tasks[this.task].clone() };
        let logged = this.player.guard(told, None);
        let result = inner.as_mut().poll(context);
        drop(logged);
        if result.is_ready() {
            this.end(true);
        }
        result
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        self.end(false);
    }
}

async fn join(mut one: Polled, mut other: Polled) {
    poll_fn(|context| {
        let both = [Pin::new(&mut one).poll(context), Pin::new(&mut other).poll(context)];
        if both.iter().all(Poll::is_ready) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

fn work(micros: u64) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_micros(micros) {
        std::hint::spin_loop();
    }
}
