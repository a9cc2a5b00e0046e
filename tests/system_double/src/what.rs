//! The faults of the double. The tests include this file, because linking the library would replace
//! their own calls.

/// A fault: the first argument of [`system_double`]. The second is its value.
#[derive(Clone, Copy, Debug)]
#[repr(i32)]
pub(crate) enum What {
    /// Renaming fails with this error. 0 means no fault, as for the others.
    Rename,
    /// Deleting fails with this error.
    Unlink,
    /// Syncing fails with this error.
    Sync,
    /// Number of bytes that fit into files until the disk is full. Negative: any number.
    Room,
    /// Milliseconds that each write to a file named `*.journal` takes.
    Journal,
    /// Starting a thread fails with this error.
    Thread,
    /// Nanoseconds that are added to real time.
    RealTime,
    /// Nanoseconds that are subtracted from the monotonic clock, which stands still during a
    /// suspend.
    Suspended,
}
