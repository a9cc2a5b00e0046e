//! Which process of a job this is, as the launchers say it in the environment.
//!
//! torchrun, Open MPI, Slurm and the PMI launchers each have a family of variables. The first family that names both
//! rank and size is believed; a malformed one is reported and not patched up from another, because half of one
//! launcher's numbers and half of another's is a rank that does not exist.

use std::ffi::OsString;

/// This process's place in the job; rank 0 of 1 when alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ranks {
    /// Among all processes.
    pub(crate) rank: u32,
    /// Among the processes of this host.
    pub(crate) local_rank: u32,
    /// Number of processes.
    pub(crate) world_size: u32,
}

const ALONE: Ranks = Ranks { rank: 0, local_rank: 0, world_size: 1 };

/// One launcher's variables: rank, local rank, size.
type Family = [&'static str; 3];

const FAMILIES: [Family; 4] = [
    ["RANK", "LOCAL_RANK", "WORLD_SIZE"],
    ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_SIZE"],
    ["SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS"],
    ["PMI_RANK", "PMI_LOCAL_RANK", "PMI_SIZE"],
];

/// The variable that numbers the stage processes of a pipeline.
const STAGE: &str = "PROFILER_STAGE_ID";

/// This process's place in the job, and the number of its stage process: 0 if the environment gives none.
pub(crate) fn of_this_process() -> (Ranks, u32) {
    let env = |name: &str| std::env::var_os(name);
    let stage = env(STAGE).and_then(|text| number(STAGE, &text).ok()).unwrap_or(0);
    (read(env).0, stage)
}

/// The place that the environment gives, and a sentence about what is wrong with it. Variables are looked up by `env`.
pub(crate) fn read(env: impl Fn(&str) -> Option<OsString>) -> (Ranks, Option<String>) {
    for [rank, local_rank, size] in FAMILIES {
        let (Some(rank_text), Some(size_text)) = (env(rank), env(size)) else { continue };
        let place = (|| {
            let (number, world_size) = (number(rank, &rank_text)?, number(size, &size_text)?);
            // Not every launcher says it; on one host it is the rank.
            let local = env(local_rank).map_or(Ok(number), |text| self::number(local_rank, &text))?;
            if number >= world_size || local >= world_size {
                return Err(format!(
                    "`{rank}` is {number} and `{local_rank}` is {local}, but `{size}` is {world_size}"
                ));
            }
            Ok(Ranks { rank: number, local_rank: local, world_size })
        })();
        return match place {
            Ok(ranks) => (ranks, None),
            Err(wrong) => (ALONE, Some(format!("{wrong}: this process profiles as rank 0 of 1"))),
        };
    }
    (ALONE, None)
}

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

    #[test]
    fn each_launcher_is_understood() {
        for [rank, local_rank, size] in FAMILIES {
            let (ranks, warning) = read_from(&[(rank, "5"), (local_rank, "1"), (size, "8")]);
            assert_eq!((ranks, warning), (Ranks { rank: 5, local_rank: 1, world_size: 8 }, None), "{rank}");
        }
    }

    #[test]
    fn the_first_complete_family_wins_and_none_is_rank_0_of_1() {
        let slurm = [("SLURM_PROCID", "2"), ("SLURM_LOCALID", "0"), ("SLURM_NTASKS", "4")];
        let (ranks, _) = read_from(&[&[("RANK", "1")], &slurm[..]].concat());
        assert_eq!(ranks, Ranks { rank: 2, local_rank: 0, world_size: 4 }, "`RANK` alone is not a family");
        let (ranks, _) = read_from(&[&[("RANK", "1"), ("WORLD_SIZE", "2")], &slurm[..]].concat());
        assert_eq!(ranks, Ranks { rank: 1, local_rank: 1, world_size: 2 });
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
}
