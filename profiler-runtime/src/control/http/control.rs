//! Handles start and stop.
//!
//! Controllers block, so they run on the runtime's blocking threads. They continue when the client
//! disconnects; the audit log has the sessions that were started.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{OriginalUri, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::audit::{self, Peer};
use super::error::Rejection;
use super::guard::AppState;
use super::runtime::{Report, Selection, SessionWishes};
use super::{body, merging, query, response};

/// Handles `POST /start_profile` or `POST /stop_profile`; `action` is its name in the audit log.
pub(super) async fn answer(
    state: Arc<AppState>,
    request: Request,
    action: &'static str,
) -> Result<Response, Rejection> {
    let (peer, path) = (audit::peer(&request), request.uri().path().to_owned());
    let answered = act(&state, peer, request, action).await;
    if let Err(rejection) = &answered {
        audit::log_rejection(&state.rejections, peer, &path, rejection).await;
    }
    answered
}

/// Returns the response. An error means that the request could not be read; responses of the
/// controller are in the audit log already.
async fn act(state: &Arc<AppState>, peer: Peer, request: Request, action: &'static str) -> Result<Response, Rejection> {
    let query = request.uri().query();
    let wait = if action == "start" { query::reject_any(query).map(|()| None)? } else { Some(query::wait(query)?) };
    let prefix = prefix(&request);
    let selection = body::read(request, state.options.body_limit).await?;
    if wait.is_some() && selection.wishes != SessionWishes::default() {
        return Err(body::bad("a stop takes `stages` only: send the other fields to `/start_profile`"));
    }
    Ok(match state.blocking(move |state| ask(state, peer, action, &selection, wait)).await? {
        Ok((status, report)) => response::new(&report, status, &prefix),
        Err(rejection) => rejection.into_response(),
    })
}

/// Calls the controller and writes the audit line. `wait` is `None` for a start.
fn ask(
    state: &AppState,
    peer: Peer,
    action: &str,
    selection: &Selection,
    wait: Option<bool>,
) -> Result<(StatusCode, Report), Rejection> {
    let result = match wait {
        None => state.controller.start(selection),
        Some(wait) => state.controller.stop(selection, if wait { state.options.stop_wait } else { Duration::ZERO }),
    };
    let report = result.map_err(|error| {
        let rejection = Rejection::from(error);
        let outcome = format!("{} {}", rejection.code.status().as_u16(), rejection.code.name());
        audit::log_action(peer, action, selection, "", &outcome);
        rejection
    })?;
    if wait.is_none() && selection.wishes.merge {
        merging::when_written(&state.controller, &report.session);
    }
    let status = match response::status(&report) {
        // A client that does not wait always gets 202, even if everything is written already.
        StatusCode::OK if wait == Some(false) => StatusCode::ACCEPTED,
        complete => complete,
    };
    audit::log_action(peer, action, selection, &report.session, &status.as_u16());
    Ok((status, report))
}

/// Returns the prefix that the user's server has added to the routes with `Router::nest`.
fn prefix(request: &Request) -> String {
    let whole = request.extensions().get::<OriginalUri>().map(|uri| uri.0.path());
    let prefix = whole.and_then(|whole| whole.strip_suffix(request.uri().path()));
    prefix.unwrap_or_default().to_owned()
}
