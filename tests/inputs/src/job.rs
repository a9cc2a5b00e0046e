//! The coordinator accepts a worker or gives a reason, whatever the worker sends, and then accepts
//! the next one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

use profiler_runtime::ProfilerConfig;
use profiler_runtime::job::{Address, Controller, Coordinator, CoordinatorOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

const TOKEN: &str = "an uncommon word";
/// Time limit of an answer, also on a busy machine.
const LONG: Duration = Duration::from_secs(60);

static JOB: LazyLock<(TempDir, Coordinator)> = LazyLock::new(|| {
    let folder = crate::folder();
    let options = CoordinatorOptions::default().token(TOKEN).config(ProfilerConfig::torch(folder.path()));
    let coordinator = Coordinator::bind("tcp://127.0.0.1:0", options).expect("binds");
    (folder, coordinator)
});

/// Sends the bytes to a coordinator without and with a valid token. Then a valid worker joins.
pub fn coordinator(bytes: &[u8]) {
    let coordinator = &JOB.1;
    if let Some(answer) = greeting(connect(coordinator, bytes)) {
        assert!(is_greeting(&answer), "{answer}");
    }
    assert!(is_accepted(coordinator, bytes), "a worker that shows the token");
    for worker in coordinator.status().workers {
        assert!(worker.worker.name.len() <= 256, "{worker:?}");
    }
    assert!(is_accepted(coordinator, b""), "an honest worker comes in afterwards");
}

fn connect(coordinator: &Coordinator, bytes: &[u8]) -> TcpStream {
    let Address::Tcp(address) = coordinator.address() else { panic!("bound to TCP") };
    let mut stream = TcpStream::connect(address).expect("listens");
    stream.set_read_timeout(Some(LONG)).expect("a socket");
    // The coordinator may close the connection before the end.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    stream
}

fn greeting(stream: TcpStream) -> Option<Value> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    (!line.is_empty()).then(|| serde_json::from_str(&line).expect("a line of JSON"))
}

fn is_greeting(answer: &Value) -> bool {
    answer["welcome"]["protocol"].is_u64() || answer["refused"]["reason"].as_str().is_some_and(|why| !why.is_empty())
}

/// Joins with the token, sends the bytes, and waits until the coordinator has closed the
/// connection. Returns whether the worker was accepted.
fn is_accepted(coordinator: &Coordinator, bytes: &[u8]) -> bool {
    let hello = json!({
        "protocol": 1, "name": "worker", "rank": 5, "local_rank": 5, "stage": 0, "pid": 7, "host": "here",
        "token": TOKEN,
    });
    let mut stream = connect(coordinator, &[hello.to_string().as_bytes(), b"\n", bytes].concat());
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    let first = said.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let answer: Value = serde_json::from_slice(first).expect("a line of JSON");
    !answer["welcome"].is_null()
}
