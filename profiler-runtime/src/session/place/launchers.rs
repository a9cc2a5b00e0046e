//! Reads a process's rank and its job's name from the environment, as each launcher sets it. A
//! launcher is a row of [`LAUNCHERS`] and of the table in `docs/launchers.md`.
//!
//! The first launcher whose rank and size are set counts. A malformed number is reported, and not
//! replaced by another launcher's: a mixture of two launchers' numbers is a rank that does not
//! exist.
//!
//! The user's `PROFILER_SESSION_ID` names the job; without it, the launcher does, if there are
//! several ranks. A restarted job gets a new name: its ranks may have written different numbers of
//! sessions before the restart, so counting existing folders would give each rank a different name.

use std::ffi::OsString;

use crate::logging;
use crate::session_id::{MAX_LENGTH, is_token, plain};

/// Variable by which a user gives all ranks one session id.
pub(crate) const SHARED_ID: &str = "PROFILER_SESSION_ID";
/// Variable with the number of a pipeline's stage process.
const STAGE: &str = "PROFILER_STAGE_ID";
/// Variable with the pod's index in an indexed job of Kubernetes, which has none for their count.
const POD_INDEX: &str = "JOB_COMPLETION_INDEX";
const SET_SIZE: &str = "set `WORLD_SIZE` in the pod template to the job's `completions`";

/// Looks up a variable; `None` if it is unset or empty.
type Text<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables of one launcher. In a list, the first variable that is set counts.
struct Launcher {
    rank: &'static str,
    local_rank: &'static [&'static str],
    size: &'static [&'static str],
    /// True if the launcher sets the size itself; then a rank without a size is ignored.
    sets_size: bool,
    /// Returns the launcher's name of the job.
    job: fn(Text<'_>) -> Option<String>,
    /// Variable with the number of restarts of the job.
    restarts: Option<&'static str>,
    /// Names of the launcher and of its jobs in the documentation.
    #[allow(dead_code, reason = "read by the test that compares the documentation with this table")]
    shown: (&'static str, &'static str),
}

/// MPI comes before Slurm: an MPI launcher that starts its daemons through `srun` leaves the
/// daemons' Slurm variables in the environment of the ranks. Ranks on the host of `mpirun` have no
/// Slurm step, the others have one.
const LAUNCHERS: [Launcher; 5] = [
    Launcher {
        rank: "RANK",
        local_rank: &["LOCAL_RANK"],
        size: &["WORLD_SIZE"],
        sets_size: true,
        // The default, `none`, is the same for every job.
        job: |text| Some(format!("torchrun-{}", text("TORCHELASTIC_RUN_ID").filter(|id| id != "none")?)),
        restarts: Some("TORCHELASTIC_RESTART_COUNT"),
        shown: ("torchrun", "`torchrun-{TORCHELASTIC_RUN_ID}`, unless that is `none`"),
    },
    Launcher {
        rank: "OMPI_COMM_WORLD_RANK",
        local_rank: &["OMPI_COMM_WORLD_LOCAL_RANK"],
        size: &["OMPI_COMM_WORLD_SIZE"],
        sets_size: true,
        job: |text| text("OMPI_COMM_WORLD_RANK").and(Some(format!("mpi-{}", text("PMIX_NAMESPACE")?))),
        restarts: None,
        shown: ("Open MPI", "`mpi-{PMIX_NAMESPACE}`"),
    },
    Launcher {
        rank: "PMI_RANK",
        local_rank: &["PMI_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"],
        size: &["PMI_SIZE"],
        sets_size: true,
        job: |_| None,
        restarts: None,
        shown: ("MPICH, Intel MPI", "Slurm's, if in a job of Slurm"),
    },
    Launcher {
        rank: "SLURM_PROCID",
        local_rank: &["SLURM_LOCALID"],
        size: &["SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"],
        sets_size: true,
        job: |text| {
            let step = text("SLURM_STEP_ID").map(|step| format!(".{step}")).unwrap_or_default();
            Some(format!("slurm-{}{step}", text("SLURM_JOB_ID")?))
        },
        restarts: Some("SLURM_RESTART_COUNT"),
        shown: ("Slurm", "`slurm-{SLURM_JOB_ID}.{SLURM_STEP_ID}`"),
    },
    Launcher {
        rank: POD_INDEX,
        local_rank: &[],
        size: &["WORLD_SIZE"],
        sets_size: false,
        // A pod's host name is the job's name, `-`, and the index.
        job: |text| {
            let (index, host) = (text(POD_INDEX)?, text("HOSTNAME")?);
            Some(format!("job-{}", host.strip_suffix(&format!("-{index}"))?))
        },
        restarts: None,
        shown: ("Kubernetes, indexed job", "`job-{name of the job}`"),
    },
];

