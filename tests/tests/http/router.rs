//! The routes in a user's server: beside its own, under a prefix, and only if a profiler is
//! configured.

#![allow(clippy::print_stdout)]

use std::net::SocketAddr;
use std::sync::Arc;

use profiler_runtime::http::{HttpOptions, router, router_from_env};
use profiler_runtime::job::WorkerState;
use profiler_tests::http::{Scripted, get, post, report, request};
use profiler_tests::{child_of, in_child};

/// Starts a user's server with the profiler's routes in it.
fn users_server(routes: axum::Router, with_peers: bool) -> (tokio::runtime::Runtime, SocketAddr) {
    let app = axum::Router::new().route("/health", axum::routing::get(|| async { "ok" })).merge(routes);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_io().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let at = listener.local_addr().unwrap();
    runtime.spawn(async move {
        if with_peers {
            axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
        } else {
            axum::serve(listener, app).await
        }
    });
    (runtime, at)
}

#[test]
fn the_routes_work_in_a_users_server_which_needs_no_timers() {
    let routes = router(Arc::new(Scripted::content()), HttpOptions::new());
    let (_runtime, at) = users_server(routes, true);
    assert_eq!(get(at, "/health").body, b"ok");
    assert_eq!(post(at, "/start_profile", r#"{"stages": [0]}"#).status, 200);
    assert_eq!(get(at, "/start_profile").status, 405);
    assert_eq!(post(at, "/health", "").header("x-content-type-options"), None, "their own routes are left alone");
    assert_eq!(get(at, "/nowhere").body, b"", "and so is their 404");
}

/// D7, G12: a server that does not know its peers admits nobody without a token, whatever `Host`
/// says.
#[test]
fn a_peer_that_is_not_known_needs_the_token() {
    let controller = Arc::new(Scripted::content());
    let (_runtime, at) = users_server(router(Arc::<Scripted>::clone(&controller), HttpOptions::new()), false);
    let artifact = "GET /profile/sessions/a%20session/artifacts/trace.json";
    for line in ["POST /start_profile", "POST /stop_profile", "GET /profile/status", artifact] {
        for host in ["Host: localhost", "Host: 127.0.0.1", "Host: [::1]"] {
            let reply = request(at, line, &[host], "");
            assert_eq!(reply.refusal(), (403, "peer_unknown".into()), "{line} {host}");
            let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
            assert!(message.contains("into_make_service_with_connect_info::<SocketAddr>()"), "{message}");
            assert!(message.contains("PROFILER_HTTP_TOKEN"), "{message}");
        }
    }
    assert_eq!(controller.calls(), [], "nothing was done");
    assert_eq!(get(at, "/health").body, b"ok");

    let guarded = router(Arc::new(Scripted::content()), HttpOptions::new().token("secret"));
    let (_runtime, at) = users_server(guarded, false);
    assert_eq!(post(at, "/start_profile", "").refusal(), (401, "token_missing".into()));
    assert_eq!(request(at, "POST /start_profile", &["Authorization: Bearer secret"], "").status, 200);
}

#[test]
fn nested_routes_answer_with_their_whole_address() {
    let stop = Ok(report(&[WorkerState::Writing]));
    let routes = router(Arc::new(Scripted { stop, ..Scripted::content() }), HttpOptions::new());
    let (_runtime, at) = users_server(axum::Router::new().nest("/admin", routes), true);
    let reply = post(at, "/admin/stop_profile", "");
    assert_eq!(reply.header("location"), Some("/admin/profile/sessions/a%20session"));
    assert_eq!(get(at, reply.header("location").unwrap()).status, 202);
}

/// Logger that prints its records.
struct Printing;

impl log::Log for Printing {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        println!("{}: {}", record.level(), record.args());
    }

    fn flush(&self) {}
}

/// D2: the log explains a bare 404.
#[test]
fn routes_that_are_left_out_are_told_in_the_log() {
    let output = child_of("configured_server").env("LOGS", "1").output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let said = "INFO: no profiler is configured (`PROFILER_CONFIG` is not set): `/start_profile` is not served";
    assert_eq!(output.matches(said).count(), 1, "{output}");
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn configured_server() {
    if in_child() {
        if std::env::var_os("LOGS").is_some() {
            log::set_logger(&Printing).unwrap();
            log::set_max_level(log::LevelFilter::Info);
        }
        let (_runtime, at) = users_server(router_from_env(), true);
        println!("status {}", get(at, "/profile/status").status);
        if std::env::var_os("STARTS").is_some() {
            println!("started {}", post(at, "/start_profile", "").status);
            println!("stopped {}", post(at, "/stop_profile", "").status);
        }
    }
}

/// D5: SGLang's variables alone configure a server, and add the folder to a configuration without
/// one.
#[test]
fn sglangs_folder_alone_configures_a_server() {
    for variable in ["SGLANG_TORCH_PROFILER_DIR", "SGLANG_DIFFUSION_TORCH_PROFILER_DIR"] {
        for config in ["", r#"{"profiler":"torch"}"#] {
            let folder = tempfile::tempdir().unwrap();
            let mut child = child_of("configured_server");
            child.env("PROFILER_CONFIG", config).env(variable, folder.path()).env("STARTS", "1");
            let output = String::from_utf8(child.output().unwrap().stdout).unwrap();
            assert!(output.contains("started 200") && output.contains("stopped 200"), "{variable} {config}: {output}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "{variable} {config}");
        }
    }
}

#[test]
fn the_routes_are_there_only_if_a_profiler_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let config = serde_json::json!({"profiler": "torch", "torch_profiler_dir": folder.path()}).to_string();
    for (config, status) in
        [(None, 404), (Some(config), 200), (Some(r#"{"profiler": "none"}"#.into()), 404), (Some("{".into()), 404)]
    {
        let mut child = child_of("configured_server");
        child.envs(config.clone().map(|config| ("PROFILER_CONFIG", config)));
        let output = String::from_utf8(child.output().unwrap().stdout).unwrap();
        assert!(output.contains(&format!("status {status}")), "{config:?}: {output}");
    }
}
