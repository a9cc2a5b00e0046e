//! Refuses to map files on systems without support for a spool.

use std::fs::File;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

/// A mapping, which cannot exist on this system.
pub(crate) enum Mapping {}

/// Defines the methods of the uninhabited [`Mapping`].
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
        extend_to(usize) -> io::Result<()>;
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

pub(crate) fn may_grow_to(_bytes: u64) -> bool {
    true
}
