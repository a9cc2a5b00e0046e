//! Recordings made by hand, for tests of `model` and `export`. 1 tick is 1 ns; the window
//! is 0 to 1,000,000 ns after [`EPOCH`].

use crate::records::frames::Symbols;
use crate::records::gpu::GpuRecord;
use crate::records::host_clock::HostClock;
use crate::records::unavailable::Unavailable;
use profiler_core::clock::Anchor;
use profiler_core::memory::Action;
use profiler_core::overhead::Costs;
use profiler_core::shape::Dtype;
use profiler_core::site::{Kind, Site};
use profiler_core::stream::entry::{COMPLETED, Entry, Tag};
use profiler_core::stream::key::Key;
use profiler_core::stream::registry::{Log, ThreadIdentity, ThreadLog};
use profiler_core::stream::segment::Run;

use super::context::{Context, Recording, Window};
use super::memory::MemoryLog;

/// Start of the window, in nanoseconds since the Unix epoch.
pub(crate) const EPOCH: u64 = 1_790_000_000_000_000_000;
/// Length of the window.
pub(crate) const LENGTH: u64 = 1_000_000;

/// A recording under construction.
pub(crate) struct Script {
    sites: Vec<&'static Site>,
    threads: Vec<ThreadLog>,
    entries: Vec<Entry>,
    /// The GPU's record.
    pub(crate) gpu: GpuRecord,
    /// Context of the recording.
    pub(crate) context: Context,
    /// Memory of the recording.
    pub(crate) memory: Option<MemoryLog>,
}

impl Script {
    /// Creates an empty recording.
    pub(crate) fn new() -> Self {
        Self {
            sites: Vec::new(),
            threads: Vec::new(),
            entries: Vec::new(),
            gpu: GpuRecord::Absent(Unavailable::NOT_WANTED),
            context: context(),
            memory: None,
        }
    }

    /// Creates one thread, `main`, on which three stages begin and end in any order. Each of
    /// `moves` is an action (below 3 a start, else an end) and the time since the previous one.
    pub(crate) fn from_moves(moves: &[(u32, u64)]) -> Self {
        let mut script = Self::new();
        let sites: Vec<u32> = (0..3).map(|site| script.site(Kind::Stage, &format!("site {site}"))).collect();
        let mut now = 0;
        for &(what, passed) in moves {
            now += passed;
            let site = sites[what as usize % 3];
            if what < 3 {
                script.begin(site, now)
            } else {
                script.end(site, now)
            };
        }
        script.thread("main");
        script
    }

    /// Adds a site and returns its number for the other methods.
    pub(crate) fn site(&mut self, kind: Kind, name: &str) -> u32 {
        let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
        self.sites.push(Box::leak(Box::new(Site::new(kind, name, "src/lib.rs", 1, "test"))));
        self.sites.len() as u32
    }

    /// Adds an entry.
    pub(crate) fn entry(&mut self, tag: Tag, argument: u32, site: u32, value: u64) -> &mut Self {
        self.entries.push(Entry::new(tag, site, value).with_argument(argument));
        self
    }

    /// Adds an entry of two numbers.
    pub(crate) fn pair(&mut self, tag: Tag, first: u64, second: u64) -> &mut Self {
        self.entries.push(Entry::pair(tag, first, second));
        self
    }

    /// Gives the next range of the site this number.
    pub(crate) fn number(&mut self, key: Key, site: u32, value: u64) -> &mut Self {
        self.entries.push(Entry::argument_of(key, 0, site, value));
        self
    }

    /// Gives the next range of the site this argument of several words.
    pub(crate) fn words(&mut self, key: Key, site: u32, first: u64, words: &[u64]) -> &mut Self {
        self.entries.push(Entry::argument_of(key, words.len() as u8, site, first));
        let pairs = words.chunks(2).map(|pair| Entry::pair(Tag::More, pair[0], pair.get(1).copied().unwrap_or(0)));
        self.entries.extend(pairs);
        self
    }

