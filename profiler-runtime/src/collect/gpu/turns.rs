//! Turns of sessions at a source, of which a process has one: a later start ends the running turn,
//! and keeps its result for the session whose turn it was.

/// The running turn, with its number, and the results of ended turns.
#[derive(Debug)]
pub(crate) struct Turns<R, E> {
    last: u64,
    running: Option<R>,
    ended: Vec<(u64, E)>,
}

impl<R, E> Turns<R, E> {
    /// Creates the turns of an unused source.
    pub(crate) const fn new() -> Self {
        Self { last: 0, running: None, ended: Vec::new() }
    }

    /// Returns the running turn.
    pub(crate) const fn running(&self) -> Option<&R> {
        self.running.as_ref()
    }

    /// Returns the running turn, to be changed.
    pub(crate) const fn running_mut(&mut self) -> Option<&mut R> {
        self.running.as_mut()
    }

    /// Ends the running turn and keeps its result.
    pub(crate) fn end_running(&mut self, end: impl FnOnce(R) -> E) {
        self.ended.extend(self.running.take().map(|running| (self.last, end(running))));
    }

    /// Takes a turn, after [`end_running`](Self::end_running); returns its number, for
    /// [`finish`](Self::finish).
    pub(crate) fn begin(&mut self, make: impl FnOnce(u64) -> R) -> u64 {
        self.last += 1;
        self.running = Some(make(self.last));
        self.last
    }

    /// Returns the result of a turn, which ends now if it still runs.
    pub(crate) fn finish(&mut self, number: u64, end: impl FnOnce(R) -> E) -> Option<E> {
        if self.last == number {
            self.end_running(end);
        }
        let at = self.ended.iter().position(|(ended, _)| *ended == number)?;
        Some(self.ended.swap_remove(at).1)
    }
}
