//! Turns an active session into artifacts: seals it at its end, and dumps it before.

use super::Active;
use crate::collect::stacks;
use crate::config::ProfilerConfig;
use crate::error::Error;
use crate::os::host;
use crate::session::export_job::{Export, failed_spool};
use crate::session::schedule::Phase;
use crate::session::spool::SessionSpool;
use crate::session::window;
use profiler_core::{self, gate, request, site, site::Site};
use profiler_trace::model::{Context, EndedBy, ExportOptions, Recording};
use profiler_trace::records::frames::Symbols;
use profiler_trace::records::gpu::GpuRecord;
use profiler_trace::records::unavailable::Unavailable;

impl Active {
    /// Returns whether a dump of a slow iteration is due, and clears the request.
    pub(crate) fn take_due_dump(&mut self) -> bool {
        std::mem::take(&mut self.dump_due)
    }

    /// Returns the recording so far for artifacts of its own. Recording goes on.
    ///
    /// # Errors
    ///
    /// Returns an error if nothing is being recorded, the session has no folder, or another dump is
    /// being written.
    pub(crate) fn dump(&mut self, why: EndedBy) -> Result<Export, Error> {
        let refused = |active: &Self, reason| Error::Dump { session: active.session().clone(), reason };
        let Some(folder) = self.stopped.folder().map(ToOwned::to_owned) else {
            return Err(refused(self, "it has no folder; set `profiler` to `torch`, with a `torch_profiler_dir`"));
        };
        let Some(window) = self.window.as_ref().filter(|_| self.phase() == Phase::Active) else {
            return Err(refused(self, "it records nothing yet; wait for its phase `active`"));
        };
        if self.dumps.is_busy() {
            return Err(refused(self, "its last dump is still being written; wait for that"));
        }
        let (log, window, memory) = window.snapshot(self.dumps.oldest());
        let stopped = self.dumps.next(&self.stopped.session().clone(), &folder)?;
        let mut context = self.context_now(why);
        context.session = stopped.session().to_string();
        // These paths lie outside the dump's folder and belong to the session's own artifacts.
        let config = ProfilerConfig { trace_file: None, perf_dump_path: None, ..self.config.clone() };
        context.options = ExportOptions::from(&config);
        let gpu = GpuRecord::Absent(self.gpu.unavailable_in_dump());
        let (sites, symbols) = (site::numbered(), Symbols::default());
        let recording = Recording { log, sites, window, symbols, memory, gpu, context };
        Ok(Export { recording, config, gpu: None, sealed: None, claim: None, spool: None, dump: None, stopped })
    }

    /// Counts a dump that was due and could not be started.
    pub(crate) fn count_failed_dump(&mut self) {
        self.dumps.count_failed();
    }

    /// Ends the session: stops recording, and takes the recording out of the streams without
    /// copying it.
    pub(crate) fn seal(mut self, ended_by: EndedBy) -> Export {
        let (phase, passed) = (self.phase(), self.passed);
        let (log, window, memory) = match self.window.take() {
            Some(window) if matches!(phase, Phase::Active | Phase::Done) => window.close(self.dumps.oldest()),
            _ => {
                let remedy = if self.begins.is_some() {
                    "stop it later, or lower `delay_secs`"
                } else {
                    "stop it later, or lower `delay_iterations`, `wait_iterations` and `warmup_iterations`"
                };
                let warning = format!(
                    "nothing was recorded: the session ended in its phase `{phase}`, after {passed} iterations; {remedy}"
                );
                self.context.warnings.push(warning);
                window::close_empty()
            }
        };
        let spool = self.spool.take().map(SessionSpool::end);
        let sites = site::numbered();
        let names: Vec<&str> = site::sites().chain(sites.iter().copied()).map(Site::name).collect();
        let full = spool.as_ref().and_then(failed_spool);
        let unknown = self.unknown_names(&names);
        let left_out = self.left_out(ended_by);
        let skipped_stacks = stacks::take_skipped();
        let skipped_stacks = (skipped_stacks > 0).then(|| {
            format!(
                "call stacks: {skipped_stacks} left out, where less than 64 KiB was left of a thread's stack (give it more), or no memory"
            )
        });
        let (reported, new): (Vec<_>, Vec<_>) =
            unknown.into_iter().partition(|warning| self.reported_unknown.contains(&warning.path));
        // The manifest lists all warnings; the log has those of the start already.
        let Context { warnings, warnings_logged: at, notes, .. } = &mut self.context;
        warnings.splice(*at..*at, reported.iter().map(ToString::to_string));
        *at += reported.len();
        let new = new.iter().map(ToString::to_string);
        warnings.extend(new.chain(self.dumps.warning()).chain(full).chain(skipped_stacks));
        notes.extend(left_out);
        let (context, stopped, claim) = (self.context_now(ended_by), self.handle(), self.claim.take());
        stopped.set_recorded_iterations(context.recorded_iterations);
        // GPU records and symbols are added when they are decoded, on the export thread.
        let not_decoded = GpuRecord::Absent(Unavailable::NOTHING_RECORDED);
        let recording =
            Recording { log, sites, window, symbols: Symbols::default(), memory, gpu: not_decoded, context };
        let (config, gpu, dump) = (self.config, Some(self.gpu), self.dumps.into_last());
        Export { recording, config, gpu, sealed: None, claim, spool, dump, stopped }
    }

    /// Returns a note on what the schedule has excluded from the recording.
    fn left_out(&self, ended_by: EndedBy) -> Option<String> {
        let recorded = self.schedule.recorded();
        let driver = self
            .driver
            .site()
            .and_then(site::by_number)
            .map_or("`next_step()`".to_owned(), |site| format!("`{}`", site.name()));
        let seconds = self.config.delay_secs;
        let parts: Vec<String> = [
            (seconds > 0.0).then(|| format!("the first {seconds} s")),
            match self.context.first_step {
                0 => None,
                1 => Some(format!("the first iteration of {driver}")),
                steps => Some(format!("the first {steps} iterations of {driver}")),
            },
            match ended_by {
                EndedBy::Iterations if recorded == 1 => {
                    Some(format!("what came after the one iteration of {driver} that was recorded"))
                }
                EndedBy::Iterations => {
                    Some(format!("what came after the {recorded} iterations of {driver} that were recorded"))
                }
                EndedBy::Duration => Some(format!("what came after {} s of recording", self.config.duration_secs)),
                _ => None,
            },
        ]
        .into_iter()
        .flatten()
        .collect();
        let is_recorded = matches!(self.phase(), Phase::Active | Phase::Done);
        (is_recorded && !parts.is_empty()).then(|| format!("left out, as the configuration asks: {}", parts.join("; ")))
    }

    /// Returns the context of a trace that ends now.
    pub(super) fn context_now(&self, ended_by: EndedBy) -> Context {
        Context {
            clock: host::clock(),
            step_site: self.driver.site(),
            steps_passed: self.config.ring.then_some(self.passed),
            recorded_iterations: self.schedule.recorded(),
            ended_by,
            merged_names: site::merged_names(),
            shown_to_tool: gate::load() & gate::NVTX != 0,
            last_request: request::last(),
            ..self.context.clone()
        }
    }
}
