//! One session, from its start until it is sealed.
//!
//! ```text
//!              delay_secs       iterations             stop, iterations, duration
//! started ───────────► Delay ─► Wait ─► Warmup ─► Active ───────────► sealed ─► exported
//! ```
//!
//! Each session is a new object, so no state leaks from one into the next. The caller passes the
//! time in, and holds the lock of [`super::global`] around every call.

mod sealing;

use std::ffi::OsString;
use std::time::{Duration, Instant};

use super::dumps::Dumps;
use super::export_job::ExportHandle;
use super::gpu::Gpu;
use super::place::{self, Claim, Names};
use super::schedule::{Driver, Phase, Schedule, Verdict};
use super::spool::{DriverUpdate, SessionSpool};
use super::status::Progress;
use super::window::{self, OpenWindow, seconds};
use crate::collect::gpu;
use crate::collect::spool::journal::DriverLine;
use crate::config::{Aliases, Folder, ParsedConfig, ProfilerConfig, Warning};
use crate::error::Error;
use crate::logging;
use crate::os::host;
use crate::session_id::SessionId;
use profiler_core::hooks::cpu_time;
use profiler_core::hooks::steps::{self, StepEnd};
use profiler_core::stream::registry;
use profiler_core::{self, request, site, site::Site};
use profiler_trace::export;
use profiler_trace::model::{Context, EndedBy, ExportOptions};
use std::path::Path;

/// A session that a coordinator has named.
#[derive(Clone, Debug)]
pub(crate) struct AssignedSession {
    /// Name that all processes of the job share.
    pub(crate) session: SessionId,
    /// True in the coordinator's own process if it is a front-end, which has no rank.
    pub(crate) is_frontend: bool,
}

impl From<SessionId> for AssignedSession {
    fn from(session: SessionId) -> Self {
        Self { session, is_frontend: false }
    }
}

/// A session that has begun and is not sealed yet.
#[derive(Debug)]
pub(crate) struct Active {
    stopped: ExportHandle,
    config: ProfilerConfig,
    /// Context for its artifacts, as far as it is known.
    pub(crate) context: Context,
    /// Configuration paths of names that matched nothing at the start, and were reported then.
    reported_unknown: Vec<String>,
    /// The user's names of fields: see [`ParsedConfig`].
    aliases: Aliases,
    /// Claim on the folder, until the artifacts are in it.
    claim: Option<Claim>,
    schedule: Schedule,
    driver: Driver,
    /// End of `delay_secs`, when the schedule begins.
    begins: Option<Instant>,
    /// End of `duration_secs`, once recording has begun.
    ends: Option<Instant>,
    /// Number of iterations of the driving loop since the schedule began.
    passed: u64,
    /// Open recording, during the warm-up and after it.
    window: Option<OpenWindow>,
    dumps: Dumps,
    /// True if an iteration was too slow, so that a dump is due.
    dump_due: bool,
    /// Spool that chunks come from; `None` if they come from memory.
    spool: Option<SessionSpool>,
    /// Line for the spool's journal, which a caller writes without the lock.
    driver_update: Option<DriverUpdate>,
    gpu: Gpu,
}

