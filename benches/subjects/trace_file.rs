//! A Chrome trace file, and the number of its slices.

use flate2::read::MultiGzDecoder;
use profiler_benches::Result;
use profiler_benches::subject::{Evidence, Kept};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use tempfile::TempDir;

/// A trace file in a temporary folder.
pub(crate) struct TraceFile {
    #[expect(dead_code, reason = "owns the folder that `path` is in")]
    pub(crate) dir: TempDir,
    /// Path of the trace; compressed if it ends in `.gz`.
    pub(crate) path: PathBuf,
    /// Text that occurs once per span, within one line.
    pub(crate) mark: &'static str,
}

impl Kept for TraceFile {
    fn evidence(&self) -> Result<Evidence> {
        let file = File::open(&self.path)?;
        let gzip = self.path.extension().is_some_and(|extension| extension == "gz");
        let text: Box<dyn Read> = if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let mut text = BufReader::new(text);
        // One buffer for all lines, because the allocations of this process are counted.
        let mut line = String::new();
        let (mut spans, mut text_bytes) = (0, 0);
        while text.read_line(&mut line)? > 0 {
            text_bytes += line.len() as u64;
            spans += line.matches(self.mark).count() as u64;
            line.clear();
        }
        Ok(Evidence { spans: Some(spans), file_bytes: fs::metadata(&self.path)?.len(), text_bytes })
    }
}
