//! Programs that end without a guard and without a stop: their recordings are on disk, and they end
//! as they would without the profiler.

#![allow(clippy::print_stdout)]

use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fs, ptr, thread};

use profiler_runtime::{profiled_stage, stage, start_profile, stop_profile};
use profiler_tests::{Bench, Trace, child_of, in_child, manifest};
use serde_json::json;

const RANGES: usize = 10_000;
/// Number of ranges before a crash: few, because a crash delays the end only briefly.
const RANGES_BEFORE_A_CRASH: usize = 500;

/// Records, and ends in the way that `ENDING` names.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn program() {
    if !in_child() {
        return;
    }
    let ending = std::env::var("ENDING").unwrap();
    for signal in [libc::SIGINT, libc::SIGHUP, libc::SIGQUIT] {
        // A shell starts its background jobs with these signals ignored, and children inherit that.
        // SAFETY: the default action runs no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    if ending == "own handler" {
        install_own_handler();
    }
    start_profile().unwrap();
    let ranges: usize = std::env::var("RANGES").unwrap().parse().unwrap();
    for _ in 0..ranges {
        drop(stage!("work"));
    }
    let _open = stage!("open");
    match ending.as_str() {
        "exit" => std::process::exit(3),
        "exit after stop" => {
            drop(stop_profile().unwrap());
            std::process::exit(3)
        }
        "exit on another thread" => thread::spawn(|| std::process::exit(3)).join().unwrap(),
        "panic that may not unwind" => may_not_unwind(),
        "fault" => fault(),
        // SAFETY: a signal to this process.
        "quit" => unsafe {
            libc::kill(libc::getpid(), libc::SIGQUIT);
            wait_for_a_signal();
        },
        "stack overflow" => {
            overflow(0);
        }
        "fork" => fork_and_wait(),
        "exit without threads" => {
            no_more_threads();
            std::process::exit(3)
        }
        "exit without threads or files" => {
            no_more_threads();
            limit(libc::RLIMIT_FSIZE, 1 << 10, 1 << 10);
            std::process::exit(3)
        }
        "limit on CPU time" => exceed_cpu_time(),
        "exit in a handler" => exit_in_a_handler(),
        "descriptors closed" => {
            close_descriptors();
            wait_for_a_signal();
        }
        _ => wait_for_a_signal(),
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
type Resource = libc::c_int;

fn limit(what: Resource, soft: u64, hard: u64) {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the structure is complete.
    assert_eq!(unsafe { libc::setrlimit(what, &raw const limit) }, 0);
}

/// Makes every further thread fail to start, as at a container's limit. A seccomp filter does it,
/// because root has no limit.
#[cfg(target_os = "linux")]
fn no_more_threads() {
    let refuse = libc::SECCOMP_RET_ERRNO | libc::EAGAIN.cast_unsigned();
    // CAST: numbers of system calls and the filter's constants are small.
    let is_call = |call: libc::c_long, skip| libc::sock_filter {
        code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        jt: skip,
        jf: 0,
        k: call as u32,
    };
    let answer = |k| libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k };
    let load_call = libc::sock_filter { code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, jt: 0, jf: 0, k: 0 };
    let mut filter = [
        load_call,
        is_call(libc::SYS_clone3, 2),
        is_call(libc::SYS_clone, 1),
        answer(libc::SECCOMP_RET_ALLOW),
        answer(refuse),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the filter lives until the calls have returned.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program), 0);
    }
    assert!(thread::Builder::new().spawn(|| ()).is_err());
}

#[cfg(not(target_os = "linux"))]
fn no_more_threads() {}

/// Uses CPU time until the kernel sends SIGXCPU: after a second, and again every second.
fn exceed_cpu_time() {
    limit(libc::RLIMIT_CPU, 1, 60);
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(60) {
        std::hint::spin_loop();
    }
}

fn wait_for_a_signal() {
    println!("ready");
    thread::sleep(Duration::from_secs(60));
}

