//! Reads recordings of CUPTI's records, and makes them small and anonymous for the tests of the
//! decoder.
//!
//! The format is that of `PROFILER_CUPTI_RECORDS`. A fixture keeps the first records of each sort.
//! Process and thread ids, addresses, times and the names of kernels of other programs are
//! replaced. The rest is unchanged.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

/// Kinds of records.
pub(crate) mod kind {
    pub(crate) const COPY: u32 = 1;
    pub(crate) const FILL: u32 = 2;
    pub(crate) const KERNEL: u32 = 3;
    pub(crate) const DRIVER: u32 = 4;
    pub(crate) const RUNTIME: u32 = 5;
    pub(crate) const CONCURRENT_KERNEL: u32 = 10;
    pub(crate) const OVERHEAD: u32 = 17;
    pub(crate) const PEER_COPY: u32 = 22;
    pub(crate) const CUDA_EVENT: u32 = 36;
    pub(crate) const SYNCHRONIZATION: u32 = 38;
    pub(crate) const MEMORY: u32 = 49;
}

/// Number of records of one sort that a fixture keeps.
const EACH: u32 = 2;
/// Begin of a fixture's first record.
const BEGIN: u64 = 1_000_000_000_000_000_000;
/// Kernels whose names are not confidential.
const OURS: [&str; 3] = ["spin", "empty", "_Z5scalePff"];

/// A record and the name of its kernel or function.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) bytes: Vec<u8>,
    pub(crate) name: String,
}

/// A file of records.
#[derive(Debug)]
pub(crate) struct Recording {
    /// Result of `cuptiGetVersion`.
    pub(crate) version: u32,
    pub(crate) records: Vec<Record>,
    /// Number of records of each kind.
    pub(crate) totals: Vec<(u32, u64)>,
}

impl Record {
    /// Returns the kind.
    pub(crate) fn kind(&self) -> u32 {
        self.u32(0)
    }

    /// Returns four bytes, or 0 if the record is too short.
    pub(crate) fn u32(&self, at: usize) -> u32 {
        self.bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_ne_bytes)
    }

    fn u64(&self, at: usize) -> u64 {
        self.bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_ne_bytes)
    }

    fn set(&mut self, at: usize, value: &[u8]) {
        if let Some(place) = self.bytes.get_mut(at..at + value.len()) {
            place.copy_from_slice(value);
        }
    }

    /// Returns the offsets of the times.
    fn times(&self) -> &'static [usize] {
        match self.kind() {
            kind::KERNEL | kind::CONCURRENT_KERNEL => &[16, 24, 32, 120, 128],
            kind::COPY | kind::PEER_COPY | kind::FILL => &[16, 24],
            kind::DRIVER | kind::RUNTIME | kind::SYNCHRONIZATION => &[8, 16],
            kind::OVERHEAD => &[24, 32],
            kind::MEMORY => &[32],
            _ => &[],
        }
    }

    /// Returns its sort, which distinguishes it from others of its kind.
    fn sort(&self) -> (u32, String) {
        let what = match self.kind() {
            kind::KERNEL | kind::CONCURRENT_KERNEL => format!("{} {}", self.name, self.u32(156) != 0),
            kind::COPY | kind::PEER_COPY => format!("{} {}", self.u32(4) & 0x00ff_ffff, self.u32(72) != 0),
            kind::DRIVER | kind::RUNTIME | kind::SYNCHRONIZATION | kind::OVERHEAD => self.u32(4).to_string(),
            kind::MEMORY => format!("{} {}", self.u32(4), self.u32(8)),
            _ => String::new(),
        };
        (self.kind(), what)
    }
}

impl Recording {
    /// Reads a file, compressed or not.
    ///
    /// # Errors
    ///
    /// The reason why the file is invalid.
    pub(crate) fn read(file: &Path) -> Result<Self, String> {
        let bytes = fs::read(file).map_err(|error| format!("`{}` cannot be read: {error}", file.display()))?;
        let mut text = String::new();
        let read = if bytes.starts_with(&[0x1f, 0x8b]) {
            GzDecoder::new(bytes.as_slice()).read_to_string(&mut text)
        } else {
            bytes.as_slice().read_to_string(&mut text)
        };
        read.map_err(|error| format!("`{}` is no text: {error}", file.display()))?;
        Self::parse(&text).ok_or_else(|| format!("`{}` is no recording of CUPTI's records", file.display()))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let version = lines.next()?.strip_prefix("cupti ")?.parse().ok()?;
        let (mut records, mut totals) = (Vec::new(), Vec::new());
        for line in lines {
            if let Some(total) = line.strip_prefix("total ") {
                let (kind, count) = total.split_once(' ')?;
                totals.push((kind.parse().ok()?, count.parse().ok()?));
                continue;
            }
            let (hex, name) = line.split_once(' ').unwrap_or((line, ""));
            let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
            let bytes = hex.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>()?;
            records.push(Record { bytes, name: name.to_owned() });
        }
        Some(Self { version, records, totals })
    }

    fn text(&self) -> String {
        let mut text = format!("cupti {}\n", self.version);
        for record in &self.records {
            for byte in &record.bytes {
                // Writing to a `String` cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            if !record.name.is_empty() {
                let _ = write!(text, " {}", record.name);
            }
            text.push('\n');
        }
        text
    }

    /// Keeps a few records of each sort.
    fn small(mut self) -> Self {
        let mut kept: BTreeMap<(u32, String), u32> = BTreeMap::new();
        self.records.retain(|record| {
            let kept = kept.entry(record.sort()).or_default();
            *kept += 1;
            *kept <= EACH
        });
        self
    }

