//! The audit log: one line for each action and download, and one a minute for each reason of
//! refusals.
//!
//! Text from a client is escaped, so that it cannot begin a line of its own, and secrets are never
//! passed here.

use std::fmt::{self, Display};
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};

use log::Level;
use tokio::task::{JoinHandle, spawn_blocking};

use super::error::Refusal;
use super::face::{Refusals, logging};

/// Log target of the audit lines, to filter by.
const TARGET: &str = "profiler_runtime::audit";
/// Characters of one value that are written: a path may have 64 KiB.
const MOST: usize = 300;

/// The address of the client, if the server knows it.
pub(super) type Peer = Option<SocketAddr>;

/// Returns the client's address.
pub(super) fn peer(request: &Request) -> Peer {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
}

/// Logs an action that was done, or tried.
pub(super) fn done(peer: Peer, action: &str, what: &impl Display, session: &str, outcome: &impl Display) {
    let (peer, what, session) = (shown(peer), escaped(&what.to_string()), escaped(session));
    let line = format_args!("peer={peer} action={action} on=\"{what}\" session=\"{session}\" outcome={outcome}");
    logging::audit(Level::Info, TARGET, line);
}

/// Logs a request that was turned away.
pub(super) async fn refused(refusals: &Refusals, peer: Peer, path: &str, refusal: &Refusal) {
    let (code, status) = (refusal.code.name(), refusal.code.status().as_u16());
    let Some(more) = refusals.count(code) else { return };
    let (peer, path) = (shown(peer), escaped(path));
    // A runtime that is ending logs no more.
    let _ = warn(format!("peer={peer} path=\"{path}\" outcome={status} reason={code}{more}")).await;
}

/// Logs a connection that was cut off, because another wanted its place.
pub(super) fn cut_off(refusals: &Refusals) {
    if let Some(more) = refusals.count("no_room") {
        // No caller waits for it.
        drop(warn(format!("a slow connection has made room for another one{more}")));
    }
}

/// Logs on a thread that may block: the host's logger must not hold up the other requests.
fn warn(line: String) -> JoinHandle<()> {
    spawn_blocking(move || logging::audit(Level::Warn, TARGET, format_args!("{line}")))
}

/// Logs the refusals that were not logged yet when the server ends.
pub(super) fn more(more: fmt::Arguments<'_>) {
    logging::audit(Level::Warn, TARGET, format_args!("refused, reason={more}"));
}

fn shown(peer: Peer) -> String {
    peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string())
}

fn escaped(text: &str) -> String {
    let mut line: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_sends_stays_on_one_line_and_is_cut() {
        assert_eq!(escaped("a\nb\r\u{1b}[31m\"\u{2028}"), r#"a\nb\r\u{1b}[31m\"\u{2028}"#);
        assert_eq!(escaped(&"x".repeat(1000)).chars().count(), MOST + 1);
    }
}
