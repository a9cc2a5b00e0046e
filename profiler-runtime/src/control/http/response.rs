//! Turns a report into a response. The status is 200 only if every worker has finished.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::runtime::{Report, WorkerState};

/// Characters that are not percent-encoded.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns the status that tells how complete a report is.
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

/// Returns the report as JSON. A folder that is not Unicode is converted lossily.
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

/// Creates the response to start and stop. `prefix` is the prefix of the routes in the user's
/// server.
pub(super) fn new(report: &Report, status: StatusCode, prefix: &str) -> Response {
    let mut response = (status, Json(body(report))).into_response();
    if status == StatusCode::ACCEPTED {
        let location = format!("{prefix}/profile/sessions/{}", percent(&report.session));
        let location = HeaderValue::try_from(location).ok();
        response.headers_mut().extend(location.map(|location| (header::LOCATION, location)));
    }
    response
}

/// Percent-encodes a text for a URL or a header.
pub(super) fn percent(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}
