//! A recovery of any two files of a spool gives artifacts or an error, never a panic.
//!
//! Checksums protect lines and rows, so random bytes would be rejected early. Therefore the input
//! describes a spool, which gets valid checksums, and its damage.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use arbitrary::{Arbitrary, Unstructured};
use flate2::Crc;
use serde_json::{Value, json};

const JOURNAL: &str = ".spool_rank0.journal";
const ENTRIES: &str = ".spool_rank0.entries";
/// Layout that the runtime reads.
const LAYOUT: u64 = 4;
const CHUNK: u64 = 64 << 10;
const CHUNKS: u64 = 31;

#[derive(Arbitrary, Debug, Default)]
struct Spool {
    /// True if the usual first lines are missing. Other inputs get further in the recovery.
    bare: bool,
    options: u8,
    /// Addresses of a call stack.
    stack: [u16; 3],
    measured: [u64; 2],
    lines: Vec<Line>,
    rows: Vec<Row>,
    entries: Vec<(u8, u16, Entry)>,
    /// Words of the header: horizon, overwritten, lost, iterations. The two anchors follow, with
    /// their checksums.
    header: [u64; 4],
    anchors: [[u64; 5]; 2],
    damage: Vec<(u32, u8)>,
    /// Debug information: abbreviations, entries, lines, symbols, texts.
    code: [Vec<u8>; 5],
    /// Length of the file, if it is wrong.
    length: Option<u32>,
}