/// Calls `exit` in a signal handler, mostly while the interrupted thread holds a lock of the
/// profiler.
fn exit_in_a_handler() -> ! {
    extern "C" fn exit(_: libc::c_int) {
        // SAFETY: none: handlers may not call `exit`, but programs do, and the test is about them.
        unsafe { libc::exit(4) }
    }
    let soon = libc::timeval { tv_sec: 0, tv_usec: 50_000 };
    let timer = libc::itimerval { it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 }, it_value: soon };
    // SAFETY: the handler has the right signature, and the structure is complete.
    unsafe {
        libc::signal(libc::SIGALRM, exit as extern "C" fn(libc::c_int) as libc::sighandler_t);
        libc::setitimer(libc::ITIMER_REAL, &raw const timer, ptr::null_mut());
    }
    loop {
        let _ = profiler_runtime::status();
    }
}

/// Closes all descriptors and opens files with the same numbers, as daemons do.
fn close_descriptors() {
    let log = std::env::var("HOST_LOG").unwrap();
    for number in 3..1024 {
        // SAFETY: none: the test is about programs that close the profiler's descriptors.
        unsafe { libc::close(number) };
    }
    (0..64).for_each(|_| std::mem::forget(fs::File::options().append(true).create(true).open(&log).unwrap()));
}

extern "C" fn may_not_unwind() {
    panic!("in a function that C calls");
}

#[profiled_stage]
fn fault() {
    // SAFETY: none: the test is about the fault.
    unsafe { ptr::without_provenance_mut::<u8>(4096).write_volatile(1) };
}

fn overflow(depth: u64) -> u64 {
    let frame = [depth; 512];
    if std::hint::black_box(&frame)[0] == u64::MAX { 0 } else { overflow(depth + 1) + frame[1] }
}

/// Installs a handler of the program, which exits with status 7.
fn install_own_handler() {
    extern "C" fn exit_with_7(_: libc::c_int) {
        // SAFETY: `_exit` may be called in a handler.
        unsafe { libc::_exit(7) };
    }
    // SAFETY: the handler has the right signature.
    unsafe { libc::signal(libc::SIGTERM, exit_with_7 as extern "C" fn(libc::c_int) as libc::sighandler_t) };
}

/// Asserts that a forked child dies of a signal like any process, and stops the parent's session.
fn fork_and_wait() {
    // SAFETY: the child calls nothing but `pause`.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            loop {
                libc::pause();
            }
        }
        let mut status = 0;
        libc::kill(child, libc::SIGTERM);
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGTERM);
    }
    drop(stop_profile().unwrap().wait().unwrap());
}

/// Runs the program, sends it the signals one after another once it is ready, and returns its
/// status.
fn end(bench: &Bench, ending: &str, signals: &[libc::c_int], more: &serde_json::Value) -> ExitStatus {
    let crashes = ["panic that may not unwind", "fault", "stack overflow"];
    let is_crash = crashes.contains(&ending) || signals.contains(&libc::SIGABRT);
    let mut config = json!({"profiler": "torch", "torch_profiler_dir": bench.path()});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut command: Command = child_of("program");
    let ranges = if is_crash { RANGES_BEFORE_A_CRASH } else { RANGES };
    command.env("PROFILER_CONFIG", config.to_string()).env("ENDING", ending).env("RANGES", ranges.to_string());
    command.env("HOST_LOG", host_log(bench));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    if !signals.is_empty() {
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        assert!(lines.map(Result::unwrap).any(|line| line.ends_with("ready")));
        for &signal in signals {
            // SAFETY: the child has not been waited for.
            assert_eq!(unsafe { libc::kill(child.id().cast_signed(), signal) }, 0);
        }
    }
    child.wait().unwrap()
}

/// Returns the file of the host's own log, beside the sessions.
fn host_log(bench: &Bench) -> PathBuf {
    bench.path().with_extension("log")
}

