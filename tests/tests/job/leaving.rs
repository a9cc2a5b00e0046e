//! A worker that leaves, or loses its place, in the middle of something. Each side runs against a
//! double of the other, which acts at the worst moment.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::job_support::{LONG, Place, Process, patient, states, until};
use profiler_runtime::job::{self, Address, Controller, Coordinator, LocalController, Selection, WorkerState};
use profiler_runtime::{ProfilerConfig, configure, profile_with};
use profiler_tests::{child_of, in_child, succeeded};
use serde_json::{Value, json};

const TOKEN: &str = "an uncommon word";

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn worker() {
    crate::job_support::work();
}

/// Peer of a connection, which says and hears lines.
struct Peer(BufReader<TcpStream>);

impl Peer {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(LONG)).unwrap();
        Self(BufReader::new(stream))
    }

    fn say(&mut self, line: &Value) {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Returns the next line, or `None` at the end.
    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
    }

    /// Reads lines until `key` has this value, and returns that line.
    fn wait_for(&mut self, key: &str, value: impl Into<Value>) -> Value {
        let value = value.into();
        loop {
            let line = self.next().expect("a line");
            if line[key] == value {
                return line;
            }
        }
    }
}

/// Creates a coordinator, and a double that has joined it as a worker.
fn with_a_double() -> (Place, Coordinator, Peer) {
    let place = Place::new();
    let options = patient().token(TOKEN).config(ProfilerConfig::torch(place.perf()));
    let coordinator = Coordinator::bind("tcp://127.0.0.1:0", options).unwrap();
    let Address::Tcp(address) = coordinator.address() else { panic!("bound to TCP") };
    let mut worker = Peer::new(TcpStream::connect(address).unwrap());
    worker.say(&json!({"protocol": 1, "name": "double", "rank": 0, "local_rank": 0, "stage": 0, "pid": 7,
                       "host": "elsewhere", "token": TOKEN}));
    assert!(worker.next().unwrap()["welcome"].is_object());
    assert_eq!(coordinator.wait_for_workers(1, LONG), 1);
    (place, coordinator, worker)
}

/// Checks the coordinator's report of a session whose worker answers the stop by `say` and leaves
/// with its artifacts written.
fn leaves_at_the_stop(say: impl Fn(&mut Peer, &Value) + Send) {
    let (_place, coordinator, mut worker) = with_a_double();
    std::thread::scope(|scope| {
        let stops = scope.spawn(|| {
            assert!(coordinator.start(&Selection::default()).unwrap().is_complete());
            let begin = Instant::now();
            (coordinator.stop(&Selection::default(), LONG).unwrap(), begin.elapsed())
        });
        let start = worker.wait_for("request", "start");
        let session = start["session"].clone();
        worker.say(&json!({"id": start["id"], "session": session, "state": "recording"}));
        let stop = worker.wait_for("request", "stop");
        say(&mut worker, &stop);
        worker.say(&json!({"id": 0, "session": session, "state": "written"}));
        drop(worker);
        let (report, took) = stops.join().unwrap();
        assert_eq!(states(&report), [(0, WorkerState::Written)], "{report:?}");
        assert!(took < LONG / 2, "nobody waits for who has left: {took:?}");
    });
}

#[test]
fn a_worker_that_leaves_at_the_stop_has_written() {
    leaves_at_the_stop(|_, _| {});
}

#[test]
fn a_worker_that_leaves_while_it_is_waited_for_has_written() {
    leaves_at_the_stop(|worker, stop| {
        worker.say(&json!({"id": stop["id"], "session": stop["session"], "state": "writing"}));
        worker.wait_for("request", "flush");
    });
}

#[test]
fn a_stop_after_a_workers_last_words_does_not_make_it_lost() {
    let (_place, coordinator, mut worker) = with_a_double();
    std::thread::scope(|scope| {
        let starts = scope.spawn(|| coordinator.start(&Selection::default()).unwrap().session);
        let start = worker.wait_for("request", "start");
        worker.say(&json!({"id": start["id"], "session": start["session"], "state": "recording"}));
        let session = starts.join().unwrap();
        worker.say(&json!({"id": 0, "session": session, "state": "written"}));
        until("it is heard", || states(&coordinator.session(&session).unwrap()) == [(0, WorkerState::Written)]);
        let stops = scope.spawn(|| coordinator.stop(&Selection::default(), LONG).unwrap());
        worker.wait_for("request", "stop");
        drop(worker);
        assert_eq!(states(&stops.join().unwrap()), [(0, WorkerState::Written)]);
    });
}

