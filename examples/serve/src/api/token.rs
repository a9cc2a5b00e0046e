//! Checks the bearer token of `--token`, which every request but `GET /health` must carry.

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::Shared;
use super::error::ApiError;

/// The token, which is never logged.
pub(super) struct Token(String);

impl Token {
    pub(super) fn new(token: &str) -> Self {
        Self(token.to_owned())
    }

    /// Returns whether a request carries the token, compared in constant time.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        given.is_some_and(|given| given.ct_eq(self.0.as_bytes()).into())
    }
}

/// Passes a request on if no token is required, or if it carries the right one.
pub(super) async fn check(State(service): Shared, request: Request, next: Next) -> Response {
    match &service.token {
        Some(token) if !token.is_in(request.headers()) => {
            let message = "this server demands its token in `Authorization: Bearer …`";
            ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", message).into_response()
        }
        _ => next.run(request).await,
    }
}
