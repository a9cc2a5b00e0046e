//! Requests that are refused: from strangers and foreign pages, too large, too slow, and for paths
//! outside the session.

use std::fs;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Extension;
use axum::extract::ConnectInfo;
use profiler_runtime::http::{HttpError, HttpOptions, Listener, router, serve};
use profiler_runtime::job::WorkerState;
use profiler_tests::http::{Scripted, get, listen, lists, post, report, request, send};
use profiler_tests::{child_of, in_child, succeeded};

const TOKEN: &str = "the-secret-token";

#[test]
fn other_machines_can_reach_it_only_with_a_token() {
    let bind = |options| Listener::bind("0.0.0.0:0", Arc::new(Scripted::content()), options);
    let error = bind(HttpOptions::new()).expect_err("no token");
    assert!(matches!(error, HttpError::TokenRequired { .. }));
    assert!(error.to_string().contains("set a token in `PROFILER_HTTP_TOKEN`"), "{error}");
    assert!(matches!(serve("[::]:0"), Err(HttpError::TokenRequired { .. })));
    assert!(matches!(bind(HttpOptions::new().token("")), Err(HttpError::EmptyToken)));

    let server = bind(HttpOptions::new().token(TOKEN)).unwrap().spawn().unwrap();
    let at = SocketAddr::from(([127, 0, 0, 1], server.local_addr().port()));
    assert_eq!(post(at, "/start_profile", "").refusal(), (401, "token_missing".into()), "even on this machine");
}

#[test]
fn every_request_needs_the_whole_token() {
    let controller = Arc::new(Scripted::content());
    let server = listen(Arc::<Scripted>::clone(&controller), HttpOptions::new().token(TOKEN));
    let with = |line: &str, header: &str| request(server.local_addr(), line, &[header], "");
    for line in
        ["POST /start_profile", "POST /stop_profile", "GET /profile/status", "GET /profile/sessions/a%20session"]
    {
        let missing = with(line, "Accept: */*");
        assert_eq!(missing.refusal(), (401, "token_missing".into()), "{line}");
        assert_eq!(missing.header("www-authenticate"), Some("Bearer realm=\"profiler\""));
        for wrong in ["", "the-secret-toke", "the-secret-tokem", "the-secret-token2", "The-secret-token"] {
            let reply = with(line, &format!("Authorization: Bearer {wrong}"));
            assert_eq!(reply.refusal(), (401, "token_wrong".into()), "{line} {wrong}");
            assert!(reply.header("www-authenticate").unwrap().contains("invalid_token"));
        }
        assert_eq!(with(line, &format!("Authorization: Basic {TOKEN}")).status, 401);
        let twice = format!("Authorization: Bearer {TOKEN}\r\nAuthorization: Bearer {TOKEN}");
        assert_eq!(with(line, &twice).status, 401);
    }
    assert_eq!(controller.calls(), [], "nothing was done");
    assert_eq!(with("POST /start_profile", &format!("authorization: bearer {TOKEN}")).status, 200);
}

#[test]
fn a_users_server_refuses_other_machines_without_a_token() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let status = |options: HttpOptions, header: &str| {
        let elsewhere = Extension(ConnectInfo(SocketAddr::from(([10, 0, 0, 9], 4711))));
        let routes = router(Arc::new(Scripted::content()), options).layer(elsewhere);
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let at = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, routes).await });
        request(at, "POST /start_profile", &[header], "").status
    };
    assert_eq!(status(HttpOptions::new(), "Accept: */*"), 403);
    assert_eq!(status(HttpOptions::new().token(TOKEN), "Accept: */*"), 401);
    assert_eq!(status(HttpOptions::new().token(TOKEN), &format!("Authorization: Bearer {TOKEN}")), 200);
}

/// G12: a request that a proxy of this machine passes on needs the token, because its client may be
/// elsewhere.
#[test]
fn a_request_that_a_proxy_has_passed_on_needs_the_token() {
    let controller = Arc::new(Scripted::content());
    let server = listen(Arc::<Scripted>::clone(&controller), HttpOptions::new());
    let guarded = listen(Arc::new(Scripted::content()), HttpOptions::new().token(TOKEN));
    let token = format!("Authorization: Bearer {TOKEN}");
    for header in [
        "X-Forwarded-For: 10.0.0.9",
        "x-forwarded-for:",
        "X-Forwarded-Host: profiler.example",
        "X-Forwarded-Proto: https",
        "Forwarded: for=10.0.0.9;proto=https",
        "X-Real-IP: 127.0.0.1",
        "Via: 1.1 proxy",
        "CF-Connecting-IP: 10.0.0.9",
    ] {
        let reply = request(server.local_addr(), "POST /start_profile", &[header], "");
        assert_eq!(reply.refusal(), (403, "token_required".into()), "{header}");
        assert_eq!(request(guarded.local_addr(), "POST /start_profile", &[header, &token], "").status, 200, "{header}");
    }
    assert_eq!(controller.calls(), [], "nothing was done");
}

