//! Systems where files are not mapped: a spool is refused.

use std::fs::File;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

/// There is none.
pub(super) enum Mapping {}

impl Mapping {
    pub(super) fn new(_file: File, _bytes: usize, _writable: bool) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "recording into a file is supported on Linux only"))
    }

    pub(super) fn at(&self, _offset: usize) -> NonNull<u8> {
        match *self {}
    }

    pub(super) fn word(&self, _offset: usize) -> &AtomicU64 {
        match *self {}
    }

    pub(super) fn clear(&self, _offset: usize, _bytes: usize) {
        match *self {}
    }

    pub(super) fn reach(&self, _end: usize) -> io::Result<()> {
        match *self {}
    }

    pub(super) fn allocate(&self, _offset: usize, _bytes: usize) -> io::Result<()> {
        match *self {}
    }

    pub(super) fn populate(&self, _offset: usize, _bytes: usize) -> io::Result<()> {
        match *self {}
    }

    pub(super) fn failed_pages(&self) -> usize {
        match *self {}
    }

    pub(super) fn release(&self, _offset: usize, _bytes: usize) {
        match *self {}
    }

    pub(super) fn punch(&self, _offset: usize, _bytes: usize) {
        match *self {}
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        match *self {}
    }
}

pub(super) fn lock(_file: &File) -> io::Result<bool> {
    Ok(true)
}

pub(super) fn may_reach(_bytes: u64) -> bool {
    true
}
