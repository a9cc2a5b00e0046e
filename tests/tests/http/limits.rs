//! Clients that say nothing, send a byte a second, never read, or come in hundreds: none of them
//! holds up the others, or costs the host more than a known number of descriptors. An answer may
//! take as long as its work.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use profiler_runtime::http::{HttpOptions, router};
use profiler_runtime::job::{ControlError, Controller, JobStatus, Report, Selection, WorkerState};
use profiler_tests::http::{Scripted, get, listen, lists, post, read, report};
use profiler_tests::{child_of, in_child, input_ends};

/// Time that these servers wait for a client.
const PATIENCE: Duration = Duration::from_secs(4);
/// Time limit that nothing exceeds on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// Connects a client.
fn connect(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// Waits until the server ends the connection, and returns the time since `begin`.
fn until_cut(stream: &mut TcpStream, begin: Instant) -> Duration {
    // A reset counts as an end, too.
    let _ = stream.read_to_end(&mut Vec::new());
    begin.elapsed()
}

/// Controller whose stop takes longer than the server waits for a client.
struct Slow(Scripted);

impl Controller for Slow {
    fn start(&self, selection: &Selection) -> Result<Report, ControlError> {
        self.0.start(selection)
    }

    fn stop(&self, selection: &Selection, wait: Duration) -> Result<Report, ControlError> {
        thread::sleep(PATIENCE + Duration::from_secs(2));
        self.0.stop(selection, wait)
    }

    fn status(&self) -> JobStatus {
        self.0.status()
    }

    fn session(&self, session: &str) -> Option<Report> {
        self.0.session(session)
    }

    fn folder(&self, session: &str) -> Option<PathBuf> {
        self.0.folder(session)
    }
}

/// G13: a request must arrive in time, however steadily it is sent; the answer may take as long as
/// its work.
#[test]
fn a_request_is_timed_and_its_work_is_not() {
    let server = listen(Arc::new(Slow(Scripted::content())), HttpOptions::new().read_timeout(PATIENCE));
    let at = server.local_addr();
    let head = format!("POST /start_profile HTTP/1.1\r\nHost: {at}\r\n");
    let begin = Instant::now();
    thread::scope(|scope| {
        let silent = scope.spawn(move || until_cut(&mut connect(at), begin));
        let drips = |begin_of: String, rest: &'static str| {
            scope.spawn(move || {
                let mut stream = connect(at);
                stream.write_all(begin_of.as_bytes()).unwrap();
                let mut other = stream.try_clone().unwrap();
                let drip = thread::spawn(move || {
                    let mut bytes = rest.bytes().cycle();
                    while other.write_all(&[bytes.next().unwrap()]).is_ok() {
                        thread::sleep(Duration::from_millis(500));
                    }
                });
                let mut answer = String::new();
                let _ = stream.read_to_string(&mut answer);
                let took = begin.elapsed();
                drop(stream);
                drip.join().unwrap();
                (took, answer)
            })
        };
        let slow_head = drips(format!("{head}X-Slow: "), "x");
        let slow_body = drips(format!("{head}Content-Length: 1000\r\n\r\n"), " ");
        let slow_stop = scope.spawn(move || (post(at, "/stop_profile", ""), begin.elapsed()));

        let silence = silent.join().unwrap();
        assert!(silence < PATIENCE && silence >= Duration::from_secs(1), "two seconds to the first byte: {silence:?}");
        for (took, answer) in [slow_head, slow_body].map(|client| client.join().unwrap()) {
            assert!((PATIENCE - Duration::from_millis(500)..2 * PATIENCE).contains(&took), "{took:?}: {answer}");
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
        }
        let (stopped, took) = slow_stop.join().unwrap();
        assert!(stopped.status == 200 && took > PATIENCE, "{took:?}: {stopped:?}");
    });
}

/// G13, G14: silent and half-sent requests give way to complete ones.
#[test]
fn strangers_in_hundreds_keep_no_client_out() {
    let server = listen(Arc::new(Scripted::content()), HttpOptions::new());
    let at = server.local_addr();
    let mut silent: Vec<_> = (0..64).map(|_| connect(at)).collect();
    for stream in silent.iter_mut().skip(1).step_by(2) {
        // The server may have closed the connection already.
        let _ = stream.write_all(format!("POST /start_profile HTTP/1.1\r\nHost: {at}\r\nX-Slow: ").as_bytes());
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut open: std::collections::VecDeque<TcpStream> = std::collections::VecDeque::new();
                while !is_over.load(Ordering::SeqCst) {
                    open.extend(TcpStream::connect(at));
                    if open.len() > 50 {
                        open.pop_front();
                    }
                    thread::sleep(Duration::from_millis(2));
                }
            });
        }
        let begin = Instant::now();
        let served = (0..20).filter(|_| attempt(at)).count();
        is_over.store(true, Ordering::SeqCst);
        assert!(served >= 18 && begin.elapsed() < LONG / 2, "{served} of 20 in {:?}", begin.elapsed());
    });
    drop(silent);
}

