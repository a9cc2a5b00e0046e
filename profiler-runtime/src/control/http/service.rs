//! The endpoints as a `tower::Service` over the types of `http` and `http-body`, for servers other
//! than axum.
//!
//! It answers with the router's handlers behind the router's checks, so that both faces say the
//! same. What it adds is the client's address, which each server tells in its own way, and types
//! that name no version of axum.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{Request, Response};
use axum::{BoxError, Router};
use hyper::body::{Frame, SizeHint};
use tower_service::Service;

use super::audit::ClientAddress;
use super::guard::AppState;
use super::options::HttpOptions;
use super::routes::{self, no_such_path};
use super::runtime::Controller;

/// The endpoints as a [`tower::Service`](https://docs.rs/tower-service), made by
/// [`service`](super::service).
///
/// A clone is a reference counter; it shares the limits of downloads and the counts of rejections.
#[derive(Clone)]
pub struct ControlService {
    routes: Router,
    client: Option<ClientAddress>,
}

impl ControlService {
    /// Creates the service of a controller, which answers unknown paths with 404.
    pub(super) fn new(controller: Arc<dyn Controller>, options: HttpOptions) -> Self {
        let routes = routes::router(AppState::new(controller, options, None)).fallback(no_such_path);
        Self { routes, client: None }
    }

    /// Returns the service for the connection of this client.
    #[must_use]
    pub fn for_client(&self, address: SocketAddr) -> Self {
        Self { routes: self.routes.clone(), client: Some(ClientAddress(address)) }
    }
}

impl<B> Service<Request<B>> for ControlService
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ControlBody>;
    type Error = Infallible;
    type Future = ControlFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> ControlFuture {
        if let Some(client) = self.client {
            request.extensions_mut().insert(client);
        }
        let answer = self.routes.call(request);
        ControlFuture(Box::pin(async move { answer.await.map(|answer| answer.map(ControlBody)) }))
    }
}

impl fmt::Debug for ControlService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlService").field("client", &self.client).finish_non_exhaustive()
    }
}

/// The future of a [`ControlService`]'s answer.
#[must_use = "futures do nothing unless polled"]
pub struct ControlFuture(Pin<Box<dyn Future<Output = Result<Response<ControlBody>, Infallible>> + Send>>);

impl Future for ControlFuture {
    type Output = Result<Response<ControlBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for ControlFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlFuture").finish_non_exhaustive()
    }
}

/// The body of a [`ControlService`]'s answer: JSON, or a file that is read as it is sent.
#[derive(Debug)]
pub struct ControlBody(Body);

impl HttpBody for ControlBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.0).poll_frame(context).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
