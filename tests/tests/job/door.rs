//! Admission to a coordinator: one worker for each rank, with the token. All others are refused and
//! disturb nobody.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::job_support::{LONG, Place, Process, is_whole, job, patient, until, until_recorded};
use profiler_runtime::job::{
    Address, Controller, Coordinator, CoordinatorOptions, LinkError, Selection, set_controller,
};
use profiler_runtime::{ProfilerConfig, profile_with};
use profiler_tests::{child_of, in_child, succeeded};
use serde_json::{Value, json};

const TOKEN: &str = "an uncommon word";

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn worker() {
    crate::job_support::work();
}

fn over_tcp(place: &Place) -> Coordinator {
    let options = patient().token(TOKEN).config(ProfilerConfig::torch(place.perf()));
    Coordinator::bind("tcp://127.0.0.1:0", options).unwrap()
}

fn connect(coordinator: &Coordinator) -> TcpStream {
    let Address::Tcp(address) = coordinator.address() else { panic!("bound to TCP") };
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

fn hello() -> Value {
    json!({"protocol": 1, "name": "stranger", "rank": 5, "local_rank": 5, "stage": 0, "pid": 7, "host": "elsewhere",
           "token": TOKEN})
}

/// Returns the coordinator's answer to this line, up to the end of the connection.
fn answer(coordinator: &Coordinator, line: &[u8]) -> String {
    let mut stream = connect(coordinator);
    // The coordinator may close the connection before it has read everything.
    let _ = stream.write_all(line).and_then(|()| stream.write_all(b"\n"));
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

fn refused(coordinator: &Coordinator, change: impl FnOnce(&mut Value)) -> String {
    let mut hello = hello();
    change(&mut hello);
    let answer = answer(coordinator, hello.to_string().as_bytes());
    let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{answer:?}: {error}"));
    answer["refused"]["reason"].as_str().unwrap().to_owned()
}

#[test]
fn workers_on_other_hosts_join_with_the_token() {
    let place = Place::new();
    let coordinator = over_tcp(&place);
    let _workers = job(&coordinator, &[0, 1]);
    let folder = coordinator.start(&Selection::default()).unwrap().folder.unwrap();
    until_recorded(&coordinator);
    assert!(coordinator.stop(&Selection::default(), LONG).unwrap().is_complete());
    assert!(is_whole(&folder, 0) && is_whole(&folder, 1));
}

#[test]
fn without_the_token_nobody_joins() {
    let place = Place::new();
    let coordinator = over_tcp(&place);
    for wrong in [json!("an uncommon worm"), json!(""), json!(null)] {
        assert_eq!(
            refused(&coordinator, |hello| hello["token"] = wrong),
            "the token is not the coordinator's: give both the same `PROFILER_COORDINATOR_TOKEN`"
        );
    }
    let none = Coordinator::bind("tcp://127.0.0.1:0", CoordinatorOptions::default()).unwrap_err();
    assert!(matches!(none, LinkError::NoToken { .. }), "{none}");
    let mut command = Process::command(&coordinator, 0, 1);
    let _worker = Process::start(command.env("PROFILER_COORDINATOR_TOKEN", "guessed"));
    assert_eq!(coordinator.wait_for_workers(1, Duration::from_millis(600)), 0);
}

#[test]
fn garbage_is_refused_and_the_coordinator_works_on() {
    let place = Place::new();
    let coordinator = over_tcp(&place);
    let nested = "[".repeat(4_000);
    for line in [&b""[..], b"GET / HTTP/1.1", b"\xff\xfe\x00", b"{}", b"null", nested.as_bytes()] {
        assert!(answer(&coordinator, line).contains("the line is not understood"), "{line:?}");
    }
    assert!(refused(&coordinator, |hello| hello["protocol"] = json!(99)).contains("it speaks protocol 99"));
    assert!(refused(&coordinator, |hello| hello["name"] = json!("a\nline of its own")).contains("no plain text"));
    assert!(refused(&coordinator, |hello| hello["rank"] = json!(-1)).contains("the line is not understood"));
    let _workers = job(&coordinator, &[0]);
    assert!(coordinator.start(&Selection::default()).unwrap().is_complete());
}

#[test]
fn an_oversized_line_is_refused_before_its_end() {
    let place = Place::new();
    let coordinator = over_tcp(&place);
    let mut stream = connect(&coordinator);
    stream.write_all(&[b'x'; 5_000]).unwrap();
    let mut said = String::new();
    BufReader::new(&stream).read_line(&mut said).unwrap();
    assert!(said.contains("a line is longer than 4096 bytes"), "{said}");
    let _workers = job(&coordinator, &[0]);
}

#[test]
fn who_says_nothing_is_not_listened_to_for_long() {
    let place = Place::new();
    let coordinator = over_tcp(&place);
    let mut mute = connect(&coordinator);
    let begin = Instant::now();
    let mut said = String::new();
    mute.read_to_string(&mut said).unwrap();
    assert!(said.contains("nothing came in time") && begin.elapsed() < LONG / 2, "{said}");
}

#[test]
fn a_member_that_talks_nonsense_loses_its_place() {
    let place = Place::new();
    let coordinator = over_tcp(&place);
    let mut stream = connect(&coordinator);
    stream.write_all(format!("{}\n", hello()).as_bytes()).unwrap();
    assert_eq!(coordinator.wait_for_workers(1, LONG), 1);
    stream.write_all(b"{\"id\":\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert_eq!(said, "{\"welcome\":{\"protocol\":1}}\n");
    assert!(coordinator.status().workers.is_empty());
}

#[test]
fn a_rank_has_one_worker() {
    let place = Place::new();
    let coordinator = over_tcp(&place);
    let mut first = job(&coordinator, &[0]).remove(0);
    let reason = refused(&coordinator, |hello| hello["rank"] = json!(0));
    assert!(reason.starts_with("rank 0 has joined already: `diffusion_rank_0`, process "), "{reason}");
    assert!(reason.ends_with("give each worker a `RANK` of its own"), "{reason}");
    assert!(first.runs() && coordinator.status().workers.len() == 1);
}

/// G14: silent connections, and hundreds that come and go, keep no worker out of the job.
#[test]
fn strangers_in_hundreds_keep_no_worker_out() {
    let place = Place::new();
    let coordinator = over_tcp(&place);
    let silent: Vec<_> = (0..64).map(|_| connect(&coordinator)).collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut open = VecDeque::new();
                while !is_over.load(Ordering::SeqCst) {
                    open.push_back(connect(&coordinator));
                    if open.len() > 50 {
                        open.pop_front();
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
        }
        let begin = Instant::now();
        let workers = job(&coordinator, &[0, 1, 2, 3]);
        let took = begin.elapsed();
        let report = coordinator.start(&Selection::default()).unwrap();
        is_over.store(true, Ordering::SeqCst);
        assert!(report.is_complete() && report.workers.len() == workers.len(), "{report:?}");
        assert!(took < LONG / 2, "{took:?}");
    });
    drop(silent);
}

/// G14: members do not count as strangers: a job may have more workers than the limit for
/// strangers.
#[test]
fn members_take_no_place_of_strangers() {
    let place = Place::new();
    let coordinator = over_tcp(&place);
    let mut members = Vec::new();
    for rank in 0..80 {
        let mut hello = hello();
        hello["rank"] = json!(rank);
        let mut stream = connect(&coordinator);
        stream.write_all(format!("{hello}\n").as_bytes()).unwrap();
        let mut said = String::new();
        BufReader::new(&stream).read_line(&mut said).unwrap();
        assert_eq!(said, "{\"welcome\":{\"protocol\":1}}\n", "rank {rank}");
        members.push(stream);
    }
    assert_eq!(coordinator.wait_for_workers(80, LONG), 80);
}

/// G14: a hello that arrives byte by byte is cut off.
#[test]
fn a_hello_has_to_come_in_time() {
    let place = Place::new();
    let coordinator = over_tcp(&place);
    let mut stream = connect(&coordinator);
    let mut other = stream.try_clone().unwrap();
    let begin = Instant::now();
    let drip = std::thread::spawn(move || {
        while other.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    let mut said = String::new();
    // A reset counts as an end, too.
    let _ = stream.read_to_string(&mut said);
    let took = begin.elapsed();
    assert!((Duration::from_secs(9)..LONG / 2).contains(&took), "{took:?}");
    drop(stream);
    drip.join().unwrap();
}

/// Lines of the host's logger.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Kept;

impl log::Log for Kept {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

fn lines_with(part: &str) -> usize {
    LINES.lock().unwrap().iter().filter(|line| line.contains(part)).count()
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn logged() {
    if !in_child() {
        return;
    }
    log::set_logger(&Kept).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let place = Place::new();
    let coordinator = Arc::new(over_tcp(&place));

    // G14: each kind of refusal is logged once, however often it happens.
    for _ in 0..50 {
        refused(&coordinator, |hello| hello["token"] = json!("guessed"));
    }
    let silent: Vec<_> = (0..100).map(|_| connect(&coordinator)).collect();
    until("both kinds are told", || lines_with("the token is not") == 1 && lines_with("too many unauthenticated") == 1);
    drop(silent);

    // G15: no text of a worker begins a line or controls a terminal.
    let forged = "no room\nERROR forged\r\u{1b}[2J\u{9b}31m\u{202e}txt.exe";
    for name in ["a\u{202e}b", "a\u{1b}[2J", "a\nb"] {
        assert!(refused(&coordinator, |hello| hello["name"] = json!(name)).contains("no plain text"), "{name:?}");
    }
    let mut member = connect(&coordinator);
    member.write_all(format!("{}\n", hello()).as_bytes()).unwrap();
    assert_eq!(coordinator.wait_for_workers(1, LONG), 1);
    set_controller(Arc::clone(&coordinator) as Arc<dyn Controller>);
    let trigger = place.path().join("trigger");
    let _profile = profile_with(ProfilerConfig::torch(place.perf()).trigger_file(&trigger)).unwrap();
    std::fs::write(&trigger, "").unwrap();
    let mut reader = BufReader::new(member.try_clone().unwrap());
    let order = std::iter::from_fn(|| {
        let mut line = String::new();
        reader.read_line(&mut line).ok().map(|_| serde_json::from_str::<Value>(&line).unwrap_or_default())
    });
    let order = order.skip_while(|line| line["request"] != "start").take(1).next().unwrap();
    let failure = json!({"code": "folder", "message": forged});
    let answer = json!({"id": order["id"], "session": order["session"], "state": "failed", "failure": failure});
    member.write_all(format!("{answer}\n").as_bytes()).unwrap();
    until("its failure is told", || lines_with("(rank 5): no room\\n") == 1);
    let nonsense = json!({"id": 7, "session": null, "state": forged});
    member.write_all(format!("{nonsense}\n").as_bytes()).unwrap();
    until("its end is told", || lines_with("(rank 5) is gone") == 1);
    for line in &*LINES.lock().unwrap() {
        let acts = |letter: char| letter.is_control() || letter == '\u{202e}';
        assert!(!line.contains(acts) && !line.contains("guessed"), "{line:?}");
    }
}

/// G14, G15: strangers do not fill the log, and control characters in their text are escaped.
#[test]
fn what_strangers_and_workers_say_is_logged_safely() {
    succeeded(&mut child_of("logged"));
}
