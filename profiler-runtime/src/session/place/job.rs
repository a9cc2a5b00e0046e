//! The name that all ranks of a job come to, each for itself: what its launcher gives to all of them.
//!
//! `PROFILER_SESSION_ID` is the user's own. Else it is a launcher's job id, if there are other ranks to share it with. An
//! attempt that the launcher repeats has a name of its own: its ranks have not all come equally far in the one before, so
//! what they left behind would lead them to different names.

use std::ffi::OsString;

use super::ranks::{POD_INDEX, Ranks};

/// The variable through which a user gives all ranks one session id.
pub(crate) const SHARED_ID: &str = "PROFILER_SESSION_ID";
/// Longest name that is taken from the environment.
const MAX_LENGTH: usize = 64;

/// The common name, if there is one, and a sentence about what is wrong with it.
pub(super) fn name(ranks: Ranks, env: impl Fn(&str) -> Option<OsString>) -> (Option<String>, Option<String>) {
    let text = |name: &str| env(name).map(|value| value.to_string_lossy().into_owned()).filter(|text| !text.is_empty());
    let given = text(SHARED_ID);
    let attempts = ["TORCHELASTIC_RESTART_COUNT", "SLURM_RESTART_COUNT"];
    let attempt: u32 =
        attempts.iter().find_map(|name| text(name)?.parse().ok().filter(|count| *count > 0)).unwrap_or(0);
    let whole = |name: String| if attempt > 0 { format!("{name}-restart{attempt}") } else { name };
    match given {
        Some(given) if is_token(&given) => (Some(whole(given)), None),
        Some(given) => {
            let wrong = format!(
                "`{SHARED_ID}` is {given:?}; it takes 1 to {MAX_LENGTH} letters, digits, `.`, `_` and `-`, so this process \
                 made its own session id"
            );
            (None, Some(wrong))
        }
        None if !ranks.in_job => (None, None),
        None => (launchers(text).map(whole).filter(|name| is_token(name)), None),
    }
}

/// Returns a sentence that says that the ranks of a job have no folder in common, and why.
pub(crate) fn folder_of_its_own(ranks: Ranks, env: impl Fn(&str) -> Option<OsString>) -> String {
    let Ranks { rank, world_size, .. } = ranks;
    let is_set = env(SHARED_ID).is_some_and(|id| !id.is_empty());
    // A launcher's name may be there and too long.
    let state = if is_set { "no usable name" } else { "not set and the launcher gives no usable name of the job" };
    format!(
        "this is rank {rank} of {world_size}, but `{SHARED_ID}` is {state}: each rank writes into a folder of its own; set \
         it to the same name for all"
    )
}

/// What the launcher calls the job.
fn launchers(text: impl Fn(&str) -> Option<String>) -> Option<String> {
    // torchrun's default, `none`, is the same for every job.
    if let Some(id) = text("TORCHELASTIC_RUN_ID").filter(|id| id != "none") {
        return Some(plain(&format!("torchrun-{id}")));
    }
    // Before Slurm: of Open MPI's ranks in a Slurm job, those beside `mpirun` are in no step, the others in one.
    if text("OMPI_COMM_WORLD_RANK").is_some()
        && let Some(namespace) = text("PMIX_NAMESPACE")
    {
        return Some(plain(&format!("mpi-{namespace}")));
    }
    if let Some(job) = text("SLURM_JOB_ID") {
        let step = text("SLURM_STEP_ID").map(|step| format!(".{step}")).unwrap_or_default();
        return Some(plain(&format!("slurm-{job}{step}")));
    }
    // The host name of a pod of an indexed job is the job's name and the index.
    let (index, host) = (text(POD_INDEX)?, text("HOSTNAME")?);
    Some(plain(&format!("job-{}", host.strip_suffix(&format!("-{index}"))?)))
}

/// A name that is one plain path component everywhere.
pub(super) fn is_token(text: &str) -> bool {
    (1..=MAX_LENGTH).contains(&text.len()) && text.chars().all(is_plain) && !text.bytes().all(|byte| byte == b'.')
}

/// The text with `-` for what a token may not hold.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|letter| if is_plain(letter) { letter } else { '-' }).collect()
}

fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "._-".contains(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Ranks = Ranks { rank: 0, local_rank: 0, world_size: 2, in_job: true };

    fn named(variables: &[(&str, &str)]) -> Option<String> {
        name(TWO, |name| variables.iter().find(|(given, _)| *given == name).map(|(_, value)| value.into())).0
    }

    #[test]
    fn each_launchers_job_has_a_name() {
        let none = ("TORCHELASTIC_RUN_ID", "none");
        for (variables, expected) in [
            (&[("TORCHELASTIC_RUN_ID", "8f2c"), ("SLURM_JOB_ID", "41")][..], "torchrun-8f2c"),
            (&[none, ("SLURM_JOB_ID", "41"), ("SLURM_STEP_ID", "0")], "slurm-41.0"),
            (&[("SLURM_JOB_ID", "41")], "slurm-41"),
            (
                &[("OMPI_COMM_WORLD_RANK", "1"), ("PMIX_NAMESPACE", "prterun-node1-77@1"), ("SLURM_JOB_ID", "41")],
                "mpi-prterun-node1-77-1",
            ),
            (&[(POD_INDEX, "12"), ("HOSTNAME", "wan-i2v-12")], "job-wan-i2v"),
            (&[(SHARED_ID, "mine"), ("SLURM_JOB_ID", "41")], "mine"),
        ] {
            assert_eq!(named(variables).as_deref(), Some(expected));
        }
        for variables in [&[][..], &[none], &[(POD_INDEX, "1"), ("HOSTNAME", "wan-2")], &[("HOSTNAME", "wan-2")]] {
            assert_eq!(named(variables), None, "{variables:?}");
        }
    }

    /// D11: a variable with a wrong value is set.
    #[test]
    fn ranks_without_a_common_folder_are_told_why() {
        let told = |value: Option<&str>| folder_of_its_own(TWO, |_| value.map(Into::into));
        let named = "this is rank 0 of 2, but `PROFILER_SESSION_ID` is no usable name: ";
        assert!(told(Some("a/b")).starts_with(named), "{}", told(Some("a/b")));
        for unset in [None, Some("")] {
            assert!(told(unset).contains("`PROFILER_SESSION_ID` is not set and the launcher"), "{}", told(unset));
        }
    }

    #[test]
    fn a_repeated_attempt_has_a_name_of_its_own() {
        for (id, count) in
            [("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT"), ("SLURM_JOB_ID", "SLURM_RESTART_COUNT")]
        {
            assert_eq!(named(&[(id, "7"), (count, "0")]), named(&[(id, "7")]));
            assert!(named(&[(id, "7"), (count, "2")]).is_some_and(|name| name.ends_with("-7-restart2")));
        }
        assert_eq!(named(&[(SHARED_ID, "mine"), ("SLURM_RESTART_COUNT", "1")]).as_deref(), Some("mine-restart1"));
    }

    #[test]
    fn a_process_alone_takes_no_launchers_name() {
        let alone = Ranks { world_size: 1, in_job: false, ..TWO };
        assert_eq!(name(alone, |name| (name == "SLURM_JOB_ID").then(|| "41".into())), (None, None));
    }

    #[test]
    fn what_is_no_plain_name_is_made_one_or_left() {
        assert_eq!(named(&[("TORCHELASTIC_RUN_ID", "../../ü x")]).as_deref(), Some("torchrun-..-..---x"));
        assert_eq!(named(&[("TORCHELASTIC_RUN_ID", &"x".repeat(70))]), None);
    }
}
