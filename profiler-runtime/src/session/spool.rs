//! A session's spool: the paths of its files, its journal's lines, and the thread that keeps both
//! fresh.
//!
//! The thread notes the time, the losses, and new code and timed devices, soon after the start and
//! then every second, and asks for everything to be written to the disk: so data older than a few
//! seconds survives a power failure too. The end of the process alone costs nothing that was
//! stored.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::collect::gpu;
use crate::collect::spool::active::Spooling;
use crate::collect::spool::journal::{DriverNote, Note};
use crate::collect::stacks::known_libraries::Noted;
use crate::config::ProfilerConfig;
use profiler_core::memory::ledger;
use profiler_core::overhead::Costs;
use profiler_trace::model::{Context, EndedBy, ExportOptions};

const THREAD: &str = "profiler-spool";
/// Time between two requests that the disk write everything.
const INTERVAL: Duration = Duration::from_secs(1);
/// Times before the first requests, which come sooner: a rate of ticks needs two, and a process may
/// end at once.
const FIRST_INTERVAL: Duration = Duration::from_millis(1);

/// The files of a spool, in a session's folder. The names are those of no artifact, and keep other
/// sessions of the rank out of the folder.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) entries: PathBuf,
    pub(crate) journal: PathBuf,
}

/// A spool that a session records into.
#[derive(Debug)]
pub(crate) struct OpenSpool {
    pub(crate) spooling: Spooling,
    known: Arc<Mutex<Known>>,
    /// Sender that keeps the thread alive: it ends when this is dropped.
    _thread: Sender<()>,
    /// Loop that drives the session, and its first number, as noted last.
    noted: DriverNote,
}

/// A line about a session that its journal does not have yet.
pub(crate) type News = (Spooling, DriverNote);

/// The facts that the journal knows beside the session.
#[derive(Debug)]
struct Known {
    /// Loaded code; `None` where no stacks are recorded.
    code: Option<Noted>,
    /// Last state of the source of GPU times.
    gpu: Option<Value>,
}

impl Known {
    /// Notes the news.
    fn note_news(&mut self, spooling: &Spooling) {
        let _own = ledger::own();
        if let Some(code) = self.code.as_mut().and_then(Noted::news) {
            spooling.note(&Note::Code(code));
        }
        let gpu = gpu::sources().find_map(gpu::Source::journal);
        if let Some(news) = gpu.filter(|gpu| Some(gpu) != self.gpu.as_ref()) {
            spooling.note(&Note::Events(news.clone()));
            self.gpu = Some(news);
        }
    }
}

impl Files {
    /// Returns the files of a rank in a folder.
    pub(crate) fn of(folder: &Path, rank: u32) -> Self {
        let named = |what: &str| folder.join(format!(".spool_rank{rank}.{what}"));
        Self { entries: named("entries"), journal: named("journal") }
    }

    /// Returns the files of the spool whose journal has this path.
    pub(crate) fn of_journal(journal: &Path) -> Option<Self> {
        let name = journal.file_name()?.to_str()?.strip_prefix(".spool_rank")?;
        let rank = name.strip_suffix(".journal")?.parse().ok()?;
        Some(Self::of(journal.parent()?, rank))
    }
}

/// Returns the journal's note of a session: its context, and its configuration as an object whose
/// fields another version may not have.
fn session_note(context: &Context, config: &ProfilerConfig) -> Value {
    let mut note = serde_json::to_value(context).unwrap_or_default();
    note["config"] = serde_json::to_value(config).unwrap_or_default();
    note
}

/// Returns the context of a recording that is recovered, and its configuration. Its artifacts all
/// lie in the session's folder.
///
/// # Errors
///
/// Returns an error if the journal's note is no session's.
pub(super) fn read_session(note: Value) -> Result<(Context, ProfilerConfig), serde_json::Error> {
    let config = ProfilerConfig::from_json(&note["config"].to_string());
    let mut context: Context = serde_json::from_value(note)?;
    let mut config = config.map(|parsed| parsed.config).unwrap_or_else(|error| {
        context.warnings.push(format!("the configuration is not the one that was recorded with: {error}"));
        ProfilerConfig::torch(".")
    });
    (config.trace_file, config.perf_dump_path) = (None, None);
    context.options = ExportOptions::from(&config);
    (context.ended_by, context.costs) = (EndedBy::Recovered, Costs::measure());
    Ok((context, config))
}

impl OpenSpool {
    /// Sends everything recorded from now on to files in `folder`.
    ///
    /// # Errors
    ///
    /// Returns why it goes to memory instead, in a sentence.
    pub(crate) fn begin(folder: &Path, context: &Context, config: &ProfilerConfig) -> Result<Self, String> {
        let files = Files::of(folder, context.rank);
        let most_bytes = config.max_spool_mb.saturating_mul(1 << 20);
        let refused = |error: &dyn std::fmt::Display| {
            let path = files.entries.display();
            format!("`spool` is off, this session records into memory: cannot record into `{path}`: {error}")
        };
        let note = session_note(context, config);
        let spooling =
            Spooling::begin(&files.entries, &files.journal, most_bytes, note).map_err(|error| refused(&error))?;
        let code = config.torch_profiler_with_stack.then(Noted::default);
        let known = Arc::new(Mutex::new(Known { code, gpu: None }));
        let (_thread, over) = mpsc::channel();
        let work = {
            let (spooling, known) = (spooling.clone(), Arc::clone(&known));
            move || keep_fresh(&spooling, &known, &over)
        };
        if let Err(error) = std::thread::Builder::new().name(THREAD.to_owned()).spawn(work) {
            spooling.end();
            // The rest of it says the same.
            let _ = spooling.discard();
            return Err(refused(&error));
        }
        Ok(Self { spooling, known, _thread, noted: DriverNote { site: None, first_step: context.first_step } })
    }

    /// Journals the news before a recording begins: the journal has to know its code.
    pub(crate) fn note_news(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).note_news(&self.spooling);
    }

    /// Notes that an iteration has ended, and with it `passed`; the loop that drives the session
    /// may have become known. Returns the news for the journal instead of writing it: a disk may
    /// take long, and a lock is held here.
    pub(crate) fn note_steps(&mut self, passed: u64, driver: DriverNote) -> Option<News> {
        self.spooling.note_iterations(passed);
        if self.noted == driver {
            return None;
        }
        self.noted = driver;
        Some((self.spooling.clone(), driver))
    }

    /// Journals the session anew when a recording begins: more is known of the session by now.
    pub(crate) fn note_session(&self, context: &Context, config: &ProfilerConfig) {
        self.spooling.note(&Note::Session(session_note(context, config)));
    }

    /// Ends the recording; the files stay until the artifacts are written.
    pub(crate) fn end(self) -> Spooling {
        self.spooling.end();
        self.spooling
    }
}

/// Keeps the files fresh until the other end of `over` is dropped.
fn keep_fresh(spooling: &Spooling, known: &Mutex<Known>, over: &Receiver<()>) {
    let mut interval = FIRST_INTERVAL;
    while over.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
        spooling.tick();
        known.lock().unwrap_or_else(PoisonError::into_inner).note_news(spooling);
        if interval == INTERVAL {
            spooling.sync();
        }
        interval = (interval * 4).min(INTERVAL);
    }
}
