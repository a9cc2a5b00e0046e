//! Which process of a job this is, as the launchers say it in the environment.
//!
//! torchrun, Open MPI, the PMI launchers, Slurm and Kubernetes each have a family of variables. The first family that names
//! rank and size is believed; a malformed one is reported and not patched up from another, because half of one launcher's
//! numbers and half of another's is a rank that does not exist. Slurm stands behind the MPI launchers: one that starts its
//! daemons through `srun` leaves the daemons' numbers in the environment of the ranks.

use std::ffi::OsString;

use crate::logging;

/// This process's place in the job; rank 0 of 1 when alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ranks {
    /// Among all processes.
    pub(crate) rank: u32,
    /// Among the processes of this host.
    pub(crate) local_rank: u32,
    /// Number of processes; at least `rank + 1` where the launcher does not say.
    pub(crate) world_size: u32,
    /// Whether there may be other ranks.
    pub(crate) in_job: bool,
}

const ALONE: Ranks = Ranks { rank: 0, local_rank: 0, world_size: 1, in_job: false };

/// One launcher's variables. Of several names for one thing, the first that is set counts.
struct Family {
    rank: &'static str,
    local_rank: &'static [&'static str],
    size: &'static [&'static str],
}

const FAMILIES: [Family; 4] = [
    Family { rank: "RANK", local_rank: &["LOCAL_RANK"], size: &["WORLD_SIZE"] },
    Family {
        rank: "OMPI_COMM_WORLD_RANK",
        local_rank: &["OMPI_COMM_WORLD_LOCAL_RANK"],
        size: &["OMPI_COMM_WORLD_SIZE"],
    },
    Family {
        rank: "PMI_RANK",
        local_rank: &["PMI_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"],
        size: &["PMI_SIZE"],
    },
    Family { rank: "SLURM_PROCID", local_rank: &["SLURM_LOCALID"], size: &["SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"] },
];

/// The variable that numbers the stage processes of a pipeline.
const STAGE: &str = "PROFILER_STAGE_ID";

/// This process's place in the job, and the number of its stage process: 0 if the environment gives none.
pub(crate) fn of_this_process() -> (Ranks, u32) {
    let env = |name: &str| std::env::var_os(name);
    let stage = env(STAGE).filter(|text| !text.is_empty()).map_or(Ok(0), |text| number(STAGE, &text));
    let stage = stage.unwrap_or_else(|wrong| {
        logging::warn!("{wrong}: this process is taken for stage 0");
        0
    });
    (read(env).0, stage)
}

/// A pod's number in an indexed job of Kubernetes, which has no variable for their count.
pub(super) const POD_INDEX: &str = "JOB_COMPLETION_INDEX";

