//! Start and stop.
//!
//! Controllers block, so they run on the runtime's blocking threads, and go on when the client has gone: what was
//! started is in the audit log.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{OriginalUri, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;

use crate::control::http::audit::Peer;
use crate::control::http::error::Refusal;
use crate::control::http::guard::Door;
use crate::control::http::{audit, body, merging, query, response};
use crate::control::job::{ControlError, Report, Selection, SessionWishes};

/// `POST /start_profile`.
pub(in crate::control::http) async fn start(State(door): State<Arc<Door>>, request: Request) -> Response {
    respond(door, request, Action::Start).await
}

/// `POST /stop_profile`.
pub(in crate::control::http) async fn stop(State(door): State<Arc<Door>>, request: Request) -> Response {
    let wait = query::wait(request.uri().query());
    respond(door, request, Action::Stop(wait)).await
}

enum Action {
    Start,
    Stop(Result<bool, Refusal>),
}

async fn respond(door: Arc<Door>, request: Request, action: Action) -> Response {
    let (peer, path) = (audit::peer(&request), request.uri().path().to_owned());
    match act(&door, peer, request, action).await {
        Ok(response) => response,
        Err(refusal) => {
            audit::refused(&door, peer, &path, &refusal).await;
            refusal.into_response()
        }
    }
}

/// An error is a request that could not be read; what the controller answers has its own audit line.
async fn act(door: &Arc<Door>, peer: Peer, request: Request, action: Action) -> Result<Response, Refusal> {
    let wait = match action {
        Action::Start => query::none(request.uri().query()).map(|()| None)?,
        Action::Stop(wait) => Some(wait?),
    };
    let prefix = prefix(&request);
    let selection = body::read(request, door.options.body_limit).await?;
    if wait.is_some() && selection.wishes != SessionWishes::default() {
        return Err(body::bad("a stop takes `stages` only: send the other fields to `/start_profile`"));
    }
    let door = Arc::clone(door);
    let answer = spawn_blocking(move || ask(&door, peer, &selection, wait));
    let (status, result) = answer.await.map_err(|_| Refusal::failed())?;
    Ok(match result {
        Ok(report) => response::of(&report, status, &prefix),
        Err(refusal) => refusal.into_response(),
    })
}

/// Asks the controller and writes the audit line. `wait` is `None` for a start.
fn ask(door: &Door, peer: Peer, selection: &Selection, wait: Option<bool>) -> (StatusCode, Result<Report, Refusal>) {
    let result: Result<Report, ControlError> = match wait {
        None => {
            let started = door.controller.start(selection);
            if let (Ok(report), true) = (&started, selection.wishes.merge) {
                merging::when_written(&door.controller, &report.session);
            }
            started
        }
        Some(wait) => {
            let most = if wait { door.options.stop_wait } else { Duration::ZERO };
            door.controller.stop(selection, most)
        }
    };
    let action = if wait.is_some() { "stop" } else { "start" };
    match result {
        Ok(report) => {
            let complete = response::status(&report);
            // Who does not wait is not told that everything is written, even if it should be.
            let accepted = wait == Some(false) && complete == StatusCode::OK;
            let status = if accepted { StatusCode::ACCEPTED } else { complete };
            audit::done(peer, action, selection, &report.session, &status.as_u16());
            (status, Ok(report))
        }
        Err(error) => {
            let refusal = Refusal::from(error);
            audit::done(peer, action, selection, "", &format_args!("{} {}", refusal.status.as_u16(), refusal.code));
            (refusal.status, Err(refusal))
        }
    }
}

/// What the user's server has put before the routes, with `Router::nest`.
fn prefix(request: &Request) -> String {
    let whole = request.extensions().get::<OriginalUri>().map(|uri| uri.0.path());
    let prefix = whole.and_then(|whole| whole.strip_suffix(request.uri().path()));
    prefix.unwrap_or_default().to_owned()
}
