//! Systems where files are not mapped: a spool is refused.

use std::fs::File;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

/// There is none.
pub(crate) enum Mapping {}

impl Mapping {
    pub(crate) fn new(_file: File, _bytes: usize, _writable: bool) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "recording into a file is supported on Linux only"))
    }

    pub(crate) fn at(&self, _offset: usize) -> NonNull<u8> {
        match *self {}
    }

    pub(crate) fn word(&self, _offset: usize) -> &AtomicU64 {
        match *self {}
    }

    pub(crate) fn clear(&self, _offset: usize, _bytes: usize) {
        match *self {}
    }

    pub(crate) fn reach(&self, _end: usize) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn allocate(&self, _offset: usize, _bytes: usize) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn populate(&self, _offset: usize, _bytes: usize) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn failed_pages(&self) -> usize {
        match *self {}
    }

    pub(crate) fn release(&self, _offset: usize, _bytes: usize) {
        match *self {}
    }

    pub(crate) fn punch(&self, _offset: usize, _bytes: usize) {
        match *self {}
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        match *self {}
    }
}

pub(crate) fn lock(_file: &File) -> io::Result<bool> {
    Ok(true)
}

pub(crate) fn may_reach(_bytes: u64) -> bool {
    true
}
