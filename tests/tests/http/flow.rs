//! Profiling by HTTP: the flow from start to artifacts, and the answer to each outcome.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use profiler_runtime::http::{HttpOptions, Server};
use profiler_runtime::job::{ControlError, Controller, JobStatus, LocalController, Report, Selection, WorkerState};
use profiler_runtime::{configure, stage, step};
use profiler_tests::http::{Call, Reply, Scripted, get, listen, lists, post, report};
use profiler_tests::{Bench, Trace};
use serde_json::json;

fn local(bench: &Bench) -> Server {
    configure(bench.config()).unwrap();
    listen(Arc::new(LocalController::new()), HttpOptions::new())
}

fn folder(reply: &Reply) -> PathBuf {
    PathBuf::from(reply.json()["folder"].as_str().expect("a folder"))
}

#[test]
fn start_request_stop_and_the_artifacts_can_be_downloaded() {
    let bench = Bench::alone();
    let server = local(&bench);
    let at = server.local_addr();

    let started = post(at, "/start_profile", "");
    assert_eq!(started.status, 200);
    let session = started.json()["session"].as_str().unwrap().to_owned();
    let status = get(at, "/profile/status").json();
    assert_eq!((&status["session"], &status["workers"][0]["state"]), (&session.clone().into(), &"recording".into()));
    let during = get(at, &format!("/profile/sessions/{session}"));
    assert_eq!((during.status, &during.json()["workers"][0]["state"]), (200, &"recording".into()));
    drop(stage("served"));

    let stopped = post(at, "/stop_profile", "");
    assert_eq!(stopped.status, 200);
    assert_eq!((&stopped.json()["session"], &stopped.json()["complete"]), (&session.clone().into(), &true.into()));
    assert_eq!(Trace::read(&folder(&stopped)).count("served"), 1, "on disk when stop answers");

    let about = get(at, &format!("/profile/sessions/{session}"));
    assert_eq!(about.status, 200);
    assert_eq!(about.json()["manifests"]["manifest_rank0.json"]["session"], session.as_str());
    let workers = about.json()["workers"].clone();
    let artifacts = workers[0]["artifacts"].as_array().unwrap();
    assert!(artifacts.len() > 2);
    for artifact in artifacts {
        let name = artifact["name"].as_str().unwrap();
        let got = get(at, &format!("/profile/sessions/{session}/artifacts/{name}"));
        assert_eq!(got.status, 200, "{name}");
        assert_eq!(got.body, fs::read(folder(&stopped).join(name)).unwrap(), "{name}");
        assert_eq!(got.header("content-disposition"), Some(&*format!("attachment; filename=\"{name}\"")));
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
    }
    let trace = get(at, &format!("/profile/sessions/{session}/artifacts/trace_rank0.json"));
    assert_eq!(trace.header("content-type"), Some("application/json"));
}

/// A15: the status, the stop and the session agree on the number of iterations.
#[test]
fn a_stop_tells_the_iterations_that_the_status_told() {
    let bench = Bench::alone();
    let server = local(&bench);
    let at = server.local_addr();
    let session = post(at, "/start_profile", "").json()["session"].as_str().unwrap().to_owned();
    (0..60_u64).for_each(|index| drop(step!("denoise_step", index)));
    let place = format!("/profile/sessions/{session}");
    let iterations = |reply: Reply| reply.json()["workers"][0]["recorded_iterations"].clone();
    assert_eq!([get(at, "/profile/status"), get(at, &place)].map(iterations), [60, 60]);
    assert_eq!([post(at, "/stop_profile", ""), get(at, &place)].map(iterations), [60, 60]);
}

