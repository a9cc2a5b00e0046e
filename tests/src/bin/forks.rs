//! A program that forks while it is profiled, run by the tests of forks:
//! `forks STORY FOLDER THREADS [spool]`.
//!
//! The parent records, forks, waits for its child and continues to record, while other threads
//! record, too. The child records and ends as the story says; it may start a session of its own.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[cfg(target_os = "linux")]
mod program {
    use std::io::Read;
    use std::os::unix::process::CommandExt;
    use std::path::{Path, PathBuf};
    use std::process::{Command, exit};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};
    use std::{env, fs, io, thread};

    use profiler_runtime::job::{Coordinator, CoordinatorOptions};
    use profiler_runtime::session::Status;
    use profiler_runtime::{
        Error, ProfilerConfig, configure, http, op, profile_with, profiled_step, stage, start_profile,
        start_profile_with, status, stop_profile,
    };
    use profiler_tests::processes::{end_by, fork, fork_without_handlers, listing, pause, wait_for_child};

    /// Number of iterations of the parent before the fork.
    const BEFORE: usize = 10;
    /// Number of iterations of the parent after the fork.
    const AFTER: usize = 7;
    /// Number of iterations of a child.
    const IN_CHILD: usize = 5;

    #[profiled_step]
    fn parent_step() {
        drop(stage!("parent work"));
    }

    #[profiled_step]
    fn child_step() {
        drop(stage!("child work"));
    }

    #[profiled_step]
    fn step_on_a_thread() {}

    struct Story {
        name: String,
        folder: PathBuf,
        threads: usize,
        spool: bool,
    }

    pub(crate) fn main() {
        let mut words = env::args().skip(1);
        let mut word = || words.next();
        let story = Story {
            name: word().unwrap(),
            folder: word().unwrap().into(),
            threads: word().unwrap().parse().unwrap(),
            spool: word().is_some(),
        };
        match story.name.as_str() {
            "daemonise" => story.daemonise(),
            "configured" => story.configured(),
            "becomes true" => story.becomes(Command::new("true")),
            "becomes another" => {
                let mut another = Command::new(env::current_exe().unwrap());
                another.arg("begins again").arg(&story.folder).arg("0");
                story.becomes(another);
            }
            "begins again" => {
                let _profile = profile_with(story.config("parent")).unwrap();
                (0..AFTER).for_each(|_| parent_step());
            }
            "parent is killed" => story.parent_is_killed(),
            "listens" => listens(),
            "coordinator is killed" => coordinator_is_killed(),
            "thread returns" => {
                let thread = thread::spawn(move || story.fork());
                // This thread does not exist in the child.
                thread.join().unwrap();
            }
            _ => story.fork(),
        }
    }

    impl Story {
        fn config(&self, whose: &str) -> ProfilerConfig {
            ProfilerConfig::torch(self.folder.join(whose)).spool(self.spool)
        }

        fn fork(&self) {
            let is_over = Arc::new(AtomicBool::new(false));
            let guard = profile_with(self.config("parent")).unwrap();
            let threads: Vec<_> = (0..self.threads).map(|_| busy_thread(Arc::clone(&is_over))).collect();
            (0..BEFORE).for_each(|_| parent_step());
            let open = stage!("open at the fork");
            let before = listing(&self.folder.join("parent"));
            let child = if self.name.starts_with("clone") { fork_without_handlers() } else { fork() };
            if child == 0 {
                // The handle of a thread that does not exist must not be dropped.
                std::mem::forget(threads);
                return self.in_the_child();
            }
            println!("child: {:?}", wait_for_child(child));
            assert_eq!(listing(&self.folder.join("parent")), before, "the child has changed its parent's files");
            drop(open);
            (0..AFTER).for_each(|_| parent_step());
            is_over.store(true, Ordering::SeqCst);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            drop(guard);
        }

        fn in_the_child(&self) {
            (0..IN_CHILD).for_each(|_| child_step());
            match self.name.as_str() {
                "return" | "thread returns" => {}
                "exit" | "clone" => exit(0),
                // SAFETY: ends the process.
                "_exit" => unsafe { libc::_exit(0) },
                "panic" => {
                    let _open = stage!("child open");
                    panic!("in the child");
                }
                "exec" => panic!("{}", Command::new("true").exec()),
                "kill" => end_by(libc::SIGKILL),
                "term" => end_by(libc::SIGTERM),
                "stop" => {
                    assert!(matches!(stop_profile(), Err(Error::NotActive)));
                    assert_eq!(status(), Status::Idle);
                    exit(0)
                }
                "spawn" => {
                    assert!(Command::new("true").status().unwrap().success());
                    exit(0)
                }
                "own session" | "clone, own session" => self.own_session(),
                "own session, term" => {
                    start_profile_with(self.config("child")).unwrap();
                    (0..IN_CHILD).for_each(|_| child_step());
                    end_by(libc::SIGTERM)
                }
                "double fork" => {
                    let grandchild = fork();
                    if grandchild == 0 {
                        (0..IN_CHILD).for_each(|_| child_step());
                        self.own_session();
                    }
                    exit(i32::from(wait_for_child(grandchild) != profiler_tests::processes::Ended::Exit(0)))
                }
                story => panic!("{story}"),
            }
        }

        /// Records on two threads in a session of this process, which is written when the process
        /// exits.
        fn own_session(&self) -> ! {
            start_profile_with(self.config("child")).unwrap();
            (0..IN_CHILD).for_each(|_| child_step());
            thread::spawn(|| (0..IN_CHILD).for_each(|_| child_step())).join().unwrap();
            exit(0)
        }

        /// Exits during the session. The daemon that is left behind records a little.
        fn daemonise(&self) {
            start_profile_with(self.config("parent")).unwrap();
            (0..BEFORE).for_each(|_| parent_step());
            if fork() == 0 {
                (0..IN_CHILD).for_each(|_| child_step());
            }
            exit(0);
        }

        /// Replaces this process with another program during the session.
        fn becomes(&self, mut another: Command) {
            start_profile_with(self.config("parent")).unwrap();
            (0..BEFORE).for_each(|_| parent_step());
            panic!("{}", another.exec());
        }

        /// Acts as a server that profiles only its workers.
        fn configured(&self) {
            configure(self.config("child")).unwrap();
            parent_step();
            let child = fork();
            if child == 0 {
                start_profile().unwrap();
                (0..IN_CHILD).for_each(|_| child_step());
                exit(0);
            }
            println!("child: {:?}", wait_for_child(child));
        }

        /// Is killed while recording; the child outlives it.
        fn parent_is_killed(&self) {
            start_profile_with(self.config("parent")).unwrap();
            (0..BEFORE).for_each(|_| parent_step());
            let child = self.folder.join("child");
            if fork() == 0 {
                child_step();
                write_whole(&child, &std::process::id().to_string());
                loop {
                    pause();
                }
            }
            while !child.exists() {
                pause();
            }
            end_by(libc::SIGKILL)
        }
    }

    /// Listens again at the same addresses while a child lives.
    fn listens() {
        let server = http::serve("127.0.0.1:0").unwrap();
        let options = CoordinatorOptions::default().token("secret");
        let coordinator = Coordinator::bind("tcp://127.0.0.1:0", options.clone()).unwrap();
        let (http_address, job_address) = (server.local_addr(), coordinator.address().to_string());
        let child = child_that_waits();
        drop((server, coordinator));
        println!("http: {:?}", http::serve(http_address).map(|server| server.local_addr() == http_address));
        // The coordinator's thread may still be ending.
        let begin = Instant::now();
        let again = || Coordinator::bind(&job_address, options.clone());
        let bound = loop {
            match again() {
                Err(_) if begin.elapsed() < Duration::from_secs(5) => pause(),
                bound => break bound,
            }
        };
        println!("job: {:?}", bound.map(|bound| bound.address().to_string() == job_address));
        // SAFETY: the child has not been waited for yet.
        unsafe { libc::kill(child, libc::SIGKILL) };
        wait_for_child(child);
    }

    /// Waits to be killed, and leaves a child behind.
    fn coordinator_is_killed() {
        let options = CoordinatorOptions::default().token("secret");
        let coordinator = Coordinator::bind("tcp://127.0.0.1:0", options).unwrap();
        println!("{}", coordinator.address());
        coordinator.wait_for_workers(1, Duration::from_secs(30));
        println!("{}", child_that_waits());
        loop {
            pause();
        }
    }

    /// Forks a child that waits until it is killed or the standard input ends.
    fn child_that_waits() -> i32 {
        let child = fork();
        if child == 0 {
            let _ = io::stdin().read(&mut [0]);
            // SAFETY: ends the process.
            unsafe { libc::_exit(0) }
        }
        child
    }

    /// Starts a thread that takes every lock of a session all the time.
    fn busy_thread(is_over: Arc<AtomicBool>) -> thread::JoinHandle<()> {
        thread::spawn(move || {
            while !is_over.load(Ordering::SeqCst) {
                step_on_a_thread();
                let _ = (status(), op("a name at run time"));
                pause();
            }
        })
    }

    fn write_whole(path: &Path, text: &str) {
        let part = path.with_extension("part");
        fs::write(&part, text).unwrap();
        fs::rename(part, path).unwrap();
    }
}

#[cfg(target_os = "linux")]
fn main() {
    program::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {}