/// Creates a double of a coordinator, and a worker that has joined it.
fn of_a_double(place: &Place) -> (Process, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = child_of("worker");
    command
        .env("PROFILER_COORDINATOR", format!("tcp://{}", listener.local_addr().unwrap()))
        .env("PROFILER_COORDINATOR_TOKEN", TOKEN)
        .envs([place.notes()]);
    let process = Process::start(&mut command);
    let mut worker = Peer::new(listener.accept().unwrap().0);
    assert_eq!(worker.next().unwrap()["token"], TOKEN);
    worker.say(&json!({"welcome": {"protocol": 1}}));
    (process, worker)
}

fn start(place: &Place, id: u64, session: &str) -> Value {
    start_with(place, id, session, false)
}

/// Returns the request that starts a session. With stacks its artifacts take longer, because
/// functions must be named.
fn start_with(place: &Place, id: u64, session: &str, stacks: bool) -> Value {
    let config = json!({"profiler": "torch", "torch_profiler_dir": place.perf(), "torch_profiler_with_stack": stacks});
    json!({"id": id, "request": "start", "session": session, "config": config})
}

#[test]
fn a_worker_knows_the_sessions_that_its_coordinator_can_ask_for() {
    let place = Place::new();
    let (process, mut worker) = of_a_double(&place);
    for number in 1..=60 {
        let session = format!("session-{number}");
        worker.say(&start(&place, number * 2, &session));
        worker.say(&json!({"id": number * 2 + 1, "request": "stop", "session": session}));
    }
    worker.say(&json!({"id": 1000, "request": "flush", "session": "session-1"}));
    let answer = worker.wait_for("id", 1000);
    assert_eq!((&answer["state"], &answer["failure"]), (&"written".into(), &Value::Null), "{answer}");
    drop(worker);
    assert!(process.finish());
}

#[test]
fn a_worker_that_leaves_tells_of_each_unknown_session() {
    let place = Place::new();
    let (process, mut worker) = of_a_double(&place);
    worker.say(&start(&place, 1, "told"));
    worker.say(&json!({"id": 2, "request": "stop", "session": "told"}));
    worker.say(&json!({"id": 3, "request": "flush", "session": "told"}));
    assert_eq!(worker.wait_for("id", 3)["state"], "written");
    worker.say(&start_with(&place, 4, "one", true));
    until("something has to be named", || place.has_recorded(Path::new("one")));
    worker.say(&json!({"id": 5, "request": "stop", "session": "one"}));
    worker.say(&start(&place, 6, "two"));
    assert_eq!(worker.wait_for("id", 6)["state"], "recording");
    assert!(process.finish());
    let mut last_words = Vec::new();
    while let Some(line) = worker.next() {
        assert_eq!((&line["id"], &line["state"]), (&0.into(), &"written".into()), "{line}");
        last_words.push(line["session"].clone());
    }
    // The end of the first session is not among the last words if it was fast enough to answer the
    // stop.
    assert!(last_words == ["one", "two"] || last_words == ["two"], "{last_words:?}");
}

/// Installs a controller while a trigger's session runs.
#[test]
#[ignore = "run by the test below, as a process of its own"]
fn installs() {
    if !in_child() {
        return;
    }
    let place = Place::new();
    let file = place.path().join("profile-now");
    std::fs::write(&file, "").unwrap();
    let config = ProfilerConfig::torch(place.perf()).trigger_file(&file);
    configure(config.clone()).unwrap();
    let guard = profile_with(config).unwrap();
    until("the session runs", || job::controller().status().session.is_some());
    let before = job::controller();
    let address = place.address();
    job::set_controller(Arc::new(Coordinator::bind(&address, patient()).unwrap()));
    drop(guard);
    assert_eq!(before.status().session, None);
    let session = std::fs::read_dir(place.perf()).unwrap().next().unwrap().unwrap().path();
    assert!(session.join("manifest_rank0.json").exists(), "written at the end of the guard");
    job::set_controller(Arc::new(LocalController::new()));
}

#[test]
fn a_trigger_stops_what_it_started_whatever_is_set_since() {
    succeeded(&mut child_of("installs"));
}
