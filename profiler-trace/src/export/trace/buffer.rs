//! The one buffer that a trace goes through, reused from its first event to its last.

use std::io::{self, Write};

/// Size at which the text is written out: large enough for compressor and file, small enough for
/// the cache.
pub(super) const FULL: usize = 128 << 10;

/// Creates a buffer with room for a page, and for the event that fills it.
pub(super) fn empty() -> Vec<u8> {
    Vec::with_capacity(FULL + FULL / 4)
}

/// A page of text that is being written.
pub(super) struct Page<'a> {
    /// Text, to be appended to.
    pub(super) text: Vec<u8>,
    out: &'a mut dyn Write,
    failed: Option<io::Error>,
}

impl<'a> Page<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { text: empty(), out, failed: None }
    }

    /// Writes out the text so far, for pages that were filled elsewhere to follow it.
    ///
    /// # Errors
    ///
    /// Returns the first error so far.
    pub(super) fn direct(&mut self) -> io::Result<&mut (dyn Write + 'a)> {
        self.write_out();
        match self.failed.take() {
            None => Ok(self.out),
            Some(error) => Err(error),
        }
    }

    /// Writes out the text if the page is full. After an error nothing is written any more.
    #[inline]
    pub(super) fn pause(&mut self) {
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

    /// Writes out the rest, and returns the first error.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.write_out();
        self.failed.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes some bytes, then is full.
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
            page.pause();
        }
        assert!(page.text.capacity() <= FULL * 2);
        assert_eq!(page.finish().map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
    }
}
