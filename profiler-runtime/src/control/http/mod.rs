//! Controls the profiler over HTTP (feature `http`), for a server that is profiled while it runs.
//!
//! The simplest form is a listener with a thread of its own, which stops when the result is
//! dropped:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let _control = profiler_runtime::http::serve("127.0.0.1:8089")?;
//! # Ok(()) }
//! ```
//!
//! A program that already is an axum server merges the routes into its own. [`router_from_env`]
//! provides them only if a profiler is configured; [`router`] takes any [`Controller`], such as
//! that of a job of several processes.
//!
//! ```no_run
//! let app: axum::Router = axum::Router::new().merge(profiler_runtime::http::router_from_env());
//! // Tells the routes the client's address; without it they need a token.
//! let service = app.into_make_service_with_connect_info::<std::net::SocketAddr>();
//! ```
//!
//! Any other server mounts [`service`], a `tower::Service`; in hyper, for each connection:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use profiler_runtime::{http, job::LocalController};
//! # let address: std::net::SocketAddr = ([127, 0, 0, 1], 1).into();
//! let control = http::service(Arc::new(LocalController::new()), http::HttpOptions::from_env());
//! // To `hyper_util::service::TowerToHyperService`:
//! let for_connection = control.for_client(address);
//! ```
//!
//! # Requests
//!
//! ```text
//! curl -X POST http://127.0.0.1:8089/start_profile
//! curl -X POST http://127.0.0.1:8089/start_profile -d '{"stages": [0, 2, "vae.*"]}'
//! curl -X POST http://127.0.0.1:8089/stop_profile
//! curl -X POST 'http://127.0.0.1:8089/stop_profile?wait=false'
//! curl http://127.0.0.1:8089/profile/status
//! curl http://127.0.0.1:8089/profile/sessions/SESSION
//! curl -OJ http://127.0.0.1:8089/profile/sessions/SESSION/artifacts/trace_rank0.json
//! curl -X POST -H "Authorization: Bearer $TOKEN" http://10.0.0.7:8089/start_profile
//! ```
//!
//! | request | answer |
//! |---|---|
//! | `POST /start_profile` | the report, when every selected worker records |
//! | `POST /stop_profile` | the report, when the artifacts are on disk; with `?wait=false` at once |
//! | `GET /profile/status` | what every worker is doing, and in `last_session` what the last session has written |
//! | `GET /profile/sessions/{id}` | the report of a session that was started here, and its manifests |
//! | `GET /profile/sessions/{id}/artifacts/{name}` | a file that a manifest of that session lists |
//!
//! The optional body `{"stages": […]}` selects stage processes by number and ranges by name;
//! without it, everything is selected. An unknown name is rejected if a similar name exists; a
//! pattern (`"vae*"`) never is. The content type of the body is ignored: it is always JSON.
//!
//! A start also accepts the keys that vLLM's and SGLang's clients send, for this session only:
//! `num_steps`, `start_step` or `delay_steps`, `activities`, `record_shapes`, `with_stack`,
//! `profile_stages`, `profile_id` and `profile_prefix` (plain names), `merge_profiles`.
//! `profile_by_stage` is accepted with a warning. `output_dir` is rejected, because a request never
//! names a path. Whole numbers may be strings, as SGLang's client sends them. The response's
//! `warnings` list settings of the request without an effect, and all other warnings of the start.
//!
//! # Status codes
//!
//! | code | means |
//! |---|---|
//! | 200 | done by every worker |
//! | 202 | recording has ended, artifacts are still being written: `Location` is the address to ask |
//! | 400 | the body, the query or the stage is wrong: the message says what would be right |
//! | 401, 403 | the token is missing or wrong; the request comes from another site, another host name or another machine |
//! | 404, 405 | no such session or artifact; an action needs `POST` |
//! | 408, 413 | the body came too slowly; it is too large |
//! | 409 | the wrong moment: a session is active, or none is; or nothing is configured |
//! | 500, 503, 507 | the session failed; no worker has joined, or 32 downloads are under way; its folder cannot be written
//! |
//! | 502 | some worker failed: the body is the same report, with a line for each worker |
//!
//! Errors are `{"error": {"code": "already_active", "message": "…"}}`.
//!
//! # Safety
//!
//! A listener binds to loopback addresses only, unless it has a token ([`HttpOptions::token`], or
//! `PROFILER_HTTP_TOKEN`), which every request must then carry. Without a token, only clients on
//! this machine are served. In a server of your own, the client's address must be known
//! (`into_make_service_with_connect_info::<SocketAddr>()`); otherwise the routes need a token. A
//! request that a proxy has forwarded counts as one from another machine, which `Forwarded`,
//! `X-Forwarded-…`, `X-Real-IP`, `Via` and similar headers reveal. Set a token behind a proxy that
//! adds none of them.
//!
//! A listener has 32 connections, each for one request. The first byte must arrive within two
//! seconds and the request within [`HttpOptions::read_timeout`] (ten). A client that stops reading
//! the response for that long is disconnected; the work on a response has no timeout. If all
//! connections are in use, a new client replaces the one that has been sending its request for
//! longest, or else one that does not read. At most 32 artifacts are downloaded at a time.
//!
//! `Host` must be a loopback address, the listener's own address, or a name from
//! [`HttpOptions::allow_host`], so that no web page can reach the profiler through a name of its
//! own (DNS rebinding). Requests from pages of another origin are rejected. Nothing in a request
//! becomes a path: names are compared with those that manifests list. Each action and each download
//! is a line in the log with the target `profiler_runtime::audit`; rejections are one line a minute
//! for each reason, with their number. Text from clients is escaped there.
mod artifact;
mod audit;
mod body;
mod connection;
mod control;
mod error;
mod guard;
mod listener;
mod merging;
mod options;
mod origin;
mod query;
mod response;
mod routes;
mod runtime;
mod service;
mod sessions;
mod slots;
mod wishes;

