//! Why a request is not carried out: a status, a code for programs and a sentence for people.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::audit;
use super::guard::Door;
use crate::config::Origin;
use crate::control::job::ControlError;
use crate::error::Error;

/// A request is not carried out.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), header: None }
    }

    /// 400.
    pub(super) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 401, with what is asked for.
    pub(super) fn unauthorized(code: &'static str, message: &str, challenge: &'static str) -> Self {
        let header = Some((header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge)));
        Self { header, ..Self::new(StatusCode::UNAUTHORIZED, code, message) }
    }

    /// 403.
    pub(super) fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// 404.
    pub(super) fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// 500: the controller panicked, or the runtime is ending.
    pub(super) fn failed() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", "the profiler failed: its log says why")
    }
}

impl From<ControlError> for Refusal {
    fn from(error: ControlError) -> Self {
        use ControlError as E;
        let (status, code) = match &error {
            E::AlreadyActive { .. } => (StatusCode::CONFLICT, "already_active"),
            E::NotActive => (StatusCode::CONFLICT, "not_active"),
            E::OtherSelection { .. } => (StatusCode::CONFLICT, "other_selection"),
            E::NoSuchStage { .. } => (StatusCode::BAD_REQUEST, "no_such_stage"),
            E::NoSuchName { .. } => (StatusCode::BAD_REQUEST, "no_such_name"),
            E::NoWorkers => (StatusCode::SERVICE_UNAVAILABLE, "no_workers"),
            E::Session(Error::NotConfigured) => (StatusCode::CONFLICT, "not_configured"),
            E::Session(Error::Disabled) => (StatusCode::CONFLICT, "disabled"),
            E::Session(Error::Config(wrong)) if wrong.origin == Origin::Request => {
                (StatusCode::BAD_REQUEST, "bad_body")
            }
            E::Session(Error::Config(_)) => (StatusCode::CONFLICT, "wrong_configuration"),
            E::Session(Error::Folder { .. } | Error::RemoteFolder { .. }) => {
                (StatusCode::INSUFFICIENT_STORAGE, "folder_not_writable")
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "session_failed"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"error": {"code": self.code, "message": self.message}});
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().extend(self.header);
        response
    }
}

/// Answers a method that the path does not have; `Allow` is added by the router.
pub(super) async fn wrong_method(State(door): State<Arc<Door>>, request: Request) -> Refusal {
    let is_action = matches!(request.uri().path().rsplit('/').next(), Some("start_profile" | "stop_profile"));
    let wanted = if is_action { "POST" } else { "GET" };
    let message = format!("`{}` is not possible here: use `{wanted}`", request.method());
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", message);
    audit::refused(&door, audit::peer(&request), request.uri().path(), &refusal).await;
    refusal
}