/// The place that the environment gives, and a sentence about what is wrong with it. Variables are looked up by `env`.
pub(crate) fn read(env: impl Fn(&str) -> Option<OsString>) -> (Ranks, Option<String>) {
    for Family { rank, local_rank, size } in &FAMILIES {
        let first = |names: &[&'static str]| names.iter().find_map(|name| Some((*name, env(name)?)));
        let (Some(rank_text), Some((size, size_text))) = (env(rank), first(size)) else { continue };
        let place = (|| {
            let (number, world_size) = (number(rank, &rank_text)?, number(size, &size_text)?);
            // Not every launcher says it; on one host it is the rank.
            let (local_name, local) = match first(local_rank) {
                Some((name, text)) => (name, self::number(name, &text)?),
                None => (*rank, number),
            };
            let too_high = [(*rank, number), (local_name, local)].into_iter().find(|(_, value)| *value >= world_size);
            if let Some((name, value)) = too_high {
                return Err(format!("`{name}` is {value}, but `{size}` is {world_size}: start ranks from 0"));
            }
            Ok(Ranks { rank: number, local_rank: local, world_size, in_job: world_size > 1 })
        })();
        return match place {
            Ok(ranks) => (ranks, None),
            Err(wrong) => (ALONE, Some(format!("{wrong}; this process profiles as rank 0 of 1"))),
        };
    }
    env(POD_INDEX).map_or((ALONE, None), |index| pod(&index, env("WORLD_SIZE").as_ref()))
}

/// A pod of an indexed job: alone on what it takes for a host. Believed without a size too, because pods that all wrote as
/// rank 0 would be worse.
fn pod(index: &OsString, size: Option<&OsString>) -> (Ranks, Option<String>) {
    let rank = match number(POD_INDEX, index) {
        Ok(rank) => rank,
        Err(wrong) => return (ALONE, Some(format!("{wrong}; this process profiles as rank 0 of 1"))),
    };
    let known = size.map(|size| number("WORLD_SIZE", size));
    let ranks = |world_size| Ranks { rank, local_rank: 0, world_size, in_job: true };
    match known {
        Some(Ok(size)) if size > rank => (Ranks { in_job: size > 1, ..ranks(size) }, None),
        Some(Ok(size)) => (
            ranks(rank.saturating_add(1)),
            Some(format!("`{POD_INDEX}` is {rank}, but `WORLD_SIZE` is {size}: {SET_SIZE}")),
        ),
        Some(Err(wrong)) => (ranks(rank.saturating_add(1)), Some(format!("{wrong}: {SET_SIZE}"))),
        None => (
            ranks(rank.saturating_add(1)),
            Some(format!("`{POD_INDEX}` is {rank}, but nothing says how many ranks there are: {SET_SIZE}")),
        ),
    }
}

const SET_SIZE: &str = "set `WORLD_SIZE` in the pod template to the job's `completions`";

fn number(name: &str, text: &OsString) -> Result<u32, String> {
    let text = text.to_string_lossy();
    text.trim().parse().map_err(|_| format!("`{name}` is {text:?}, not a number from 0 to {}", u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(variables: &[(&str, &str)]) -> (Ranks, Option<String>) {
        read(|name| variables.iter().find(|(given, _)| *given == name).map(|(_, value)| value.into()))
    }

    fn of(rank: u32, local_rank: u32, world_size: u32) -> Ranks {
        Ranks { rank, local_rank, world_size, in_job: true }
    }

    #[test]
    fn each_launcher_is_understood() {
        for Family { rank, local_rank, size } in FAMILIES {
            for (local_rank, size) in local_rank.iter().flat_map(|local| size.iter().map(move |size| (local, size))) {
                let (ranks, warning) = read_from(&[(rank, "5"), (local_rank, "1"), (size, "8")]);
                assert_eq!((ranks, warning), (of(5, 1, 8), None), "{rank}");
            }
        }
    }

    #[test]
    fn the_first_complete_family_wins_and_none_is_rank_0_of_1() {
        let slurm = [("SLURM_PROCID", "2"), ("SLURM_LOCALID", "0"), ("SLURM_NTASKS", "4")];
        let (ranks, _) = read_from(&[&[("RANK", "1")], &slurm[..]].concat());
        assert_eq!(ranks, of(2, 0, 4), "`RANK` alone is not a family");
        let (ranks, _) = read_from(&[&[("RANK", "1"), ("WORLD_SIZE", "2")], &slurm[..]].concat());
        assert_eq!(ranks, of(1, 1, 2));
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
        let told = |rank: &str, local: &str| {
            read_from(&[("RANK", rank), ("LOCAL_RANK", local), ("WORLD_SIZE", "4")]).1.unwrap_or_default()
        };
        let rest = "but `WORLD_SIZE` is 4: start ranks from 0; this process profiles as rank 0 of 1";
        assert_eq!(told("5", "0"), format!("`RANK` is 5, {rest}"));
        assert_eq!(told("0", "9"), format!("`LOCAL_RANK` is 9, {rest}"));
    }

    #[test]
    fn ranks_of_mpi_are_not_taken_for_the_daemons_that_slurm_started() {
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
        assert_eq!(read_from(&[(POD_INDEX, "3"), ("WORLD_SIZE", "4")]), (of(3, 0, 4), None));
        for size in [&[][..], &[("WORLD_SIZE", "3")], &[("WORLD_SIZE", "many")]] {
            let (ranks, warning) = read_from(&[&[(POD_INDEX, "3")], size].concat());
            assert_eq!(ranks, of(3, 0, 4), "{size:?}");
            assert!(warning.is_some_and(|warning| warning.ends_with(SET_SIZE)), "{size:?}");
        }
        let (first, _) = read_from(&[(POD_INDEX, "0")]);
        assert!(first.in_job, "others may follow");
        assert_eq!(read_from(&[(POD_INDEX, "zero")]).0, ALONE);
    }
}
