//! HTTP client that sends any bytes, and a controller with scripted answers.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use profiler_runtime::artifacts::ArtifactKind;
use profiler_runtime::http::{HttpOptions, Listener, Server};
use profiler_runtime::job::{
    ControlError, Controller, JobStatus, Report, Selection, Worker, WorkerArtifact, WorkerState, WorkerStatus,
};
use serde_json::Value;

/// Response of a server.
#[derive(Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    head: String,
    /// Body as bytes.
    pub body: Vec<u8>,
}

impl Reply {
    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Returns the body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.head, String::from_utf8_lossy(&self.body)))
    }

    /// Returns `error.code`.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().expect("a code").to_owned()
    }

    /// Returns the status and `error.code`.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.code())
    }
}

/// Sends bytes and reads until the server closes. The server may close before it has read
/// everything.
pub fn send(address: SocketAddr, request: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).expect("listens");
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let _ = stream.write_all(request);
    read(&mut stream)
}

/// Reads a response to its end.
pub fn read(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => bytes.extend_from_slice(&piece[..count]),
            // A process that was suspended meanwhile.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| panic!("an answer: {bytes:?}"));
    let head = String::from_utf8(bytes[..end].to_vec()).expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Reply { status, head, body: bytes[end + 4..].to_vec() }
}

/// Returns a request with these header lines added to the usual ones.
pub fn request(address: SocketAddr, line: &str, headers: &[&str], body: &str) -> Reply {
    let host = if headers.iter().any(|header| header.starts_with("Host:")) {
        String::new()
    } else {
        format!("Host: {address}\r\n")
    };
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!("{line} HTTP/1.1\r\n{host}Connection: close\r\n{headers}{length}\r\n");
    send(address, &[head.as_bytes(), body.as_bytes()].concat())
}

/// Sends a `GET`.
pub fn get(address: SocketAddr, path: &str) -> Reply {
    request(address, &format!("GET {path}"), &[], "")
}

/// Sends a `POST`.
pub fn post(address: SocketAddr, path: &str, body: &str) -> Reply {
    request(address, &format!("POST {path}"), &[], body)
}

/// Creates a listener on a free port of the loopback interface.
pub fn listen(controller: Arc<dyn Controller>, options: HttpOptions) -> Server {
    Listener::bind("127.0.0.1:0", controller, options).expect("binds").spawn().expect("starts")
}

/// Call of a controller.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// Start of the selected workers.
    Start(Selection),
    /// Stop, with its timeout.
    Stop(Selection, Duration),
}

/// Controller with scripted answers.
#[derive(Debug)]
pub struct Scripted {
    /// Answer to a start.
    pub start: Result<Report, ControlError>,
    /// Answer to a stop.
    pub stop: Result<Report, ControlError>,
    /// Folder of every session.
    pub folder: Option<PathBuf>,
    /// Calls that it received.
    pub calls: Mutex<Vec<Call>>,
}

impl Scripted {
    /// Creates a controller whose calls all succeed.
    pub fn content() -> Self {
        Self {
            start: Ok(report(&[WorkerState::Recording])),
            stop: Ok(report(&[WorkerState::Written])),
            folder: None,
            calls: Mutex::default(),
        }
    }

    /// Returns the calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

impl Controller for Scripted {
    fn start(&self, selection: &Selection) -> Result<Report, ControlError> {
        self.calls.lock().unwrap().push(Call::Start(selection.clone()));
        self.start.clone()
    }

    fn stop(&self, selection: &Selection, wait: Duration) -> Result<Report, ControlError> {
        self.calls.lock().unwrap().push(Call::Stop(selection.clone(), wait));
        self.stop.clone()
    }

    fn status(&self) -> JobStatus {
        JobStatus::new(None, Vec::new())
    }

    fn session(&self, session: &str) -> Option<Report> {
        assert!(!session.contains(['/', '\\', '\0']), "what cannot be a session is not asked for: {session:?}");
        self.stop.clone().ok().filter(|report| report.session == session)
    }

    fn folder(&self, _session: &str) -> Option<PathBuf> {
        self.folder.clone()
    }
}

/// Returns a report with one worker per state.
pub fn report(states: &[WorkerState]) -> Report {
    let workers = states.iter().zip(0..).map(|(&state, rank)| {
        let name = format!("diffusion_rank_{rank}");
        let mut worker = Worker::new(name, rank);
        (worker.pid, worker.host) = (1, "host".into());
        let mut line = WorkerStatus::new(worker, state);
        line.error = state.is_failure().then(|| "the disk is full".to_owned());
        line
    });
    Report::new("a session", None, workers.collect())
}

/// Adds an artifact to the first worker of a report.
pub fn lists(mut report: Report, name: &str) -> Report {
    let artifact = WorkerArtifact::new(ArtifactKind::Trace, name, 2);
    report.workers[0].artifacts.push(artifact);
    report
}
