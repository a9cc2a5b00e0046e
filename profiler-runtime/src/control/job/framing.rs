//! Reads lines from a stream, with a maximum length and a deadline. Workers and coordinators read
//! each other's messages with it.
//!
//! Bytes without a line end are never kept beyond the maximum length.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::link::Stream;
use super::wire::{self, MAX_LINE};

/// Minimum timeout of a read, which still returns bytes that have arrived.
const MIN_READ_TIMEOUT: Duration = Duration::from_millis(1);

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "nothing came in time")
}

fn broken(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("the connection is broken: {error}"))
}

/// A reader of lines, with the bytes that were received and not consumed yet.
#[derive(Debug, Default)]
pub(super) struct LineReader {
    bytes: Vec<u8>,
    /// Number of these bytes that contain no line end.
    searched: usize,
}

impl LineReader {
    /// Waits for the first byte.
    pub(super) fn begin(&mut self, stream: &Stream, deadline: Instant) -> io::Result<()> {
        while self.bytes.is_empty() {
            if self.read(stream, Some(deadline))? {
                return Err(late());
            }
        }
        Ok(())
    }

    /// Returns the next line without its end. After the deadline, bytes that have arrived are still
    /// read, because this process may have been suspended.
    pub(super) fn next(
        &mut self,
        stream: &Stream,
        max_length: usize,
        deadline: Option<Instant>,
    ) -> io::Result<Vec<u8>> {
        let mut is_late = false;
        loop {
            if let Some(line) = self.take(max_length)? {
                return Ok(line);
            }
            if is_late {
                return Err(late());
            }
            is_late = self.read(stream, deadline)?;
        }
    }

    /// Calls `on_message` for every message until the connection ends or `on_message` returns an
    /// error; returns the reason. For a line that cannot be parsed, `on_message` gets the id, if it
    /// is readable, and the problem.
    pub(super) fn for_each<T: DeserializeOwned>(
        mut self,
        stream: &Stream,
        mut on_message: impl FnMut(Result<T, (Option<u64>, String)>) -> Result<(), String>,
    ) -> String {
        loop {
            let line = match self.next(stream, MAX_LINE, None) {
                Ok(line) => line,
                Err(error) => return error.to_string(),
            };
            let message = wire::decode(&line).map_err(|wrong| (wire::id_of(&line), wrong));
            if let Err(reason) = on_message(message) {
                return reason;
            }
        }
    }

    /// Reads the bytes that have arrived or arrive before the deadline. Returns whether the
    /// deadline had already passed.
    fn read(&mut self, stream: &Stream, deadline: Option<Instant>) -> io::Result<bool> {
        let mut chunk = [0; 4096];
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        stream.set_read_timeout(left.map(|left| left.max(MIN_READ_TIMEOUT))).map_err(broken)?;
        match (&*stream).read(&mut chunk) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection has ended")),
            Ok(count) => self.push(&chunk[..count]),
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {}
                _ => return Err(broken(error)),
            },
        }
        Ok(left.is_some_and(|left| left.is_zero()))
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns a complete line without its end, if there is one.
    fn take(&mut self, max_length: usize) -> io::Result<Option<Vec<u8>>> {
        let found = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n');
        let length = found.map_or(self.bytes.len(), |at| self.searched + at);
        if length > max_length {
            let message = format!("a line is longer than {max_length} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        if found.is_none() {
            self.searched = length;
            return Ok(None);
        }
        let rest = self.bytes.split_off(length + 1);
        let mut line = std::mem::replace(&mut self.bytes, rest);
        line.truncate(length);
        self.searched = 0;
        Ok(Some(line))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_do_not_depend_on_how_they_arrive(
            lines in prop::collection::vec("[a-z]{0,20}", 0..8),
            size in 1_usize..9,
        ) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let (mut reader, mut found) = (LineReader::default(), Vec::new());
            for chunk in text.as_bytes().chunks(size) {
                reader.push(chunk);
                while let Some(line) = reader.take(20).unwrap() {
                    found.push(String::from_utf8(line).unwrap());
                }
            }
            prop_assert_eq!(found, lines);
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_line_that_arrived_in_time_is_read_after_the_deadline() {
        let (mut other, stream) = std::os::unix::net::UnixStream::pair().unwrap();
        io::Write::write_all(&mut other, b"in time\n").unwrap();
        let (stream, mut reader, passed) = (Stream::Unix(stream), LineReader::default(), Some(Instant::now()));
        assert_eq!(reader.next(&stream, 20, passed).unwrap(), b"in time");
        assert_eq!(reader.next(&stream, 20, passed).unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_line_beyond_the_limit_is_refused_before_its_end() {
        let mut reader = LineReader::default();
        reader.push(b"ok\n12345678");
        assert_eq!(reader.take(8).unwrap().unwrap(), b"ok");
        assert!(reader.take(8).unwrap().is_none());
        reader.push(b"9");
        assert_eq!(reader.take(8).unwrap_err().to_string(), "a line is longer than 8 bytes");
    }
}
