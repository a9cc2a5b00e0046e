//! Random programs: what each thread does with guards, attributed functions and futures, and when
//! sessions start and stop. All randomness is here: a program is played the same way every time.

use proptest::collection::vec;
use proptest::prelude::*;

/// Site of a guard. Sites share names, within a kind and across kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Alpha,
    Beta,
    /// Stage with the name `alpha`, given at run time.
    NamedAlpha,
    /// Op with the name `alpha`.
    OpAlpha,
    Gamma,
    Loop,
    NamedLoop,
    Request,
}

/// Attributed function.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Alpha,
    Delta,
    Gamma,
    Pass,
}

/// Attributed future, whose life is recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Future {
    Stage,
    Op,
    Step,
    Scope,
}

/// Next operation of a thread, a function or a future.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// `slot = guard`: the new guard begins before the old one ends.
    Begin(Block, usize),
    End(usize),
    Swap(usize, usize),
    Forget(usize),
    /// Push to a collection. `Shift` drops its first guard, `Clear` drops all.
    Push(Block),
    Shift,
    Clear,
    /// Struct of two guards, dropped in the order of its fields, in which they also begin.
    Fields(Block, Block),
    Scope(Block, Vec<Op>),
    Call(Call, Vec<Op>),
    /// New future in a slot, which cancels the former one.
    Spawn(usize, Future, Vec<Op>),
    Poll(usize),
    Cancel(usize),
    /// Wait for a second poll; no operation outside of a future.
    Await,
    /// `.await` in a future; elsewhere, polls until the future is ready.
    Run(Future, Vec<Op>),
    /// Two futures of one task, polled in turn.
    Join(Future, Vec<Op>, Future, Vec<Op>),
    /// Busy loop of this many microseconds.
    Work(u64),
}

/// Operation between two phases, while all threads wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boundary {
    Nothing,
    Start,
    Stop,
    Restart,
}

/// Options of the sessions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ask {
    Plain,
    Stacks,
    Shapes,
    Ring,
    Spool,
}

#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) ask: Ask,
    /// Boundary before each phase.
    pub(crate) boundaries: Vec<Boundary>,
    /// Operations by thread and phase.
    pub(crate) threads: Vec<Vec<Vec<Op>>>,
    /// True if the last session stops while the threads still hold guards and futures.
    pub(crate) stops_early: bool,
}

pub(crate) const SLOTS: usize = 3;

/// Returns the strategy that generates programs.
pub(crate) fn programs() -> impl Strategy<Value = Program> {
    let ask = prop_oneof![
        4 => Just(Ask::Plain),
        1 => Just(Ask::Stacks),
        1 => Just(Ask::Shapes),
        1 => Just(Ask::Ring),
        1 => cfg!(target_os = "linux").then_some(Ask::Spool).map_or(Just(Ask::Plain), Just),
    ];
    let boundary = prop_oneof![
        3 => Just(Boundary::Nothing),
        2 => Just(Boundary::Start),
        1 => Just(Boundary::Stop),
        2 => Just(Boundary::Restart),
    ];
    let first = prop_oneof![4 => Just(Boundary::Start), 1 => Just(Boundary::Nothing)];
    let phases = prop_oneof![3 => Just(1), 2 => Just(2), 1 => Just(3_usize)];
    let threads = prop_oneof![3 => Just(1), 1 => Just(2), 1 => Just(3_usize)];
    (ask, first, phases, threads, any::<bool>()).prop_flat_map(move |(ask, first, phases, threads, stops_early)| {
        let later = vec(boundary.clone(), phases - 1);
        let played = vec(vec(vec(ops(), 0..24), phases), threads);
        (later, played).prop_map(move |(later, threads)| {
            let boundaries = std::iter::once(first).chain(later).collect();
            Program { ask, boundaries, threads, stops_early }
        })
    })
}

fn ops() -> impl Strategy<Value = Op> {
    let slot = 0..SLOTS;
    let leaf = prop_oneof![
        8 => (block(), slot.clone()).prop_map(|(block, slot)| Op::Begin(block, slot)),
        6 => slot.clone().prop_map(Op::End),
        1 => (slot.clone(), slot.clone()).prop_map(|(one, other)| Op::Swap(one, other)),
        3 => block().prop_map(Op::Push),
        2 => Just(Op::Shift),
        1 => Just(Op::Clear),
        1 => (block(), block()).prop_map(|(one, other)| Op::Fields(one, other)),
        5 => slot.clone().prop_map(Op::Poll),
        1 => slot.clone().prop_map(Op::Cancel),
        4 => Just(Op::Await),
        2 => (0..4_u64).prop_map(Op::Work),
    ];
    let inner = leaf.clone().prop_recursive(3, 24, 6, |inner| {
        let body = vec(inner, 0..6);
        prop_oneof![
            2 => (block(), body.clone()).prop_map(|(block, body)| Op::Scope(block, body)),
            2 => (call(), body.clone()).prop_map(|(call, body)| Op::Call(call, body)),
            3 => (0..SLOTS, future(), body.clone()).prop_map(|(slot, future, body)| Op::Spawn(slot, future, body)),
            1 => (future(), body.clone()).prop_map(|(future, body)| Op::Run(future, body)),
            1 => (future(), body.clone(), future(), body).prop_map(|(a, one, b, other)| Op::Join(a, one, b, other)),
        ]
    });
    // Leaks at the top level only: a guard that a future leaks belongs to no thread and no task.
    prop_oneof![
        30 => leaf,
        1 => slot.prop_map(Op::Forget),
        15 => inner,
    ]
}

fn block() -> impl Strategy<Value = Block> {
    prop_oneof![
        4 => Just(Block::Alpha),
        2 => Just(Block::Beta),
        1 => Just(Block::NamedAlpha),
        1 => Just(Block::OpAlpha),
        2 => Just(Block::Gamma),
        2 => Just(Block::Loop),
        1 => Just(Block::NamedLoop),
        2 => Just(Block::Request),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![Just(Call::Alpha), Just(Call::Delta), Just(Call::Gamma), Just(Call::Pass)]
}

fn future() -> impl Strategy<Value = Future> {
    prop_oneof![3 => Just(Future::Stage), 1 => Just(Future::Op), 1 => Just(Future::Step), 1 => Just(Future::Scope)]
}
