//! The endpoints as a service in a hyper server, without axum: the answers are the router's.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use profiler_runtime::http::{ControlService, HttpOptions, router, service};
use profiler_tests::http::{Reply, Scripted, get, post, request};

/// Server that serves one connection for each request.
struct Hyper {
    at: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Hyper {
    fn start(control: ControlService, tells_peers: bool) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_io().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let at = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let control = if tells_peers { control.for_client(peer) } else { control.clone() };
                let served =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), TowerToHyperService::new(control));
                tokio::spawn(served);
            }
        });
        Self { at, _runtime: runtime }
    }
}

/// Starts a server of axum's with the same routes.
fn axum_server(routes: axum::Router) -> (tokio::runtime::Runtime, SocketAddr) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_io().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let at = listener.local_addr().unwrap();
    runtime
        .spawn(async move { axum::serve(listener, routes.into_make_service_with_connect_info::<SocketAddr>()).await });
    (runtime, at)
}

/// Returns the parts of a reply that a client sees: status, body, and the headers that the
/// endpoints set.
fn seen(reply: &Reply) -> (u16, Vec<u8>, Vec<Option<String>>) {
    const HEADERS: [&str; 9] = [
        "allow",
        "cache-control",
        "content-disposition",
        "content-length",
        "content-security-policy",
        "content-type",
        "cross-origin-resource-policy",
        "location",
        "www-authenticate",
    ];
    (reply.status, reply.body.clone(), HEADERS.map(|name| reply.header(name).map(str::to_owned)).to_vec())
}

const JSON: &str = "Content-Type: application/json";

#[test]
fn a_hyper_server_answers_as_axums_router_does() {
    for token in [None, Some("secret")] {
        let options = || token.map_or_else(HttpOptions::new, |token| HttpOptions::new().token(token));
        let hyper = Hyper::start(service(Arc::new(Scripted::content()), options()), true);
        let (_runtime, axum) = axum_server(router(Arc::new(Scripted::content()), options()));
        let cases: [(&str, &[&str], &str); 13] = [
            ("POST /start_profile", &[JSON], r#"{"stages": [0]}"#),
            ("POST /start_profile", &["Authorization: Bearer secret"], ""),
            ("POST /start_profile", &["Authorization: Bearer wrong"], ""),
            ("POST /start_profile", &[], r#"{"stagse": [0]}"#),
            ("POST /start_profile", &[], &"x".repeat(17 << 10)),
            ("POST /start_profile", &["Host: example.com"], ""),
            ("POST /start_profile", &["Origin: http://example.com"], ""),
            ("POST /start_profile", &["X-Forwarded-For: 10.0.0.1"], ""),
            ("POST /stop_profile?wait=false", &[], ""),
            ("GET /start_profile", &[], ""),
            ("GET /profile/status", &["Authorization: Bearer secret"], ""),
            ("GET /profile/sessions/a%20session", &["Authorization: Bearer secret"], ""),
            ("GET /profile/sessions/none", &[], ""),
        ];
        for (line, headers, body) in cases {
            let (ours, theirs) = (request(hyper.at, line, headers, body), request(axum, line, headers, body));
            assert_eq!(seen(&ours), seen(&theirs), "{line} {headers:?}");
        }
    }
}

#[test]
fn a_service_that_is_not_told_its_client_needs_the_token() {
    let hyper = Hyper::start(service(Arc::new(Scripted::content()), HttpOptions::new()), false);
    assert_eq!(post(hyper.at, "/start_profile", "").refusal(), (403, "peer_unknown".into()));
    let told = Hyper::start(service(Arc::new(Scripted::content()), HttpOptions::new()), true);
    assert_eq!(post(told.at, "/start_profile", "").status, 200);
    assert_eq!(get(told.at, "/nowhere").refusal(), (404, "no_such_path".into()));
}
