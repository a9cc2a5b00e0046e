//! Tests that messages survive the wire and that no input makes a decoder panic.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use profiler_trace::export::ArtifactKind;

fn worker() -> Worker {
    let (name, host) = ("diffusion_rank_1".to_owned(), "node-7".to_owned());
    Worker { name, rank: 1, stage: 2, pid: 4_321, host }
}

fn hello() -> Hello {
    Hello { protocol: PROTOCOL, worker: worker(), local_rank: 1, token: Some(Token::new("secret")) }
}

/// Runs every decoder.
fn read_all(line: &[u8]) {
    drop(decode::<Hello>(line));
    drop(decode::<Greeting>(line));
    drop(decode::<Order>(line));
    drop(decode::<Answer>(line));
    id_of(line);
}

#[test]
fn every_request_and_answer_survives_the_wire() {
    let session = || "20260131-235959-7-1".to_owned();
    let requests = [
        Request::Start {
            session: session(),
            config: json!({"profiler": "cuda", "delay_secs": 0.5}),
            places: Aliases::from([("stages[0]".to_owned(), "profile_stages[1]".to_owned())]),
        },
        Request::Stop { session: session() },
        Request::Status { session: None },
        Request::Flush { session: session() },
    ];
    for (id, request) in (1..).zip(requests) {
        let order = Order { id, request };
        let line = encode(&order).unwrap();
        assert_eq!((line.iter().filter(|byte| **byte == b'\n').count(), line.last()), (1, Some(&b'\n')));
        assert_eq!(decode::<Order>(&line).unwrap(), order);
    }
    let artifact = WorkerArtifact::new(ArtifactKind::Trace, "trace\n_rank0.json", 7);
    let failure = Some(Failure::new(FailureCode::Folder, "the disk is full"));
    let answer = Answer { artifacts: vec![artifact], failure, ..Answer::new(3, Some(session()), WorkerState::Failed) };
    assert_eq!(decode::<Answer>(&encode(&answer).unwrap()).unwrap(), answer);
    let greeted: Hello = decode(&encode(&hello()).unwrap()).unwrap();
    assert_eq!((greeted.worker, greeted.token.unwrap().reveal()), (worker(), "secret"));
}

#[test]
fn a_line_is_what_the_documentation_shows() {
    let order = Order { id: 7, request: Request::Stop { session: "job".to_owned() } };
    assert_eq!(encode(&order).unwrap(), b"{\"id\":7,\"request\":\"stop\",\"session\":\"job\"}\n");
    let line = br#"{"id":9,"state":"failed","session":null,"failure":{"code":"from the future","message":"m"}}"#;
    assert_eq!(decode::<Answer>(line).unwrap().failure.unwrap().code, FailureCode::Other);
}

#[test]
fn a_request_of_a_later_version_keeps_its_id() {
    let line = br#"{"id":12,"request":"rewind","session":"job"}"#;
    assert!(decode::<Order>(line).is_err());
    assert_eq!(id_of(line), Some(12));
}

#[test]
fn a_message_that_is_too_long_is_not_sent() {
    let config = json!("x".repeat(MAX_LINE));
    let order = Order { id: 1, request: Request::Start { session: "job".to_owned(), config, places: Aliases::new() } };
    assert!(encode(&order).unwrap_err().contains("more than the 1048576"));
}

#[test]
fn a_deeply_nested_line_is_an_error() {
    read_all("[".repeat(100_000).as_bytes());
    let nested = format!(r#"{{"id":1,"request":"start","session":"s","config":{}"#, "[".repeat(50_000));
    assert!(decode::<Order>(nested.as_bytes()).is_err());
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_an_error_or_a_message(line in prop::collection::vec(any::<u8>(), 0..400)) {
        read_all(&line);
    }

    #[test]
    fn a_line_with_changed_bytes_is_an_error_or_a_message(
        which in 0_usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut line = match which {
            0 => encode(&hello()),
            1 => {
                let config = json!({"a": 1});
                let request = Request::Start { session: "job".into(), config, places: Aliases::new() };
                encode(&Order { id: 5, request })
            }
            _ => encode(&Answer::new(5, Some("job".into()), WorkerState::Recording)),
        }.unwrap();
        for (index, byte) in changes {
            let at = index.index(line.len());
            line[at] = byte;
        }
        read_all(&line);
    }
}
