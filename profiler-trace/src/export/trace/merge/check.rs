//! Validation that traces belong together.

use super::error::MergeError;
use super::input::Input;

/// Returns notes on missing ranks and on errors overridden by `force`, or an error if the traces do
/// not belong together. `ranks` are sorted.
pub(super) fn notes(ranks: &[Input], force: bool) -> Result<Vec<String>, MergeError> {
    let mut notes = Vec::new();
    let Some(first) = ranks.first() else { return Err(MergeError::NoInputs) };
    for pair in ranks.windows(2) {
        let [one, other] = pair else { continue };
        if one.metadata.distributed.rank == other.metadata.distributed.rank {
            let (first, second) = (one.events.file.clone(), other.events.file.clone());
            return Err(MergeError::RankTwice { rank: one.metadata.distributed.rank, first, second });
        }
    }
    for input in ranks {
        let (file, metadata) = (&input.events.file, &input.metadata);
        if metadata.profiler.session != first.metadata.profiler.session {
            let error = MergeError::Sessions {
                file: file.clone(),
                session: metadata.profiler.session.clone(),
                other_file: first.events.file.clone(),
                other_session: first.metadata.profiler.session.clone(),
            };
            fail_unless_forced(error, force, &mut notes)?;
        }
        if metadata.profiler.clock.is_none() {
            fail_unless_forced(MergeError::NoAnchors { file: file.clone() }, force, &mut notes)?;
        }
    }
    notes.extend(missing_ranks(ranks));
    Ok(notes)
}

fn fail_unless_forced(error: MergeError, force: bool, notes: &mut Vec<String>) -> Result<(), MergeError> {
    if !force {
        return Err(error);
    }
    notes.push(format!("merged by force: {error}"));
    Ok(())
}

/// Returns a note that lists the job's ranks without a trace.
fn missing_ranks(ranks: &[Input]) -> Option<String> {
    let size = ranks.iter().map(|input| input.metadata.distributed.world_size).max().unwrap_or(0);
    let is_present = |rank: &u32| ranks.iter().any(|input| input.metadata.distributed.rank == *rank);
    let missing: Vec<String> =
        (0..size).filter(|rank| !is_present(rank)).take(16).map(|rank| rank.to_string()).collect();
    let count =
        (size as usize).saturating_sub(ranks.iter().filter(|input| input.metadata.distributed.rank < size).count());
    let more = if count > missing.len() { ", …" } else { "" };
    (count > 0).then(|| format!("{count} of {size} ranks are not in this file: {}{more}", missing.join(", ")))
}
