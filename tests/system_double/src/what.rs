//! Faults of the double. The tests include this file: with the library itself, they would link its
//! calls.

/// A fault, as the first argument of [`system_double`]; the second says how.
#[derive(Clone, Copy, Debug)]
#[repr(i32)]
pub(crate) enum What {
    /// Renaming fails with this error; 0 works, as for the others.
    Rename,
    /// Deleting fails with this error.
    Unlink,
    /// Waiting for the disk fails with this error.
    Sync,
    /// So many bytes fit into files until the disk is full; negative: any number.
    Room,
    /// Each write to a file named `*.journal` takes so many milliseconds.
    Journal,
    /// Starting a thread fails with this error.
    Thread,
    /// So many nanoseconds are added to real time.
    RealTime,
    /// So many nanoseconds are taken from the monotonic clock: it stood still, as in a suspend.
    Suspended,
}
