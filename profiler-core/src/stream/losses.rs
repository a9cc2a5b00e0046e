//! Losses that no thread's stream counts, because the thread had none, or could not write to it.
//!
//! A new cause is a variant here, a call of [`Loss::count`] where it happens, and a row of the
//! table of losses in `profiler-trace`.

use std::sync::atomic::{AtomicU64, Ordering};

static COUNTS: [AtomicU64; Loss::Undescribed as usize + 1] =
    [const { AtomicU64::new(0) }; Loss::Undescribed as usize + 1];

/// Cause of a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A thread recorded a range after its thread-locals were gone.
    EndingThread,
    /// The program's allocator had no memory for a range.
    NoMemory,
    /// A range began while its thread ran the recorder itself, such as in a signal handler that
    /// interrupted it.
    Reentry,
    /// The description of a call panicked, or is not a number. The only cause that loses no range,
    /// and the last variant, which gives the number of causes.
    Undescribed,
}

impl Loss {
    /// Counts one more loss.
    #[cold]
    pub(crate) fn count(self) {
        // ORDERING: a statistic.
        COUNTS[self as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// Number of losses by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses([u64; COUNTS.len()]);

impl Losses {
    /// Reads the losses of this process until now.
    pub(crate) fn now() -> Self {
        // ORDERING: statistics.
        Self(std::array::from_fn(|cause| COUNTS[cause].load(Ordering::Relaxed)))
    }

    /// Returns the losses that came after `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self(std::array::from_fn(|cause| self.0[cause].saturating_sub(earlier.0[cause])))
    }

    /// Returns how many losses had this cause.
    pub fn by(self, cause: Loss) -> u64 {
        self.0[cause as usize]
    }

    /// Returns how many ranges were lost, whatever the cause.
    pub(crate) fn ranges(self) -> u64 {
        self.0[..Loss::Undescribed as usize].iter().sum()
    }
}
