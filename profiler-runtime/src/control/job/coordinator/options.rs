//! The options of a coordinator.

use std::time::Duration;

use crate::config::ProfilerConfig;
use crate::control::options::options;
use crate::control::token::Token;

options! {
    /// The behaviour of a [`Coordinator`](super::Coordinator); `Default` is right for workers of
    /// the same host.
    pub struct CoordinatorOptions with {
        token: Option<Token> = None,
        config: Option<ProfilerConfig> = None,
    }
    /// Sets how long a start waits for workers that do not answer. 10 s.
    start_timeout: Duration = Duration::from_secs(10),
    /// Sets how long a stop waits for workers that do not answer; for the artifacts, its caller
    /// says. 10 s.
    stop_timeout: Duration = Duration::from_secs(10),
    /// Sets how long a status waits for workers that do not answer. 1 s.
    status_timeout: Duration = Duration::from_secs(1),
    /// Records the coordinator's own process too, from start to stop: its artifacts are
    /// `trace_frontend.json`, `timing_frontend.json` and so on in the session's folder, and
    /// [`Report::frontend`](super::super::Report::frontend) lists them. Only with
    /// `profiler: torch`; the GPU is left to the workers. Off.
    frontend: bool = false,
    /// Starts workers that join while a session is active as well. Off: they are only reported, and
    /// record from the next start on.
    start_late_joiners: bool = false,
}

impl CoordinatorOptions {
    /// Sets the token that every worker has to show. Required for TCP; an empty one is none.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Token::new(token)).filter(|token| !token.is_empty());
        self
    }

    /// Sets what the workers record and where. Unset: the configuration that
    /// [`configure`](crate::configure) has set in the coordinator's process, else its
    /// environment's.
    pub fn config(mut self, config: ProfilerConfig) -> Self {
        self.config = Some(config);
        self
    }
}
