//! The routes in a server of the user's: beside its own, under a prefix, and only where a profiler is configured.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod http_support;

use std::net::SocketAddr;
use std::sync::Arc;

use http_support::{Scripted, get, post, report, request};
use profiler_runtime::http::{HttpOptions, router, router_from_env};
use profiler_runtime::job::WorkerState;
use profiler_tests::{child_of, in_child};

/// A server of the user's with the profiler's routes in it.
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

/// D7, G12: a server that does not tell who asks lets nobody in without a token, whatever `Host` says.
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

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn configured_server() {
    if in_child() {
        let (_runtime, at) = users_server(router_from_env(), true);
        println!("status {}", get(at, "/profile/status").status);
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
