//! A report as an answer: never 200 for less than everything.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::face::{Report, WorkerState};

/// Characters that an address has as they are.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns the status for how complete a report is.
pub(super) fn status(report: &Report) -> StatusCode {
    if !report.is_complete() {
        StatusCode::BAD_GATEWAY
    } else if report.workers.iter().any(|worker| worker.state == WorkerState::Writing)
        || report.frontend.as_ref().is_some_and(|own| own.state == WorkerState::Writing)
    {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    }
}

/// Returns the report for programs; a folder that is not Unicode is shown as well as it can be.
pub(super) fn body(report: &Report) -> Value {
    let mut body = json!({
        "session": report.session,
        "folder": report.folder.as_ref().map(|folder| folder.to_string_lossy()),
        "complete": report.is_complete(),
        "workers": report.workers,
    });
    if let Some(frontend) = &report.frontend {
        body["frontend"] = json!(frontend);
    }
    if !report.warnings.is_empty() {
        body["warnings"] = json!(report.warnings);
    }
    body
}

/// Returns the answer to start and stop. `prefix` is the user's server's prefix of the routes.
pub(super) fn of(report: &Report, status: StatusCode, prefix: &str) -> Response {
    let mut response = (status, Json(body(report))).into_response();
    if status == StatusCode::ACCEPTED {
        let place = format!("{prefix}/profile/sessions/{}", percent(&report.session));
        response.headers_mut().extend(HeaderValue::try_from(place).ok().map(|place| (header::LOCATION, place)));
    }
    response
}

/// Encodes a text for an address or a header.
pub(super) fn percent(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}
