//! The output buffer of a trace, reused from its first event to its last.

use std::io::{self, Write};

/// Size at which the buffer is written out: large enough for the compressor and the file, small
/// enough for the cache.
pub(super) const FULL: usize = 128 << 10;

/// Creates a buffer with space for a page and the event that fills it.
pub(super) fn empty() -> Vec<u8> {
    Vec::with_capacity(FULL + FULL / 4)
}

/// A page of output under construction.
pub(super) struct Page<'a> {
    /// Output so far; callers append to it.
    pub(super) text: Vec<u8>,
    out: &'a mut dyn Write,
    failed: Option<io::Error>,
}

impl<'a> Page<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { text: empty(), out, failed: None }
    }

    /// Writes out the buffer and returns the output, for pages that were filled by workers.
    ///
    /// # Errors
    ///
    /// Returns the first error so far.
    pub(super) fn flushed_output(&mut self) -> io::Result<&mut (dyn Write + 'a)> {
        self.write_out();
        match self.failed.take() {
            None => Ok(self.out),
            Some(error) => Err(error),
        }
    }

    /// Writes out the buffer if it is full. After an error nothing more is written.
    #[inline]
    pub(super) fn flush_if_full(&mut self) {
        if self.text.len() >= FULL {
            self.write_out();
        }
    }

    #[cold]
    #[inline(never)]
    fn write_out(&mut self) {
        if self.failed.is_none() {
            self.failed = self.out.write_all(&self.text).err();
        }
        self.text.clear();
    }

    /// Writes out the rest. Returns the first error.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.write_out();
        self.failed.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Accepts some bytes, then is full.
    struct Disk(usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_reported_and_the_page_does_not_grow() {
        let mut disk = Disk(FULL * 2);
        let mut page = Page::new(&mut disk);
        for _ in 0..FULL {
            page.text.extend_from_slice(b"0123456789");
            page.flush_if_full();
        }
        assert!(page.text.capacity() <= FULL * 2);
        assert_eq!(page.finish().map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
    }
}
