//! Options of the HTTP endpoints: token, host names, limits.

use std::time::Duration;

use super::runtime::{Token, options};

/// Variable with the token for [`HttpOptions::from_env`].
const TOKEN: &str = "PROFILER_HTTP_TOKEN";

options! {
    /// The options of the HTTP endpoints. The default suits a program on one machine: no token,
    /// loopback names only.
    pub struct HttpOptions with {
        token: Option<Token> = None,
        /// Names in lower case.
        hosts: Vec<String> = Vec::new(),
    }
    /// Sets the maximum size of a request body in bytes: 16 KiB unless set.
    body_limit: usize = 16 << 10,
    /// Sets how long `POST /stop_profile` waits for the artifacts before it returns 202: five
    /// minutes unless set.
    stop_wait: Duration = Duration::from_secs(300),
    /// Sets how long a [`Listener`](super::Listener) waits for a client: for its request, and
    /// whenever the client stops reading the response. Ten seconds unless set; the first byte must
    /// arrive within two. The work on a response has no timeout. In a server of your own, that
    /// server's limits apply.
    read_timeout: Duration = Duration::from_secs(10),
}

impl HttpOptions {
    /// Creates the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates the default options with the token from `PROFILER_HTTP_TOKEN`, if that is set.
    pub fn from_env() -> Self {
        let token = std::env::var_os(TOKEN).map(|token| token.to_string_lossy().into_owned());
        token.into_iter().fold(Self::new(), Self::token)
    }

    /// Requires `Authorization: Bearer <token>` of every request. The token is compared in constant
    /// time and never logged; an empty token rejects every request.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Token::new(token));
        self
    }

    /// Accepts requests for this host name or address, without port, in addition to loopback and
    /// the listener's address: the name by which clients know the machine.
    pub fn allow_host(mut self, name: impl AsRef<str>) -> Self {
        self.hosts.push(name.as_ref().trim().to_ascii_lowercase());
        self
    }
}