fn sessions(base: &Path) -> Vec<PathBuf> {
    fs::read_dir(base).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Asserts that the only session is complete, and that its manifest says how it ended.
fn assert_written(bench: &Bench, ended_by: &str) {
    let all = sessions(bench.path());
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(manifest(&all[0])["ended_by"], ended_by);
    let trace = Trace::read(&all[0]);
    let ranges = if ended_by == "crash" { RANGES_BEFORE_A_CRASH } else { RANGES };
    assert_eq!((trace.count("work"), trace.count("open")), (ranges, 1));
}

fn assert_not_written(bench: &Bench) {
    for session in sessions(bench.path()) {
        assert!(!session.join("manifest_rank0.json").exists(), "{session:?}");
    }
}

#[test]
fn process_exit_on_any_thread_writes_what_was_recorded() {
    for ending in ["exit", "exit on another thread"] {
        let bench = Bench::alone();
        assert_eq!(end(&bench, ending, &[], &json!({})).code(), Some(3), "{ending}");
        assert_written(&bench, "exit");
    }
}

#[test]
fn process_exit_waits_for_artifacts_that_are_being_written() {
    let bench = Bench::alone();
    assert_eq!(end(&bench, "exit after stop", &[], &json!({})).code(), Some(3));
    assert_written(&bench, "stop");
}

/// G17: a supervisor, a terminal or a limit ends a service by signals other than SIGTERM, too; each
/// one writes the session first.
#[test]
fn a_fatal_signal_writes_first_and_stays_the_status() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGXCPU] {
        let bench = Bench::alone_in_memory();
        assert_eq!(end(&bench, "signal", &[signal], &json!({})).signal(), Some(signal));
        assert_written(&bench, "signal");
    }
}

/// G17: a supervisor sends SIGHUP right after SIGTERM, and a closing terminal sends SIGHUP twice;
/// the session is written once.
#[test]
fn signals_that_come_together_are_one() {
    for signals in [[libc::SIGTERM, libc::SIGHUP], [libc::SIGHUP, libc::SIGTERM]] {
        let bench = Bench::alone_in_memory();
        let status = end(&bench, "signal", &signals, &json!({}));
        assert!(signals.map(Some).contains(&status.signal()), "{status:?}");
        assert_written(&bench, "signal");
    }
}

/// G17: a program that has closed every descriptor dies of its signal, and the profiler writes
/// nothing into its files.
#[test]
fn a_signal_ends_a_program_that_closed_all_descriptors() {
    let bench = Bench::alone();
    assert_eq!(end(&bench, "descriptors closed", &[libc::SIGTERM], &json!({})).signal(), Some(libc::SIGTERM));
    assert_eq!(fs::read(host_log(&bench)).unwrap(), b"");
    fs::remove_file(host_log(&bench)).unwrap();
}

/// C2: a handler that calls `exit` while it interrupts the profiler delays the end no longer than a
/// crash does.
#[test]
#[cfg(target_os = "linux")]
fn an_exit_in_a_handler_does_not_wait_for_its_own_thread() {
    for _ in 0..3 {
        let bench = Bench::alone();
        let start = Instant::now();
        assert_eq!(end(&bench, "exit in a handler", &[], &json!({})).code(), Some(4));
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    }
}

#[test]
fn a_crash_writes_what_was_recorded_and_stays_a_crash() {
    for (ending, signal) in
        [("panic that may not unwind", libc::SIGABRT), ("fault", libc::SIGSEGV), ("stack overflow", libc::SIGABRT)]
    {
        let bench = Bench::alone_in_memory();
        assert_eq!(end(&bench, ending, &[], &json!({})).signal(), Some(signal), "{ending}");
        assert_written(&bench, "crash");
    }
    let bench = Bench::alone_in_memory();
    assert_eq!(end(&bench, "signal", &[libc::SIGABRT], &json!({})).signal(), Some(libc::SIGABRT), "sent by another");
    assert_written(&bench, "crash");
}

/// C3: if no thread can start, the exiting thread writes, and a limit on file sizes does not kill
/// it.
#[test]
#[cfg(target_os = "linux")]
fn an_end_without_threads_is_written_by_the_one_that_ends() {
    let bench = Bench::alone();
    assert_eq!(end(&bench, "exit without threads", &[], &json!({})).code(), Some(3));
    assert_written(&bench, "exit");
    drop(bench);
    let bench = Bench::alone();
    assert_eq!(end(&bench, "exit without threads or files", &[], &json!({})).code(), Some(3));
}

