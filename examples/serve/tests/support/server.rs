//! Runs the real server program, and a minimal HTTP client. Everything has a timeout.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Timeout that is longer than anything takes, even in a debug build on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);
/// Environment variables that the test machine may have set.
const FOREIGN: [&str; 7] = [
    "PROFILER_CONFIG",
    "PROFILER_SESSION_ID",
    "PROFILER_COORDINATOR",
    "PROFILER_HTTP_TOKEN",
    "VLLM_TORCH_PROFILER_DIR",
    "VLLM_TORCH_CUDA_PROFILE",
    "NVTX_INJECTION64_PATH",
];

/// Fields of a quick video with guidance.
pub(crate) const QUICK: [(&str, &str); 4] =
    [("prompt", "A cat"), ("num_frames", "1"), ("num_inference_steps", "2"), ("seed", "7")];

/// Returns a command for the program, which `cargo test` builds with the tests.
pub(crate) fn program() -> Command {
    let test = std::env::current_exe().unwrap();
    let mut command = Command::new(test.ancestors().nth(2).unwrap().join("examples").join("serve"));
    FOREIGN.iter().for_each(|name| {
        command.env_remove(name);
    });
    command
}

/// A running server. Dropping it kills the server, and its workers end with it.
pub(crate) struct Server {
    child: Child,
    address: String,
    _folder: TempDir,
}

impl Server {
    /// Starts a server and waits until it listens.
    pub(crate) fn start(flags: &[&str], variables: &[(&str, &Path)]) -> Self {
        let (mut command, folder) = (program(), tempfile::tempdir().unwrap());
        // Its default outputs, and what it leaves behind when it is killed, go into the temporary
        // folder.
        command.current_dir(&folder).env("TMPDIR", folder.path());
        command.args(["--port", "0"]).args(flags).envs(variables.iter().copied()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("`cargo test` without `--test` builds it");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            while let Some(Ok(line)) = lines.next() {
                let _ = sender.send(line);
            }
        });
        let mut server = Self { child, address: String::new(), _folder: folder };
        // A session of the loading may print other lines first.
        while server.address.is_empty() {
            let line = receiver.recv_timeout(LIMIT).expect("the server says where it listens");
            server.address = line.strip_prefix("listening on http://").unwrap_or_default().to_owned();
        }
        server
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", &[])
    }

    pub(crate) fn post(&self, path: &str) -> Answer {
        self.send("POST", path, "", &[])
    }

    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, "Content-Type: application/json\r\n", body.to_string().as_bytes())
    }

    /// Sends a `multipart/form-data` of texts and at most one file.
    pub(crate) fn post_form(&self, path: &str, fields: &[(&str, &str)], file: Option<(&str, &[u8])>) -> Answer {
        let mut body = Vec::new();
        for (name, text) in fields {
            write!(body, "--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n").unwrap();
        }
        if let Some((name, bytes)) = file {
            let head = format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a\"\r\n\r\n");
            body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
        }
        body.extend(b"--edge--\r\n");
        self.send("POST", path, "Content-Type: multipart/form-data; boundary=edge\r\n", &body)
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let (host, length) = (&self.address, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A server that rejects the head may not read the body.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        Answer::parse(&answer)
    }

    /// Returns each worker's process id and state from `/health`.
    pub(crate) fn workers(&self) -> Vec<(u64, String)> {
        let health = self.get("/health").json();
        let workers = health["workers"].as_array().unwrap().iter();
        workers.map(|worker| (worker["pid"].as_u64().unwrap(), worker["state"].as_str().unwrap().to_owned())).collect()
    }

    /// Waits until `/health` reports this status.
    pub(crate) fn wait_for_health(&self, status: &str) -> Value {
        until(|| Some(self.get("/health").json()).filter(|health| health["status"] == status))
    }

    pub(crate) fn pid(&self) -> u64 {
        u64::from(self.child.id())
    }

    /// Ends the server as Ctrl-C does, and waits for its exit.
    pub(crate) fn interrupt(mut self) -> ExitStatus {
        signal("INT", self.pid());
        until(|| self.child.try_wait().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer of the server.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = bytes[end + 4..].to_vec();
        let answer = Self { status, head, body };
        if answer.header("transfer-encoding").is_some() { answer.without_chunks() } else { answer }
    }

    fn without_chunks(mut self) -> Self {
        let (mut rest, mut body) = (self.body.as_slice(), Vec::new());
        while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
            let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
            if length == 0 {
                break;
            }
            body.extend(&rest[end + 2..][..length]);
            rest = &rest[end + 2 + length + 2..];
        }
        self.body = body;
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that the status is 200.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{self:?}");
        self
    }

    /// Checks the status of an error, and returns its code and message.
    pub(crate) fn error(&self, status: u16) -> (String, String) {
        assert_eq!(self.status, status, "{self:?}");
        let error = &self.json()["error"];
        (error["code"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}", self.head, String::from_utf8_lossy(&self.body[..self.body.len().min(4096)]))
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(name: &str, pid: u64) {
    assert!(Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap().success());
}

/// Polls until there is a result.
pub(crate) fn until<T>(mut poll: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(answer) = poll() {
            return answer;
        }
        assert!(Instant::now() < deadline, "it takes too long");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Returns whether a process is alive.
pub(crate) fn is_alive(pid: u64) -> bool {
    Command::new("sh").args(["-c", &format!("kill -0 {pid}")]).stderr(Stdio::null()).status().unwrap().success()
}

/// Returns the path of a shared library that was built with the tests.
pub(crate) fn double(name: &str) -> PathBuf {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    std::env::current_exe().unwrap().with_file_name(format!("{DLL_PREFIX}{name}{DLL_SUFFIX}"))
}
