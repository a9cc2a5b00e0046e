//! A session's spool: its files, the lines about the session in its journal, and the thread that
//! keeps both up to date.
//!
//! The thread stores the time, the losses, new code and the state of the GPU source soon after the
//! start and then every second, and syncs the files to the disk. Data older than a few seconds
//! therefore survives a power failure. The end of the process alone loses nothing that was stored.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::collect::gpu;
use crate::collect::spool::active::ActiveSpool;
use crate::collect::spool::journal::{DriverLine, JournalLine};
use crate::collect::stacks::known_libraries::KnownLibraries;
use crate::config::ProfilerConfig;
use profiler_core::memory::ledger;
use profiler_core::overhead::Costs;
use profiler_trace::model::{Context, EndedBy, ExportOptions};

const THREAD: &str = "profiler-spool";
/// Interval between two syncs to the disk.
const INTERVAL: Duration = Duration::from_secs(1);
/// First, shorter interval. A tick rate needs two anchors, and the process may end at once.
const FIRST_INTERVAL: Duration = Duration::from_millis(1);

/// The files of a spool in a session's folder. Their names differ from all artifacts', and keep
/// other sessions of the same rank out of the folder.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) entries: PathBuf,
    pub(crate) journal: PathBuf,
}

/// A spool that a session records into.
#[derive(Debug)]
pub(crate) struct SessionSpool {
    pub(crate) active: ActiveSpool,
    sources: Arc<Mutex<JournaledSources>>,
    /// Keeps the thread alive, which ends when this is dropped.
    _thread: Sender<()>,
    /// Driving loop and first recorded iteration, as last journaled.
    driver: DriverLine,
}

/// A line about the driving loop that was not written to the journal yet.
pub(crate) type DriverUpdate = (ActiveSpool, DriverLine);

/// The state of the sources, as last journaled.
#[derive(Debug)]
struct JournaledSources {
    /// Loaded code; `None` if no stacks are recorded.
    code: Option<KnownLibraries>,
    /// Last state of the source of GPU times.
    gpu: Option<Value>,
}

impl JournaledSources {
    /// Appends what has changed to the journal.
    fn update(&mut self, spool: &ActiveSpool) {
        let _own = ledger::own();
        if let Some(code) = self.code.as_mut().and_then(KnownLibraries::newly_loaded) {
            spool.append(&JournalLine::Code(code));
        }
        let gpu = gpu::sources().find_map(gpu::Source::journal);
        if let Some(state) = gpu.filter(|gpu| Some(gpu) != self.gpu.as_ref()) {
            spool.append(&JournalLine::Events(state.clone()));
            self.gpu = Some(state);
        }
    }
}

impl Files {
    /// Returns the files of a rank in a folder.
    pub(crate) fn new(folder: &Path, rank: u32) -> Self {
        let named = |what: &str| folder.join(format!(".spool_rank{rank}.{what}"));
        Self { entries: named("entries"), journal: named("journal") }
    }

    /// Returns the files of the spool whose journal has this path.
    pub(crate) fn from_journal(journal: &Path) -> Option<Self> {
        let name = journal.file_name()?.to_str()?.strip_prefix(".spool_rank")?;
        let rank = name.strip_suffix(".journal")?.parse().ok()?;
        Some(Self::new(journal.parent()?, rank))
    }
}

/// Returns the journal's description of a session: its context and its configuration. The
/// configuration is a separate object, because another version may have other fields.
fn describe_session(context: &Context, config: &ProfilerConfig) -> Value {
    let mut session = serde_json::to_value(context).unwrap_or_default();
    session["config"] = serde_json::to_value(config).unwrap_or_default();
    session
}

/// Returns the context and the configuration of a recovered recording. All of its artifacts are
/// written to the session's folder.
///
/// # Errors
///
/// Returns an error if the value does not describe a session.
pub(super) fn read_session(session: Value) -> Result<(Context, ProfilerConfig), serde_json::Error> {
    let config = ProfilerConfig::from_json(&session["config"].to_string());
    let mut context: Context = serde_json::from_value(session)?;
    let mut config = config.map(|parsed| parsed.config).unwrap_or_else(|error| {
        context.warnings.push(format!("the configuration is not the one that was recorded with: {error}"));
        ProfilerConfig::torch(".")
    });
    (config.trace_file, config.perf_dump_path) = (None, None);
    context.options = ExportOptions::from(&config);
    (context.ended_by, context.costs) = (EndedBy::Recovered, Costs::measure());
    Ok((context, config))
}

impl SessionSpool {
    /// Directs everything recorded from now on to files in `folder`.
    ///
    /// # Errors
    ///
    /// Returns a sentence on why the session records into memory instead.
    pub(crate) fn begin(folder: &Path, context: &Context, config: &ProfilerConfig) -> Result<Self, String> {
        let files = Files::new(folder, context.rank);
        let max_bytes = config.max_spool_mb.saturating_mul(1 << 20);
        let refused = |error: &dyn std::fmt::Display| {
            let path = files.entries.display();
            format!("`spool` is off, this session records into memory: cannot record into `{path}`: {error}")
        };
        let session = describe_session(context, config);
        let active =
            ActiveSpool::begin(&files.entries, &files.journal, max_bytes, session).map_err(|error| refused(&error))?;
        let code = config.torch_profiler_with_stack.then(KnownLibraries::default);
        let sources = Arc::new(Mutex::new(JournaledSources { code, gpu: None }));
        let (_thread, over) = mpsc::channel();
        let work = {
            let (active, sources) = (active.clone(), Arc::clone(&sources));
            move || keep_current(&active, &sources, &over)
        };
        if let Err(error) = std::thread::Builder::new().name(THREAD.to_owned()).spawn(work) {
            active.end();
            // A second error would say nothing new.
            let _ = active.discard();
            return Err(refused(&error));
        }
        Ok(Self { active, sources, _thread, driver: DriverLine { site: None, first_step: context.first_step } })
    }

    /// Journals the state of the sources before a recording begins, which needs its code.
    pub(crate) fn journal_sources(&self) {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).update(&self.active);
    }

    /// Stores the number of completed iterations. If the driving loop has changed, returns the line
    /// for the journal instead of writing it, because the caller holds a lock and a disk may be
    /// slow.
    pub(crate) fn update_driver(&mut self, passed: u64, driver: DriverLine) -> Option<DriverUpdate> {
        self.active.set_iterations(passed);
        if self.driver == driver {
            return None;
        }
        self.driver = driver;
        Some((self.active.clone(), driver))
    }

    /// Journals the session again when a recording begins, because its context has changed.
    pub(crate) fn journal_session(&self, context: &Context, config: &ProfilerConfig) {
        self.active.append(&JournalLine::Session(describe_session(context, config)));
    }

    /// Ends the recording; the files stay until the artifacts are written.
    pub(crate) fn end(self) -> ActiveSpool {
        self.active.end();
        self.active
    }
}

/// Keeps the files up to date until the sender of `over` is dropped.
fn keep_current(spool: &ActiveSpool, sources: &Mutex<JournaledSources>, over: &Receiver<()>) {
    let mut interval = FIRST_INTERVAL;
    while over.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
        spool.tick();
        sources.lock().unwrap_or_else(PoisonError::into_inner).update(spool);
        if interval == INTERVAL {
            spool.sync();
        }
        interval = (interval * 4).min(INTERVAL);
    }
}
