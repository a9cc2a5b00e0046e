//! Replays recordings of CUPTI: decodes every file `recorded/*.records` and compares the result
//! with the reviewed `recorded/*.decoded`.
//!
//! To add a recording from a machine with a GPU, run `gpu_workload fixture` on the output of
//! `tests/gpu/run.sh` with a new file here as its result. Then run the tests with
//! `RECORDED=overwrite` and review what was decoded.

use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use profiler_trace::records::gpu::GpuLog;

use super::super::decode::Reader;
use super::*;

/// Size of the buffer for a record. Longer than any record, so that the missing end of a truncated
/// one reads as zeros.
const BUFFER: usize = 512;

/// A record read from a file.
struct Recorded {
    bytes: Vec<u8>,
    name: String,
}

impl Recorded {
    fn kind(&self) -> u32 {
        u32::from_ne_bytes(self.bytes[..4].try_into().unwrap())
    }
}

/// Parses a file into its version and records.
fn parse(text: &str) -> (u32, Vec<Recorded>) {
    let (head, records) = text.split_once('\n').unwrap();
    let hex = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let record = |line: &str| {
        let (bytes, name) = line.split_once(' ').unwrap_or((line, ""));
        Recorded { bytes: bytes.as_bytes().chunks(2).map(hex).collect(), name: name.to_owned() }
    };
    let lines = records.lines().filter(|line| !line.starts_with("total "));
    (head.strip_prefix("cupti ").unwrap().parse().unwrap(), lines.map(record).collect())
}

/// Decodes a file.
fn replay(text: &str) -> GpuLog {
    let (version, records) = parse(text);
    let mut functions = HashMap::new();
    for record in &records {
        let api = match record.kind() {
            kind::DRIVER => Api::Driver,
            kind::RUNTIME => Api::Runtime,
            _ => continue,
        };
        let function = u32::from_ne_bytes(record.bytes[4..8].try_into().unwrap());
        functions.insert((api, function), record.name.clone());
    }
    let name_of_call = |api, function| functions.get(&(api, function)).filter(|name| !name.is_empty()).cloned();
    let mut reader = Reader::new(version, name_of_call, GpuLog::default());
    let mut names: HashMap<&str, CString> = HashMap::new();
    for record in &records {
        let mut buffer = [0_u8; BUFFER];
        buffer[..record.bytes.len()].copy_from_slice(&record.bytes);
        if [kind::KERNEL, kind::CONCURRENT_KERNEL].contains(&record.kind()) {
            let name = names.entry(&record.name).or_insert_with(|| CString::new(record.name.as_str()).unwrap());
            let field = buffer[KERNEL_NAME..].as_mut_ptr().cast::<*const c_char>();
            // SAFETY: the buffer has space for a pointer at this offset.
            unsafe { field.write_unaligned(name.as_ptr()) };
        }
        // SAFETY: the bytes are those of a record, with space behind them; the name that it points
        // to outlives the reader.
        reader.record(unsafe { Record::new(buffer.as_ptr(), record.bytes.len()) });
    }
    reader.finish()
}

/// Prints a line for each decoded record.
fn describe(log: &GpuLog) -> String {
    fn lines<T: Debug>(title: &str, things: &[T]) -> String {
        things.iter().map(|thing| format!("{title} {thing:?}\n")).collect()
    }
    let GpuLog { ops, calls, syncs, events, overheads, memory, links, names, losses, .. } = log;
    [
        lines("name", names),
        lines("op", ops),
        lines("call", calls),
        lines("link", links),
        lines("wait", syncs),
        lines("event", events),
        lines("overhead", overheads),
        lines("memory", memory),
        format!("{losses:?}\n"),
    ]
    .concat()
}

#[test]
fn recordings_decode_to_the_reviewed_result() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/collect/cuda/cupti/recorded");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension() == Some(OsStr::new("records")));
    assert!(!files.is_empty(), "there are recordings");
    for file in files {
        let log = replay(&fs::read_to_string(&file).unwrap());
        assert!(!log.ops.is_empty() && !log.calls.is_empty() && !log.links.is_empty(), "{}", file.display());
        let (found, golden) = (describe(&log), file.with_extension("decoded"));
        if std::env::var_os("RECORDED").is_some_and(|what| what == "overwrite") {
            fs::write(&golden, &found).unwrap();
        }
        assert_eq!(found, fs::read_to_string(&golden).unwrap(), "{}", file.display());
    }
}
