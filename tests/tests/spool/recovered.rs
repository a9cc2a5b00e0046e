//! Recovered sessions show the same as sessions that ended normally: names in call stacks, and a
//! ring's last iterations.

use std::collections::BTreeSet;
use std::ffi::{c_int, c_void};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use profiler_runtime::{
    ProfilerConfig, next_step, profiled_op, profiled_stage, profiled_step, stage, start_profile_with, step,
    stop_profile,
};
use profiler_tests::spool::{only_folder, recovered};
use profiler_tests::{Bench, Trace, child_of, double, in_child, manifest};
use serde_json::{Value, json};

#[profiled_op("leaf")]
#[inline(never)]
fn leaf(micros: u64) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_micros(micros) {
        std::hint::spin_loop();
    }
}

#[inline(always)]
fn inlined() {
    leaf(300);
}

#[inline(never)]
fn outer() {
    inlined();
    leaf(200);
}

#[profiled_stage("block")]
fn block() {
    outer();
}

/// Calls `leaf` through the C library.
fn sort() {
    extern "C" fn compare(_one: *const c_void, _other: *const c_void) -> c_int {
        leaf(200);
        0
    }
    let mut numbers = [2_u32, 1];
    // SAFETY: the array has two numbers of four bytes.
    unsafe { libc::qsort(numbers.as_mut_ptr().cast(), 2, 4, Some(compare)) };
}

#[profiled_step("iteration", index = index)]
fn iteration(index: u64, leaves: u64) {
    (0..leaves).for_each(|_| leaf(0));
}

