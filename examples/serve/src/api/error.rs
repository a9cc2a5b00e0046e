//! The error of an endpoint: a status, and a sentence that says what is wrong and how to fix it.

use std::fmt;

use axum::Json;
use axum::extract::multipart::{MultipartError, MultipartRejection};
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Seconds after which a client should try a busy server again.
const RETRY_SECONDS: &str = "5";

/// An error, sent as `{"error": {"code": "…", "message": "…"}}`.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// Creates a 400 error about one field.
    pub(super) fn wrong(field: &str, what: impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", format!("`{field}`: {what}"))
    }

    pub(super) fn missing(field: &str) -> Self {
        Self::wrong(field, "is required and missing")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": { "code": self.code, "message": self.message } }));
        match self.status {
            StatusCode::TOO_MANY_REQUESTS => (self.status, [(RETRY_AFTER, RETRY_SECONDS)], body).into_response(),
            StatusCode::UNAUTHORIZED => (self.status, [(WWW_AUTHENTICATE, "Bearer")], body).into_response(),
            status => (status, body).into_response(),
        }
    }
}

/// An argument that the pipeline rejects.
impl From<profiler_examples::Error> for ApiError {
    fn from(error: profiler_examples::Error) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", error.to_string())
    }
}

/// A form that is truncated, malformed or too large.
impl From<MultipartError> for ApiError {
    fn from(error: MultipartError) -> Self {
        Self::new(error.status(), "bad_form", error.body_text())
    }
}

/// A body that is not a form.
impl From<MultipartRejection> for ApiError {
    fn from(error: MultipartRejection) -> Self {
        Self::new(error.status(), "bad_form", format!("expected `multipart/form-data`: {}", error.body_text()))
    }
}

/// JSON that is malformed, too large or has wrong types.
impl From<JsonRejection> for ApiError {
    fn from(error: JsonRejection) -> Self {
        // JSON of the wrong types is a client error like any other.
        let status = match error.status() {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        Self::new(status, "bad_json", error.body_text())
    }
}

pub(super) async fn wrong_method() -> ApiError {
    let message = "the path is right, the method is not: see the header `Allow`";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", message)
}

pub(super) async fn no_such_path() -> ApiError {
    let message = "there is nothing here: `GET /health`, `GET /v1/models`, `POST /v1/videos/sync`, `POST /v1/videos`, \
                   `POST /v1/images/generations`, and if a profiler is configured `POST /start_profile` and \
                   `POST /stop_profile`";
    ApiError::new(StatusCode::NOT_FOUND, "no_such_path", message)
}
