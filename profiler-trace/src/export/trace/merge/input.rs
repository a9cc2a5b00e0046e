//! A trace, read one line at a time.
//!
//! This profiler writes an event a line and nothing else between the brackets of `traceEvents`
//! ([`chrome`](crate::export::trace::chrome)); a line end inside a name is escaped. So an event is
//! found by a search for a byte, and a JSON parser sees one event at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use super::error::MergeError;
use super::metadata::Head;

const BUFFER: usize = 256 << 10;
/// Longest head: real ones, and events, are far shorter.
const LONGEST_HEAD: usize = 16 << 20;
const LONGEST_EVENT: usize = 64 << 20;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A trace whose head is read.
pub(super) struct Input {
    pub(super) head: Head,
    pub(super) events: Lines,
}

/// The remaining lines of a trace.
pub(super) struct Lines {
    pub(super) file: PathBuf,
    text: Box<dyn BufRead>,
    line: Vec<u8>,
    number: u64,
}

/// The outcome of reading a line.
enum Line {
    Whole,
    /// The file ends inside the line.
    Cut,
    TooLong,
    End,
}

impl Input {
    /// Opens a file, compressed or not, and reads its head.
    pub(super) fn open(file: PathBuf) -> Result<Self, MergeError> {
        let failed = |source| read_error(&file, source);
        let mut text = BufReader::with_capacity(BUFFER, File::open(&file).map_err(failed)?);
        let gzip = text.fill_buf().map_err(failed)?.starts_with(&GZIP);
        let text: Box<dyn BufRead> =
            if gzip { Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(text))) } else { Box::new(text) };
        let mut events = Lines { file, text, line: Vec::new(), number: 0 };
        let head = events.read_head()?;
        Ok(Self { head, events })
    }
}

impl Lines {
    /// Returns the text of the next event; `None` after the last, if the file ends as it should.
    pub(super) fn next_event(&mut self) -> Result<Option<&[u8]>, MergeError> {
        match self.next(LONGEST_EVENT)? {
            Line::Whole => {}
            Line::Cut | Line::End => return Err(self.truncated()),
            Line::TooLong => return Err(self.too_long()),
        }
        if matches!(self.line.trim_ascii(), b"]" | b"],") {
            self.read_tail()?;
            return Ok(None);
        }
        let event = self.line.trim_ascii();
        Ok(Some(event.strip_suffix(b",").unwrap_or(event)))
    }

    /// Returns an error at the line that was read last.
    pub(super) fn malformed(&self, what: String) -> MergeError {
        MergeError::Malformed { file: self.file.clone(), line: self.number, what }
    }

    fn too_long(&self) -> MergeError {
        self.malformed(format!("it is longer than {LONGEST_EVENT} bytes"))
    }

    fn truncated(&self) -> MergeError {
        MergeError::Truncated { file: self.file.clone() }
    }

    /// Reads the lines after the events, up to the brace that ends the trace.
    fn read_tail(&mut self) -> Result<(), MergeError> {
        let mut closed = false;
        loop {
            match self.next(LONGEST_EVENT)? {
                Line::End if closed => return Ok(()),
                Line::Whole if closed && !self.line.trim_ascii().is_empty() => {
                    return Err(self.malformed("it comes after the end of the trace".to_owned()));
                }
                Line::Whole => closed |= self.line.trim_ascii() == b"}",
                Line::TooLong => return Err(self.too_long()),
                Line::Cut | Line::End => return Err(self.truncated()),
            }
        }
    }

    /// Reads everything up to the bracket of `traceEvents`.
    fn read_head(&mut self) -> Result<Head, MergeError> {
        let mut text = Vec::new();
        loop {
            let line = match self.next(LONGEST_HEAD.saturating_sub(text.len()).max(1))? {
                Line::Whole => self.line.trim_ascii(),
                Line::TooLong => return Err(self.not_ours("has no line `\"traceEvents\": [`")),
                Line::Cut | Line::End if text.starts_with(b"{\n") => return Err(self.truncated()),
                Line::Cut | Line::End => return Err(self.not_ours("is not laid out as a trace")),
            };
            if line == b"\"traceEvents\": [" {
                break;
            }
            text.extend_from_slice(line);
            text.push(b'\n');
            if !text.starts_with(b"{\n") {
                return Err(self.not_ours("is not laid out as a trace"));
            }
        }
        let end = text.trim_ascii_end().strip_suffix(b",").map_or(text.len(), <[u8]>::len);
        text.truncate(end);
        text.push(b'}');
        Head::read(&text).map_err(|what| self.not_ours(&what))
    }

    fn not_ours(&self, what: &str) -> MergeError {
        MergeError::NotOurs { file: self.file.clone(), what: what.to_owned() }
    }

    /// Reads a line of at most `longest` bytes into `self.line`.
    fn next(&mut self, longest: usize) -> Result<Line, MergeError> {
        self.line.clear();
        self.number += 1;
        // CAST: sizes fit.
        let read = (&mut self.text).take(longest as u64).read_until(b'\n', &mut self.line);
        let count = read.map_err(|error| read_error(&self.file, error))?;
        Ok(match self.line.last() {
            None => Line::End,
            Some(b'\n') => Line::Whole,
            Some(_) if count >= longest => Line::TooLong,
            Some(_) => Line::Cut,
        })
    }
}

/// Converts an error of reading: the decoder reports a compressed file that is cut off.
fn read_error(file: &Path, source: io::Error) -> MergeError {
    match source.kind() {
        io::ErrorKind::UnexpectedEof => MergeError::Truncated { file: file.to_owned() },
        _ => MergeError::Read { file: file.to_owned(), source: Arc::new(source) },
    }
}
