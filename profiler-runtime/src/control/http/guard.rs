//! Checks every request before its handler runs, and holds the state that the handlers share.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::audit::{self, Peer};
use super::error::{Code, Rejection};
use super::options::HttpOptions;
use super::origin::{self, Hosts};
use super::runtime::{Controller, ThrottledLog};
use super::slots::{self, Slot};

/// Headers of every response, which make browsers save it rather than show it as a page.
const ANSWER_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// The state that the handlers share.
pub(super) struct AppState {
    pub(super) controller: Arc<dyn Controller>,
    pub(super) options: HttpOptions,
    pub(super) rejections: ThrottledLog,
    /// Permits for open downloads. Also limits them in the user's own server, which may have no
    /// timeouts.
    pub(super) downloads: Arc<Semaphore>,
    hosts: Hosts,
}

impl AppState {
    /// Creates the shared state; `bound` is the address of our own listener.
    pub(super) fn new(controller: Arc<dyn Controller>, options: HttpOptions, bound: Option<IpAddr>) -> Arc<Self> {
        let hosts = Hosts { allowed: options.hosts.clone(), bound };
        let downloads = Arc::new(Semaphore::new(slots::MAX_CONNECTIONS));
        Arc::new(Self { controller, options, rejections: ThrottledLog::new(audit::log_remaining), downloads, hosts })
    }

    fn authorize(&self, peer: Peer, headers: &HeaderMap) -> Result<(), Rejection> {
        let Some(token) = &self.options.token else {
            return check_local(peer, headers);
        };
        let mut offers = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(offer), None) = (offers.next(), offers.next()) else {
            return Err(Rejection::new(Code::TokenMissing, "a token is needed: send `Authorization: Bearer <token>`"));
        };
        if bearer(offer.as_bytes()).is_some_and(|offered| token.matches(offered)) {
            return Ok(());
        }
        let message = "the token is wrong: send the one of `PROFILER_HTTP_TOKEN` as `Authorization: Bearer <token>`";
        Err(Rejection::new(Code::TokenWrong, message))
    }

    /// Runs blocking work, such as a controller's, on a blocking thread.
    ///
    /// # Errors
    ///
    /// Returns an error if the work panicked or the runtime is shutting down.
    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Rejection> {
        let state = Arc::clone(self);
        let failed = |_| Rejection::new(Code::Failed, "the profiler failed: its log says why");
        spawn_blocking(move || work(&state)).await.map_err(failed)
    }
}

/// Rejects a client unless it is known to run on this machine.
fn check_local(peer: Peer, headers: &HeaderMap) -> Result<(), Rejection> {
    let Some(peer) = peer else {
        return Err(Rejection::new(
            Code::PeerUnknown,
            "this server does not tell the profiler who asks: serve it with \
             `into_make_service_with_connect_info::<SocketAddr>()`, or set a token in `PROFILER_HTTP_TOKEN` or with \
             `HttpOptions::token`",
        ));
    };
    if peer.ip().to_canonical().is_loopback() && !origin::is_forwarded(headers) {
        return Ok(());
    }
    Err(Rejection::new(
        Code::TokenRequired,
        "requests from other machines, and those that a proxy has passed on, need a token: set `PROFILER_HTTP_TOKEN`, or \
         `HttpOptions::token`",
    ))
}

/// Runs the handler if the request passes all checks; rejects it otherwise.
pub(super) async fn check(State(state): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    let peer = audit::peer(&request);
    let checked =
        state.hosts.check(request.uri(), request.headers()).and_then(|()| state.authorize(peer, request.headers()));
    let mut response = match checked {
        Ok(()) => {
            let slot = request.extensions().get::<Arc<Slot>>().filter(|_| request.body().is_end_stream());
            if let Some(slot) = slot {
                slot.set_working();
            }
            next.run(request).await
        }
        Err(rejection) => {
            audit::log_rejection(&state.rejections, peer, request.uri().path(), &rejection).await;
            rejection.into_response()
        }
    };
    response.headers_mut().extend(ANSWER_HEADERS);
    response
}

/// Returns the token in `Bearer <token>`.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}