fn config(bench: &Bench, more: Value) -> Value {
    let mut config = json!({
        "profiler": "torch", "torch_profiler_dir": bench.path(), "spool": true,
        "write_on_exit": false, "write_on_signal": false, "write_on_crash": false,
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

/// Runs the test binary at `program` as a child that does `work`.
fn run(program: &Path, work: &str, config: &Value) -> ExitStatus {
    let child = child_of("works");
    let mut command = Command::new(program);
    command.args(child.get_args()).env("CONFIG", config.to_string()).env("WORK", work).stdout(Stdio::null());
    for (name, value) in child.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.status().unwrap()
}

fn program() -> PathBuf {
    std::env::current_exe().unwrap()
}

fn die() {
    // SAFETY: the call only ends this process.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
}

/// Does some work in a session, and stops it or dies.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn works() {
    if !in_child() {
        return;
    }
    let config = ProfilerConfig::from_json(&std::env::var("CONFIG").unwrap()).unwrap().config;
    let folder = config.torch_profiler_dir.clone().unwrap();
    start_profile_with(config).unwrap();
    let work = std::env::var("WORK").unwrap();
    match work.as_str() {
        "few iterations" => (0..10).for_each(|index| iteration(100 + index, 5)),
        "many iterations" => (0..100).for_each(|index| iteration(100 + index, 1_000)),
        "calls" => (0..10).for_each(|_| {
            (0..5).for_each(|_| leaf(0));
            next_step();
        }),
        "guards" => {
            let mut step = None;
            for index in 0..10 {
                step = Some((step!("guarded", index), step.take().is_some()));
                leaf(100);
            }
            drop(step);
        }
        "many guards" => {
            let next = || stage!("next");
            let first = next();
            let mut last = next();
            for _ in 2..100_000 {
                last = next();
            }
            drop((first, last));
        }
        "loads" => loads(&folder),
        _ => {
            block();
            sort();
            thread::spawn(|| leaf(200)).join().unwrap();
        }
    }
    if work == "stops" {
        stop_profile().unwrap().wait().unwrap();
    } else {
        die();
    }
}

/// Loads a library, and waits until the journal knows it.
fn loads(folder: &Path) {
    let library = double("cuda_double");
    let name = library.to_str().unwrap();
    let journal = only_folder(folder).join(".spool_rank0.journal");
    let knows = || fs::read_to_string(&journal).unwrap().contains(name);
    leaf(1);
    assert!(!knows());
    // SAFETY: the double's constructors do nothing.
    let _library = unsafe { libloading::Library::new(&library) }.unwrap();
    let begun = Instant::now();
    while !knows() {
        assert!(begun.elapsed() < Duration::from_secs(60), "a journal without `{name}`");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Returns every call stack in the trace, after the name of its range.
fn call_stacks(trace: &Trace) -> Vec<(&'static str, String)> {
    let of = |name: &'static str| {
        let text = |args: &Value| args["Call stack"].as_str().expect("a call stack").to_owned();
        trace.named(name).into_iter().map(move |slice| (name, text(&slice.args)))
    };
    let mut all: Vec<_> = of("leaf").chain(of("block")).collect();
    all.sort();
    all
}

/// Returns the stacks of the folded file, without their times.
fn folded(base: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(only_folder(base).join("stacks_cpu_rank0.txt")).unwrap();
    text.lines().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).filter(|line| line.ends_with("leaf")).collect()
}

#[test]
fn call_stacks_of_a_killed_process_are_named() {
    let (live, dead) = (Bench::of_children(), tempfile::tempdir().unwrap());
    let with_stacks = json!({"torch_profiler_with_stack": true});
    assert!(run(&program(), "stops", &config(&live, with_stacks.clone())).success());
    let mut of_dead = config(&live, with_stacks);
    of_dead["torch_profiler_dir"] = dead.path().to_str().into();
    assert!(!run(&program(), "dies", &of_dead).success());
    let (expected, found) = (Trace::read(&only_folder(live.path())), recovered(dead.path()));
    let (expected, stacks) = (call_stacks(&expected), call_stacks(&found));
    assert_eq!(stacks, expected);
    assert!(stacks.len() >= 5, "{stacks:#?}");
    let one = &stacks.iter().find(|(_, stack)| stack.contains("inlined")).expect("an inlined function").1;
    for part in ["recovered::leaf;", "recovered::outer;", "recovered::block", "spool/recovered.rs("] {
        assert!(one.contains(part), "`{part}` in {one}");
    }
    assert!(!one.contains("profiler_runtime") && !one.contains("lang_start"), "{one}");
    assert!(stacks.iter().any(|(_, stack)| stack.contains("qsort")), "a library's function: {stacks:#?}");
    assert_eq!(folded(dead.path()), folded(live.path()));
    assert!(found.warnings().iter().all(|warning| !warning.contains("call stacks")), "{:?}", found.warnings());
}

#[test]
fn functions_of_a_changed_file_have_no_name_and_it_is_said() {
    for (is_replaced, reason) in [(true, "the file is not the one any more that ran"), (false, "the file is gone")] {
        let (bench, elsewhere) = (Bench::of_children(), tempfile::tempdir().unwrap());
        let copy = elsewhere.path().canonicalize().unwrap().join("program");
        fs::copy(program(), &copy).unwrap();
        run(&copy, "dies", &config(&bench, json!({"torch_profiler_with_stack": true})));
        fs::remove_file(&copy).unwrap();
        if is_replaced {
            fs::copy(double("cuda_double"), &copy).unwrap();
        }
        let trace = recovered(bench.path());
        let stacks = call_stacks(&trace);
        assert!(stacks.iter().all(|(_, stack)| stack.contains("(no symbol);") && !stack.contains("recovered")));
        assert!(stacks.iter().any(|(_, stack)| stack.contains("qsort")), "the C library is the same: {stacks:#?}");
        let expected = format!("functions of `{}` in call stacks have no name: {reason}", copy.display());
        let warnings = manifest(&only_folder(bench.path()))["warnings"].clone();
        assert!(warnings.as_array().unwrap().contains(&expected.as_str().into()), "{warnings}");
    }
}

#[test]
fn a_library_that_is_loaded_while_stacks_are_recorded_is_noted() {
    let bench = Bench::of_children();
    run(&program(), "loads", &config(&bench, json!({"torch_profiler_with_stack": true})));
    let journal = fs::read_to_string(only_folder(bench.path()).join(".spool_rank0.journal")).unwrap();
    assert!(journal.contains("cuda_double"), "the child has waited for that");
    assert!(call_stacks(&recovered(bench.path()))[0].1.contains("recovered::loads"));
}

#[test]
fn a_recovered_ring_shows_its_last_iterations_by_number() {
    let bench = Bench::of_children();
    run(&program(), "few iterations", &config(&bench, json!({"ring": true, "ring_steps": 3})));
    let trace = recovered(bench.path());
    assert_eq!((trace.step_numbers(), trace.step_indices()), (vec![7, 8, 9], vec![107, 108, 109]));
    assert_eq!((trace.count("leaf"), trace.losses("overwritten")), (15, 7 * 6));
}

/// A1: steps of guards that replace each other are iterations in a recovered session, too.
#[test]
fn a_recovered_ring_of_guards_shows_the_last_ones() {
    let bench = Bench::of_children();
    run(&program(), "guards", &config(&bench, json!({"ring": true, "ring_steps": 3})));
    let trace = recovered(bench.path());
    assert_eq!((trace.step_numbers(), trace.step_indices(), trace.count("leaf")), (vec![7, 8, 9], vec![7, 8, 9], 3));
    assert!(trace.steps().iter().all(|step| step.end - step.begin > 99.0));
}

/// A1: a guard whose begin was overwritten keeps its own end.
#[test]
fn guards_of_a_recovered_ring_end_by_identity() {
    let bench = Bench::of_children();
    run(&program(), "many guards", &config(&bench, json!({"ring": true, "max_spool_mb": 2})));
    let trace = recovered(bench.path());
    let shown = trace.named("next");
    assert_eq!(shown.len() as u64 + trace.losses("overwritten"), 100_000);
    assert_eq!(trace.losses("unfinished") + trace.losses("began_before"), 0);
    let clipped: Vec<_> = shown.iter().filter(|slice| slice.is("began_before")).collect();
    let longest = shown.iter().map(|slice| slice.end - slice.begin).fold(0.0, f64::max);
    assert!(clipped.len() == 2 && clipped.iter().any(|slice| slice.end - slice.begin == longest), "{clipped:?}");
}

#[test]
fn a_recovered_ring_of_bare_steps_shows_the_last_ones() {
    let bench = Bench::of_children();
    run(&program(), "calls", &config(&bench, json!({"ring": true, "ring_steps": 3})));
    let trace = recovered(bench.path());
    assert_eq!((trace.step_numbers(), trace.count("leaf")), (vec![7, 8, 9], 15));
}

#[test]
fn iterations_of_an_overwritten_ring_keep_their_numbers() {
    let bench = Bench::of_children();
    run(&program(), "many iterations", &config(&bench, json!({"ring": true, "max_spool_mb": 2})));
    let trace = recovered(bench.path());
    let numbers = trace.step_numbers();
    assert!(numbers.len() < 70 && numbers.last() == Some(&99), "{numbers:?}");
    // The index of the first step may have been overwritten with its begin.
    let steps = trace.steps();
    let known = steps.iter().zip(&numbers).filter_map(|(step, number)| Some((step.args["index"].as_u64()?, number)));
    assert!(known.clone().count() + 1 >= numbers.len());
    known.for_each(|(index, number)| assert_eq!(index, number + 100));
}
