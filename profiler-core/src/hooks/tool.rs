//! Shows ranges to a tool that is attached to the process, such as Nsight Systems through NVTX.
//!
//! The runtime submits a [`Finder`], which calls [`show_to`] with the [`Tool`] that it has found.
//! Finders run once, in the first range of the process, or earlier if a session asks for it. The
//! gate starts with `TOOL_NOT_PROBED` set, so the first range takes the slow path and probes for a
//! tool. The bit is then cleared, and without a tool the gate is 0. So a tool sees ranges even in a
//! program that never starts a session, no tool is loaded before `main`, and the fast path is
//! unchanged.
//!
//! Ranges that nest are pushed and popped. A stack cannot express a guard that ends before one that
//! began after it: the later ranges are popped with it and started again as ranges with a number,
//! each until its own guard ends. So the tool shows every range up to its end, the later ones in
//! two pieces.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Debug;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use super::warning;
use crate::gate;
use crate::kind::Kind;
use crate::ledger;
use crate::open_list::OpenList;
use crate::process::PerProcess;
use crate::site::Site;
use crate::stream::entry::{Entry, Tag};
use crate::stream::key::Key;
use crate::stream::shared::{Allocation, Shared};

/// An attached tool that displays ranges. `index` is the index of the step that the range is or
/// lies in.
pub trait Tool: Debug + Sync {
    /// Begins a range on this thread.
    fn push(&self, site: &'static Site, index: Option<u64>);
    /// Ends the innermost range of this thread.
    fn pop(&self);
    /// Begins a range that does not nest: the life of a future, or a guard that outlives the range
    /// around it. The result is passed to [`end`](Self::end), on any thread.
    fn start(&self, site: &'static Site, index: Option<u64>) -> u64;
    /// Ends a range begun by [`start`](Self::start).
    fn end(&self, life: u64);
}

/// Function that looks for an attached tool; it may return a problem to report.
pub struct Finder(pub fn() -> Option<String>);

inventory::collect!(Finder);

/// The attached tool, or null.
static TOOL: AtomicPtr<&'static dyn Tool> = AtomicPtr::new(ptr::null_mut());
/// Number of begins per step site, as the index of steps without an explicit one.
static STEPS: PerProcess<Mutex<HashMap<u32, u64>>> = PerProcess::new(|_| Mutex::default());

/// An open range of this thread that the tool shows.
#[derive(Clone, Copy)]
struct ShownRange {
    tool: &'static dyn Tool,
    site: &'static Site,
    index: Option<u64>,
    /// The tool's number for the range, once the range has left the tool's stack.
    started: Option<u64>,
}

thread_local! {
    static OPEN: RefCell<OpenList<ShownRange>> = const { RefCell::new(OpenList::new()) };
    /// Site of the next step on this thread, and the index that the program gives it.
    static EXPLICIT_INDEX: Cell<Option<(u32, u64)>> = const { Cell::new(None) };
    /// True while this thread runs the finders, which may call annotated functions.
    static PROBING: Cell<bool> = const { Cell::new(false) };
}

/// Runs all finders, once per process, and returns when they have run.
pub fn seek() {
    static PROBE: PerProcess<Once> = PerProcess::new(|_| Once::new());
    if !cfg!(feature = "enable") || !gate::needs_tool_probe() || PROBING.replace(true) {
        return;
    }
    let mut problems = Vec::new();
    PROBE.call_once(|| {
        problems.extend(inventory::iter::<Finder>.into_iter().filter_map(|finder| (finder.0)()));
        gate::set_tool_probed();
    });
    PROBING.set(false);
    for problem in problems {
        warning::send(&problem);
    }
}

/// Returns the gate after probing for a tool and, in a forked child, warning about the fork.
#[inline]
pub(crate) fn probed_gate(gate: u32) -> u32 {
    if gate & (gate::TOOL_NOT_PROBED | gate::FORKED) == 0 {
        return gate;
    }
    settle(gate)
}

#[cold]
fn settle(gate: u32) -> u32 {
    if gate & gate::FORKED != 0 && gate::take_forked() {
        warning::warn_of_fork();
    }
    seek();
    gate::load()
}

/// Sets the tool that is shown ranges from now on, or none. Open ranges end in the tool in which
/// they began.
pub fn show_to(tool: Option<&'static &'static dyn Tool>) {
    let pointer = tool.map_or(ptr::null(), ptr::from_ref);
    // ORDERING: publishes the tool to the function `tool`.
    TOOL.store(pointer.cast_mut(), Ordering::Release);
    gate::set_tool(if tool.is_some() { gate::NVTX } else { 0 });
}

fn tool() -> Option<&'static dyn Tool> {
    // ORDERING: pairs with the store in `show_to`.
    let pointer = TOOL.load(Ordering::Acquire);
    // SAFETY: null, or a `'static` reference stored by `show_to`, its only writer.
    unsafe { pointer.as_ref() }.copied()
}

/// Sets the index of the next step of this site on this thread, as the program counts.
pub(crate) fn set_explicit_index(site: u32, index: u64) {
    EXPLICIT_INDEX.set(Some((site, index)));
}

/// Takes the index that [`set_explicit_index`] set for the step of this site that begins now.
pub(crate) fn take_explicit_index(site: u32) -> Option<u64> {
    EXPLICIT_INDEX.take().filter(|(explicit, _)| *explicit == site).map(|(_, index)| index)
}

/// Begins a range on this thread, with the index from [`take_explicit_index`]. Returns its key for
/// [`end`] if the tool shows it.
pub(crate) fn begin(site: &'static Site, explicit: Option<u64>) -> Option<u64> {
    // A signal handler that interrupts this shows nothing, because locks may be held here and in
    // the tool.
    let _own = ledger::own();
    tool().and_then(|tool| push(tool, site, index(site, explicit)))
}

/// Ends the range with this key, on the thread where it began.
pub(crate) fn end(key: u64) {
    let _own = ledger::own();
    // The list is not borrowed during the call, because the tool may have ranges of its own.
    let Some(Some((ended, around))) = with_open(|open| open.end(key)) else { return };
    match ended.started {
        Some(number) => ended.tool.end(number),
        None => pop(ended.tool, around),
    }
}

/// Ends the range on the tool's stack that lies inside `around` open ranges. The ranges above it
/// continue as numbered ranges.
fn pop(tool: &'static dyn Tool, around: usize) {
    // The tool's code counts as the profiler's here, so it opens no range meanwhile.
    let count = with_open(|open| open.count()).unwrap_or(around);
    let on_the_stack = |at| with_open(|open| open.at(at).copied()).flatten().filter(|open| open.started.is_none());
    (around..count).rev().filter_map(on_the_stack).for_each(|open| open.tool.pop());
    tool.pop();
    for at in around..count {
        let Some(ShownRange { tool, site, index, .. }) = on_the_stack(at) else { continue };
        let number = tool.start(site, index);
        let goes_on = with_open(|open| open.at(at).map(|open| open.started = Some(number)));
        if goes_on.flatten().is_none() {
            tool.end(number);
        }
    }
}

/// Calls `with` on this thread's open ranges; returns `None` while the thread is ending, or while
/// the list is in use.
fn with_open<R>(with: impl FnOnce(&mut OpenList<ShownRange>) -> R) -> Option<R> {
    OPEN.try_with(|open| open.try_borrow_mut().ok().map(|mut open| with(&mut open))).ok().flatten()
}

fn push(tool: &'static dyn Tool, site: &'static Site, index: Option<u64>) -> Option<u64> {
    // A thread that is ending shows no more ranges; without memory this range is not shown.
    let open = ShownRange { tool, site, index, started: None };
    let key = with_open(|list| list.begin(open)).flatten()?;
    tool.push(site, index);
    Some(key)
}

/// Returns the index of a range: the explicit one, a step's count, or the enclosing range's index.
fn index(site: &'static Site, explicit: Option<u64>) -> Option<u64> {
    if explicit.is_some() {
        return explicit;
    }
    if site.kind() != Kind::Step {
        return OPEN.try_with(|open| open.try_borrow().ok()?.innermost()?.index).ok()?;
    }
    let mut steps = STEPS.lock().unwrap_or_else(PoisonError::into_inner);
    steps.try_reserve(1).ok()?;
    let next = steps.entry(site.number()).or_default();
    *next += 1;
    Some(*next - 1)
}

/// The life of a future that the tool shows.
#[derive(Debug)]
pub(crate) struct Life {
    tool: &'static dyn Tool,
    id: u64,
    index: Option<u64>,
}

impl Life {
    /// Begins the life of a future, whose call has the description `described`.
    pub(crate) fn begin(site: &'static Site, described: &[Entry]) -> Option<Shared<Self>> {
        let explicit = described
            .iter()
            .find(|entry| entry.is(Tag::Argument) && entry.key() == Key::INDEX)
            .map(|entry| entry.value());
        let tool = tool().filter(|_| site.number() != 0)?;
        let index = index(site, explicit);
        let room = Allocation::new()?;
        Some(room.fill(Self { tool, id: tool.start(site, index), index }))
    }

    /// Begins a poll on this thread. Returns its key for [`end`] if the tool shows it.
    pub(crate) fn begin_poll(&self, site: &'static Site) -> Option<u64> {
        push(self.tool, site, self.index)
    }

    /// Ends the life.
    pub(crate) fn end(&self) {
        self.tool.end(self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    static FOUND: AtomicU32 = AtomicU32::new(0);

    inventory::submit! {
        Finder(|| {
            // Starting a tool may call annotated functions, such as the host's allocator or logger.
            drop(crate::stage("annotate.finder"));
            FOUND.fetch_add(1, Ordering::Relaxed);
            None
        })
    }

    #[test]
    fn finders_run_once_and_without_a_tool_close_the_gate() {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(seek);
            }
        });
        assert_eq!(FOUND.load(Ordering::Relaxed), if cfg!(feature = "enable") { 1 } else { 0 });
        assert_eq!(gate::load() & (gate::NVTX | gate::TOOL_NOT_PROBED), 0);
        assert!(tool().is_none());
    }
}