use std::net::ToSocketAddrs;
use std::sync::Arc;

use axum::Router;

use guard::AppState;
use runtime::{Controller, LocalController, configured, logging, trigger};

pub use audit::ClientAddress;
pub use listener::{HttpError, Listener, Server};
pub use options::HttpOptions;
pub use service::{ControlBody, ControlFuture, ControlService};

/// Creates the routes for `controller`. They exist whether or not a profiler is configured; if none
/// is, a start returns 409.
///
/// Needs a tokio runtime: controllers block, so they run on its blocking threads.
pub fn router(controller: Arc<dyn Controller>, options: HttpOptions) -> Router {
    routes::router(AppState::new(controller, options, None))
}

/// Creates the endpoints for `controller` as a `tower::Service` over the types of `http` and
/// `http-body` 1, which hyper, warp and axum of any version that uses them can mount.
///
/// Without a token the client's address must be known: [`ControlService::for_client`] tells it for
/// a connection, the extension [`ClientAddress`] for a request. Needs a tokio runtime, as
/// [`router`] does.
pub fn service(controller: Arc<dyn Controller>, options: HttpOptions) -> ControlService {
    ControlService::new(controller, options)
}

/// Creates the [`router`] for this process with [`HttpOptions::from_env`], if
/// [`configure`](crate::configure) or the environment has configured a profiler. Otherwise creates
/// no routes, so that the server answers their paths with its own 404. Arms the triggers of the
/// configuration (`toggle_on_sigusr2`, `trigger_file`) until the process ends.
///
/// Never fails: an invalid configuration is logged as an error, and no routes are created.
pub fn router_from_env() -> Router {
    match configured() {
        Ok(Some(parsed)) => {
            trigger::arm_permanently(&parsed.config);
            router(Arc::new(LocalController::new()), HttpOptions::from_env())
        }
        Ok(None) => {
            logging::info!("no profiler is configured (`PROFILER_CONFIG` is not set): `/start_profile` is not served");
            Router::new()
        }
        Err(error) => {
            logging::error!("the profiler cannot be controlled by HTTP: {error}");
            Router::new()
        }
    }
}

/// Listens on `address` for requests to profile this process, with [`HttpOptions::from_env`], on a
/// thread of its own. Arms the triggers of the configuration (`toggle_on_sigusr2`, `trigger_file`)
/// until the process ends.
///
/// # Errors
///
/// Returns [`HttpError::TokenRequired`] if other machines can reach the address and there is no
/// token, and [`HttpError::Address`] if it cannot be bound.
pub fn serve(address: impl ToSocketAddrs) -> Result<Server, HttpError> {
    let server = Listener::bind(address, Arc::new(LocalController::new()), HttpOptions::from_env())?.spawn()?;
    // An invalid configuration is reported by a start.
    if let Ok(Some(parsed)) = configured() {
        trigger::arm_permanently(&parsed.config);
    }
    Ok(server)
}