#[test]
fn pages_of_other_sites_reach_nothing() {
    let controller = Arc::new(Scripted::content());
    let server = listen(Arc::<Scripted>::clone(&controller), HttpOptions::new().allow_host("gpu7"));
    let with = |headers: &[&str]| request(server.local_addr(), "POST /start_profile", headers, "");
    let rebound = with(&["Host: evil.example:8089"]);
    assert_eq!(rebound.refusal(), (403, "wrong_host".into()), "a name that leads here");
    assert_eq!(with(&["Host: gpu7:80", "Origin: http://evil.example"]).refusal(), (403, "cross_origin".into()));
    for header in
        ["Origin: null", "Origin: http://localhost:1", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"]
    {
        assert_eq!(with(&[header]).refusal(), (403, "cross_origin".into()), "{header}");
    }
    assert_eq!(with(&["Host: localhost", "Host: evil.example"]).status, 400);
    assert_eq!(send(server.local_addr(), b"POST /start_profile HTTP/1.0\r\n\r\n").status, 400, "no host");
    let elsewhere = request(server.local_addr(), "POST http://evil.example/start_profile", &[], "");
    assert!([400, 403].contains(&elsewhere.status), "{}", elsewhere.status);
    assert_eq!(controller.calls(), [], "nothing was done");

    let preflight = ["Origin: http://evil.example", "Access-Control-Request-Method: POST"];
    let preflight = request(server.local_addr(), "OPTIONS /start_profile", &preflight, "");
    assert_eq!(preflight.status, 403);
    let own = format!("Origin: http://{}", server.local_addr());
    let page = with(&[&own, "Sec-Fetch-Site: same-origin"]);
    for reply in [preflight, page] {
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
    assert_eq!(with(&["Host: gpu7:80", "Origin: http://gpu7"]).status, 200);
}

#[test]
fn actions_need_post() {
    let controller = Arc::new(Scripted::content());
    let server = listen(Arc::<Scripted>::clone(&controller), HttpOptions::new());
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let reply = request(server.local_addr(), &format!("{method} /start_profile"), &[], "");
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")), "{method}");
    }
    assert_eq!(get(server.local_addr(), "/stop_profile").code(), "wrong_method");
    let reply = post(server.local_addr(), "/profile/status", "");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET,HEAD")));
    assert_eq!(get(server.local_addr(), "/").refusal(), (404, "no_such_path".into()));
    assert_eq!(controller.calls(), []);
}

#[test]
fn a_body_that_is_too_large_is_refused_however_it_is_sent() {
    let controller = Arc::new(Scripted::content());
    let server = listen(Arc::<Scripted>::clone(&controller), HttpOptions::new());
    let at = server.local_addr();
    let head = format!("POST /start_profile HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n");
    let announced = send(at, format!("{head}Content-Length: 1000000000000\r\n\r\n").as_bytes());
    assert_eq!(announced.refusal(), (413, "too_large".into()));
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(4096));
    let chunked = send(at, format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(5)).as_bytes());
    assert_eq!(chunked.refusal(), (413, "too_large".into()));
    assert_eq!(controller.calls(), []);
    let fits = send(at, format!("{head}Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(4)).as_bytes());
    assert_eq!(fits.status, 200, "exactly 16 KiB");
    let cut = send(at, format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n").as_bytes());
    assert_eq!(cut.status, 400);
    let small = listen(Arc::new(Scripted::content()), HttpOptions::new().body_limit(8));
    assert_eq!(post(small.local_addr(), "/start_profile", r#"{"stages": [0]}"#).status, 413);
}

#[test]
fn no_path_leads_out_of_a_session() {
    let outside = tempfile::tempdir().unwrap();
    let session = outside.path().join("session");
    fs::create_dir(&session).unwrap();
    fs::write(outside.path().join("secret.json"), "SECRET").unwrap();
    fs::write(session.join("unlisted.json"), "SECRET").unwrap();
    fs::write(session.join("trace.json"), "{}").unwrap();
    let absolute = outside.path().join("secret.json").to_str().unwrap().to_owned();
    let mut written = report(&[WorkerState::Written]);
    // Even a manifest that was tampered with leads to no file outside the session.
    for name in ["trace.json", "../secret.json", &absolute, "missing.json"] {
        written = lists(written, name);
    }
    let controller = Scripted { stop: Ok(written), folder: Some(session), ..Scripted::content() };
    let server = listen(Arc::new(controller), HttpOptions::new());
    let at = server.local_addr();
    assert_eq!(get(at, "/profile/sessions/a%20session/artifacts/trace.json").body, b"{}");
    let absolute = absolute.replace('/', "%2f");
    for name in [
        "unlisted.json",
        "missing.json",
        "../secret.json",
        "..%2fsecret.json",
        "..%2Fsecret.json",
        "..%5csecret.json",
        "%2e%2e%2fsecret.json",
        "%252e%252e%252fsecret.json",
        "..%c0%afsecret.json",
        "%ef%bc%8e%ef%bc%8e%ef%bc%8fsecret.json",
        "trace.json%00.txt",
        "trace.json%2f..%2f..%2fsecret.json",
        "TRACE.JSON",
        "trace.json%20",
        "%2e",
        "..",
        "",
        &absolute,
    ] {
        let path = format!("/profile/sessions/a%20session/artifacts/{name}");
        let reply = get(at, &path);
        assert!([400, 404].contains(&reply.status), "{path}: {}", reply.status);
        assert!(!String::from_utf8_lossy(&reply.body).contains("SECRET"), "{path}");
    }
    for session in ["..", "..%2f..", "%2fetc", "a%20session%00", "a%20session%2f..%2fa%20session", "%ff", "A%20SESSION"]
    {
        for path in
            [format!("/profile/sessions/{session}"), format!("/profile/sessions/{session}/artifacts/trace.json")]
        {
            assert_eq!(get(at, &path).status, 404, "{path}");
        }
    }
}

#[test]
fn heads_that_are_no_heads_are_refused() {
    let server = listen(Arc::new(Scripted::content()), HttpOptions::new());
    let at = server.local_addr();
    assert_eq!(send(at, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").status, 400, "TLS");
    let head = format!("POST /start_profile HTTP/1.1\r\nHost: {at}\r\nX: {}\r\n\r\n", "x".repeat(1 << 16));
    assert_eq!(send(at, head.as_bytes()).status, 431);
    assert_eq!(post(at, "/start_profile", "").status, 200, "and the next is served");
}

/// Lines of the audit log.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Audit;

impl log::Log for Audit {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == "profiler_runtime::audit"
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            LINES.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
        }
    }

    fn flush(&self) {}
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn audited() {
    if !in_child() {
        return;
    }
    log::set_logger(&Audit).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let server = listen(Arc::new(Scripted::content()), HttpOptions::new().token(TOKEN));
    let with = |line: &str, headers: &[&str], body: &str| request(server.local_addr(), line, headers, body);
    let token = format!("Authorization: Bearer {TOKEN}");
    with("POST /start_profile", &[&token], r#"{"stages": [0, "a\" outcome=200"]}"#);
    with("POST /stop_profile", &[&token], "");
    with("GET /profile/sessions/x%0Apeer=forged/artifacts/y%1b%5bm", &[&token], "");
    with("POST /start_profile", &["Authorization: Bearer guessed-token"], "");
    with("POST /start_profile", &[&token], "{");
    with("GET /start_profile", &[&token], "");
    for _ in 0..20 {
        with("POST /start_profile", &["Authorization: Bearer guessed-token"], "");
    }
    drop(server);
    let mut lines = LINES.lock().unwrap().clone();
    let last = lines.pop().unwrap();
    assert_eq!(last, "WARN refused, reason=token_wrong: 20 more since the last line", "G14: one line a minute");
    assert_eq!(lines.len(), 6, "{lines:#?}");
    assert!(lines.iter().all(|line| line.split(' ').nth(1).unwrap().starts_with("peer=127.0.0.1:")), "{lines:#?}");
    for (line, part) in lines.iter().zip([
        r#"action=start on="stages 0, `a\" outcome=200`" session="a session" outcome=200"#,
        r#"action=stop on="everything" session="a session" outcome=200"#,
        r#"action=download on="y\u{1b}[m" session="x\npeer=forged" outcome=404"#,
        r#"path="/start_profile" outcome=401 reason=token_wrong"#,
        r#"path="/start_profile" outcome=400 reason=bad_body"#,
        r#"path="/start_profile" outcome=405 reason=wrong_method"#,
    ]) {
        assert!(line.contains(part), "{line} has {part}");
        assert!(!line.contains("token=") && !line.contains("guessed") && !line.contains(TOKEN), "{line}");
    }
}

#[test]
fn actions_and_kinds_of_refusals_are_audited_without_secrets() {
    succeeded(&mut child_of("audited"));
}
