//! Start and stop.
//!
//! Controllers block, so they run on the runtime's blocking threads, and go on when the client has
//! gone: sessions that were started are in the audit log.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{OriginalUri, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::audit::{self, Peer};
use super::error::Refusal;
use super::face::{Report, Selection, SessionWishes};
use super::guard::Door;
use super::{body, merging, query, response};

/// Answers `POST /start_profile` or `POST /stop_profile`, which the audit log calls `action`.
pub(super) async fn answer(door: Arc<Door>, request: Request, action: &'static str) -> Result<Response, Refusal> {
    let (peer, path) = (audit::peer(&request), request.uri().path().to_owned());
    let answered = act(&door, peer, request, action).await;
    if let Err(refusal) = &answered {
        audit::refused(&door.refusals, peer, &path, refusal).await;
    }
    answered
}

/// Returns the answer; an error is a request that could not be read: the controller's answers are
/// audited already.
async fn act(door: &Arc<Door>, peer: Peer, request: Request, action: &'static str) -> Result<Response, Refusal> {
    let asked = request.uri().query();
    let wait = if action == "start" { query::none(asked).map(|()| None)? } else { Some(query::wait(asked)?) };
    let prefix = prefix(&request);
    let selection = body::read(request, door.options.body_limit).await?;
    if wait.is_some() && selection.wishes != SessionWishes::default() {
        return Err(body::bad("a stop takes `stages` only: send the other fields to `/start_profile`"));
    }
    Ok(match door.blocking(move |door| ask(door, peer, action, &selection, wait)).await? {
        Ok((status, report)) => response::of(&report, status, &prefix),
        Err(refusal) => refusal.into_response(),
    })
}

/// Asks the controller and writes the audit line. `wait` is `None` for a start.
fn ask(
    door: &Door,
    peer: Peer,
    action: &str,
    selection: &Selection,
    wait: Option<bool>,
) -> Result<(StatusCode, Report), Refusal> {
    let asked = match wait {
        None => door.controller.start(selection),
        Some(wait) => door.controller.stop(selection, if wait { door.options.stop_wait } else { Duration::ZERO }),
    };
    let report = asked.map_err(|error| {
        let refusal = Refusal::from(error);
        let outcome = format!("{} {}", refusal.code.status().as_u16(), refusal.code.name());
        audit::done(peer, action, selection, "", &outcome);
        refusal
    })?;
    if wait.is_none() && selection.wishes.merge {
        merging::when_written(&door.controller, &report.session);
    }
    let status = match response::status(&report) {
        // A client that does not wait is not told that everything is written, even if it should be.
        StatusCode::OK if wait == Some(false) => StatusCode::ACCEPTED,
        complete => complete,
    };
    audit::done(peer, action, selection, &report.session, &status.as_u16());
    Ok((status, report))
}

/// Returns the prefix that the user's server has put before the routes, with `Router::nest`.
fn prefix(request: &Request) -> String {
    let whole = request.extensions().get::<OriginalUri>().map(|uri| uri.0.path());
    let prefix = whole.and_then(|whole| whole.strip_suffix(request.uri().path()));
    prefix.unwrap_or_default().to_owned()
}