/// G17: the recording is written although the kernel repeats SIGXCPU meanwhile.
#[test]
fn a_limit_on_cpu_time_writes_what_was_recorded() {
    let bench = Bench::alone_in_memory();
    assert_eq!(end(&bench, "limit on CPU time", &[], &json!({})).signal(), Some(libc::SIGXCPU));
    assert_written(&bench, "signal");
}

/// G17: SIGQUIT, which is sent to get a core dump, still dumps one.
#[test]
fn sigquit_still_dumps_core() {
    let dumps = |command: &mut Command| {
        let limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
        let raise = move || {
            // SAFETY: the structure is complete. Where the limit cannot be raised, neither program
            // dumps. A shell's background jobs begin with the signal ignored.
            unsafe {
                libc::setrlimit(libc::RLIMIT_CORE, &raw const limit);
                libc::signal(libc::SIGQUIT, libc::SIG_DFL);
            }
            Ok(())
        };
        // SAFETY: a system call between fork and exec.
        let status = unsafe { command.pre_exec(raise) }.status().unwrap();
        assert_eq!(status.signal(), Some(libc::SIGQUIT));
        status.core_dumped()
    };
    let bench = Bench::alone_in_memory();
    let config = json!({"profiler": "torch", "torch_profiler_dir": bench.path().join("sessions")});
    let mut profiled = child_of("program");
    profiled.env("PROFILER_CONFIG", config.to_string()).env("ENDING", "quit").env("RANGES", "10");
    let mut plain = Command::new("sh");
    plain.args(["-c", "kill -QUIT $$"]);
    let [profiled, plain] =
        [profiled, plain].map(|mut command| dumps(command.current_dir(bench.path()).stdout(Stdio::null())));
    assert_eq!(profiled, plain);
    assert_eq!(manifest(&sessions(&bench.path().join("sessions"))[0])["ended_by"], "signal");
}

/// The thread that acts on signals blocks them, because the kernel delivers a process's signal to
/// any thread that does not.
#[test]
#[cfg(target_os = "linux")]
fn no_signal_is_handled_by_the_thread_that_acts_on_it() {
    let bench = Bench::alone();
    let config = json!({"profiler": "torch", "torch_profiler_dir": bench.path()});
    let mut command = child_of("program");
    command.env("PROFILER_CONFIG", config.to_string()).env("ENDING", "signal").env("RANGES", "1");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line.ends_with("ready")));
    let begin = Instant::now();
    // The thread sets its name only once it runs.
    let status = loop {
        let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap().map(|task| task.unwrap().path());
        let is_it = |task: &PathBuf| fs::read_to_string(task.join("comm")).unwrap().starts_with("profiler-signal");
        if let Some(task) = tasks.into_iter().find(is_it) {
            break fs::read_to_string(task.join("status")).unwrap();
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "there is no such thread");
        thread::sleep(Duration::from_millis(1));
    };
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap().trim();
    let blocked = u64::from_str_radix(blocked, 16).unwrap();
    for signal in [libc::SIGABRT, libc::SIGTERM, libc::SIGINT, libc::SIGSEGV] {
        assert!(blocked >> (signal - 1) & 1 == 1, "signal {signal}: {blocked:x}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn each_way_can_be_switched_off() {
    for (ending, signals, off) in [
        ("exit", &[][..], "write_on_exit"),
        ("signal", &[libc::SIGTERM], "write_on_signal"),
        ("panic that may not unwind", &[], "write_on_crash"),
    ] {
        let bench = Bench::alone();
        let start = Instant::now();
        end(&bench, ending, signals, &json!({off: false}));
        assert_not_written(&bench);
        assert!(start.elapsed() < Duration::from_secs(30), "nothing is waited for");
    }
}

#[test]
fn a_handler_of_the_programs_own_stays_in_charge() {
    let bench = Bench::alone();
    assert_eq!(end(&bench, "own handler", &[libc::SIGTERM], &json!({})).code(), Some(7));
    assert_not_written(&bench);
}

#[test]
fn a_forked_child_dies_of_its_signal_and_its_parent_records_on() {
    let bench = Bench::alone();
    assert!(end(&bench, "fork", &[], &json!({})).success());
    assert_written(&bench, "stop");
}
