//! Writes the artifacts of sessions whose process has died, from the spools that they left behind.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::artifacts;
use super::iterations::Iterations;
use super::place::claim;
use super::spool::{self, Files};
use super::window::{self, Recorded};
use crate::collect::gpu;
use crate::collect::spool::journal::{self, DriverLine};
use crate::collect::spool::reader::{self, RecoveredSpool, SpoolError};
use crate::collect::stacks::symbols::{self, StdFrames};
use crate::config::ProfilerConfig;
use crate::error::Error;
use crate::logging;
use profiler_core::clock::Anchor;
use profiler_core::memory::{Levels, ledger};
use profiler_trace::export::{self, Gauge, Manifest};
use profiler_trace::model::pace::Pace;
use profiler_trace::model::{Context, MemoryLog, Recording, Trace, Window, file_part};
use profiler_trace::records::frames::Symbols;
use profiler_trace::records::gpu::GpuRecord;
use profiler_trace::records::unavailable::Unavailable;

/// The result of [`recover`](crate::spool::recover).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Recovered {
    /// Sessions whose artifacts were written, as their processes would have written them. Their
    /// spools are deleted.
    pub sessions: Vec<Manifest>,
    /// Folders of sessions whose process is alive, which were left alone.
    pub running: Vec<PathBuf>,
    /// Errors of spools that cannot be read and of artifacts that cannot be written. Those spools
    /// are kept.
    pub failed: Vec<Error>,
}

/// Longest plausible time between two anchors of a live process. They are stored every second,
/// unless a disk blocks.
const MAX_SILENCE: Duration = Duration::from_secs(3_600);

/// Recovers sessions; see [`crate::spool::recover`].
pub(crate) fn recover(folder: &Path) -> Result<Recovered, Error> {
    let _own = ledger::own();
    let failed = |source| Error::Folder { folder: folder.to_owned(), source: Arc::new(source) };
    let mut recovered = Recovered::default();
    for files in spools(folder).map_err(failed)? {
        match recover_one(&files) {
            Ok(Some(manifest)) => recovered.sessions.push(manifest),
            Ok(None) => recovered.running.extend(files.journal.parent().map(Path::to_owned)),
            Err(error) => recovered.failed.push(error),
        }
    }
    claim::sweep(folder, None);
    Ok(recovered)
}

/// Returns the spools in a folder and in its subfolders, sorted by path.
fn spools(folder: &Path) -> std::io::Result<Vec<Files>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            // A folder that cannot be read holds no session of this user.
            let inside = fs::read_dir(&path).into_iter().flatten().flatten();
            found.extend(inside.filter_map(|entry| Files::from_journal(&entry.path())));
        } else {
            found.extend(Files::from_journal(&path));
        }
    }
    // A journal is empty if it was recovered but could not be deleted, or if its process ended
    // before it recorded.
    found.retain(|files| fs::metadata(&files.journal).is_ok_and(|journal| journal.len() > 0));
    found.sort_by(|one, other| one.journal.cmp(&other.journal));
    Ok(found)
}

/// Writes the artifacts of one spool; returns `None` if its process is alive.
fn recover_one(files: &Files) -> Result<Option<Manifest>, Error> {
    let failed = |reason: String| Error::Spool { path: files.journal.clone(), reason };
    let recovered = match reader::open(&files.entries, &files.journal) {
        Ok(recovered) => recovered,
        Err(SpoolError::Alive) => return Ok(None),
        Err(SpoolError::Unreadable(reason)) => return Err(failed(reason)),
    };
    let folder = files.journal.parent().unwrap_or(Path::new("."));
    let written = catch_unwind(AssertUnwindSafe(|| {
        let (recording, config, lock) = recording(recovered)?;
        // Found by part and process id: ranks in containers may share a process id.
        let part = file_part(Some(recording.context.rank));
        export::remove_unfinished(folder, &part, recording.context.pid);
        let manifest = artifacts::write(&mut Trace::build(recording), &config, folder, &Gauge::default());
        claim::discard(folder, &part);
        drop(lock);
        Ok(manifest)
    }));
    let manifest = written.map_err(|panic| failed(export::panic_text(&*panic)))?.map_err(failed)?;
    if let Some(error) = manifest.errors.first() {
        return Err(failed(error.clone()));
    }
    for (file, deleted) in
        [(&files.journal, journal::discard(&files.journal)), (&files.entries, fs::remove_file(&files.entries))]
    {
        if let Err(error) = deleted {
            logging::warn!("cannot delete `{}`, which is recovered: {error}; delete it yourself", file.display());
        }
    }
    Ok(Some(manifest))
}

