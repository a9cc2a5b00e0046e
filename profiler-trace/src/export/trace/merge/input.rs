//! Reader of a trace, line by line.
//!
//! This profiler writes one event per line between the brackets of `traceEvents`, and nothing else
//! ([`chrome`](crate::export::trace::chrome)); line breaks in names are escaped. So an event is
//! found by searching for a byte, and the JSON parser sees one event at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use super::error::MergeError;
use super::metadata::Metadata;

const BUFFER: usize = 256 << 10;
/// Maximum size of the metadata; real metadata is far shorter.
const MAX_METADATA: usize = 16 << 20;
/// Maximum size of an event; real events are far shorter.
const MAX_EVENT: usize = 64 << 20;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A trace whose metadata has been read.
pub(super) struct Input {
    pub(super) metadata: Metadata,
    pub(super) events: Lines,
}

/// Remaining lines of a trace.
pub(super) struct Lines {
    pub(super) file: PathBuf,
    text: Box<dyn BufRead>,
    line: Vec<u8>,
    number: u64,
}

/// Result of reading a line.
enum Line {
    Complete,
    /// The file ends inside the line.
    Cut,
    TooLong,
    End,
}

impl Input {
    /// Opens a file, compressed or not, and reads its metadata.
    pub(super) fn open(file: PathBuf) -> Result<Self, MergeError> {
        let failed = |source| read_error(&file, source);
        let mut text = BufReader::with_capacity(BUFFER, File::open(&file).map_err(failed)?);
        let gzip = text.fill_buf().map_err(failed)?.starts_with(&GZIP);
        let text: Box<dyn BufRead> =
            if gzip { Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(text))) } else { Box::new(text) };
        let mut events = Lines { file, text, line: Vec::new(), number: 0 };
        let metadata = events.read_metadata()?;
        Ok(Self { metadata, events })
    }
}

impl Lines {
    /// Returns the text of the next event; `None` after the last, if the trace is complete.
    pub(super) fn next_event(&mut self) -> Result<Option<&[u8]>, MergeError> {
        match self.next(MAX_EVENT)? {
            Line::Complete => {}
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

    /// Returns an error about the line that was read last.
    pub(super) fn malformed(&self, what: String) -> MergeError {
        MergeError::Malformed { file: self.file.clone(), line: self.number, what }
    }

    fn too_long(&self) -> MergeError {
        self.malformed(format!("it is longer than {MAX_EVENT} bytes"))
    }

    fn truncated(&self) -> MergeError {
        MergeError::Truncated { file: self.file.clone() }
    }

    /// Reads the lines after the events, up to the closing brace of the trace.
    fn read_tail(&mut self) -> Result<(), MergeError> {
        let mut closed = false;
        loop {
            match self.next(MAX_EVENT)? {
                Line::End if closed => return Ok(()),
                Line::Complete if closed && !self.line.trim_ascii().is_empty() => {
                    return Err(self.malformed("it comes after the end of the trace".to_owned()));
                }
                Line::Complete => closed |= self.line.trim_ascii() == b"}",
                Line::TooLong => return Err(self.too_long()),
                Line::Cut | Line::End => return Err(self.truncated()),
            }
        }
    }

    /// Reads everything up to the bracket of `traceEvents`.
    fn read_metadata(&mut self) -> Result<Metadata, MergeError> {
        let mut text = Vec::new();
        loop {
            let line = match self.next(MAX_METADATA.saturating_sub(text.len()).max(1))? {
                Line::Complete => self.line.trim_ascii(),
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
        Metadata::read(&text).map_err(|what| self.not_ours(&what))
    }

    fn not_ours(&self, what: &str) -> MergeError {
        MergeError::NotOurs { file: self.file.clone(), what: what.to_owned() }
    }

    /// Reads a line of at most `limit` bytes into `self.line`.
    fn next(&mut self, limit: usize) -> Result<Line, MergeError> {
        self.line.clear();
        self.number += 1;
        // CAST: lossless on 64-bit systems and below.
        let read = (&mut self.text).take(limit as u64).read_until(b'\n', &mut self.line);
        let count = read.map_err(|error| read_error(&self.file, error))?;
        Ok(match self.line.last() {
            None => Line::End,
            Some(b'\n') => Line::Complete,
            Some(_) if count >= limit => Line::TooLong,
            Some(_) => Line::Cut,
        })
    }
}

/// Converts a read error; the decoder reports truncated compressed files as one.
fn read_error(file: &Path, source: io::Error) -> MergeError {
    match source.kind() {
        io::ErrorKind::UnexpectedEof => MergeError::Truncated { file: file.to_owned() },
        _ => MergeError::Read { file: file.to_owned(), source: Arc::new(source) },
    }
}
