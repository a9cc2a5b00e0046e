//! Serves one connection: one request and its response. Every wait for the client has a timeout;
//! the work on the response has none.
//!
//! The first byte must arrive within two seconds and the request within
//! [`HttpOptions::read_timeout`]. A client that stops reading the response for that long is
//! disconnected.
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

use super::slots::Slot;

/// Timeout for the client's first byte.
const FIRST_BYTE: Duration = Duration::from_secs(2);
/// Maximum size of a request head in bytes.
const HEAD_LIMIT: usize = 16 << 10;

/// Serves the request of a connection. Ignores errors, which are the client's.
pub(super) async fn serve(stream: TcpStream, peer: SocketAddr, routes: Router, slot: Arc<Slot>, limit: Duration) {
    if !matches!(timeout(FIRST_BYTE.min(limit), stream.peek(&mut [0])).await, Ok(Ok(1))) {
        return;
    }
    let routes = routes.layer(Extension(ConnectInfo(peer))).layer(Extension(Arc::clone(&slot)));
    let mut http = http1::Builder::new();
    // A second request would need another wait.
    http.keep_alive(false);
    http.timer(TokioTimer::new()).header_read_timeout(slot.time_left()).max_buf_size(HEAD_LIMIT);
    let stream = WriteTimeout { stream, slot, limit, stalled: None };
    let _ = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes)).await;
}

/// A socket whose writes fail if the client does not read for `limit`.
struct WriteTimeout {
    stream: TcpStream,
    slot: Arc<Slot>,
    limit: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl WriteTimeout {
    /// Returns the result of a write, or an error once it has been pending for too long.
    fn watch<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.stalled.take().is_some() {
                self.slot.set_working();
            }
            return written;
        }
        let (limit, slot) = (self.limit, &self.slot);
        let stalled = self.stalled.get_or_insert_with(|| {
            slot.set_stalled();
            Box::pin(sleep(limit))
        });
        stalled.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for WriteTimeout {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for WriteTimeout {
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
