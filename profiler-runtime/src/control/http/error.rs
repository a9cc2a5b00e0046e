//! Rejections: a status, a code for programs and a sentence for the user.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::runtime::{ControlError, Error, Origin};

/// Defines the enum of codes, each with its status and its name in responses and in the audit log.
macro_rules! codes {
    ($($code:ident = $status:ident, $name:literal;)+) => {
        /// Code of a rejection.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Code {
            $($code,)+
        }

        impl Code {
            pub(super) const fn status(self) -> StatusCode {
                match self { $(Self::$code => StatusCode::$status,)+ }
            }

            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$code => $name,)+ }
            }
        }
    };
}

codes! {
    BadBody = BAD_REQUEST, "bad_body";
    BadHost = BAD_REQUEST, "bad_host";
    BadQuery = BAD_REQUEST, "bad_query";
    NoSuchName = BAD_REQUEST, "no_such_name";
    NoSuchStage = BAD_REQUEST, "no_such_stage";
    TokenMissing = UNAUTHORIZED, "token_missing";
    TokenWrong = UNAUTHORIZED, "token_wrong";
    CrossOrigin = FORBIDDEN, "cross_origin";
    PeerUnknown = FORBIDDEN, "peer_unknown";
    TokenRequired = FORBIDDEN, "token_required";
    WrongHost = FORBIDDEN, "wrong_host";
    ArtifactNotHere = NOT_FOUND, "artifact_not_here";
    NoSuchArtifact = NOT_FOUND, "no_such_artifact";
    NoSuchPath = NOT_FOUND, "no_such_path";
    NoSuchSession = NOT_FOUND, "no_such_session";
    WrongMethod = METHOD_NOT_ALLOWED, "wrong_method";
    TooSlow = REQUEST_TIMEOUT, "too_slow";
    AlreadyActive = CONFLICT, "already_active";
    Disabled = CONFLICT, "disabled";
    NotActive = CONFLICT, "not_active";
    NotConfigured = CONFLICT, "not_configured";
    OtherSelection = CONFLICT, "other_selection";
    WrongConfiguration = CONFLICT, "wrong_configuration";
    TooLarge = PAYLOAD_TOO_LARGE, "too_large";
    Failed = INTERNAL_SERVER_ERROR, "failed";
    SessionFailed = INTERNAL_SERVER_ERROR, "session_failed";
    NoWorkers = SERVICE_UNAVAILABLE, "no_workers";
    TooManyDownloads = SERVICE_UNAVAILABLE, "too_many_downloads";
    FolderNotWritable = INSUFFICIENT_STORAGE, "folder_not_writable";
}

/// The rejection of a request.
#[derive(Debug)]
pub(super) struct Rejection {
    pub(super) code: Code,
    pub(super) message: String,
}

impl Rejection {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<ControlError> for Rejection {
    fn from(error: ControlError) -> Self {
        use ControlError as E;
        let code = match &error {
            E::AlreadyActive { .. } => Code::AlreadyActive,
            E::NotActive => Code::NotActive,
            E::OtherSelection { .. } => Code::OtherSelection,
            E::NoSuchStage { .. } => Code::NoSuchStage,
            E::NoSuchName { .. } => Code::NoSuchName,
            E::NoWorkers => Code::NoWorkers,
            E::Session(Error::NotConfigured) => Code::NotConfigured,
            E::Session(Error::Disabled) => Code::Disabled,
            E::Session(Error::Config(wrong)) if wrong.origin == Origin::Request => Code::BadBody,
            E::Session(Error::Config(_)) => Code::WrongConfiguration,
            E::Session(Error::Folder { .. } | Error::RemoteFolder { .. }) => Code::FolderNotWritable,
            _ => Code::SessionFailed,
        };
        Self::new(code, error.to_string())
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let body = json!({"error": {"code": self.code.name(), "message": self.message}});
        let mut response = (self.code.status(), Json(body)).into_response();
        let challenge = match self.code {
            Code::TokenMissing => "Bearer realm=\"profiler\"",
            Code::TokenWrong => "Bearer realm=\"profiler\", error=\"invalid_token\"",
            _ => return response,
        };
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        response
    }
}