    /// Replaces everything that identifies the machine.
    fn anonymous(mut self) -> Self {
        let times = self.records.iter().flat_map(|record| record.times().iter().map(|at| record.u64(*at)));
        let first = times.filter(|time| *time > BEGIN).min().unwrap_or(BEGIN);
        let mut names = Names::default();
        for record in &mut self.records {
            for at in record.times() {
                // A time that was not recorded is 0 or not set.
                if let Some(time) = record.u64(*at).checked_sub(first).filter(|since| *since < BEGIN) {
                    record.set(*at, &(BEGIN + time).to_ne_bytes());
                }
            }
            names.replace(record);
        }
        self
    }
}

/// Replacements for confidential values; equal values have equal replacements.
#[derive(Debug, Default)]
struct Names {
    threads: HashMap<u32, u32>,
    addresses: HashMap<u64, u64>,
    kernels: HashMap<String, usize>,
}

impl Names {
    fn replace(&mut self, record: &mut Record) {
        match record.kind() {
            kind::KERNEL | kind::CONCURRENT_KERNEL => {
                // The name, and a field that CUPTI reserves.
                record.set(104, &[0; 16]);
                record.name = self.kernel(&record.name);
            }
            kind::DRIVER | kind::RUNTIME => {
                let next = self.threads.len() as u32 + 1;
                let thread = *self.threads.entry(record.u32(28)).or_insert(next);
                record.set(24, &1_u32.to_ne_bytes());
                record.set(28, &thread.to_ne_bytes());
            }
            kind::MEMORY => {
                let next = (self.addresses.len() as u64 + 1) << 20;
                let address = *self.addresses.entry(record.u64(16)).or_insert(next);
                record.set(16, &address.to_ne_bytes());
                record.set(40, &[0; 8]);
                record.set(48, &1_u32.to_ne_bytes());
                record.set(64, &[0; 8]);
                record.clear(80);
            }
            kind::OVERHEAD => {
                record.set(12, &[0; 12]);
                record.clear(40);
            }
            kind::CUDA_EVENT => record.clear(24),
            kind::SYNCHRONIZATION => record.clear(40),
            _ => {}
        }
    }

    fn kernel(&mut self, name: &str) -> String {
        if OURS.contains(&name) {
            return name.to_owned();
        }
        let next = self.kernels.len();
        let plain = format!("kernel_{}", self.kernels.entry(name.to_owned()).or_insert(next));
        if name.starts_with("_Z") { format!("_Z{}{plain}v", plain.len()) } else { plain }
    }
}

impl Record {
    /// Sets everything from `at` on to 0.
    fn clear(&mut self, at: usize) {
        if let Some(rest) = self.bytes.get_mut(at..) {
            rest.fill(0);
        }
    }
}

/// Writes the fixture of a recording.
///
/// # Errors
///
/// The reason why it cannot be written.
pub(crate) fn write(recording: &Path, fixture: &Path) -> Result<(), String> {
    let text = Recording::read(recording)?.small().anonymous().text();
    fs::write(fixture, text).map_err(|error| format!("`{}` cannot be written: {error}", fixture.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(pid: u32, thread: u32, begin: u64) -> Record {
        let mut record = Record { bytes: vec![0; 40], name: "cuLaunchKernel".to_owned() };
        record.set(0, &kind::DRIVER.to_ne_bytes());
        record.set(8, &begin.to_ne_bytes());
        record.set(16, &(begin + 50).to_ne_bytes());
        record.set(24, &pid.to_ne_bytes());
        record.set(28, &thread.to_ne_bytes());
        record.set(32, &77_u32.to_ne_bytes());
        record
    }

    fn kernel(name: &str, begin: u64) -> Record {
        let mut record = Record { bytes: vec![0xEE; 208], name: name.to_owned() };
        record.set(0, &kind::CONCURRENT_KERNEL.to_ne_bytes());
        record.set(16, &begin.to_ne_bytes());
        record.set(32, &0_u64.to_ne_bytes());
        record
    }

    #[test]
    fn a_fixture_does_not_identify_its_machine() {
        let now = 1_796_000_000_000_000_000;
        let secret = "_Z13secret_kernelPf";
        let records =
            vec![call(4711, 4712, now), kernel(secret, now + 9), call(4711, 4713, now + 3), kernel("spin", now)];
        let recording = Recording { version: 28, records, totals: Vec::new() }.small().anonymous();
        let [first, secret, second, own] = recording.records.as_slice() else { panic!("four records") };
        assert_eq!([first.u32(24), first.u32(28), second.u32(24), second.u32(28)], [1, 1, 1, 2]);
        assert_eq!((first.u64(8), first.u64(16), second.u64(8)), (BEGIN, BEGIN + 50, BEGIN + 3));
        assert_eq!((secret.name.as_str(), secret.u64(104), own.name.as_str()), ("_Z8kernel_0v", 0, "spin"));
        assert_eq!(
            (secret.u64(16), secret.u64(32), secret.u32(176)),
            (BEGIN + 9, 0, 0xEEEE_EEEE),
            "what else it holds stays"
        );
        assert_eq!(first.u32(32), 77, "correlation ids stay");
        let again = Recording::parse(&recording.text()).unwrap();
        assert_eq!(again.text(), recording.text());
    }

    #[test]
    fn a_fixture_keeps_two_of_each_sort() {
        let records = (0..9).map(|at| kernel(if at < 7 { "spin" } else { "empty" }, BEGIN + at)).collect();
        let recording = Recording { version: 28, records, totals: Vec::new() }.small();
        let names: Vec<&str> = recording.records.iter().map(|record| record.name.as_str()).collect();
        assert_eq!(names, ["spin", "spin", "empty", "empty"]);
        assert!(Recording::parse("cupti 28\n0a0g").is_none() && Recording::parse("").is_none());
    }
}