/// This process's rank in its job; rank 0 of 1 without a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ranks {
    /// Rank among all processes.
    pub(crate) rank: u32,
    /// Rank among the processes of this host.
    pub(crate) local_rank: u32,
    /// Number of processes; `rank + 1` or more if the launcher does not set it.
    pub(crate) world_size: u32,
    /// True if there may be other ranks.
    pub(crate) in_job: bool,
}

const ALONE: Ranks = Ranks { rank: 0, local_rank: 0, world_size: 1, in_job: false };

/// Returns this process's ranks, and the number of its stage process: 0 if the environment sets
/// none.
pub(crate) fn current_process() -> (Ranks, u32) {
    let env = |name: &str| std::env::var_os(name);
    let stage = env(STAGE).filter(|text| !text.is_empty()).map_or(Ok(0), |text| number(STAGE, &text));
    let stage = stage.unwrap_or_else(|wrong| {
        logging::warn!("{wrong}: this process is taken for stage 0");
        0
    });
    (read(env).0, stage)
}

/// Returns the ranks that the environment sets, and a warning if they are wrong. `env` looks up a
/// variable.
pub(crate) fn read(env: impl Fn(&str) -> Option<OsString>) -> (Ranks, Option<String>) {
    let first = |names: &[&'static str]| names.iter().find_map(|name| Some((*name, env(name)?)));
    for launcher in &LAUNCHERS {
        let (rank, size) = (env(launcher.rank), first(launcher.size));
        let ranks = match (rank, size) {
            (Some(index), size) if !launcher.sets_size => pod(&index, size),
            (Some(rank), Some(size)) => {
                counted((launcher.rank, rank), first(launcher.local_rank), size).map(|ranks| (ranks, None))
            }
            _ => continue,
        };
        return ranks.unwrap_or_else(|wrong| (ALONE, Some(format!("{wrong}; this process profiles as rank 0 of 1"))));
    }
    (ALONE, None)
}

/// A variable's name and text.
type Variable = (&'static str, OsString);

/// Returns the ranks of a launcher that sets the size.
///
/// # Errors
///
/// Returns a sentence if a number is malformed or too high for the size.
fn counted(rank: Variable, local: Option<Variable>, size: Variable) -> Result<Ranks, String> {
    // Not every launcher sets a local rank; on one host it equals the rank.
    let local = local.unwrap_or_else(|| rank.clone());
    let [number, world_size, local_rank] =
        [number(rank.0, &rank.1)?, number(size.0, &size.1)?, number(local.0, &local.1)?];
    match [(rank.0, number), (local.0, local_rank)].into_iter().find(|(_, value)| *value >= world_size) {
        Some((name, value)) => {
            Err(format!("`{name}` is {value}, but `{}` is {world_size}: start ranks from 0", size.0))
        }
        None => Ok(Ranks { rank: number, local_rank, world_size, in_job: world_size > 1 }),
    }
}

/// Returns the ranks of a pod in an indexed job, which sees itself alone on its host. Accepts a
/// missing size, because it would be worse if all pods wrote as rank 0.
///
/// # Errors
///
/// Returns a sentence if the index is not a number.
fn pod(index: &OsString, size: Option<Variable>) -> Result<(Ranks, Option<String>), String> {
    let rank = number(POD_INDEX, index)?;
    let wrong = match size.map(|(name, size)| number(name, &size)) {
        Some(Ok(size)) if size > rank => {
            return Ok((Ranks { rank, local_rank: 0, world_size: size, in_job: size > 1 }, None));
        }
        Some(Ok(size)) => format!("`{POD_INDEX}` is {rank}, but `WORLD_SIZE` is {size}"),
        Some(Err(wrong)) => wrong,
        None => format!("`{POD_INDEX}` is {rank}, but the number of ranks is not set"),
    };
    let ranks = Ranks { rank, local_rank: 0, world_size: rank.saturating_add(1), in_job: true };
    Ok((ranks, Some(format!("{wrong}: {SET_SIZE}"))))
}

fn number(name: &str, text: &OsString) -> Result<u32, String> {
    let text = text.to_string_lossy();
    text.trim().parse().map_err(|_| format!("`{name}` is {text:?}, not a number from 0 to {}", u32::MAX))
}

/// Returns the name that all ranks of the job share, if there is one, and a warning if the user's
/// is unusable.
pub(super) fn job_name(ranks: Ranks, env: impl Fn(&str) -> Option<OsString>) -> (Option<String>, Option<String>) {
    let text = |name: &str| env(name).map(|value| value.to_string_lossy().into_owned()).filter(|text| !text.is_empty());
    let restarts = |launcher: &Launcher| text(launcher.restarts?)?.parse().ok().filter(|count: &u32| *count > 0);
    let restarts = LAUNCHERS.iter().find_map(restarts);
    let with_restarts = |name: String| restarts.map(|count| format!("{name}-restart{count}")).unwrap_or(name);
    match text(SHARED_ID) {
        Some(given) if is_token(&given) => (Some(with_restarts(given)), None),
        Some(given) => {
            let wrong = format!(
                "`{SHARED_ID}` is {given:?}; it takes 1 to {MAX_LENGTH} letters, digits, `.`, `_` and `-`, so this process \
                 made its own session id"
            );
            (None, Some(wrong))
        }
        None if !ranks.in_job => (None, None),
        None => {
            let name = LAUNCHERS.iter().find_map(|launcher| (launcher.job)(&text));
            (name.map(|name| with_restarts(plain(&name))).filter(|name| is_token(name)), None)
        }
    }
}

/// Returns the warning that the ranks of a job have no common folder, with the reason.
pub(crate) fn separate_folder_warning(ranks: Ranks, env: impl Fn(&str) -> Option<OsString>) -> String {
    let Ranks { rank, world_size, .. } = ranks;
    let is_set = env(SHARED_ID).is_some_and(|id| !id.is_empty());
    // The launcher may have set a name that is too long.
    let state = if is_set { "no usable name" } else { "not set and the launcher gives no usable name of the job" };
    format!(
        "this is rank {rank} of {world_size}, but `{SHARED_ID}` is {state}: each rank writes into a folder of its own; set \
         it to the same name for all"
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/launchers.md");
    const MARKERS: (&str, &str) = ("<!-- launchers: begin -->\n", "<!-- launchers: end -->");

    /// Returns the table of the page, in Markdown.
    fn table() -> String {
        let mut table = String::from(
            "| launcher | rank | rank on the host | size | the session's name | restarts |\n|---|---|---|---|---|---|\n",
        );
        for Launcher { rank, local_rank, size, restarts, shown: (name, job), .. } in &LAUNCHERS {
            let names = |names: &[&str]| match names {
                [] => "0".to_owned(),
                names => format!("`{}`", names.join("`, `")),
            };
            let (local, size) = (names(local_rank), names(size));
            let restarts = restarts.map(|name| format!("`{name}`")).unwrap_or_default();
            table.push_str(&format!("| {name} | `{rank}` | {local} | {size} | {job} | {restarts} |\n"));
        }
        table
    }

    /// The page contains the table that the code uses; `UPDATE_DOCS=1` writes it.
    #[test]
    fn the_page_has_every_launcher() {
        let page = std::fs::read_to_string(PAGE).unwrap();
        let (before, rest) = page.split_once(MARKERS.0).unwrap();
        let (shown, after) = rest.split_once(MARKERS.1).unwrap();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(PAGE, [before, MARKERS.0, &table(), MARKERS.1, after].concat()).unwrap();
        } else {
            assert_eq!(shown, table(), "run this test with UPDATE_DOCS=1");
        }
    }

    fn read_from(variables: &[(&str, &str)]) -> (Ranks, Option<String>) {
        read(|name| variables.iter().find(|(given, _)| *given == name).map(|(_, value)| value.into()))
    }

    fn ranks_of(rank: u32, local_rank: u32, world_size: u32) -> Ranks {
        Ranks { rank, local_rank, world_size, in_job: true }
    }

    #[test]
    fn each_launcher_is_understood() {
        for Launcher { rank, local_rank, size, .. } in LAUNCHERS.iter().filter(|launcher| launcher.sets_size) {
            for (local_rank, size) in local_rank.iter().flat_map(|local| size.iter().map(move |size| (local, size))) {
                let (ranks, warning) = read_from(&[(rank, "5"), (local_rank, "1"), (size, "8")]);
                assert_eq!((ranks, warning), (ranks_of(5, 1, 8), None), "{rank}");
            }
        }
    }

    #[test]
    fn the_first_complete_family_wins_and_none_is_rank_0_of_1() {
        let slurm = [("SLURM_PROCID", "2"), ("SLURM_LOCALID", "0"), ("SLURM_NTASKS", "4")];
        let (ranks, _) = read_from(&[&[("RANK", "1")], &slurm[..]].concat());
        assert_eq!(ranks, ranks_of(2, 0, 4), "`RANK` alone is not a family");
        let (ranks, _) = read_from(&[&[("RANK", "1"), ("WORLD_SIZE", "2")], &slurm[..]].concat());
        assert_eq!(ranks, ranks_of(1, 1, 2));
        assert_eq!(read_from(&[]), (ALONE, None));
    }

    #[test]
    fn nonsense_is_reported_and_means_rank_0_of_1() {
        for variables in [
            [("RANK", "two"), ("LOCAL_RANK", "0"), ("WORLD_SIZE", "4")],
            [("RANK", "4"), ("LOCAL_RANK", "0"), ("WORLD_SIZE", "4")],
            [("RANK", "-1"), ("LOCAL_RANK", "0"), ("WORLD_SIZE", "4")],
            [("RANK", "0"), ("LOCAL_RANK", "x"), ("WORLD_SIZE", "4")],
            [("RANK", "0"), ("LOCAL_RANK", "0"), ("WORLD_SIZE", "0")],
        ] {
            let (ranks, warning) = read_from(&variables);
            assert_eq!(ranks, ALONE, "{variables:?}");
            assert!(
                warning.is_some_and(|warning| warning.ends_with("this process profiles as rank 0 of 1")),
                "{variables:?}"
            );
        }
    }

    /// D11: the sentence names the variable that is wrong, and what would be right.
    #[test]
    fn a_rank_beyond_the_size_is_named_with_the_remedy() {
        let warning = |rank: &str, local: &str| {
            read_from(&[("RANK", rank), ("LOCAL_RANK", local), ("WORLD_SIZE", "4")]).1.unwrap_or_default()
        };
        let rest = "but `WORLD_SIZE` is 4: start ranks from 0; this process profiles as rank 0 of 1";
        assert_eq!(warning("5", "0"), format!("`RANK` is 5, {rest}"));
        assert_eq!(warning("0", "9"), format!("`LOCAL_RANK` is 9, {rest}"));
    }

    #[test]
    fn mpi_ranks_win_over_slurm_numbers_of_the_daemons() {
        let daemon = [("SLURM_PROCID", "1"), ("SLURM_LOCALID", "0"), ("SLURM_NTASKS", "2")];
        let (ranks, _) = read_from(&[&daemon[..], &[("PMI_RANK", "5"), ("PMI_SIZE", "8")]].concat());
        assert_eq!((ranks.rank, ranks.world_size), (5, 8));
    }

    #[test]
    fn a_step_of_slurm_may_be_smaller_than_its_job() {
        let (ranks, _) = read_from(&[("SLURM_PROCID", "0"), ("SLURM_STEP_NUM_TASKS", "1"), ("SLURM_NTASKS", "8")]);
        assert_eq!(ranks, ALONE);
    }

    #[test]
    fn a_pod_is_the_rank_of_its_index_and_asks_for_the_size() {
        assert_eq!(read_from(&[(POD_INDEX, "3"), ("WORLD_SIZE", "4")]), (ranks_of(3, 0, 4), None));
        for size in [&[][..], &[("WORLD_SIZE", "3")], &[("WORLD_SIZE", "many")]] {
            let (ranks, warning) = read_from(&[&[(POD_INDEX, "3")], size].concat());
            assert_eq!(ranks, ranks_of(3, 0, 4), "{size:?}");
            assert!(warning.is_some_and(|warning| warning.ends_with(SET_SIZE)), "{size:?}");
        }
        let (first, _) = read_from(&[(POD_INDEX, "0")]);
        assert!(first.in_job, "others may follow");
        assert_eq!(read_from(&[(POD_INDEX, "zero")]).0, ALONE);
    }

    const TWO: Ranks = Ranks { rank: 0, local_rank: 0, world_size: 2, in_job: true };

    fn named(variables: &[(&str, &str)]) -> Option<String> {
        job_name(TWO, |name| variables.iter().find(|(given, _)| *given == name).map(|(_, value)| value.into())).0
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
    fn ranks_without_a_common_folder_learn_why() {
        let warning = |value: Option<&str>| separate_folder_warning(TWO, |_| value.map(Into::into));
        let named = "this is rank 0 of 2, but `PROFILER_SESSION_ID` is no usable name: ";
        assert!(warning(Some("a/b")).starts_with(named), "{}", warning(Some("a/b")));
        for unset in [None, Some("")] {
            assert!(warning(unset).contains("`PROFILER_SESSION_ID` is not set and the launcher"), "{}", warning(unset));
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
        assert_eq!(job_name(alone, |name| (name == "SLURM_JOB_ID").then(|| "41".into())), (None, None));
    }

    #[test]
    fn other_characters_are_replaced_and_long_names_ignored() {
        assert_eq!(named(&[("TORCHELASTIC_RUN_ID", "../../ü x")]).as_deref(), Some("torchrun-..-..---x"));
        assert_eq!(named(&[("TORCHELASTIC_RUN_ID", &"x".repeat(70))]), None);
    }
}
