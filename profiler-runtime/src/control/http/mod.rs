//! Start, stop and status by HTTP (feature `http`): for a server that is profiled while it serves.
//!
//! The one-line form is a listener with a thread of its own; it stops when the result is dropped:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let _control = profiler_runtime::http::serve("127.0.0.1:8089")?;
//! # Ok(()) }
//! ```
//!
//! A program that is an axum server already merges the routes into its own: [`router_from_env`] has
//! them only if a profiler is configured, [`router`] takes any [`Controller`], such as that of a
//! job of several processes.
//!
//! ```no_run
//! let app: axum::Router = axum::Router::new().merge(profiler_runtime::http::router_from_env());
//! // So that the routes know who asks; without it they need a token.
//! let service = app.into_make_service_with_connect_info::<std::net::SocketAddr>();
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
//! without it everything is selected. A name that nothing bears is refused if one that exists is
//! near it; a pattern (`"vae*"`) never is. The type of the body is not looked at: it is JSON.
//!
//! A start also takes what vLLM's and SGLang's clients send, for this session alone: `num_steps`,
//! `start_step` or `delay_steps`, `activities`, `record_shapes`, `with_stack`, `profile_stages`,
//! `profile_id` and `profile_prefix` (plain names), `merge_profiles`. `profile_by_stage` is
//! accepted with a warning, `output_dir` is refused: a request never names a path. Whole numbers
//! may be strings, as SGLang's client sends them. What a request asks for and does not get, and
//! whatever else the start warns of, is in the answer's `warnings`.
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
//! `PROFILER_HTTP_TOKEN`); then every request must carry it. Without one, only who is known to be
//! on this machine is let in. In a server of your own that is what it tells
//! (`into_make_service_with_connect_info::<SocketAddr>()`); one that does not tell who asks needs a
//! token. A request that a proxy has passed on counts as one from another machine: `Forwarded`,
//! `X-Forwarded-…`, `X-Real-IP`, `Via` and the like say so. Set a token behind a proxy that adds
//! none of them.
//!
//! A listener has 32 connections, each for one request. The first byte has to come within two
//! seconds, the request within [`HttpOptions::read_timeout`] (ten), and who does not read the
//! answer on for that long is cut off; the work for an answer may take as long as it takes. When
//! all are taken, the next client takes the place of the one that has been sending its request for
//! longest, then of one that does not read. At most 32 artifacts are downloaded at a time.
//!
//! `Host` must name a loopback address, the listener's own, or a name from
//! [`HttpOptions::allow_host`], so that no web page can reach them through a name of its own that
//! leads here; requests from pages of another origin are refused. Nothing in a request becomes a
//! path: names are compared with those that manifests list. Each action and each download is a line
//! in the log, target `profiler_runtime::audit`; refusals are one line a minute for each reason,
//! with their number. Text of a client's is escaped there.
mod artifact;
mod audit;
mod body;
mod connection;
mod control;
mod error;
mod face;
mod guard;
mod listener;
mod merging;
mod options;
mod origin;
mod places;
mod query;
mod response;
mod routes;
mod sessions;
mod wishes;

use std::net::ToSocketAddrs;
use std::sync::Arc;

use axum::Router;

use face::{Controller, LocalController, configured, logging, trigger};
use guard::Door;

pub use listener::{HttpError, Listener, Server};
pub use options::HttpOptions;

/// Creates the routes, acting on `controller`. They are there whether or not a profiler is
/// configured: without one a start answers 409.
///
/// Needs a tokio runtime: controllers block, so they are called on its blocking threads.
pub fn router(controller: Arc<dyn Controller>, options: HttpOptions) -> Router {
    routes::router(Door::new(controller, options, None))
}

/// Creates the [`router`] for this process with [`HttpOptions::from_env`], if
/// [`configure`](crate::configure) or the environment has configured a profiler; else no routes, so
/// that every path is the server's own 404. Triggers that the configuration names
/// (`toggle_on_sigusr2`, `trigger_file`) are armed until the process ends.
///
/// Never fails: a wrong configuration is logged as an error, and leaves the routes out.
pub fn router_from_env() -> Router {
    match configured() {
        Ok(Some(parsed)) => {
            trigger::arm_for_good(&parsed.config);
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
/// thread of its own. Triggers that the configuration names (`toggle_on_sigusr2`, `trigger_file`)
/// are armed until the process ends.
///
/// # Errors
///
/// Returns [`HttpError::TokenRequired`] if the address can be reached from other machines and there
/// is no token, and [`HttpError::Address`] if it cannot be bound.
pub fn serve(address: impl ToSocketAddrs) -> Result<Server, HttpError> {
    let server = Listener::bind(address, Arc::new(LocalController::new()), HttpOptions::from_env())?.spawn()?;
    // A wrong configuration is the answer to a start.
    if let Ok(Some(parsed)) = configured() {
        trigger::arm_for_good(&parsed.config);
    }
    Ok(server)
}
