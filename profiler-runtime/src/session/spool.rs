//! A session's spool: where its files are, what the journal says of the session, and the thread that keeps both fresh.
//!
//! The thread notes the time, what is lost, and what code and timed devices are new, soon after the start and then every
//! second, and asks for everything to be written to the disk: so what is older than a few seconds survives a power
//! failure too. What ends the process alone costs nothing that was stored.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::collect::cuda::event_timing::NotedContexts;
use crate::collect::spool::active::Spooling;
use crate::collect::spool::journal::DriverNote;
use crate::collect::stacks::known_libraries::Noted;
use crate::config::ProfilerConfig;
use profiler_core::clock::overhead::Costs;
use profiler_core::memory::ledger;
use profiler_trace::model::{Context, EndedBy, ExportOptions};
use profiler_trace::records::host_clock::HostClock;

const THREAD: &str = "profiler-spool";
/// Between two times that the disk is asked for everything.
const INTERVAL: Duration = Duration::from_secs(1);
/// The first times come sooner: a rate of ticks needs two, and a process may end at once.
const FIRST_INTERVAL: Duration = Duration::from_millis(1);

/// The files of a spool, in a session's folder. The names are those of no artifact, and keep other sessions of the rank
/// out of the folder.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) entries: PathBuf,
    pub(crate) journal: PathBuf,
}

/// What the journal knows of a [`Context`].
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct SessionNote {
    session: String,
    rank: u32,
    local_rank: u32,
    world_size: u32,
    pid: u32,
    process_name: String,
    host: String,
    clock: HostClock,
    step_site: Option<u32>,
    first_step: u64,
    warnings: Vec<String>,
    #[serde(default)]
    cpu_clock_cost: Duration,
    /// As an object, whose fields an other version may not have.
    config: Value,
}

/// A spool that a session records into.
#[derive(Debug)]
pub(crate) struct OpenSpool {
    pub(crate) spooling: Spooling,
    known: Arc<Mutex<Known>>,
    /// True once the thread may go.
    over: Arc<(Mutex<bool>, Condvar)>,
    /// The loop that drives the session, and its first number, as noted last.
    noted: DriverNote,
}

/// Lines about a session that its journal does not have yet.
#[derive(Debug)]
pub(crate) struct News {
    spooling: Spooling,
    driver: DriverNote,
}

impl News {
    /// Writes it.
    pub(crate) fn tell(self) {
        self.spooling.note_driver(self.driver);
    }
}

/// What the journal knows beside the session.
#[derive(Debug)]
struct Known {
    /// `None` where no stacks are recorded.
    code: Option<Noted>,
    contexts: NotedContexts,
}

impl Known {
    /// Notes what is new.
    fn note_news(&mut self, spooling: &Spooling) {
        let _own = ledger::own();
        if let Some(code) = self.code.as_mut().and_then(Noted::news) {
            spooling.note_code(code);
        }
        if let Some(contexts) = self.contexts.news() {
            spooling.note_events(contexts);
        }
    }
}

impl Files {
    /// Of this rank, in this folder.
    pub(crate) fn of(folder: &Path, rank: u32) -> Self {
        let named = |what: &str| folder.join(format!(".spool_rank{rank}.{what}"));
        Self { entries: named("entries"), journal: named("journal") }
    }

    /// Those that this path is the journal of.
    pub(crate) fn of_journal(journal: &Path) -> Option<Self> {
        let name = journal.file_name()?.to_str()?.strip_prefix(".spool_rank")?;
        let rank = name.strip_suffix(".journal")?.parse().ok()?;
        Some(Self::of(journal.parent()?, rank))
    }
}

impl SessionNote {
    pub(crate) fn of(context: &Context, config: &ProfilerConfig) -> Self {
        Self {
            session: context.session.clone(),
            rank: context.rank,
            local_rank: context.local_rank,
            world_size: context.world_size,
            pid: context.pid,
            process_name: context.process_name.clone(),
            host: context.host.clone(),
            clock: context.clock.clone(),
            step_site: context.step_site,
            first_step: context.first_step,
            warnings: context.warnings.clone(),
            cpu_clock_cost: context.cpu_clock_cost,
            config: serde_json::to_value(config).unwrap_or_default(),
        }
    }

