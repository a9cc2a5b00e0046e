//! Annotation: ranges are shown to a tool that is attached to the process, such as Nsight Systems
//! through NVTX.
//!
//! This crate does not know NVTX: a crate that does submits a [`Finder`], which calls [`show_to`]
//! with the [`Tool`] that it has found. The finders run once, in the first range of the process or
//! earlier if a session asks. To bring the first range here, the gate begins with the bit
//! `UNSOUGHT`; it is cleared then, and without a tool the gate is 0. Thus ranges appear in a
//! program that never starts a session, no tool is loaded before `main`, and the hot path stays as
//! it is.
//!
//! A thread's ranges are pushed and popped while they nest. If a guard ends before one that began
//! after it, a stack cannot express that: the later ranges are popped with it and go on as ranges
//! that are started and ended by a number, each until its own guard ends. So the tool shows every
//! range up to its very end, a later one in two pieces.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Debug;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use super::{forked, warning};
use crate::gate;
use crate::kind::Kind;
use crate::ledger;
use crate::open::OpenList;
use crate::process::PerProcess;
use crate::site::Site;
use crate::stream::entry::{Entry, Tag};
use crate::stream::key::Key;
use crate::stream::shared::{Room, Shared};

/// A receiver of ranges. The index of a range is that of the step that it is or lies in.
pub trait Tool: Debug + Sync {
    /// Begins a range on this thread.
    fn push(&self, site: &'static Site, index: Option<u64>);
    /// Ends the innermost range of this thread.
    fn pop(&self);
    /// Shows the life of a future, or a guard that goes on and does not nest any more; the result
    /// goes to [`end`](Self::end), from any thread.
    fn start(&self, site: &'static Site, index: Option<u64>) -> u64;
    /// Ends a range that [`start`](Self::start) has shown.
    fn end(&self, life: u64);
}

/// Function that looks for an attached tool, and returns a problem to report.
pub struct Finder(pub fn() -> Option<String>);

inventory::collect!(Finder);

/// The attached tool, or null.
static TOOL: AtomicPtr<&'static dyn Tool> = AtomicPtr::new(ptr::null_mut());
/// Number of begins of each step's site, for steps without an index of their own.
static STEPS: PerProcess<Mutex<HashMap<u32, u64>>> = PerProcess::new(|_| Mutex::default());

/// A range of this thread that is open in the tool.
#[derive(Clone, Copy)]
struct Open {
    tool: &'static dyn Tool,
    site: &'static Site,
    index: Option<u64>,
    /// The tool's number for the range, once it is not on the tool's stack any more.
    started: Option<u64>,
}

thread_local! {
    static OPEN: RefCell<OpenList<Open>> = const { RefCell::new(OpenList::new()) };
    /// The program's own index of the next step of a site on this thread.
    static TOLD: Cell<Option<(u32, u64)>> = const { Cell::new(None) };
    /// True while this thread runs the finders: functions that they call may be annotated
    /// themselves.
    static SEEKING: Cell<bool> = const { Cell::new(false) };
}

/// Looks for a tool, once in the life of the process; returns when all finders have run.
pub fn seek() {
    static SOUGHT: PerProcess<Once> = PerProcess::new(|_| Once::new());
    if !cfg!(feature = "enable") || !gate::is_unsought() || SEEKING.replace(true) {
        return;
    }
    let mut problems = Vec::new();
    SOUGHT.call_once(|| {
        problems.extend(inventory::iter::<Finder>.into_iter().filter_map(|finder| (finder.0)()));
        gate::sought();
    });
    SEEKING.set(false);
    for problem in problems {
        warning::send(&problem);
    }
}

/// Returns the gate, after the search for a tool and, in a forked child, after the warning.
#[inline]
pub(crate) fn sought(gate: u32) -> u32 {
    if gate & (gate::UNSOUGHT | gate::FORKED) == 0 {
        return gate;
    }
    settle(gate)
}

#[cold]
fn settle(gate: u32) -> u32 {
    if gate & gate::FORKED != 0 && gate::take_forked() {
        forked::tell_child();
    }
    seek();
    gate::load()
}

/// Shows ranges that begin from now on to this tool, or to none. Open ranges end in the tool in
/// which they began.
pub fn show_to(tool: Option<&'static &'static dyn Tool>) {
    let pointer = tool.map_or(ptr::null(), ptr::from_ref);
    // ORDERING: publishes the tool to `tool`.
    TOOL.store(pointer.cast_mut(), Ordering::Release);
    gate::set_tool(if tool.is_some() { gate::NVTX } else { 0 });
}

fn tool() -> Option<&'static dyn Tool> {
    // ORDERING: pairs with the store in `show_to`.
    let pointer = TOOL.load(Ordering::Acquire);
    // SAFETY: `show_to` is the only writer: null, or a reference that lives for ever and that
    // nothing writes through.
    unsafe { pointer.as_ref() }.copied()
}

/// Sets the index of the next step of this site on this thread.
pub(crate) fn tell_index(site: u32, index: u64) {
    TOLD.set(Some((site, index)));
}

/// Takes the index that `tell_index` set for the step of this site that begins now.
pub(crate) fn told(site: u32) -> Option<u64> {
    TOLD.take().filter(|(told, _)| *told == site).map(|(_, index)| index)
}

/// Begins a range on this thread, with the index from [`told`]. Returns its key for [`end`] if the
/// tool has it.
pub(crate) fn begin(site: &'static Site, told: Option<u64>) -> Option<u64> {
    // A signal handler that interrupts this shows nothing: locks may be held, here and in the tool.
    let _own = ledger::own();
    tool().and_then(|tool| push(tool, site, index(site, told)))
}

/// Ends the range with this key, on the same thread.
pub(crate) fn end(key: u64) {
    let _own = ledger::own();
    // The list is not borrowed during the tool's call: the tool may have ranges of its own.
    let Some(Some((ended, around))) = with_open(|open| open.end(key)) else { return };
    match ended.started {
        Some(number) => ended.tool.end(number),
        None => pop(ended.tool, around),
    }
}

/// Ends the range on the tool's stack that `around` open ranges enclose. The ranges above it go on
/// beside the stack.
fn pop(tool: &'static dyn Tool, around: usize) {
    // Code of the tool that runs meanwhile is the profiler's: it opens no range.
    let count = with_open(|open| open.count()).unwrap_or(around);
    let on_the_stack = |at| with_open(|open| open.at(at).copied()).flatten().filter(|open| open.started.is_none());
    (around..count).rev().filter_map(on_the_stack).for_each(|open| open.tool.pop());
    tool.pop();
    for at in around..count {
        let Some(Open { tool, site, index, .. }) = on_the_stack(at) else { continue };
        let number = tool.start(site, index);
        let goes_on = with_open(|open| open.at(at).map(|open| open.started = Some(number)));
        if goes_on.flatten().is_none() {
            tool.end(number);
        }
    }
}

/// Calls `with` on the open ranges of this thread; returns `None` while the thread is ending, or
/// while they are in use.
fn with_open<R>(with: impl FnOnce(&mut OpenList<Open>) -> R) -> Option<R> {
    OPEN.try_with(|open| open.try_borrow_mut().ok().map(|mut open| with(&mut open))).ok().flatten()
}

fn push(tool: &'static dyn Tool, site: &'static Site, index: Option<u64>) -> Option<u64> {
    // A thread without thread-locals shows nothing more, and without memory it does not show this
    // range.
    let open = Open { tool, site, index, started: None };
    let key = with_open(|list| list.begin(open)).flatten()?;
    tool.push(site, index);
    Some(key)
}

/// Returns the index of a range: the given one, a step's count, or the index of the range around
/// it.
fn index(site: &'static Site, told: Option<u64>) -> Option<u64> {
    if told.is_some() {
        return told;
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

/// A future that the tool shows.
#[derive(Debug)]
pub(crate) struct Life {
    tool: &'static dyn Tool,
    id: u64,
    index: Option<u64>,
}

impl Life {
    /// Begins the life of a future; `described` is its call's description.
    pub(crate) fn begin(site: &'static Site, described: &[Entry]) -> Option<Shared<Self>> {
        let told = described
            .iter()
            .find(|entry| entry.is(Tag::Argument) && entry.key() == Key::INDEX)
            .map(|entry| entry.value());
        let tool = tool().filter(|_| site.number() != 0)?;
        let index = index(site, told);
        let room = Room::new()?;
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
            // A tool's start may do this, through a host whose allocator or logger is annotated.
            drop(crate::stage("annotate.finder"));
            FOUND.fetch_add(1, Ordering::Relaxed);
            None
        })
    }

    #[test]
    fn finders_run_once_may_be_annotated_and_without_a_tool_leave_nothing_in_the_gate() {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(seek);
            }
        });
        assert_eq!(FOUND.load(Ordering::Relaxed), if cfg!(feature = "enable") { 1 } else { 0 });
        assert_eq!(gate::load() & (gate::NVTX | gate::UNSOUGHT), 0);
        assert!(tool().is_none());
    }
}
