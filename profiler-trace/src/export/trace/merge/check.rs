//! Whether traces belong together.

use super::error::MergeError;
use super::input::Input;

/// Returns notes on missing ranks and what `force` allowed, or an error if these do not fit.
/// `ranks` are in order.
pub(super) fn notes(ranks: &[Input], force: bool) -> Result<Vec<String>, MergeError> {
    let mut notes = Vec::new();
    let Some(first) = ranks.first() else { return Err(MergeError::NoInputs) };
    for pair in ranks.windows(2) {
        let [one, other] = pair else { continue };
        if one.head.distributed.rank == other.head.distributed.rank {
            let (first, second) = (one.events.file.clone(), other.events.file.clone());
            return Err(MergeError::RankTwice { rank: one.head.distributed.rank, first, second });
        }
    }
    for input in ranks {
        let (file, head) = (&input.events.file, &input.head);
        if head.profiler.session != first.head.profiler.session {
            let error = MergeError::Sessions {
                file: file.clone(),
                session: head.profiler.session.clone(),
                other_file: first.events.file.clone(),
                other_session: first.head.profiler.session.clone(),
            };
            overlook(error, force, &mut notes)?;
        }
        if head.profiler.clock.is_none() {
            overlook(MergeError::NoAnchors { file: file.clone() }, force, &mut notes)?;
        }
    }
    notes.extend(missing_ranks(ranks));
    Ok(notes)
}

fn overlook(error: MergeError, force: bool, notes: &mut Vec<String>) -> Result<(), MergeError> {
    if !force {
        return Err(error);
    }
    notes.push(format!("merged by force: {error}"));
    Ok(())
}

/// Returns a note that names the ranks of the job that are not among these.
fn missing_ranks(ranks: &[Input]) -> Option<String> {
    let size = ranks.iter().map(|input| input.head.distributed.world_size).max().unwrap_or(0);
    let there = |rank: &u32| ranks.iter().any(|input| input.head.distributed.rank == *rank);
    let missing: Vec<String> = (0..size).filter(|rank| !there(rank)).take(16).map(|rank| rank.to_string()).collect();
    let count = (size as usize).saturating_sub(ranks.iter().filter(|input| input.head.distributed.rank < size).count());
    let more = if count > missing.len() { ", …" } else { "" };
    (count > 0).then(|| format!("{count} of {size} ranks are not in this file: {}{more}", missing.join(", ")))
}