impl Active {
    /// Creates a session that is ready to [`begin`](Self::begin). `assigned` is its name if a
    /// coordinator has chosen one.
    ///
    /// # Errors
    ///
    /// Returns an error if its folder is remote or cannot be written to, or if several ranks of its
    /// job would write the same trace file.
    pub(crate) fn new(
        parsed: ParsedConfig,
        assigned: Option<AssignedSession>,
        gpu: Gpu,
        names: &mut Names,
        env: impl Fn(&str) -> Option<OsString> + Copy,
    ) -> Result<Self, Error> {
        let config = parsed.config;
        logging::set_quiet(config.quiet);
        let (ranks, rank_warning) = place::read_ranks(env);
        if ranks.in_job {
            config.check_ranks()?;
        }
        let mut claim = |base: Option<&Path>| match &assigned {
            Some(AssignedSession { session, is_frontend }) => {
                place::claim_assigned(session.clone(), base, (!is_frontend).then_some(ranks.rank))
            }
            None => names.claim(base, ranks, env),
        };
        let mut warnings: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
        let reserved = match config.folder() {
            None => claim(None)?,
            Some(Folder::Chosen(base)) => claim(Some(&base))?,
            // The user did not configure this folder, so the session can do without it.
            Some(Folder::Default(base)) => claim(Some(&base)).or_else(|error| {
                warnings.push(format!("there will be no timing report, summary and manifest: {error}"));
                claim(None)
            })?,
        };
        warnings.extend(rank_warning);
        warnings.extend((ranks.in_job && !reserved.is_shared).then(|| place::separate_folder_warning(ranks, env)));
        warnings.extend(reserved.warnings);
        let options = ExportOptions::from(&config);
        warnings.extend(export::obstacles(&options, ranks.rank));
        warnings.extend(reserved.folder.as_deref().and_then(export::shortcomings));
        let context = Context {
            session: reserved.session.to_string(),
            rank: ranks.rank,
            local_rank: ranks.local_rank,
            world_size: ranks.world_size,
            pid: std::process::id(),
            process_name: host::process_name(),
            host: host::name(),
            is_frontend: assigned.is_some_and(|assigned| assigned.is_frontend),
            cpu_clock_cost: if config.cpu_time { cpu_time::cost() } else { Duration::ZERO },
            options,
            warnings,
            ..Context::default()
        };
        Ok(Self {
            stopped: ExportHandle::new(reserved.session, reserved.folder),
            claim: reserved.claim,
            context,
            reported_unknown: Vec::new(),
            aliases: parsed.aliases,
            schedule: Schedule::new(&config),
            driver: Driver::new(config.step_of.clone()),
            begins: None,
            ends: None,
            passed: 0,
            window: None,
            dumps: Dumps::new(&config),
            dump_due: false,
            spool: None,
            driver_update: None,
            gpu,
            config,
        })
    }

    /// Returns the session's name.
    pub(crate) fn session(&self) -> &SessionId {
        self.stopped.session()
    }

    /// Returns the handle for waiting on its artifacts.
    pub(crate) fn handle(&self) -> ExportHandle {
        self.stopped.clone()
    }

    /// Returns the session's configuration.
    pub(crate) const fn config(&self) -> &ProfilerConfig {
        &self.config
    }

    /// Returns all warnings so far and marks them as reported.
    pub(crate) fn warnings(&mut self) -> Vec<String> {
        self.context.warnings_logged = self.context.warnings.len();
        let gpu = self.gpu.new_warnings();
        let sites: Vec<&str> = site::sites().map(Site::name).collect();
        let unknown = self.unknown_names(&sites);
        self.reported_unknown = unknown.iter().map(|warning| warning.path.clone()).collect();
        let unknown = unknown.iter().map(ToString::to_string);
        self.context.warnings.iter().cloned().chain(unknown).chain(gpu).collect()
    }

    /// Begins the session, after waiting for `delay_secs`. Steps that end before that do not count.
    pub(crate) fn begin(&mut self, now: Instant) {
        window::prepare(&self.config);
        request::forget_last();
        self.open_spool();
        self.begins = seconds(self.config.delay_secs).and_then(|delay| now.checked_add(delay));
        if self.begins.is_none() {
            self.begin_schedule(now);
        }
    }

    fn open_spool(&mut self) {
        let Some(folder) = self.stopped.folder().filter(|_| self.config.spool) else { return };
        match SessionSpool::begin(folder, &self.context_now(EndedBy::Recovered), &self.config) {
            Ok(spool) => self.spool = Some(spool),
            Err(warning) => self.context.warnings.push(warning),
        }
    }

    /// Begins the schedule. Steps that begin from now on are iterations of this session.
    fn begin_schedule(&mut self, now: Instant) {
        steps::count_anew();
        self.enter(self.schedule.phase(), now);
    }

