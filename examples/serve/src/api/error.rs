//! A request that is not served: the status, and a sentence that names what is wrong and what would
//! be right.

use std::fmt;

use axum::Json;
use axum::extract::multipart::{MultipartError, MultipartRejection};
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Seconds after which to ask a busy server again.
const PATIENCE: &str = "5";

/// Becomes `{"error": {"code": "…", "message": "…"}}`.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// 400 because of one field.
    pub(super) fn wrong(field: &str, what: impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", format!("`{field}`: {what}"))
    }

    pub(super) fn missing(field: &str) -> Self {
        Self::wrong(field, "is required and missing")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": { "code": self.code, "message": self.message } }));
        match self.status {
            StatusCode::TOO_MANY_REQUESTS => (self.status, [(RETRY_AFTER, PATIENCE)], body).into_response(),
            StatusCode::UNAUTHORIZED => (self.status, [(WWW_AUTHENTICATE, "Bearer")], body).into_response(),
            status => (status, body).into_response(),
        }
    }
}

/// An argument that the pipeline would refuse.
impl From<profiler_examples::Error> for Refusal {
    fn from(error: profiler_examples::Error) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", error.to_string())
    }
}

/// A form that is cut off, malformed or too large.
impl From<MultipartError> for Refusal {
    fn from(error: MultipartError) -> Self {
        Self::new(error.status(), "bad_form", error.body_text())
    }
}

/// A body that is no form.
impl From<MultipartRejection> for Refusal {
    fn from(error: MultipartRejection) -> Self {
        Self::new(error.status(), "bad_form", format!("expected `multipart/form-data`: {}", error.body_text()))
    }
}

/// JSON that is malformed, too large or of the wrong types.
impl From<JsonRejection> for Refusal {
    fn from(error: JsonRejection) -> Self {
        // What parses but does not fit is the client's mistake like any other.
        let status = match error.status() {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        Self::new(status, "bad_json", error.body_text())
    }
}

pub(super) async fn wrong_method() -> Refusal {
    let message = "the path is right, the method is not: see the header `Allow`";
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", message)
}

pub(super) async fn no_such_path() -> Refusal {
    let message = "there is nothing here: `GET /health`, `GET /v1/models`, `POST /v1/videos/sync`, `POST /v1/videos`, \
                   `POST /v1/images/generations`, and if a profiler is configured `POST /start_profile` and \
                   `POST /stop_profile`";
    Refusal::new(StatusCode::NOT_FOUND, "no_such_path", message)
}
