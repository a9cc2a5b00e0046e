//! The settings of the endpoints: token, names, limits.

use std::time::Duration;

use super::face::{Token, options};

/// Variable in which [`HttpOptions::from_env`] finds the token.
const TOKEN: &str = "PROFILER_HTTP_TOKEN";

options! {
    /// The settings of the endpoints. The default suits a program on one machine: no token,
    /// loopback names only.
    pub struct HttpOptions with {
        token: Option<Token> = None,
        /// Names in lower case.
        hosts: Vec<String> = Vec::new(),
    }
    /// Sets how many bytes a request's body may have: 16 KiB unless set.
    body_limit: usize = 16 << 10,
    /// Sets how long `POST /stop_profile` waits for the artifacts before it answers 202: five
    /// minutes unless set.
    stop_wait: Duration = Duration::from_secs(300),
    /// Sets how long a [`Listener`](super::Listener) waits for a client: until its request is
    /// there, and then whenever it does not read its answer on. Ten seconds unless set; the first
    /// byte has to come within two. The work for an answer may take as long as it takes. In a
    /// server of your own, its limits hold.
    read_timeout: Duration = Duration::from_secs(10),
}

impl HttpOptions {
    /// Returns the default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the default with the token from `PROFILER_HTTP_TOKEN`, if that is set.
    pub fn from_env() -> Self {
        let token = std::env::var_os(TOKEN).map(|token| token.to_string_lossy().into_owned());
        token.into_iter().fold(Self::new(), Self::token)
    }

    /// Asks every request for `Authorization: Bearer <token>`. It is compared in constant time and
    /// never logged; an empty token rejects every request.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Token::new(token));
        self
    }

    /// Accepts requests to this host name or address, without port, beside loopback and the address
    /// listened on: the name that clients know the machine by.
    pub fn allow_host(mut self, name: impl AsRef<str>) -> Self {
        self.hosts.push(name.as_ref().trim().to_ascii_lowercase());
        self
    }
}
