//! The ranges of a stream that are open, and the one that has just ended.
//!
//! A slice is made, shown and replaced where it lies: it is large, and moving it from place to place would cost as much as
//! everything else that decoding does.

use crate::model::lanes::Lanes;
use crate::model::slice::{CallArgs, Slice};
use crate::model::stages::NodeId;

/// An open range.
pub(super) struct Frame {
    pub(super) slice: Slice,
    /// Of its site.
    pub(super) number: u32,
    /// The child site seen last and its node: most children are of one site.
    pub(super) child: Option<(u32, NodeId)>,
}

/// Open ranges, outermost first; behind them ranges that have ended, whose places are taken by the next that begin.
#[derive(Default)]
pub(super) struct Frames {
    frames: Vec<Frame>,
    open: usize,
}

impl Frames {
    /// The ranges that are open.
    #[inline]
    pub(super) fn open(&self) -> &[Frame] {
        &self.frames[..self.open]
    }

    /// The same.
    #[inline]
    pub(super) fn open_mut(&mut self) -> &mut [Frame] {
        &mut self.frames[..self.open]
    }

    /// The range that has just ended.
    #[inline]
    pub(super) fn ended(&self) -> Option<&Slice> {
        self.frames.get(self.open).map(|frame| &frame.slice)
    }

    /// One more is open. What the range said that had its place can be used again.
    #[inline]
    pub(super) fn push(&mut self, frame: Frame) -> Option<Box<CallArgs>> {
        let mut call = None;
        match self.frames.get_mut(self.open) {
            Some(ended) => {
                call = ended.slice.call.take();
                *ended = frame;
            }
            None => self.frames.push(frame),
        }
        self.open += 1;
        call
    }

    /// The last of the open ranges, which lies inside the first `around` of them, ends.
    #[inline]
    pub(super) fn end(&mut self, end: u64, around: usize) -> Option<&Slice> {
        self.open = self.open.checked_sub(1)?;
        let (open, ended) = self.frames.split_at_mut(self.open);
        let (open, slice) = (open.get_mut(..around)?, &mut ended.first_mut()?.slice);
        slice.end = end;
        if let Some(Frame { slice: outer, .. }) = open.last_mut() {
            outer.cpu_memory.total += slice.cpu_memory.total;
            outer.device_memory.total += slice.device_memory.total;
            slice.around_id = outer.external_id;
        }
        if slice.lane == 0
            && let Some(parent) = open.iter_mut().rev().find(|frame| frame.slice.lane == 0)
        {
            parent.slice.children_ns += slice.duration();
        }
        Some(slice)
    }

    /// A range ends before ranges that began inside it: those move to lanes, and what ran inside them is shown directly
    /// inside it. It becomes the last; how many are around it, or `None` if no range of that site is open.
    #[cold]
    pub(super) fn outlived(&mut self, number: u32, lanes: &mut Lanes) -> Option<usize> {
        let open = self.open_mut();
        let at = open.iter().rposition(|frame| frame.number == number)?;
        let (outer, inner) = open.get_mut(at..)?.split_first_mut()?;
        if outer.slice.lane == 0 {
            for Frame { slice, .. } in inner.iter_mut().filter(|frame| frame.slice.lane == 0) {
                slice.lane = lanes.take(slice.begin, u64::MAX);
                outer.slice.children_ns += std::mem::take(&mut slice.children_ns);
            }
        }
        open[at..].rotate_left(1);
        Some(at)
    }
}
