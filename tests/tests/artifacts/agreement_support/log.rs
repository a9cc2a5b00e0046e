//! Log of a thread: the true order in which its ranges begin and end.

use profiler_runtime::site::Kind;

/// Event on a thread.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Begin(usize),
    End(usize),
    /// End of a future; true if it was ready.
    TaskEnd(usize, bool),
    /// Pause of all threads; see [`Program::boundaries`](super::program::Program).
    Boundary,
}

/// Description of a range or a future.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    /// Index of a step or id of a request, which distinguishes ranges of one name.
    pub(crate) id: Option<u64>,
    /// Number of the future, if this is a poll.
    pub(crate) task: Option<usize>,
}

/// Log of a thread. Ranges and futures have numbers in the order in which they begin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) ranges: Vec<Told>,
    pub(crate) tasks: Vec<Told>,
    pub(crate) events: Vec<Event>,
}

impl Log {
    /// Logs the begin of a range, and returns its number.
    pub(crate) fn begin(&mut self, told: Told) -> usize {
        self.ranges.push(told);
        let range = self.ranges.len() - 1;
        self.events.push(Event::Begin(range));
        range
    }

    /// Adds a future, and returns its number.
    pub(crate) fn task(&mut self, told: Told) -> usize {
        self.tasks.push(told);
        self.tasks.len() - 1
    }
}
