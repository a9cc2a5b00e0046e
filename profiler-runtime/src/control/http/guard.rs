//! Admission: the checks before every request, and the state that the handlers share.

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
use super::error::{Code, Refusal};
use super::face::{Controller, Refusals};
use super::options::HttpOptions;
use super::origin::{self, Hosts};
use super::places::{self, Place};

/// Headers of every answer: it is to be saved, not to be shown as a page.
const ANSWER_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// The state that the handlers share.
pub(super) struct Door {
    pub(super) controller: Arc<dyn Controller>,
    pub(super) options: HttpOptions,
    pub(super) refusals: Refusals,
    /// Permits for files open for downloads, also in a server of the user's, which has timeouts of
    /// its own or none.
    pub(super) downloads: Arc<Semaphore>,
    hosts: Hosts,
}

impl Door {
    /// Creates the shared state; `bound` is the address of a listener of our own.
    pub(super) fn new(controller: Arc<dyn Controller>, options: HttpOptions, bound: Option<IpAddr>) -> Arc<Self> {
        let hosts = Hosts { allowed: options.hosts.clone(), bound };
        let downloads = Arc::new(Semaphore::new(places::MOST));
        Arc::new(Self { controller, options, refusals: Refusals::new(audit::more), downloads, hosts })
    }

    fn admits(&self, peer: Peer, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(token) = &self.options.token else {
            return check_is_here(peer, headers);
        };
        let mut offers = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(offer), None) = (offers.next(), offers.next()) else {
            return Err(Refusal::new(Code::TokenMissing, "a token is needed: send `Authorization: Bearer <token>`"));
        };
        if bearer(offer.as_bytes()).is_some_and(|offered| token.is(offered)) {
            return Ok(());
        }
        let message = "the token is wrong: send the one of `PROFILER_HTTP_TOKEN` as `Authorization: Bearer <token>`";
        Err(Refusal::new(Code::TokenWrong, message))
    }

    /// Runs blocking work, such as a controller's, on a thread for that.
    ///
    /// # Errors
    ///
    /// Fails if the controller panicked, or if the runtime is ending.
    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let door = Arc::clone(self);
        let failed = |_| Refusal::new(Code::Failed, "the profiler failed: its log says why");
        spawn_blocking(move || work(&door)).await.map_err(failed)
    }
}

/// Refuses a client that is not known to be on this machine.
fn check_is_here(peer: Peer, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(peer) = peer else {
        return Err(Refusal::new(
            Code::PeerUnknown,
            "this server does not tell the profiler who asks: serve it with \
             `into_make_service_with_connect_info::<SocketAddr>()`, or set a token in `PROFILER_HTTP_TOKEN` or with \
             `HttpOptions::token`",
        ));
    };
    if peer.ip().to_canonical().is_loopback() && !origin::is_forwarded(headers) {
        return Ok(());
    }
    Err(Refusal::new(
        Code::TokenRequired,
        "requests from other machines, and those that a proxy has passed on, need a token: set `PROFILER_HTTP_TOKEN`, or \
         `HttpOptions::token`",
    ))
}

/// Lets a request in, or turns it away.
pub(super) async fn check(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let peer = audit::peer(&request);
    let checked =
        door.hosts.check(request.uri(), request.headers()).and_then(|()| door.admits(peer, request.headers()));
    let mut response = match checked {
        Ok(()) => {
            let place = request.extensions().get::<Arc<Place>>().filter(|_| request.body().is_end_stream());
            if let Some(place) = place {
                place.works();
            }
            next.run(request).await
        }
        Err(refusal) => {
            audit::refused(&door.refusals, peer, request.uri().path(), &refusal).await;
            refusal.into_response()
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