/// Converts a spool into a recording and its configuration. Also returns the lock that keeps other
/// processes from recovering it.
fn recording(recovered: RecoveredSpool) -> Result<(Recording, ProfilerConfig, fs::File), String> {
    let RecoveredSpool { session, log, sites, process, start, last, end, lock, .. } = recovered;
    let (mut context, config) = spool::read_session(session)
        .map_err(|error| format!("its journal is damaged or of another version: {error}"))?;
    if let Some(DriverLine { site, first_step }) = recovered.driver {
        (context.step_site, context.first_step) = (site, first_step);
    }
    context.recorded_iterations = recovered.iterations.saturating_sub(context.first_step);
    let end = end_anchor(process, start, last, end);
    let window = Window { process, start, end, open: (start.ticks, end.ticks), later: None };
    warn(&mut context, recovered.torn, recovered.unreadable);
    // The amount allocated when recording began died with the process, so totals count from there.
    let memory = config.torch_profiler_with_memory.then(|| {
        let begin = Levels { has_allocator: true, least_bytes: 1, ..Levels::default() };
        MemoryLog { end: begin.clone(), begin }
    });
    let recorded = (log, window, memory);
    let (log, window, memory) =
        if config.ring { cut(recorded, &mut context, &config, recovered.iterations) } else { recorded };
    let symbols = if config.torch_profiler_with_stack {
        let std = StdFrames::new(config.stack_std_functions);
        let (symbols, warnings) = symbols::resolve_in_files(&log, recovered.code, std);
        context.warnings.extend(warnings);
        symbols
    } else {
        Symbols::default()
    };
    let gpu = gpu::sources().find_map(|source| source.recover(&log, recovered.gpu.as_ref()));
    let gpu = gpu.unwrap_or(GpuRecord::Absent(Unavailable::PROCESS_GONE));
    Ok((Recording { log, sites, window, symbols, memory, gpu, context }, config, lock))
}

/// Cuts a recording to what a ring shows: entries that were not overwritten, the last seconds, and
/// the last iterations under their own numbers. `passed` is the number of completed iterations.
fn cut(recorded: Recorded, context: &mut Context, config: &ProfilerConfig, passed: u64) -> Recorded {
    let max_length = window::seconds(config.ring_secs);
    let iterations = Iterations::from_log(&recorded.0, context.step_site);
    let oldest = if config.ring_steps > 0 { iterations.begin_of_last(config.ring_steps) } else { 0 };
    let overwritten = recorded.0.horizon > 0;
    let cut = window::cut(recorded, max_length, oldest);
    let left_out = iterations.before(cut.1.start.ticks);
    if !overwritten {
        context.first_step = context.first_step.saturating_add(left_out);
    } else if passed > 0 {
        context.first_step = passed.saturating_sub(iterations.count() - left_out);
    }
    cut
}

/// Returns the end of the recording: its last entry, or the last anchor if that is later. The time
/// of an entry after the last anchor is extrapolated, by at most [`MAX_SILENCE`]. Clocks of this
/// machine are not used, because the recording may come from another one.
fn end_anchor(process: Anchor, start: Anchor, last: Anchor, end: u64) -> Anchor {
    let pace = Pace::until(&process, &start, &last);
    let after = end.saturating_sub(last.ticks).min(pace.ticks_of(MAX_SILENCE));
    let later = pace.ns_of(after);
    Anchor {
        ticks: last.ticks.saturating_add(after),
        monotonic_ns: last.monotonic_ns.saturating_add(later),
        unix_ns: last.unix_ns.saturating_add(later),
        ..last
    }
}

fn warn(context: &mut Context, torn: u64, unreadable: u64) {
    let warnings = &mut context.warnings;
    warnings.push(
        "the process ended before it could write its artifacts; these are made from its spool, and show what it had \
         stored until then"
            .to_owned(),
    );
    if torn > 0 {
        warnings.push(format!("{torn} threads were in the middle of an entry, which is left out"));
    }
    if unreadable > 0 {
        warnings.push(format!("{unreadable} entries or lines of the spool are missing or damaged"));
    }
    if context.options.torch_profiler_with_memory {
        warnings.push("memory that was allocated before the recording is not in its totals".to_owned());
    }
}
