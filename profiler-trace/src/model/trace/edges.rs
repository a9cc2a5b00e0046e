//! A thread's ranges as begins and ends, in the order of time: for formats that want edges instead
//! of whole slices.

use crate::model::decode::{Event, NoNodes};
use crate::model::slice::Slice;

use super::{Trace, Walk};

/// A begin or an end of a range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge<'a> {
    /// Slice that begins or ends. At its begin its `end` has no meaning yet.
    pub(crate) slice: &'a Slice,
    /// True if this is the begin.
    pub(crate) is_begin: bool,
}

impl Edge<'_> {
    /// Returns the moment of the edge.
    #[inline]
    pub(crate) const fn at(&self) -> u64 {
        if self.is_begin { self.slice.begin } else { self.slice.end }
    }
}

/// A [`Walk`] that shows edges.
pub(crate) struct EdgeWalk<'a>(Walk<'a>);

impl EdgeWalk<'_> {
    /// Shows the next edges, up to the first that `enough` accepts; false if none was accepted: the
    /// thread has no more.
    #[inline]
    pub(crate) fn until(&mut self, mut enough: impl FnMut(Edge<'_>) -> bool) -> bool {
        self.0.until_event(&mut NoNodes::<true>, |event| {
            // One call of `enough`, so that it is compiled in line.
            let edge = match *event {
                Event::Begin(slice) => Edge { slice, is_begin: true },
                Event::Slice(slice) => Edge { slice, is_begin: false },
                Event::TaskEnd { .. } | Event::StepMark(_) | Event::Allocation(_) => return false,
            };
            enough(edge)
        })
    }
}

impl Trace {
    /// Decodes one thread's ranges, in parts. Times never run backwards, and on every lane an end
    /// belongs to the innermost begin that has none yet.
    pub(crate) fn begin_edges(&self, thread: usize) -> EdgeWalk<'_> {
        EdgeWalk(self.begin_walk(thread))
    }
}
