//! Systems where files are not mapped: a spool is refused.

use std::fs::File;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

/// The mapping, which does not exist here.
pub(crate) enum Mapping {}

/// Makes the methods of the missing mapping.
macro_rules! methods {
    ($($name:ident($($argument:ty),*) -> $result:ty;)*) => {$(
        pub(crate) fn $name(&self, $(_: $argument),*) -> $result {
            match *self {}
        }
    )*};
}

impl Mapping {
    pub(crate) fn new(_file: File, _bytes: usize, _writable: bool) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "recording into a file is supported on Linux only"))
    }

    methods! {
        at(usize) -> NonNull<u8>;
        word(usize) -> &AtomicU64;
        clear(usize, usize) -> ();
        reach(usize) -> io::Result<()>;
        allocate(usize, usize) -> io::Result<()>;
        populate(usize, usize) -> io::Result<()>;
        failed_pages() -> usize;
        release(usize, usize) -> ();
        punch(usize, usize) -> ();
        sync() -> io::Result<()>;
    }
}

pub(crate) fn lock(_file: &File) -> io::Result<bool> {
    Ok(true)
}

pub(crate) fn may_reach(_bytes: u64) -> bool {
    true
}
