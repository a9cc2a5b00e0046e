//! Lets sessions take turns at a source of which a process has only one.
//!
//! A session that starts ends the turn of the session before, whose result is kept until that
//! session asks for it.

/// The running turn, its number, and the results of ended turns that were not fetched yet.
#[derive(Debug)]
pub(crate) struct Turns<R, E> {
    last: u64,
    running: Option<R>,
    ended: Vec<(u64, E)>,
}

impl<R, E> Turns<R, E> {
    /// Creates the turns of an idle source.
    pub(crate) const fn new() -> Self {
        Self { last: 0, running: None, ended: Vec::new() }
    }

    /// Returns the running turn.
    pub(crate) const fn running(&self) -> Option<&R> {
        self.running.as_ref()
    }

    /// Returns the running turn for modification.
    pub(crate) const fn running_mut(&mut self) -> Option<&mut R> {
        self.running.as_mut()
    }

    /// Ends the running turn and keeps its result.
    pub(crate) fn end_running(&mut self, end: impl FnOnce(R) -> E) {
        self.ended.extend(self.running.take().map(|running| (self.last, end(running))));
    }

    /// Begins a turn after [`end_running`](Self::end_running); returns its number, which
    /// [`finish`](Self::finish) takes.
    pub(crate) fn begin(&mut self, make: impl FnOnce(u64) -> R) -> u64 {
        self.last += 1;
        self.running = Some(make(self.last));
        self.last
    }

    /// Ends a turn if it is still running, and returns its result.
    pub(crate) fn finish(&mut self, number: u64, end: impl FnOnce(R) -> E) -> Option<E> {
        if self.last == number {
            self.end_running(end);
        }
        let at = self.ended.iter().position(|(ended, _)| *ended == number)?;
        Some(self.ended.swap_remove(at).1)
    }
}
