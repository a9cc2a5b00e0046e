//! G6: the host's logger panics, never returns or calls the profiler. No panic leaves an annotated
//! function, every session is written, and the program ends.

#![allow(clippy::print_stdout)]

use std::process::{Child, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use profiler_runtime::job::{Controller, LocalController, Selection};
use profiler_runtime::{
    ProfilerConfig, configure, dump_profile, profiled_stage, profiled_step, stage, start_profile_with, status,
    stop_profile,
};
use profiler_tests::{Bench, Trace, child_of, in_child};

/// Deadline for the end of a program: shorter than the profiler may delay the end for its
/// artifacts.
const SOON: Duration = Duration::from_secs(40);

/// Number of the profiler's records that the logger received.
static CALLS: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Panic,
    Block,
    Reenter,
    Control,
}

static CONTROLLER: LazyLock<LocalController> = LazyLock::new(LocalController::new);

struct Host(Does);

#[profiled_stage("logger.formats")]
fn format(record: &log::Record<'_>) -> usize {
    record.args().to_string().len()
}

impl log::Log for Host {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        assert!(self.0 != Does::Panic, "the host's logger");
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if !record.target().starts_with("profiler_runtime") {
            return;
        }
        CALLS.fetch_add(1, Ordering::SeqCst);
        match self.0 {
            Does::Panic => panic!("the host's logger"),
            Does::Block => loop {
                std::thread::park();
            },
            Does::Reenter => {
                assert!(format(record) > 0);
                let _ = status();
                let _ = dump_profile();
                let _ = start_profile_with(ProfilerConfig::torch(std::env::temp_dir().join("never")).stages(["none"]));
                let _ = stop_profile().map(|stopped| stopped.wait_timeout(Duration::ZERO));
            }
            Does::Control => {
                let _ = CONTROLLER.start(&Selection::default());
                let _ = CONTROLLER.stop(&Selection::default(), Duration::ZERO);
                let _ = CONTROLLER.status();
            }
        }
    }

    fn flush(&self) {
        panic!("the host's logger");
    }
}

#[profiled_step("step")]
fn iterate(number: u32) -> u32 {
    drop(stage!("work"));
    number + 1
}

/// Runs with the logger that `LOGGER` names, and ends the session in the way that `ENDS` names.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn program() {
    if !in_child() {
        return;
    }
    let does = match std::env::var("LOGGER").unwrap().as_str() {
        "panics" | "panics under a hook" => Does::Panic,
        "blocks" => Does::Block,
        "controls" => Does::Control,
        _ => Does::Reenter,
    };
    let ends = std::env::var("ENDS").unwrap();
    if std::env::var("LOGGER").unwrap().ends_with("hook") {
        std::panic::set_hook(Box::new(|panic| {
            drop(stage!("hook"));
            log::error!(target: "host", "{panic}");
        }));
    }
    let config = ProfilerConfig::torch(std::env::var("FOLDER").unwrap());
    let config = if ends.starts_with("max") { config.max_iterations(3) } else { config };
    let session = start_profile_with(config).unwrap();
    println!("session {session}");
    // Installed only now, so that a start in the logger does not replace this session.
    log::set_boxed_logger(Box::new(Host(does))).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    if ends == "max, unwinding" {
        let caught = std::panic::catch_unwind(|| {
            (0..2).for_each(|number| assert_eq!(iterate(number), number + 1));
            let _step = profiler_runtime::step("step");
            std::panic::resume_unwind(Box::new("the program's own"));
        });
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"the program's own"));
    }
    (0..4).for_each(|number| assert_eq!(iterate(number), number + 1, "nothing leaves it"));
    if ends == "controller" {
        drop(stop_profile().unwrap().wait());
        // This session warns of targets that match nothing, and logs its end.
        let folder = std::env::var("FOLDER").unwrap();
        configure(ProfilerConfig::torch(folder).pipeline_profiler(true).pipeline_targets(["nothing"])).unwrap();
        let _ = CONTROLLER.start(&Selection::default());
        let _ = CONTROLLER.stop(&Selection::default(), SOON);
        assert!(CALLS.load(Ordering::SeqCst) > 2, "the logger was called");
    }
    if ends == "stop" {
        let stopped = stop_profile().unwrap();
        stopped.wait().unwrap();
        assert!(stopped.is_written());
        assert!(CALLS.load(Ordering::SeqCst) > 0, "the logger was called");
    }
    std::process::exit(0);
}

fn start(bench: &Bench, logger: &str, ends: &str) -> (String, Instant, Child) {
    let folder = bench.path().join(format!("{logger}, {ends}"));
    let mut command = child_of("program");
    command.env("LOGGER", logger).env("ENDS", ends).env("FOLDER", &folder);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    (folder.to_str().unwrap().to_owned(), Instant::now(), child)
}

/// G6: every session is written. All programs run at once, because a logger that never returns
/// delays the end.
#[test]
fn every_session_is_written_whatever_the_logger_does() {
    let bench = Bench::of_children();
    let mut programs = Vec::new();
    for logger in ["panics", "panics under a hook", "blocks", "reenters"] {
        for ends in ["stop", "exit", "max", "max, unwinding"] {
            // A stop logs on the thread that asks for it, which a logger that never returns would
            // block.
            if (logger, ends) != ("blocks", "stop") {
                programs.push(start(&bench, logger, ends));
            }
        }
    }
    programs.push(start(&bench, "controls", "controller"));
    for (folder, begin, mut child) in programs {
        while child.try_wait().unwrap().is_none() && begin.elapsed() < SOON {
            std::thread::sleep(Duration::from_millis(20));
        }
        let is_over = child.try_wait().unwrap().is_some();
        let _ = child.kill();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(is_over, "{folder} hangs: {said}");
        assert!(output.status.success(), "{folder}: {:?} {said}", output.status);
        let session = said.split("session ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
        let trace = Trace::read(&std::path::Path::new(&folder).join(session));
        assert!(trace.count("work") >= 2, "{folder}: {said}");
    }
}
