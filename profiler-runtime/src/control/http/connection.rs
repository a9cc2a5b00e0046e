//! One connection: one request and its answer, with a limit on every wait for the client and none
//! on the work.
//!
//! The first byte comes within two seconds, the request is there within the patience of
//! [`HttpOptions::read_timeout`], and a client that does not read the answer on for that long is
//! cut off.
//!
//! [`HttpOptions::read_timeout`]: super::HttpOptions::read_timeout

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};

use super::places::Place;

/// Time in which a client has to send its first byte.
const FIRST_BYTE: Duration = Duration::from_secs(2);
/// Most bytes of a head.
const HEAD_LIMIT: usize = 16 << 10;

/// Answers the connection's request. Errors are the client's.
pub(super) async fn converse(stream: TcpStream, peer: SocketAddr, routes: Router, place: Arc<Place>, most: Duration) {
    if !matches!(timeout(FIRST_BYTE.min(most), stream.peek(&mut [0])).await, Ok(Ok(1))) {
        return;
    }
    let routes = routes.layer(Extension(ConnectInfo(peer))).layer(Extension(Arc::clone(&place)));
    let mut http = http1::Builder::new();
    // A second request would have to be waited for.
    http.keep_alive(false);
    http.timer(TokioTimer::new()).header_read_timeout(place.time_left()).max_buf_size(HEAD_LIMIT);
    let stream = Patient { stream, place, most, stalled: None };
    let _ = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes)).await;
}

/// A socket whose writes fail when the other side has not read on for `most`.
struct Patient {
    stream: TcpStream,
    place: Arc<Place>,
    most: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    /// Passes on the result of a write, unless it has been waiting for too long.
    fn watch<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.stalled.take().is_some() {
                self.place.works();
            }
            return written;
        }
        let (most, place) = (self.most, &self.place);
        let stalled = self.stalled.get_or_insert_with(|| {
            place.stalls();
            Box::pin(sleep(most))
        });
        stalled.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
