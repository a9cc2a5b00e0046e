//! Processes with timeouts, so that one that hangs fails its test.

use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Timeout for a program. It ends within seconds unless the machine is busy.
const TIMEOUT: Duration = Duration::from_secs(40);

/// End of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Exited with this status.
    Exit(i32),
    /// Terminated by this signal.
    Signal(i32),
    /// Exceeded its timeout and was killed.
    Hangs,
}

/// A program's end and its output.
#[derive(Debug)]
pub struct Outcome {
    /// End of the program.
    pub ended: Ended,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        status.code().map_or_else(|| Self::Signal(status.signal().unwrap_or(0)), Self::Exit)
    }
}

/// Sleeps briefly, so that other threads can run.
pub fn pause() {
    thread::sleep(Duration::from_micros(100));
}

/// Ends this process with a signal.
pub fn end_by(signal: i32) -> ! {
    // SAFETY: a signal to this process.
    unsafe { libc::kill(libc::getpid(), signal) };
    loop {
        pause();
    }
}

/// Forks with `fork`, as C programs and Python do. Returns 0 in the child.
pub fn fork() -> i32 {
    // SAFETY: which calls are safe in the child is what the tests are about.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "the process cannot be forked");
    child
}

/// Forks without running `pthread_atfork` handlers. Returns 0 in the child.
pub fn fork_without_handlers() -> i32 {
    // SAFETY: as above; a child with a copy of the memory.
    let child = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    i32::try_from(child).ok().filter(|child| *child >= 0).expect("a process")
}

/// Waits for a forked child of this process.
pub fn wait_for_child(child: i32) -> Ended {
    let begin = Instant::now();
    let mut status = 0;
    loop {
        // SAFETY: the status is written to a local variable.
        match unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } {
            0 if begin.elapsed() < TIMEOUT / 2 => thread::sleep(Duration::from_millis(1)),
            0 => {
                // SAFETY: the child has not been waited for yet.
                unsafe { libc::kill(child, libc::SIGKILL) };
                return Ended::Hangs;
            }
            _ => return ExitStatus::from_raw(status).into(),
        }
    }
}

/// Lists the folders in `base` and the files in them.
pub fn listing(base: &Path) -> Vec<String> {
    let names = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    };
    let folders = names(base);
    let files =
        folders.iter().flat_map(|name| names(&base.join(name)).into_iter().map(move |file| format!("{name}/{file}")));
    let mut all: Vec<String> = files.collect();
    all.extend(folders);
    all.sort();
    all
}

/// Runs a program, and waits until it and its children have closed their output.
pub fn run(command: &mut Command) -> Outcome {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
    let pipes: [Box<dyn Read + Send>; 2] =
        [Box::new(child.stdout.take().expect("a pipe")), Box::new(child.stderr.take().expect("a pipe"))];
    let readers = pipes.map(|mut pipe| {
        thread::spawn(move || {
            let mut text = Vec::new();
            pipe.read_to_end(&mut text).expect("readable");
            String::from_utf8_lossy(&text).into_owned()
        })
    });
    let ended = wait(&mut child);
    let [stdout, stderr] = readers.map(|reader| reader.join().expect("is read"));
    Outcome { ended, stdout, stderr }
}

/// Waits for a program, and kills it after a timeout.
pub fn wait(child: &mut Child) -> Ended {
    let begin = Instant::now();
    while begin.elapsed() < TIMEOUT {
        if let Some(status) = child.try_wait().expect("is a child") {
            return status.into();
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().and_then(|()| child.wait()).expect("ends");
    Ended::Hangs
}
