//! A merge of any traces gives a JSON file, or an error and no file.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use profiler_runtime::merge::{MergeOptions, merge as merged};
use serde_json::Value;

/// A valid trace of another rank.
const OTHER: &[u8] = include_bytes!("../../fuzz/corpus/merge/rank1.json");

/// Merges the bytes with the trace of another rank: unchanged, compressed, and with the name of a
/// compressed file.
pub fn merge(bytes: &[u8]) {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = gzip.write_all(bytes).and_then(|()| gzip.finish()).expect("a vector takes everything");
    attempt("trace_rank0.json", bytes, false);
    attempt("trace_rank0.json.gz", &packed, true);
    attempt("trace_rank0.json.gz", bytes, true);
}

fn attempt(name: &str, bytes: &[u8], force: bool) {
    let folder = crate::folder();
    let (input, output) = (folder.path().join(name), folder.path().join("merged.json"));
    let write = |path: &Path, bytes: &[u8]| fs::write(path, bytes).expect("the temporary folder can be written");
    write(&input, bytes);
    write(&folder.path().join("trace_rank1.json"), OTHER);
    match merged(&[folder.path()], &output, &MergeOptions::default().force(force)) {
        Ok(merged) => {
            assert_eq!(merged.ranks.len(), 2);
            let text = fs::read(&output).expect("the file is there");
            let page: Value = serde_json::from_slice(&text)
                .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&text)));
            assert!(page["traceEvents"].is_array());
        }
        Err(error) => assert!(!error.to_string().is_empty() && !output.exists(), "{error}"),
    }
    assert_eq!(fs::read(&input).expect("the input is there"), bytes);
}