#[derive(Arbitrary, Debug)]
enum Line {
    Session { name: String, first_step: u64, step_site: Option<u32>, config: Option<String>, options: u8 },
    Thread { ordinal: u32, name: String },
    Site { number: u16, kind: u8, name: String },
    Window { process: [u64; 4], start: [u64; 4], from: Vec<(u32, u64)> },
    Code { here: String, objects: Vec<Object> },
    Events { contexts: Vec<(u32, Option<[u64; 2]>)> },
    Text(String),
    Bytes(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
struct Object {
    file: Origin,
    base: u16,
    start: u32,
    end: Option<u64>,
}

/// The claimed file of some code.
#[derive(Arbitrary, Debug)]
enum Origin {
    /// A file with the input's debug information.
    Own,
    /// An existing program.
    Shell,
    /// No regular file.
    Zero,
    Any(String),
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

/// Recovers the spool that the bytes describe.
pub fn recover(bytes: &[u8]) {
    let Ok(spool) = Spool::arbitrary_take_rest(Unstructured::new(bytes)) else { return };
    let folder = crate::folder();
    let own = folder.path().join("code");
    fs::write(&own, elf(&spool.code)).expect("the temporary folder can be written");
    let usual = if spool.bare { Vec::new() } else { usual(spool.options) };
    let journal: Vec<u8> = usual.iter().chain(&spool.lines).flat_map(|line| line.bytes(&own)).collect();
    spool.write(&folder.path().join(ENTRIES));
    recovers(folder.path(), &journal);
}

/// Recovers a spool of two ranges whose journal has these lines, each with a valid checksum.
pub fn journal(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    recover_usual(&text.lines().flat_map(line).collect::<Vec<u8>>());
}

/// Recovers the spool from which all others are derived. Returns the number of its ranges, which
/// proves that inputs reach the decoder.
pub fn ranges_of_the_usual_spool() -> usize {
    let journal: Vec<u8> = usual(0).iter().flat_map(|line| line.bytes(Path::new("/"))).collect();
    let trace = recover_usual(&journal).expect("the usual spool is right");
    trace["profiler"]["ranges"].as_u64().map_or(0, |ranges| ranges as usize)
}

/// Recovers a spool with the usual entries, and returns its trace if there is one.
fn recover_usual(journal: &[u8]) -> Option<Value> {
    let folder = crate::folder();
    Spool::default().write(&folder.path().join(ENTRIES));
    recovers(folder.path(), journal);
    let trace = fs::read(folder.path().join("trace_rank0.json")).ok()?;
    Some(serde_json::from_slice(&trace).expect("a trace is JSON"))
}

fn recovers(folder: &Path, journal: &[u8]) {
    fs::write(folder.join(JOURNAL), journal).expect("the temporary folder can be written");
    let found = profiler_runtime::spool::recover(folder).expect("the folder can be read");
    // An empty journal belongs to a spool that was recovered before.
    assert_eq!(found.sessions.len() + found.failed.len(), usize::from(!journal.is_empty()), "{found:?}");
    for error in found.failed {
        assert!(!error.to_string().contains("panicked"), "{error}");
    }
}

/// Returns the first lines of a session.
fn usual(options: u8) -> Vec<Line> {
    let name = || "usual".to_owned();
    let all = Object { file: Origin::Own, base: 0, start: 0, end: None };
    vec![
        Line::Session { name: name(), first_step: 0, step_site: Some(1), config: None, options },
        Line::Site { number: 1, kind: 1, name: name() },
        Line::Site { number: 2, kind: 2, name: name() },
        Line::Window { process: [0; 4], start: [16; 4], from: Vec::new() },
        Line::Code { here: name(), objects: vec![all] },
    ]
}

impl Line {
    fn bytes(&self, own: &Path) -> Vec<u8> {
        let anchor = |[ticks, monotonic_ns, unix_ns, uncertainty_ticks]: &[u64; 4]| {
            json!({"ticks": ticks, "monotonic_ns": monotonic_ns, "unix_ns": unix_ns,
                "uncertainty_ticks": uncertainty_ticks, "asleep_ns": ticks % 3})
        };
        let note = match self {
            Self::Session { name, first_step, step_site, config, options } => {
                json!({"session": session(name, *first_step, *step_site, config.as_deref(), *options)})
            }
            Self::Thread { ordinal, name } => json!({"thread": {"ordinal": ordinal, "os_id": 7, "name": name}}),
            Self::Site { number, kind, name } => {
                let kind = ["stage", "step", "op", "request"][usize::from(kind % 4)];
                let site =
                    json!({"number": number % 64, "kind": kind, "name": name, "file": name, "line": 1, "module": ""});
                json!({"site": site})
            }
            Self::Window { process, start, from } => {
                json!({"window": {"process": anchor(process), "start": anchor(start), "from": from}})
            }
            Self::Code { here, objects } => {
                let objects: Vec<Value> = objects.iter().map(|object| object.note(own)).collect();
                json!({"code": {"sources": {"here": here, "profiler": here}, "objects": objects}})
            }
            Self::Events { contexts } => {
                let context = |(device, began): &(u32, Option<[u64; 2]>)| {
                    let began = began.map(|[before, after]| json!({"before": before, "after": after}));
                    json!({"device": device, "began": began, "ended": null})
                };
                let contexts: Vec<Value> = contexts.iter().map(context).collect();
                json!({"events": {"driver_version": 12080, "devices": [], "contexts": contexts}})
            }
            Self::Text(text) => return line(text),
            Self::Bytes(bytes) => return bytes.clone(),
        };
        line(&note.to_string())
    }
}

impl Object {
    fn note(&self, own: &Path) -> Value {
        let file = match &self.file {
            Origin::Own => own.to_path_buf(),
            Origin::Shell => "/bin/sh".into(),
            Origin::Zero => "/dev/zero".into(),
            Origin::Any(name) => Path::new("/").join(name),
        };
        let metadata = fs::metadata(&file).ok();
        let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok());
        let modified_ns = modified.unwrap_or_default().as_nanos() as u64;
        let length = metadata.map_or(0, |metadata| metadata.len());
        json!({
            "file": file.to_string_lossy(), "base": self.base, "start": self.start, "end": self.end.unwrap_or(u64::MAX),
            "identity": {"file": {"length": length, "modified_ns": modified_ns}},
        })
    }
}

/// Returns a library with these sections.
fn elf(sections: &[Vec<u8>; 5]) -> Vec<u8> {
    const NAMES: &str = "\0.names\0.debug_abbrev\0.debug_info\0.debug_line\0.symtab\0.debug_str\0";
    let name = |name: &str| NAMES.find(&format!("\0{name}\0")).map_or(0, |at| at as u32 + 1);
    let contents = [("", 0, &[][..]), (".names", 3, NAMES.as_bytes())].into_iter();
    let own = [(".debug_abbrev", 1), (".debug_info", 1), (".debug_line", 1), (".symtab", 2), (".debug_str", 3)];
    let own = own.into_iter().zip(sections).map(|((name, kind), bytes)| (name, kind, bytes.as_slice()));
    let (mut file, mut headers) = (vec![0; 64], Vec::new());
    for (title, kind, bytes) in contents.chain(own) {
        let word = |word: u64| word.to_le_bytes();
        headers.extend(name(title).to_le_bytes());
        headers.extend(u32::to_le_bytes(kind));
        // Flags, address, offset, length; then the section of names, and the length of a symbol.
        [0, 0, file.len() as u64, bytes.len() as u64].map(word).iter().for_each(|word| headers.extend(word));
        headers.extend([6_u32, 0].map(u32::to_le_bytes).concat());
        headers.extend([1, if kind == 2 { 24 } else { 0 }].map(word).concat());
        file.extend(bytes);
    }
    file[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    file[16..24].copy_from_slice(&[3, 0, 62, 0, 1, 0, 0, 0]);
    let table = file.len() as u64;
    file[40..48].copy_from_slice(&table.to_le_bytes());
    file[52..64].copy_from_slice(&[64, 0, 56, 0, 0, 0, 64, 0, 7, 0, 1, 0]);
    file.extend(headers);
    file
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
        "ring_steps": if option(7) { 2 } else { 0 },
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
    /// Returns the entries of two ranges. One has a call stack, is timed on a device, and is in an
    /// iteration.
    fn usual_entries(&self) -> Vec<Entry> {
        let ([inner, middle, outer], [length, begin]) = (self.stack, self.measured);
        let entry = |tag: u8, argument: u16, site: u8, value: u64| Entry { tag, argument, site, value };
        vec![
            entry(1, 0, 1, 20),
            entry(12, 3, 2, inner.into()),
            // CAST: below 64.
            entry(15, 0, (outer % 64) as u8, middle.into()),
            entry(1, 0, 2, 21),
            entry(17, 0, 2, 5),
            entry(18, 0, 2, 9),
            entry(19, (length >> 32) as u16, length as u8, 5),
            entry(20, 0, 0, begin),
            entry(2, 0, 2, 22),
            entry(2, 0, 1, 23),
        ]
    }

    fn write(&self, path: &Path) {
        let file = File::create(path).expect("the temporary folder can be written");
        let put = |at: u64, bytes: &[u8]| file.write_all_at(bytes, at).expect("the file can be written");
        let word = |at: u64, word: u64| put(at, &word.to_ne_bytes());
        let bytes = CHUNK * (1 + CHUNKS + 1);
        file.set_len(bytes).expect("the file can grow");
        put(0, b"PRFSPOOL");
        word(8, LAYOUT);
        for (at, number) in [16, 24, 32, 40].into_iter().zip(self.header) {
            word(at, number);
        }
        for (anchor, at) in self.anchors.iter().zip([64, 128]) {
            for (number, place) in anchor.iter().zip(0..) {
                word(at + 8 * place, *number);
            }
            word(at + 40, check(anchor));
        }
        let first = (!self.bare).then_some(Row { number: 0, thread: 0, base: 0 });
        for row in first.iter().chain(&self.rows) {
            let (number, thread) = (u64::from(row.number) % CHUNKS, u64::from(row.thread) % 4);
            let base = u64::from(row.base);
            word(CHUNK + number * 16, base);
            word(CHUNK + number * 16 + 8, thread << 32 | check(&[base, thread, number]));
        }
        let usual = if self.bare { Vec::new() } else { self.usual_entries() };
        let usual = (0..).zip(&usual).map(|(place, entry)| (0, place, entry));
        for (chunk, place, entry) in
            usual.chain(self.entries.iter().map(|(chunk, place, entry)| (*chunk, *place, entry)))
        {
            let at = CHUNK * (2 + u64::from(chunk) % CHUNKS) + u64::from(place) % 4096 * 16;
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
