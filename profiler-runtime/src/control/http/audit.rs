//! The audit log: one line for each action, download and refusal.
//!
//! Whatever a client has sent is escaped, so that it cannot begin a line of its own, and secrets are never given to it.

use std::fmt::Display;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};

use super::refusal::Refusal;

/// Filter the log by this.
const TARGET: &str = "profiler_runtime::audit";
/// Characters of one value that are written: a path may have 64 KiB.
const MOST: usize = 300;

/// Who asks, if the server knows.
pub(super) type Peer = Option<SocketAddr>;

/// Who asks.
pub(super) fn peer(request: &Request) -> Peer {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
}

/// Something was done, or tried.
pub(super) fn done(peer: Peer, action: &str, what: &impl Display, session: &str, outcome: &impl Display) {
    let (peer, what, session) = (shown(peer), escaped(&what.to_string()), escaped(session));
    log::info!(target: TARGET, "peer={peer} action={action} on=\"{what}\" session=\"{session}\" outcome={outcome}");
}

/// A request was turned away.
pub(super) fn refused(peer: Peer, path: &str, refusal: &Refusal) {
    let (peer, path, code, status) = (shown(peer), escaped(path), refusal.code, refusal.status.as_u16());
    log::warn!(target: TARGET, "peer={peer} path=\"{path}\" outcome={status} reason={code}");
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
