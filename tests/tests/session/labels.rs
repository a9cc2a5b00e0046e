//! Request ids, names made at run time and names of threads: bounded in length, and harmless in a
//! line or a terminal.

use profiler_runtime::{profiled_op, request, request_scope, stage, start_profile_with, stop_profile};
use profiler_tests::{Bench, Trace, timing};

#[profiled_op("leaf")]
#[inline(never)]
fn leaf() {}

/// G16: an id of megabytes that a client chose pushes nothing out of a ring.
#[test]
fn a_long_request_id_empties_no_ring() {
    let bench = Bench::alone();
    start_profile_with(bench.config().ring(true).max_buffer_mb(1)).unwrap();
    (0..1000).for_each(|_| leaf());
    drop(request(&"x".repeat(4 << 20)));
    let scope = request_scope("漢".repeat(4 << 20), async { drop(stage("scoped")) });
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(scope);
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let trace = Trace::read(stopped.folder().unwrap());
    assert_eq!((trace.count("leaf"), trace.losses("overwritten")), (1000, 0));
    let timing = timing(stopped.folder().unwrap());
    let kept = timing["requests"]["kept"].as_array().unwrap();
    let mut ids: Vec<_> = kept.iter().map(|request| request["request_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["x".repeat(253) + "…", "漢".repeat(84) + "…"]);
}

/// G16: a trace whose name contains a long id has a valid name, in which the id is cut.
#[test]
fn a_long_request_id_in_a_file_name_is_cut() {
    let bench = Bench::alone();
    for _ in 0..2 {
        start_profile_with(bench.config().trace_file("trace_{request_id}.json")).unwrap();
        drop(request(&"y".repeat(1 << 20)));
        let manifest = stop_profile().unwrap().wait().unwrap();
        assert_eq!(manifest.errors, Vec::<String>::new());
    }
    let first = bench.path().join(format!("trace_{}.json", "y".repeat(128)));
    let second = bench.path().join(format!("trace_{}-2.json", "y".repeat(128)));
    assert!(first.exists() && second.exists());
    let long = bench.config().trace_file(format!("{}.json", "z".repeat(100)));
    assert!(start_profile_with(long).unwrap_err().to_string().contains("trace_file: has 105 bytes, more than 96"));
}

/// G16: long names are cut, as ids are.
#[test]
fn long_names_of_stages_and_threads_are_cut() {
    let bench = Bench::alone();
    let name = "n".repeat(1 << 20);
    let trace = bench.record(bench.config(), || {
        let thread = std::thread::Builder::new().name("t".repeat(10_000));
        thread.spawn(move || drop(stage(&name))).unwrap().join().unwrap();
    });
    assert_eq!(trace.count(&("n".repeat(253) + "…")), 1);
    let text = trace.json.to_string();
    assert!(text.contains(&("t".repeat(253) + "…")) && !text.contains(&"t".repeat(254)));
}

/// G15: escape codes in a name affect neither a terminal nor a log.
#[test]
fn names_with_escape_codes_are_shown_without_their_effect() {
    let bench = Bench::alone();
    let name = "vae\n[DiffusionTiming] forged took 0.1s\u{1b}[2J\u{9b}31m\u{202e}txt";
    start_profile_with(bench.config().pipeline_profiler(true).pipeline_targets(["vae*"])).unwrap();
    {
        let _request = request("a\nrequest\u{1b}[31m");
        drop(stage(name));
    }
    let stopped = stop_profile().unwrap();
    let manifest = stopped.wait().unwrap();
    let acts = |letter: char| letter.is_control() && letter != '\n' || letter == '\u{202e}';
    assert_eq!(manifest.pipeline_lines.len(), 1);
    assert!(
        manifest.pipeline_lines[0].contains(r"vae\n[DiffusionTiming] forged took 0.1s\u{1b}[2J\u{9b}31m\u{202e}txt")
    );
    let averages = stopped.key_averages(profiler_runtime::artifacts::GroupBy::Name).unwrap();
    let summary = std::fs::read_to_string(stopped.folder().unwrap().join("summary_rank0.md")).unwrap();
    for page in [manifest.summary().to_string(), averages.table().to_string(), summary] {
        assert!(page.contains("vae") && !page.contains(acts), "{page:?}");
        assert!(!page.lines().any(|line| line.starts_with("[DiffusionTiming]")), "{page}");
    }
}
