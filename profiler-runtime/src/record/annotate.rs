//! Annotation: ranges are shown to a tool that is attached to the process, such as Nsight Systems through NVTX.
//!
//! `record` does not know NVTX: a room that does submits a [`Finder`], which names the [`Tool`] it has found with
//! [`show_to`]. The finders run once, in the first range of the process or when a session asks before it. So that the
//! first range comes here, the gate begins with the bit `UNSOUGHT`; it is cleared then, and without a tool the gate is 0.
//! Thus ranges appear in a program that never starts a session, no tool is loaded before `main`, and the hot path is as it
//! was.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use super::entry::{Entry, Tag};
use super::gate;
use super::site::{Kind, Site};
use crate::logging;

/// Whom ranges are shown to. An index is that of the step that the range is or lies in.
pub(crate) trait Tool: Debug + Sync {
    /// A range begins on this thread.
    fn push(&self, site: &'static Site, index: Option<u64>);
    /// The innermost range of this thread ends.
    fn pop(&self);
    /// The life of a future begins; the answer goes to [`end`](Self::end), from whichever thread.
    fn start(&self, site: &'static Site, index: Option<u64>) -> u64;
    /// That life is over.
    fn end(&self, life: u64);
}

/// Looks whether a tool is attached; the answer is a problem to report.
pub(crate) struct Finder(pub(crate) fn() -> Option<String>);

inventory::collect!(Finder);

/// The tool, or null.
static TOOL: AtomicPtr<&'static dyn Tool> = AtomicPtr::new(ptr::null_mut());
/// How often each site of a step has begun, for steps without an index of their own.
static STEPS: Mutex<BTreeMap<u32, u64>> = Mutex::new(BTreeMap::new());

/// A range of this thread that the tool takes to be open.
struct Open {
    tool: &'static dyn Tool,
    index: Option<u64>,
}

thread_local! {
    static OPEN: RefCell<Vec<Open>> = const { RefCell::new(Vec::new()) };
    /// The program's own index of the next step of a site on this thread.
    static TOLD: Cell<Option<(u32, u64)>> = const { Cell::new(None) };
    /// This thread runs the finders: what they call may be annotated itself.
    static SEEKING: Cell<bool> = const { Cell::new(false) };
}

/// Looks for a tool, once in the life of the process; returns when that is done.
pub(crate) fn seek() {
    static SOUGHT: Once = Once::new();
    if !cfg!(feature = "enable") || SOUGHT.is_completed() || SEEKING.replace(true) {
        return;
    }
    let mut problems = Vec::new();
    SOUGHT.call_once(|| {
        problems.extend(inventory::iter::<Finder>.into_iter().filter_map(|finder| (finder.0)()));
        gate::sought();
    });
    SEEKING.set(false);
    for problem in problems {
        logging::warn!("{problem}");
    }
}

/// The gate, after a tool has been looked for.
#[inline]
pub(super) fn sought(gate: u32) -> u32 {
    if gate & gate::UNSOUGHT == 0 {
        return gate;
    }
    seek();
    gate::load()
}

/// From now on, ranges that begin are shown to this tool, or to none. Those that are open end where they began.
pub(crate) fn show_to(tool: Option<&'static &'static dyn Tool>) {
    let pointer = tool.map_or(ptr::null(), ptr::from_ref);
    // ORDERING: publishes the tool to `tool`.
    TOOL.store(pointer.cast_mut(), Ordering::Release);
    gate::set_tool(if tool.is_some() { gate::NVTX } else { 0 });
}

fn tool() -> Option<&'static dyn Tool> {
    // ORDERING: pairs with the store in `show_to`.
    let pointer = TOOL.load(Ordering::Acquire);
    // SAFETY: `show_to` is the only writer: null, or a reference that lives for ever and that nobody writes through.
    unsafe { pointer.as_ref() }.copied()
}

/// The next step of this site on this thread has the index `index`.
pub(super) fn tell_index(site: u32, index: u64) {
    TOLD.set(Some((site, index)));
}

/// A range begins on this thread. True if the tool knows it: then [`end`] ends it.
pub(super) fn begin(site: &'static Site) -> bool {
    let told = TOLD.take().filter(|(told, _)| *told == site.number());
    tool().is_some_and(|tool| push(tool, site, index(site, told.map(|(_, index)| index))))
}

/// The innermost range that this thread has shown ends.
pub(super) fn end() {
    if let Ok(Some(open)) = OPEN.try_with(|open| open.borrow_mut().pop()) {
        open.tool.pop();
    }
}

fn push(tool: &'static dyn Tool, site: &'static Site, index: Option<u64>) -> bool {
    // A thread whose thread-locals are gone shows nothing more.
    let open = OPEN.try_with(|open| open.borrow_mut().push(Open { tool, index })).is_ok();
    if open {
        tool.push(site, index);
    }
    open
}

/// The index that a range carries: told, counted, or that of the range around it.
fn index(site: &'static Site, told: Option<u64>) -> Option<u64> {
    if told.is_some() {
        return told;
    }
    if site.kind() != Kind::Step {
        return OPEN.try_with(|open| open.borrow().last()?.index).ok()?;
    }
    let mut steps = STEPS.lock().unwrap_or_else(PoisonError::into_inner);
    let next = steps.entry(site.number()).or_default();
    *next += 1;
    Some(*next - 1)
}

/// A future that the tool knows.
#[derive(Debug)]
pub(super) struct Life {
    tool: &'static dyn Tool,
    id: u64,
    index: Option<u64>,
}

impl Life {
    /// A future begins to live; `described` is what its call said about itself.
    pub(super) fn begin(site: &'static Site, described: &[Entry]) -> Option<Box<Self>> {
        let told = described.iter().find(|entry| entry.tag() == Some(Tag::Index)).map(|entry| entry.value());
        let tool = tool()?;
        let index = index(site, told);
        Some(Box::new(Self { tool, id: tool.start(site, index), index }))
    }

    /// A poll begins on this thread; [`end`] ends it, if this is true.
    pub(super) fn begin_poll(&self, site: &'static Site) -> bool {
        push(self.tool, site, self.index)
    }

    /// It is over.
    pub(super) fn end(&self) {
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
            // As a tool's start might, through a host whose allocator or logger is annotated.
            drop(crate::record::stage("annotate.finder"));
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