/// A15, D6: the status shows a session that ended by itself with its iterations, and then with its
/// folder and artifacts.
#[test]
fn the_status_names_the_session_that_was_written_last() {
    let bench = Bench::alone();
    configure(profiler_tests::held(bench.config())).unwrap();
    let server = listen(Arc::new(LocalController::new()), HttpOptions::new());
    let at = server.local_addr();
    let hold = profiler_tests::Hold::begin();
    let session = post(at, "/start_profile", r#"{"num_steps": 2}"#).json()["session"].as_str().unwrap().to_owned();
    (0..4_u64).for_each(|index| {
        let _step = step!("denoise_step", index);
        profiler_tests::report();
    });
    let during = get(at, "/profile/status").json();
    let line = &during["workers"][0];
    assert_eq!(
        (&during["session"], &line["state"], &line["recorded_iterations"]),
        (&json!(session), &json!("writing"), &json!(2))
    );
    drop(hold);
    let begin = Instant::now();
    let after = loop {
        let status = get(at, "/profile/status").json();
        if status["session"].is_null() {
            break status;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "never written: {status}");
        std::thread::sleep(Duration::from_millis(10));
    };
    let last = &after["last_session"];
    assert_eq!((&last["session"], &last["workers"][0]["recorded_iterations"]), (&json!(session), &json!(2)), "{after}");
    assert!(Path::new(last["folder"].as_str().unwrap()).is_dir(), "{after}");
    assert!(!last["workers"][0]["artifacts"].as_array().unwrap().is_empty(), "{after}");
}

#[test]
fn the_wrong_moment_is_a_conflict_with_its_reason() {
    let bench = Bench::alone();
    let server = local(&bench);
    let at = server.local_addr();
    assert_eq!(post(at, "/stop_profile", "").refusal(), (409, "not_active".into()));
    let session = post(at, "/start_profile", "").json()["session"].as_str().unwrap().to_owned();
    let again = post(at, "/start_profile", "");
    assert_eq!(again.refusal(), (409, "already_active".into()));
    assert!(again.json()["error"]["message"].as_str().unwrap().contains(&session));
    assert_eq!(post(at, "/stop_profile", "").status, 200);
    assert_eq!(post(at, "/stop_profile", "").refusal(), (409, "not_active".into()));
    assert_eq!(post(at, "/start_profile", "").status, 200, "a second session");
    assert_eq!(post(at, "/stop_profile", "").status, 200);
}

#[test]
fn a_stop_that_does_not_wait_says_where_to_ask() {
    let bench = Bench::alone();
    let server = local(&bench);
    let at = server.local_addr();
    assert_eq!(post(at, "/start_profile", "").status, 200);
    let stopped = post(at, "/stop_profile?wait=false", "");
    assert_eq!(stopped.status, 202);
    let place = stopped.header("location").unwrap().to_owned();
    let begin = Instant::now();
    while get(at, &place).status != 200 {
        assert!(begin.elapsed() < Duration::from_secs(60), "the artifacts are never written");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(get(at, &place).json()["workers"][0]["state"], "written");
}

#[test]
fn names_select_ranges_and_the_same_are_stopped() {
    let bench = Bench::alone();
    let server = local(&bench);
    let at = server.local_addr();
    assert_eq!(post(at, "/start_profile", r#"{"stages": [7]}"#).refusal(), (400, "no_such_stage".into()));
    assert_eq!(post(at, "/start_profile", r#"{"stages": [0, "vae.*"]}"#).status, 200);
    drop(stage("vae.tiles"));
    drop(stage("text_encoder"));
    assert_eq!(post(at, "/stop_profile", r#"{"stages": ["dit"]}"#).refusal(), (409, "other_selection".into()));
    let stopped = post(at, "/stop_profile", r#"{"stages": ["vae.*", 0]}"#);
    assert_eq!(stopped.status, 200);
    let trace = Trace::read(&folder(&stopped));
    assert_eq!((trace.count("vae.tiles"), trace.count("text_encoder")), (1, 0));
}

#[test]
fn a_body_that_is_wrong_is_told_what_would_be_right() {
    let controller = Arc::new(Scripted::content());
    let server = listen(Arc::<Scripted>::clone(&controller), HttpOptions::new());
    let said = |body: &str| {
        let reply = post(server.local_addr(), "/start_profile", body);
        assert_eq!(reply.refusal(), (400, "bad_body".into()), "{body}");
        reply.json()["error"]["message"].as_str().unwrap().to_owned()
    };
    assert!(said(r#"{"stage": [0]}"#).contains("`stage` is not a field: did you mean `stages`"));
    assert!(said(r#"{"tenant": "x"}"#).contains("`tenant` is not a field: there are `stages`, `num_steps`"));
    assert!(
        said(r#"{"tenant": null}"#).contains("`tenant` is not a field"),
        "what a client leaves out has a known key"
    );
    assert!(said(r#"{"stages": 0}"#).contains("not a list"));
    assert!(said(r#"{"stages": []}"#).contains("leave it out"));
    assert!(said(r#"{"stages": [0], "stages": [1]}"#).contains("twice"));
    assert!(said(r#"{"num_steps": 99999999999999999999}"#).ends_with("found a number above 18446744073709551615"));
    for number in ["-1", "0.5", "4294967296", "1e3"] {
        assert!(said(&format!("{{\"stages\": [{number}]}}")).contains("`stages[0]` is not the number"), "{number}");
    }
    assert!(said(r#"{"stages": [0, ""]}"#).contains("`stages[1]` is not the name"));
    assert!(said(r#"{"stages": [true]}"#).contains("neither a number nor a name"));
    assert!(said("[0]").contains("an object"));
    assert!(said("stages=0").contains("{\"stages\": [0, \"vae.*\"]}"));
    assert!(said(&format!("{{\"stages\": [{}]}}", "[".repeat(4000))).contains("recursion"));
    for query in ["/stop_profile?wait=maybe", "/stop_profile?wiat=false", "/start_profile?stages=0"] {
        assert_eq!(post(server.local_addr(), query, "").refusal(), (400, "bad_query".into()), "{query}");
    }
    assert_eq!(controller.calls(), [], "nothing of this reached the profiler");
}

#[test]
fn nothing_and_an_empty_object_select_everything() {
    let controller = Arc::new(Scripted::content());
    let server = listen(Arc::<Scripted>::clone(&controller), HttpOptions::new().stop_wait(Duration::from_secs(7)));
    for body in ["", " \n", "{}", r#"{"stages": null}"#] {
        assert_eq!(post(server.local_addr(), "/start_profile", body).status, 200);
    }
    assert_eq!(post(server.local_addr(), "/stop_profile?wait=true", r#"{"stages": [2, "b", 0, 2, "b"]}"#).status, 200);
    let mut chosen = Selection::stages([0, 2]);
    chosen.names = vec!["b".into()];
    let mut expected = vec![Call::Start(Selection::default()); 4];
    expected.push(Call::Stop(chosen, Duration::from_secs(7)));
    assert_eq!(controller.calls(), expected);
}

#[test]
fn a_partial_failure_is_never_a_success() {
    let mixed = || Ok(report(&[WorkerState::Written, WorkerState::Failed]));
    let controller = Scripted { start: mixed(), stop: mixed(), ..Scripted::content() };
    let server = listen(Arc::new(controller), HttpOptions::new());
    let at = server.local_addr();
    let replies = ["/start_profile", "/stop_profile", "/stop_profile?wait=false"].map(|path| post(at, path, ""));
    for reply in replies.into_iter().chain([get(at, "/profile/sessions/a%20session")]) {
        assert_eq!(reply.status, 502);
        let report = reply.json();
        assert_eq!((&report["session"], &report["complete"]), (&"a session".into(), &false.into()));
        assert_eq!(report["workers"][0]["state"], "written", "what the others did is told too");
        assert_eq!(report["workers"][1]["error"], "the disk is full");
    }
}

#[test]
fn artifacts_that_outlast_the_wait_have_an_address() {
    let stop = Ok(report(&[WorkerState::Written, WorkerState::Writing]));
    let server = listen(Arc::new(Scripted { stop, ..Scripted::content() }), HttpOptions::new());
    let reply = post(server.local_addr(), "/stop_profile", "");
    assert_eq!((reply.status, reply.header("location")), (202, Some("/profile/sessions/a%20session")));
    assert_eq!(get(server.local_addr(), reply.header("location").unwrap()).status, 202);
}

#[test]
fn a_job_that_cannot_be_asked_says_so() {
    for (error, status, code) in [
        (ControlError::NoWorkers, 503, "no_workers"),
        (ControlError::NoSuchStage { stage: 3, known: vec![0] }, 400, "no_such_stage"),
        (ControlError::Session(profiler_runtime::Error::NotConfigured), 409, "not_configured"),
        (
            ControlError::Session(profiler_runtime::Error::RemoteFolder { folder: "s3://x".into() }),
            507,
            "folder_not_writable",
        ),
    ] {
        let server = listen(Arc::new(Scripted { start: Err(error), ..Scripted::content() }), HttpOptions::new());
        assert_eq!(post(server.local_addr(), "/start_profile", "").refusal(), (status, code.into()));
    }
}

/// Controller with a defect.
struct Broken;

impl Controller for Broken {
    fn start(&self, _: &Selection) -> Result<Report, ControlError> {
        panic!("a defect")
    }

    fn stop(&self, _: &Selection, _: Duration) -> Result<Report, ControlError> {
        Err(ControlError::NotActive)
    }

    fn status(&self) -> JobStatus {
        JobStatus::new(None, Vec::new())
    }

    fn session(&self, _: &str) -> Option<Report> {
        None
    }

    fn folder(&self, _: &str) -> Option<PathBuf> {
        None
    }
}

#[test]
fn a_controller_that_panics_costs_its_own_request_only() {
    let server = listen(Arc::new(Broken), HttpOptions::new());
    assert_eq!(post(server.local_addr(), "/start_profile", "").refusal(), (500, "failed".into()));
    assert_eq!(post(server.local_addr(), "/stop_profile", "").status, 409);
}

#[test]
#[cfg(unix)]
fn the_documented_commands_work_where_there_is_a_curl() {
    use std::process::Command;
    if Command::new("curl").arg("--version").output().is_err() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("trace_rank0.json"), "{}").unwrap();
    let stop = Ok(lists(report(&[WorkerState::Written]), "trace_rank0.json"));
    let controller = Scripted { stop, folder: Some(folder.path().to_owned()), ..Scripted::content() };
    let server = listen(Arc::new(controller), HttpOptions::new());
    let here = server.local_addr().to_string();
    let downloads = tempfile::tempdir().unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profiler-runtime/src/control/http/mod.rs");
    let page = fs::read_to_string(page).unwrap();
    let commands: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("//! curl ")).collect();
    assert_eq!(commands.len(), 8);
    for command in commands {
        let line = command.replace("127.0.0.1:8089", &here).replace("10.0.0.7:8089", &here);
        let line = format!("curl -sS -w ' %{{http_code}}' {}", line.replace("SESSION", "a%20session"));
        let output = Command::new("sh").args(["-c", &line]).current_dir(&downloads).env("TOKEN", "t").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.ends_with(if command.contains("wait=false") { " 202" } else { " 200" }), "{line}: {output:?}");
    }
    assert_eq!(fs::read(downloads.path().join("trace_rank0.json")).unwrap(), b"{}", "under its own name");
}
