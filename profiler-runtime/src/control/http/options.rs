//! What the endpoints allow: token, names, limits.

use std::time::Duration;

use super::face::Token;

/// Where [`HttpOptions::from_env`] finds the token.
const TOKEN: &str = "PROFILER_HTTP_TOKEN";

/// What the endpoints allow. The default suits a program on one machine: no token, loopback names only.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    pub(super) token: Option<Token>,
    /// Lower case.
    pub(super) hosts: Vec<String>,
    pub(super) body_limit: usize,
    pub(super) stop_wait: Duration,
    pub(super) read_timeout: Duration,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            token: None,
            hosts: Vec::new(),
            body_limit: 16 << 10,
            stop_wait: Duration::from_secs(300),
            read_timeout: Duration::from_secs(10),
        }
    }
}

impl HttpOptions {
    /// The default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The default with the token from `PROFILER_HTTP_TOKEN`, if that is set.
    #[must_use]
    pub fn from_env() -> Self {
        let token = std::env::var_os(TOKEN).map(|token| token.to_string_lossy().into_owned());
        token.into_iter().fold(Self::new(), Self::token)
    }

    /// Every request must carry `Authorization: Bearer <token>`. Compared in constant time, shown nowhere; an empty one
    /// fits no request.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Token::new(token));
        self
    }

    /// Accepts requests to this host name or address, without port, beside loopback and the address listened on: the
    /// name that clients know the machine by.
    #[must_use]
    pub fn allow_host(mut self, name: impl AsRef<str>) -> Self {
        self.hosts.push(name.as_ref().trim().to_ascii_lowercase());
        self
    }

    /// Bytes that a request's body may have: 16 KiB unless set.
    #[must_use]
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// How long `POST /stop_profile` waits for the artifacts before it answers 202: five minutes unless set.
    #[must_use]
    pub const fn stop_wait(mut self, most: Duration) -> Self {
        self.stop_wait = most;
        self
    }

    /// Sets how long a [`Listener`](super::Listener) waits for a client: until its request is there, and then whenever it
    /// does not read its answer on. Ten seconds unless set; the first byte has to come within two. The work for an answer
    /// may take as long as it takes. In a server of your own, its limits hold.
    #[must_use]
    pub const fn read_timeout(mut self, most: Duration) -> Self {
        self.read_timeout = most;
        self
    }
}