/// Returns whether a client is answered.
fn attempt(at: SocketAddr) -> bool {
    let mut stream = connect(at);
    let request = format!("GET /profile/status HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

/// G13: a user's server, which may have no timeouts, has a limited number of artifacts open at a
/// time.
#[test]
fn downloads_in_a_users_server_are_limited() {
    let folder = tempfile::tempdir().unwrap();
    File::create(folder.path().join("trace.json")).unwrap().set_len(64 << 20).unwrap();
    let written = lists(report(&[WorkerState::Written]), "trace.json");
    let controller = Scripted { stop: Ok(written), folder: Some(folder.path().into()), ..Scripted::content() };
    let routes = router(Arc::new(controller), HttpOptions::new());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_io().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let at = listener.local_addr().unwrap();
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    runtime.spawn(async move { axum::serve(listener, service).await });
    let path = "/profile/sessions/a%20session/artifacts/trace.json";
    let greedy: Vec<_> = (0..32)
        .map(|_| {
            let mut stream = connect(at);
            stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {at}\r\n\r\n").as_bytes()).unwrap();
            stream.read_exact(&mut [0; 12]).unwrap();
            stream
        })
        .collect();
    assert_eq!(get(at, path).refusal(), (503, "too_many_downloads".into()));
    assert_eq!(get(at, "/profile/status").status, 200);
    drop(greedy);
    let begin = Instant::now();
    while get(at, path).status != 200 {
        assert!(begin.elapsed() < LONG, "a place is free when its client has gone");
    }
}

/// Returns the number of descriptors that this process has open, and the number of those that are
/// this file.
fn descriptors(file: &std::path::Path) -> (usize, usize) {
    let open: Vec<_> =
        fs::read_dir("/proc/self/fd").unwrap().map(|entry| fs::read_link(entry.unwrap().path())).collect();
    (open.len(), open.iter().flatten().filter(|target| *target == file).count())
}

/// Serves a large artifact in a process of its own, and counts its descriptors.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn large_artifact() {
    if !in_child() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().canonicalize().unwrap().join("trace.json");
    File::create(&file).unwrap().set_len(256 << 20).unwrap();
    let written = lists(report(&[WorkerState::Written]), "trace.json");
    let controller = Scripted { stop: Ok(written), folder: Some(file.parent().unwrap().into()), ..Scripted::content() };
    let server = listen(Arc::new(controller), HttpOptions::new().read_timeout(PATIENCE));
    let at = server.local_addr();
    let (before, _) = descriptors(&file);
    std::io::stdout().write_all(format!("at {at}\n").as_bytes()).unwrap();
    let mut most = (0, 0);
    let is_over = input_ends();
    while !is_over.load(Ordering::SeqCst) {
        let (all, of_file) = descriptors(&file);
        most = (most.0.max(all), most.1.max(of_file));
        thread::sleep(Duration::from_millis(5));
    }
    // 32 connections, one that waits, and a file for each of the 32; a few of them may not be
    // closed yet.
    assert!(most.0 < before + 100, "{most:?} of {before}");
    assert!((1..=34).contains(&most.1), "{most:?}");
    let begin = Instant::now();
    while descriptors(&file).1 > 0 {
        assert!(begin.elapsed() < LONG, "who does not read is cut off");
        thread::sleep(Duration::from_millis(20));
    }
}

/// G13: 600 clients that ask for a large artifact and never read cost the host 32 connections, and
/// the port still answers others.
#[test]
#[cfg(target_os = "linux")]
fn clients_that_never_read_leave_the_port_alive() {
    let mut command = child_of("large_artifact");
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let at: SocketAddr = loop {
        let mut line = String::new();
        assert!(std::io::BufRead::read_line(&mut out, &mut line).unwrap() > 0, "it has not started");
        if let Some((_, at)) = line.split_once("at 127.0.0.1:") {
            break format!("127.0.0.1:{}", at.trim()).parse().unwrap();
        }
    };
    let path = "GET /profile/sessions/a%20session/artifacts/trace.json";
    let asks = format!("{path} HTTP/1.1\r\nHost: {at}\r\n\r\n");
    let mut greedy = Vec::new();
    let begin = Instant::now();
    for _ in 0..600 {
        let mut stream = connect(at);
        let _ = stream.write_all(asks.as_bytes());
        greedy.push(stream);
    }
    assert_eq!(get(at, "/profile/status").status, 200);
    assert!(begin.elapsed() < LONG, "{:?}", begin.elapsed());
    let mut reader = connect(at);
    reader.write_all(asks.as_bytes()).unwrap();
    assert_eq!(read(&mut reader).body.len(), 256 << 20, "who reads gets everything");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    drop(greedy);
}
