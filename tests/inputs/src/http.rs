//! The listener answers any bytes with HTTP or closes the connection, and then accepts the next
//! one.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use profiler_runtime::http::{HttpOptions, Listener, Server};
use profiler_runtime::job::{ControlError, Controller, JobStatus, Report, Selection};

/// Time limit of an answer, also on a busy machine.
const LONG: Duration = Duration::from_secs(60);

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let listener = Listener::bind("127.0.0.1:0", Arc::new(Content), HttpOptions::new()).expect("binds");
    listener.spawn().expect("starts")
});

/// Sends the bytes to a listener, and then a request that it must answer.
pub fn http(bytes: &[u8]) {
    let at = SERVER.local_addr();
    let answer = exchange(at, bytes, true);
    // The HTTP version is the client's.
    let status = [b"HTTP/1.1 ", b"HTTP/1.0 "].iter().find_map(|version| answer.strip_prefix(*version));
    let is_right = answer.is_empty() || status.is_some_and(|status| matches!(status.first(), Some(b'2' | b'4')));
    assert!(is_right, "{}", String::from_utf8_lossy(&answer));
    let request = format!("GET /profile/status HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    let answer = exchange(at, request.as_bytes(), false);
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

/// Sends the bytes, and returns the answer until the server closes the connection. `is_all` means
/// that no more bytes follow.
fn exchange(at: SocketAddr, bytes: &[u8], is_all: bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(at).expect("listens");
    stream.set_read_timeout(Some(LONG)).expect("a socket");
    // The server may close the connection before the end.
    let _ = stream.write_all(bytes);
    if is_all {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// A controller whose operations all succeed.
struct Content;

impl Controller for Content {
    fn start(&self, _: &Selection) -> Result<Report, ControlError> {
        Ok(Report::new("a session", None, Vec::new()))
    }

    fn stop(&self, selection: &Selection, _: Duration) -> Result<Report, ControlError> {
        self.start(selection)
    }

    fn status(&self) -> JobStatus {
        JobStatus::new(None, Vec::new())
    }

    fn session(&self, session: &str) -> Option<Report> {
        assert!(!session.contains(['/', '\\', '\0']), "what cannot be a session is not asked for: {session:?}");
        None
    }

    fn folder(&self, _: &str) -> Option<PathBuf> {
        None
    }
}
