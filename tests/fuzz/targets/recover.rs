//! Whatever a spool's two files hold, `recover` ends with artifacts or with an error, never with a panic.
//!
//! Checksums guard lines and rows, so bytes alone would not get past them: the input describes a spool, which is given
//! right checksums, and then what is wrong with it.

#![no_main]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use flate2::Crc;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const CHUNK: u64 = 64 << 10;
const CHUNKS: u64 = 31;

#[derive(Arbitrary, Debug)]
struct Spool {
    lines: Vec<Line>,
    rows: Vec<Row>,
    entries: Vec<(u8, u16, Entry)>,
    /// Words of the header: horizon, overwritten, lost, and two anchors with their checks.
    header: [u64; 3],
    anchors: [[u64; 4]; 2],
    damage: Vec<(u32, u8)>,
    /// The file's length, if it is another one.
    length: Option<u32>,
}

#[derive(Arbitrary, Debug)]
enum Line {
    Session { name: String, first_step: u64, step_site: Option<u32>, config: Option<String>, options: u8 },
    Thread { ordinal: u32, name: String },
    Site { number: u16, kind: u8, name: String },
    Window { process: [u64; 4], start: [u64; 4], from: Vec<(u32, u64)> },
    Text(String),
    Bytes(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
struct Row {
    number: u8,
    thread: u8,
    base: u32,
}

#[derive(Arbitrary, Debug)]
struct Entry {
    tag: u8,
    argument: u16,
    site: u8,
    value: u64,
}

fuzz_target!(|spool: Spool| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal: Vec<u8> = spool.lines.iter().flat_map(Line::bytes).collect();
    fs::write(folder.path().join(".spool_rank0.journal"), journal).expect("the temporary folder can be written");
    spool.write(&folder.path().join(".spool_rank0.entries"));
    let found = profiler_runtime::recover(folder.path()).expect("the folder can be read");
    assert_eq!(found.sessions.len() + found.failed.len(), 1, "{found:?}");
    for error in found.failed {
        assert!(!error.to_string().contains("panicked"), "{error}");
    }
});

impl Line {
    fn bytes(&self) -> Vec<u8> {
        let anchor = |[ticks, monotonic_ns, unix_ns, uncertainty_ticks]: &[u64; 4]| {
            json!({"ticks": ticks, "monotonic_ns": monotonic_ns, "unix_ns": unix_ns,
                "uncertainty_ticks": uncertainty_ticks})
        };
        let note = match self {
            Self::Session { name, first_step, step_site, config, options } => {
                json!({"session": session(name, *first_step, *step_site, config.as_deref(), *options)})
            }
            Self::Thread { ordinal, name } => json!({"thread": {"ordinal": ordinal, "os_id": 7, "name": name}}),
            Self::Site { number, kind, name } => {
                let kind = ["stage", "step", "op", "request"][usize::from(kind % 4)];
                let site = json!({"number": number % 64, "kind": kind, "name": name, "file": name, "line": 1, "module": ""});
                json!({"site": site})
            }
            Self::Window { process, start, from } => {
                json!({"window": {"process": anchor(process), "start": anchor(start), "from": from}})
            }
            Self::Text(text) => return line(text),
            Self::Bytes(bytes) => return bytes.clone(),
        };
        line(&note.to_string())
    }
}

fn session(name: &str, first_step: u64, step_site: Option<u32>, config: Option<&str>, options: u8) -> Value {
    let option = |bit: u8| options >> bit & 1 == 1;
    let chosen = json!({
        "profiler": "torch",
        "torch_profiler_dir": "perf",
        "torch_profiler_record_shapes": option(0),
        "torch_profiler_with_flops": option(1),
        "torch_profiler_with_memory": option(2),
        "torch_profiler_with_stack": option(3),
        "ring": option(4),
        "ring_secs": if option(5) { 0.5 } else { 0.0 },
        "torch_profiler_use_gzip": option(6),
        "spool": true,
    });
    let config = config.map_or(chosen, |text| serde_json::from_str(text).unwrap_or(Value::Null));
    json!({
        "session": name, "rank": 0, "local_rank": 0, "world_size": 1, "pid": 1, "process_name": name, "host": name,
        "clock": {"id": null, "real_time_error_ns": null}, "step_site": step_site, "first_step": first_step,
        "warnings": [name], "config": config,
    })
}

fn line(text: &str) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(text.as_bytes());
    format!("{:08x} {text}\n", crc.sum()).into_bytes()
}

fn check(words: &[u64]) -> u64 {
    let mut crc = Crc::new();
    words.iter().for_each(|word| crc.update(&word.to_le_bytes()));
    u64::from(crc.sum() | 1)
}

impl Spool {
    fn write(&self, path: &Path) {
        let file = File::create(path).expect("the temporary folder can be written");
        let put = |at: u64, bytes: &[u8]| file.write_all_at(bytes, at).expect("the file can be written");
        let word = |at: u64, word: u64| put(at, &word.to_ne_bytes());
        let bytes = CHUNK * (1 + CHUNKS + 1);
        file.set_len(bytes).expect("the file can grow");
        put(0, b"PRFSPOOL");
        word(8, 1);
        for (at, number) in [16, 24, 32].into_iter().zip(self.header) {
            word(at, number);
        }
        for (anchor, at) in self.anchors.iter().zip([64, 128]) {
            for (number, place) in anchor.iter().zip(0..) {
                word(at + 8 * place, *number);
            }
            word(at + 32, check(anchor));
        }
        for row in &self.rows {
            let (number, thread) = (u64::from(row.number) % CHUNKS, u64::from(row.thread) % 4);
            let base = u64::from(row.base);
            word(CHUNK + number * 16, base);
            word(CHUNK + number * 16 + 8, thread << 32 | check(&[base, thread, number]));
        }
        for (chunk, place, entry) in &self.entries {
            let at = CHUNK * (2 + u64::from(*chunk) % CHUNKS) + u64::from(*place) % 4096 * 16;
            let head = u32::from(entry.tag % 24) << 24 | u32::from(entry.argument);
            word(at, entry.value);
            put(at + 8, &u32::from(entry.site % 64).to_ne_bytes());
            put(at + 12, &head.to_ne_bytes());
        }
        for (at, byte) in &self.damage {
            put(u64::from(*at) % bytes, &[*byte]);
        }
        if let Some(length) = self.length {
            file.set_len(u64::from(length) % bytes).expect("the file can shrink");
        }
    }
}
