//! Writes the audit log: one line for each action and download, and one a minute for each reason of
//! rejections.
//!
//! Text from a client is escaped, so that it cannot begin a line of its own. Secrets are never
//! passed to this file.

use std::fmt::{self, Display};
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};

use log::Level;
use tokio::task::{JoinHandle, spawn_blocking};

use super::error::Rejection;
use super::runtime::{ThrottledLog, logging};

/// Log target of the audit lines, for filtering.
const TARGET: &str = "profiler_runtime::audit";
/// Maximum number of characters of a value that are written; a path may have 64 KiB.
const MAX_CHARS: usize = 300;

/// The address of the client, if the server knows it.
pub(super) type Peer = Option<SocketAddr>;

/// Address of the client, as an extension of a request to a [`ControlService`]. A server that knows
/// it inserts it; [`ControlService::for_client`] does so for a connection.
///
/// [`ControlService`]: super::ControlService
/// [`ControlService::for_client`]: super::ControlService::for_client
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub SocketAddr);

/// Returns the client's address, as axum or the server around the service tells it.
pub(super) fn peer(request: &Request) -> Peer {
    let told = request.extensions().get::<ClientAddress>().map(|client| client.0);
    told.or_else(|| request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0))
}

/// Logs an action that was carried out or attempted.
pub(super) fn log_action(peer: Peer, action: &str, what: &impl Display, session: &str, outcome: &impl Display) {
    let (peer, what, session) = (shown(peer), escaped(&what.to_string()), escaped(session));
    logging::audit(
        Level::Info,
        TARGET,
        format_args!("peer={peer} action={action} on=\"{what}\" session=\"{session}\" outcome={outcome}"),
    );
}

/// Logs a rejected request.
pub(super) async fn log_rejection(log: &ThrottledLog, peer: Peer, path: &str, rejection: &Rejection) {
    let (code, status) = (rejection.code.name(), rejection.code.status().as_u16());
    let Some(more) = log.count(code) else { return };
    let (peer, path) = (shown(peer), escaped(path));
    // Fails if the runtime is shutting down.
    let _ = warn(format!("peer={peer} path=\"{path}\" outcome={status} reason={code}{more}")).await;
}

/// Logs that a slow connection was closed in favour of a new one.
pub(super) fn log_eviction(log: &ThrottledLog) {
    if let Some(more) = log.count("no_room") {
        // Not awaited, so that the next client need not wait.
        drop(warn(format!("a slow connection has made room for another one{more}")));
    }
}

/// Logs on a blocking thread, so that the host's logger does not delay other requests.
fn warn(line: String) -> JoinHandle<()> {
    spawn_blocking(move || logging::audit(Level::Warn, TARGET, format_args!("{line}")))
}

/// Logs the rejections that were only counted so far, when the server ends.
pub(super) fn log_remaining(more: fmt::Arguments<'_>) {
    logging::audit(Level::Warn, TARGET, format_args!("refused, reason={more}"));
}

fn shown(peer: Peer) -> String {
    peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string())
}

fn escaped(text: &str) -> String {
    let mut line: String = text.chars().take(MAX_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_text_stays_on_one_line_and_is_truncated() {
        assert_eq!(escaped("a\nb\r\u{1b}[31m\"\u{2028}"), r#"a\nb\r\u{1b}[31m\"\u{2028}"#);
        assert_eq!(escaped(&"x".repeat(1000)).chars().count(), MAX_CHARS + 1);
    }
}
