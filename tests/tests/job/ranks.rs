//! Ranks of a job: each has its own files, and all share one folder.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use profiler_runtime::{profile_from_env, stage};
use profiler_tests::{Bench, child_of, in_child, manifest, succeeded};
use serde_json::Value;

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn worker() {
    if in_child() {
        let _profile = profile_from_env();
        drop(stage!("work"));
    }
}

fn rank(folder: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = child_of("worker");
    let config = serde_json::json!({"profiler": "torch", "torch_profiler_dir": folder});
    command.env("PROFILER_CONFIG", config.to_string()).envs(variables.iter().copied());
    command
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn ranks_of_one_job_write_their_own_files_into_one_folder() {
    let bench = Bench::of_children();
    let workers: Vec<_> = ["0", "1"]
        .map(|number| {
            let place =
                [("RANK", number), ("LOCAL_RANK", number), ("WORLD_SIZE", "2"), ("PROFILER_SESSION_ID", "job-7")];
            rank(bench.path(), &place).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .into();
    for mut worker in workers {
        assert!(worker.wait().unwrap().success());
    }
    let folder = bench.path().join("job-7");
    for number in [0, 1] {
        let trace = read(&folder.join(format!("trace_rank{number}.json")));
        assert_eq!(trace["distributedInfo"]["rank"], number);
        assert_eq!(trace["distributedInfo"]["world_size"], 2);
        assert_eq!(read(&folder.join(format!("manifest_rank{number}.json")))["rank"], number);
    }
}

#[test]
fn other_launchers_are_understood() {
    for (family, size) in
        [("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS"), ("PMI_RANK", "PMI_SIZE")]
    {
        let bench = Bench::of_children();
        let place = [(family, "3"), (size, "4"), ("PROFILER_SESSION_ID", "job")];
        succeeded(&mut rank(bench.path(), &place));
        assert!(bench.path().join("job/trace_rank3.json").is_file(), "{family}");
    }
}

#[test]
fn a_job_id_of_the_launcher_brings_all_ranks_into_one_folder() {
    for (name, variables) in [
        ("torchrun-8f2c", [("TORCHELASTIC_RUN_ID", "8f2c"), ("RANK", "0"), ("WORLD_SIZE", "2")]),
        ("torchrun-8f2c", [("TORCHELASTIC_RUN_ID", "8f2c"), ("RANK", "1"), ("WORLD_SIZE", "2")]),
        ("slurm-41", [("SLURM_JOB_ID", "41"), ("SLURM_PROCID", "1"), ("SLURM_NTASKS", "2")]),
        ("job-wan", [("HOSTNAME", "wan-1"), ("JOB_COMPLETION_INDEX", "1"), ("WORLD_SIZE", "2")]),
    ] {
        let bench = Bench::of_children();
        succeeded(&mut rank(bench.path(), &variables));
        let manifest = manifest(&bench.path().join(name));
        assert_eq!(manifest["session"], name);
        assert_eq!(manifest["warnings"], serde_json::json!([]), "{name}");
    }
}

/// Containers on two hosts whose ranks are not set share a folder, a rank and perhaps a process id.
#[test]
fn processes_that_claim_the_same_rank_lose_nothing() {
    let bench = Bench::of_children();
    let processes: Vec<_> = (0..6)
        .map(|_| {
            let mut command = rank(bench.path(), &[("PROFILER_SESSION_ID", "job")]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    let mut pids: Vec<u64> = fs::read_dir(bench.path())
        .unwrap()
        .map(|folder| {
            let folder = folder.unwrap().path();
            assert!(
                fs::read_dir(&folder).unwrap().all(|file| !file
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .starts_with('.'))
            );
            manifest(&folder)["pid"].as_u64().unwrap()
        })
        .collect();
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 6);
}

#[test]
fn trace_and_manifest_carry_the_clocks_of_their_host() {
    let bench = Bench::of_children();
    succeeded(&mut rank(bench.path(), &[("PROFILER_SESSION_ID", "job")]));
    let folder = bench.path().join("job");
    let clock = &read(&folder.join("trace_rank0.json"))["profiler"]["clock"];
    assert_eq!(manifest(&folder)["clock"], *clock);
    assert_eq!(clock["id"].is_string(), cfg!(target_os = "linux"));
    let length = |name: &str| clock["end"][name].as_u64().unwrap() - clock["begin"][name].as_u64().unwrap();
    assert!(length("monotonic_ns").abs_diff(length("unix_ns")) < 1_000_000, "{clock}");
    assert!(clock["begin"]["uncertainty_ns"].as_u64().unwrap() < 1_000_000, "{clock}");
}

#[test]
fn a_malformed_rank_is_a_warning_and_rank_0() {
    let bench = Bench::of_children();
    let place = [("RANK", "four"), ("LOCAL_RANK", "0"), ("WORLD_SIZE", "4"), ("PROFILER_SESSION_ID", "job")];
    succeeded(&mut rank(bench.path(), &place));
    let manifest = manifest(&bench.path().join("job"));
    assert_eq!(manifest["rank"], 0);
    let warnings = manifest["warnings"].to_string();
    assert!(warnings.contains("`RANK` is ") && warnings.contains("rank 0 of 1"), "{warnings}");
}

#[test]
fn ranks_without_a_common_id_are_told_how_to_share_a_folder() {
    let bench = Bench::of_children();
    succeeded(&mut rank(bench.path(), &[("RANK", "1"), ("WORLD_SIZE", "2")]));
    let folder = fs::read_dir(bench.path()).unwrap().next().unwrap().unwrap().path();
    let warnings = manifest(&folder)["warnings"].to_string();
    assert!(warnings.contains("this is rank 1 of 2, but `PROFILER_SESSION_ID` is not set"), "{warnings}");
}

#[test]
fn a_job_that_runs_again_under_its_id_keeps_old_artifacts() {
    let bench = Bench::of_children();
    for _ in 0..2 {
        succeeded(&mut rank(bench.path(), &[("PROFILER_SESSION_ID", "job")]));
    }
    assert_eq!(manifest(&bench.path().join("job"))["session"], "job");
    assert_eq!(manifest(&bench.path().join("job-2"))["session"], "job-2");
}