    /// Gives the next range of the site an input.
    pub(crate) fn input(&mut self, site: u32, dtype: Dtype, dims: &[u64]) -> &mut Self {
        self.words(Key::INPUT, site, dtype as u64, dims)
    }

    /// Gives the next request this id.
    pub(crate) fn request_id(&mut self, site: u32, id: &str) -> &mut Self {
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        let pairs = id.as_bytes().chunks(15).map(|piece| piece.split_at(piece.len().min(8)));
        let words: Vec<_> = pairs.flat_map(|(first, second)| [word(first), word(second)]).collect();
        self.words(Key::REQUEST_ID, site, id.len() as u64, &words)
    }

    /// Begins a range.
    pub(crate) fn begin(&mut self, site: u32, at: u64) -> &mut Self {
        self.entry(Tag::Begin, 0, site, at)
    }

    /// Begins the range of a guard.
    pub(crate) fn guard(&mut self, site: u32, at: u64) -> &mut Self {
        self.entries.push(Entry::begin_of_guard(site, at));
        self
    }

    /// Drops the guard that began at `began`.
    pub(crate) fn drop_guard(&mut self, site: u32, began: u64, at: u64) -> &mut Self {
        self.entries.push(Entry::end_of_guard(Entry::guard(site, began), at));
        self
    }

    /// Begins a poll of a task.
    pub(crate) fn poll(&mut self, site: u32, task: u64, at: u64) -> &mut Self {
        self.entry(Tag::Task, 0, site, task).begin(site, at)
    }

    /// Ends a task.
    pub(crate) fn task_end(&mut self, site: u32, task: u64, at: u64) -> &mut Self {
        self.entry(Tag::Task, 0, site, task).entry(Tag::TaskEnd, COMPLETED, site, at)
    }

    /// Ends a range.
    pub(crate) fn end(&mut self, site: u32, at: u64) -> &mut Self {
        self.entry(Tag::End, 0, site, at)
    }

    /// Adds an allocation or release on a device, given by its number.
    pub(crate) fn memory(&mut self, action: Action, device: u32, at: u64, (address, bytes): (u64, u64)) -> &mut Self {
        self.entry(Tag::Memory, action as u32, device, at);
        self.entries.push(Entry::pair(Tag::Block, address, bytes));
        self
    }

    /// Ends the stream of a thread with what was added so far.
    pub(crate) fn thread(&mut self, name: &str) -> &mut Self {
        let ordinal = self.threads.len() as u32 + 1;
        let thread = ThreadIdentity { ordinal, os_id: 4000 + u64::from(ordinal), name: name.to_owned() };
        self.threads.push(ThreadLog {
            thread: thread.into(),
            runs: Run::of(&std::mem::take(&mut self.entries)).into(),
            carry: None,
            lost: 0,
        });
        self
    }

    /// Returns the recording.
    pub(crate) fn finish(self) -> Recording {
        let at = |ns| Anchor { ticks: ns, monotonic_ns: ns, unix_ns: EPOCH + ns, uncertainty_ticks: 20, asleep_ns: 0 };
        let window = Window { process: at(0), start: at(0), end: at(LENGTH), open: (0, LENGTH), later: None };
        let log = Log { threads: self.threads, ..Log::default() };
        let Self { sites, gpu, context, memory, .. } = self;
        Recording { log, sites, window, symbols: Symbols::default(), memory, gpu, context }
    }
}

fn context() -> Context {
    Context {
        session: "test".to_owned(),
        world_size: 1,
        pid: 77,
        process_name: "program".to_owned(),
        host: "host".to_owned(),
        clock: HostClock { id: Some("boot".to_owned()), real_time_error_ns: Some(1_000_000) },
        costs: Costs { range: 40.0, allocation: 20.0, description: 10.0, ..Costs::default() },
        ..Context::default()
    }
}