    /// Returns when [`elapse`](Self::elapse) is due; `None` if no time limit is running.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.begins.or(self.ends)
    }

    /// Returns whether the session has or will have a deadline.
    pub(crate) fn is_timed(&self) -> bool {
        seconds(self.config.delay_secs).or(seconds(self.config.duration_secs)).is_some()
    }

    /// Handles a deadline that has passed; returns the reason if that ends the session.
    pub(crate) fn elapse(&mut self, now: Instant) -> Option<EndedBy> {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return None;
        }
        if self.begins.take().is_some() {
            self.begin_schedule(now);
            return None;
        }
        self.ends.take().map(|_| EndedBy::Duration)
    }

    /// Counts a step that has ended; returns the reason if that ends the session.
    pub(crate) fn step_end(&mut self, end: StepEnd, now: Instant) -> Option<EndedBy> {
        let name = site::by_number(end.site).map_or("", Site::name);
        let verdict = self.driver.end(end, name);
        self.count(verdict, Some(end.began), now)
    }

    /// Counts a bare `next_step()` call; returns the reason if that ends the session.
    pub(crate) fn step_call(&mut self, now: Instant) -> Option<EndedBy> {
        let verdict = self.driver.call();
        self.count(verdict, None, now)
    }

    fn count(&mut self, verdict: Verdict, began: Option<u64>, now: Instant) -> Option<EndedBy> {
        if self.begins.is_some() {
            return None;
        }
        if verdict.restarts {
            self.schedule.restart_phase();
            (self.passed, self.context.first_step) = (0, 0);
        }
        if !verdict.counts {
            return None;
        }
        self.passed += 1;
        self.gpu.step();
        let slow = self.phase() == Phase::Active && self.dumps.step(began, now);
        let entered = self.schedule.step_end();
        self.dump_due |= slow && entered.is_none();
        let ended = entered.and_then(|phase| match phase {
            Phase::Done => Some(EndedBy::Iterations),
            phase => {
                self.enter(phase, now);
                None
            }
        });
        self.update_journal();
        ended
    }

    /// Updates the iterations and the driving loop in the spool, for a recovery of the recording.
    fn update_journal(&mut self) {
        let driver = DriverLine { site: self.driver.site(), first_step: self.context.first_step };
        let update = self.spool.as_mut().and_then(|spool| spool.update_driver(self.passed, driver));
        self.driver_update = update.or(self.driver_update.take());
    }

    /// Takes the line for the spool's journal, which the caller writes without the lock.
    pub(crate) fn take_driver_update(&mut self) -> Option<DriverUpdate> {
        self.driver_update.take()
    }

    fn enter(&mut self, phase: Phase, now: Instant) {
        match phase {
            Phase::Delay | Phase::Wait | Phase::Done => window::count_steps(),
            Phase::Warmup => {
                let gpu = self.gpu.warm_up();
                self.window = Some(self.open_window(gpu));
            }
            Phase::Active => {
                self.context.first_step = self.passed;
                self.ends = seconds(self.config.duration_secs).and_then(|limit| now.checked_add(limit));
                let gpu = self.gpu.record();
                let window = self.open_window(gpu);
                self.dumps.begin(window.opened(), Instant::now());
                self.window = Some(window);
            }
        }
    }

    fn open_window(&self, gpu: u32) -> OpenWindow {
        if let Some(spool) = &self.spool {
            spool.journal_sources();
            spool.journal_session(&self.context_now(EndedBy::Recovered), &self.config);
        }
        window::record(&self.config, gpu, self.spool.as_ref().map(|spool| &spool.active))
    }

    fn phase(&self) -> Phase {
        if self.begins.is_some() { Phase::Delay } else { self.schedule.phase() }
    }

    /// Returns the session's progress.
    pub(crate) fn progress(&self) -> Progress {
        Progress {
            session: self.session().clone(),
            phase: self.phase(),
            recorded_iterations: self.schedule.recorded(),
            buffered_bytes: registry::bytes_in_use() + gpu::bytes_in_use(),
            lost_ranges: self.window.as_ref().map_or(0, OpenWindow::lost),
        }
    }

    /// Returns a warning for each configured name that is not among `known`.
    fn unknown_names(&self, known: &[&str]) -> Vec<Warning> {
        self.config.unmatched(known).into_iter().map(|warning| warning.with_aliases(&self.aliases)).collect()
    }
}
