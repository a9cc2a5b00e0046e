//! Who may join a coordinator: one worker for each rank, with the token; whoever else knocks is refused and disturbs
//! nobody.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod job_support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use job_support::{LONG, Place, Process, is_whole, job, patient, until_recorded};
use profiler_runtime::ProfilerConfig;
use profiler_runtime::job::{Address, Controller, Coordinator, CoordinatorOptions, LinkError, Selection};
use serde_json::{Value, json};

const TOKEN: &str = "an uncommon word";

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn worker() {
    job_support::work();
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

/// What the coordinator answers to this line, until it closes the connection.
fn answer(coordinator: &Coordinator, line: &[u8]) -> String {
    let mut stream = connect(coordinator);
    // It may have heard enough before the end.
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
