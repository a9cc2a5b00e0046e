//! Runs a program: its threads pass from phase to phase together, and sessions start and stop in
//! between.

use std::sync::Barrier;
use std::thread;

use profiler_runtime::config::TraceFormat;
use profiler_runtime::{ExportHandle, ProfilerConfig, start_profile_with, stop_profile};
use profiler_tests::Bench;

use super::log::Log;
use super::player::{Held, Player};
use super::program::{Ask, Boundary, Op, Program};

/// Result of a program: the log of each thread, and the sessions with the boundaries at which they
/// begin and end.
pub(crate) struct Played {
    pub(crate) logs: Vec<Log>,
    pub(crate) sessions: Vec<Session>,
}

pub(crate) struct Session {
    pub(crate) stopped: ExportHandle,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// Returns the name of a program's thread.
pub(crate) fn thread_name(thread: usize) -> String {
    format!("played {thread}")
}

impl Ask {
    fn config(self, bench: &Bench) -> ProfilerConfig {
        let config = bench.config().trace_format(TraceFormat::Both).quiet(true);
        match self {
            Self::Plain => config,
            Self::Stacks => config.torch_profiler_with_stack(true),
            Self::Shapes => config.torch_profiler_record_shapes(true),
            Self::Ring => config.ring(true),
            Self::Spool => config.spool(true),
        }
    }
}

/// Returns the same program with one session, which is spooled and starts at once. The program
/// still says when it stops.
pub(crate) fn spooled(program: Program) -> Program {
    let boundaries = program.boundaries.iter().enumerate();
    let boundaries = boundaries.map(|(at, _)| if at == 0 { Boundary::Start } else { Boundary::Nothing }).collect();
    Program { ask: Ask::Spool, boundaries, ..program }
}

/// Runs a program without a session, and returns what its threads did.
pub(crate) fn logs(program: &Program, bench: &Bench) -> Vec<Log> {
    let boundaries = program.boundaries.iter().map(|_| Boundary::Nothing).collect();
    run(&Program { boundaries, ..program.clone() }, bench, || {}).logs
}

/// Plays a program with its sessions. Calls `stop` before the last of them is stopped.
pub(crate) fn run(program: &Program, bench: &Bench, stop: impl Fn()) -> Played {
    let turns = Barrier::new(program.threads.len() + 1);
    let turn = || {
        turns.wait();
        turns.wait();
    };
    let mut sessions = Sessions { config: program.ask.config(bench), active: None, ended: Vec::new() };
    let logs = thread::scope(|scope| {
        let (turn, mut players) = (&turn, Vec::new());
        for (thread, phases) in program.threads.iter().enumerate() {
            let named = thread::Builder::new().name(thread_name(thread));
            players.push(named.spawn_scoped(scope, move || play(thread, phases, turn)).expect("a thread"));
        }
        let last = if program.stops_early { Boundary::Stop } else { Boundary::Nothing };
        for (at, boundary) in program.boundaries.iter().chain([&last]).enumerate() {
            turns.wait();
            if at == program.boundaries.len() && program.stops_early {
                stop();
            }
            sessions.pass(at, *boundary);
            turns.wait();
        }
        players.into_iter().map(|player| player.join().expect("a log")).collect()
    });
    stop();
    sessions.pass(program.boundaries.len() + 1, Boundary::Stop);
    Played { logs, sessions: sessions.ended }
}

/// Plays a thread's part. Passes a boundary before each phase, before it drops what it holds, and
/// after that.
pub(crate) fn play(thread: usize, phases: &[Vec<Op>], turn: impl Fn()) -> Log {
    let (player, mut held) = (Player::new(thread), Held::default());
    for ops in phases {
        player.boundary();
        turn();
        player.play(ops, &mut held);
    }
    player.boundary();
    turn();
    drop(held);
    player.cancel();
    player.boundary();
    player.into_log()
}

struct Sessions {
    config: ProfilerConfig,
    active: Option<usize>,
    ended: Vec<Session>,
}

impl Sessions {
    fn pass(&mut self, at: usize, boundary: Boundary) {
        if matches!(boundary, Boundary::Stop | Boundary::Restart)
            && let Some(from) = self.active.take()
        {
            self.ended.push(Session { stopped: stop_profile().expect("stops"), from, to: at });
        }
        if matches!(boundary, Boundary::Start | Boundary::Restart) && self.active.is_none() {
            start_profile_with(self.config.clone()).expect("starts");
            self.active = Some(at);
        }
    }
}