    /// Returns the context of a recording that is recovered, and its configuration. Its artifacts all lie in the session's
    /// folder.
    pub(crate) fn into_context(self) -> (Context, ProfilerConfig) {
        let mut warnings = self.warnings;
        let mut config = ProfilerConfig::from_json(&self.config.to_string()).map_or_else(
            |error| {
                warnings.push(format!("the configuration is not the one that was recorded with: {error}"));
                ProfilerConfig::torch(".")
            },
            |parsed| parsed.config,
        );
        (config.trace_file, config.perf_dump_path) = (None, None);
        let context = Context {
            session: self.session,
            rank: self.rank,
            local_rank: self.local_rank,
            world_size: self.world_size,
            pid: self.pid,
            process_name: self.process_name,
            host: self.host,
            clock: self.clock,
            options: ExportOptions::from(&config),
            step_site: self.step_site,
            first_step: self.first_step,
            steps_passed: None,
            recorded_iterations: 0,
            ended_by: EndedBy::Recovered,
            merged_names: 0,
            is_shown: false,
            costs: Costs::measure(),
            cpu_clock_cost: self.cpu_clock_cost,
            last_request: None,
            // It has no spool.
            is_frontend: false,
            warnings,
            warnings_told: 0,
            notes: Vec::new(),
            is_guarded: false,
        };
        (context, config)
    }
}

impl OpenSpool {
    /// Sends what is recorded from now on to files in `folder`.
    ///
    /// # Errors
    ///
    /// Why it goes to memory instead, in a sentence.
    pub(crate) fn begin(folder: &Path, context: &Context, config: &ProfilerConfig) -> Result<Self, String> {
        let files = Files::of(folder, context.rank);
        let most_bytes = config.max_spool_mb.saturating_mul(1 << 20);
        let refused = |error: &dyn std::fmt::Display| {
            let path = files.entries.display();
            format!("`spool` is off, this session records into memory: cannot record into `{path}`: {error}")
        };
        let note = serde_json::to_value(SessionNote::of(context, config)).unwrap_or_default();
        let spooling =
            Spooling::begin(&files.entries, &files.journal, most_bytes, note).map_err(|error| refused(&error))?;
        let code = config.torch_profiler_with_stack.then(Noted::default);
        let known = Arc::new(Mutex::new(Known { code, contexts: NotedContexts::default() }));
        let over = Arc::new((Mutex::new(false), Condvar::new()));
        let work = {
            let (spooling, known, over) = (spooling.clone(), Arc::clone(&known), Arc::clone(&over));
            move || keep_fresh(&spooling, &known, &over)
        };
        if let Err(error) = std::thread::Builder::new().name(THREAD.to_owned()).spawn(work) {
            spooling.end();
            // What is left of it says the same.
            let _ = spooling.discard();
            return Err(refused(&error));
        }
        Ok(Self { spooling, known, over, noted: DriverNote { site: None, first_step: context.first_step } })
    }

    /// A recording is about to begin: the journal has to know which code it can be of.
    pub(crate) fn note_news(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).note_news(&self.spooling);
    }

    /// An iteration has ended, and with it `passed`; the loop that drives the session may have become known. What the
    /// journal has to hear of that is returned: a disk may take long, and a lock is held here.
    pub(crate) fn note_steps(&mut self, passed: u64, driver: DriverNote) -> Option<News> {
        self.spooling.note_iterations(passed);
        if self.noted == driver {
            return None;
        }
        self.noted = driver;
        Some(News { spooling: self.spooling.clone(), driver })
    }

    /// A recording has begun: more is known of the session by now.
    pub(crate) fn note_session(&self, context: &Context, config: &ProfilerConfig) {
        self.spooling.note_session(serde_json::to_value(SessionNote::of(context, config)).unwrap_or_default());
    }

    /// The recording is over; the files stay until the artifacts are written.
    pub(crate) fn end(self) -> Spooling {
        self.spooling.end();
        *self.over.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.over.1.notify_all();
        self.spooling
    }
}

fn keep_fresh(spooling: &Spooling, known: &Mutex<Known>, (over, changed): &(Mutex<bool>, Condvar)) {
    let mut interval = FIRST_INTERVAL;
    let mut is_over = over.lock().unwrap_or_else(PoisonError::into_inner);
    while !*is_over {
        let (guard, timeout) = changed.wait_timeout(is_over, interval).unwrap_or_else(PoisonError::into_inner);
        is_over = guard;
        if timeout.timed_out() && !*is_over {
            drop(is_over);
            spooling.tick();
            known.lock().unwrap_or_else(PoisonError::into_inner).note_news(spooling);
            if interval == INTERVAL {
                spooling.sync();
            }
            interval = (interval * 4).min(INTERVAL);
            is_over = over.lock().unwrap_or_else(PoisonError::into_inner);
        }
    }
}
