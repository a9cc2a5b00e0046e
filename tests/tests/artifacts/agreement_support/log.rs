//! Log of a thread, in its own order: the truth about when each range began and ended.

use profiler_runtime::site::Kind;

/// Event on a thread.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Begin(usize),
    End(usize),
    /// A future is over, and whether it was ready.
    TaskEnd(usize, bool),
    /// Everything waits; see [`Program::boundaries`](super::program::Program).
    Boundary,
}

/// Description of a range or a future.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    /// A step's index or a request's id, which distinguishes it from others of its name.
    pub(crate) id: Option<u64>,
    /// The future, if this is a poll.
    pub(crate) task: Option<usize>,
}

/// The log of a thread: ranges and futures are numbered as they begin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) ranges: Vec<Told>,
    pub(crate) tasks: Vec<Told>,
    pub(crate) events: Vec<Event>,
}

impl Log {
    /// The number of the range that begins now.
    pub(crate) fn begin(&mut self, told: Told) -> usize {
        self.ranges.push(told);
        let range = self.ranges.len() - 1;
        self.events.push(Event::Begin(range));
        range
    }

    /// The number of a future that is made now.
    pub(crate) fn task(&mut self, told: Told) -> usize {
        self.tasks.push(told);
        self.tasks.len() - 1
    }
}
