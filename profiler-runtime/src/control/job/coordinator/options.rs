//! What a coordinator can be told.

use std::time::Duration;

use crate::config::ProfilerConfig;
use crate::control::token::Token;

/// How a [`Coordinator`](super::Coordinator) works; `Default` is right for workers of the same host.
#[derive(Clone, Debug)]
#[must_use]
pub struct CoordinatorOptions {
    pub(super) token: Option<Token>,
    pub(super) config: Option<ProfilerConfig>,
    pub(super) start_timeout: Duration,
    pub(super) stop_timeout: Duration,
    pub(super) status_timeout: Duration,
    pub(super) start_late_joiners: bool,
    pub(super) frontend: bool,
}

impl Default for CoordinatorOptions {
    fn default() -> Self {
        Self {
            token: None,
            config: None,
            start_timeout: Duration::from_secs(10),
            stop_timeout: Duration::from_secs(10),
            status_timeout: Duration::from_secs(1),
            start_late_joiners: false,
            frontend: false,
        }
    }
}

impl CoordinatorOptions {
    /// What every worker has to show. Required for TCP; an empty one is none.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Token::new(token)).filter(|token| !token.is_empty());
        self
    }

    /// What the workers record and where. Unset: what [`configure`](crate::configure) has set in the coordinator's
    /// process, else what its environment says.
    pub fn config(mut self, config: ProfilerConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// How long a start waits for workers that do not answer. 10 s.
    pub const fn start_timeout(mut self, most: Duration) -> Self {
        self.start_timeout = most;
        self
    }

    /// How long a stop waits for workers that do not answer; for the artifacts, its caller says. 10 s.
    pub const fn stop_timeout(mut self, most: Duration) -> Self {
        self.stop_timeout = most;
        self
    }

    /// How long a status waits for workers that do not answer. 1 s.
    pub const fn status_timeout(mut self, most: Duration) -> Self {
        self.status_timeout = most;
        self
    }

    /// Records the coordinator's own process too, from start to stop: its artifacts are `trace_frontend.json`,
    /// `timing_frontend.json` and so on in the session's folder, and [`Report::frontend`](super::super::Report::frontend)
    /// lists them. Only with `profiler: torch`; the GPU is left to the workers. Off.
    pub const fn frontend(mut self, on: bool) -> Self {
        self.frontend = on;
        self
    }

    /// Starts workers that join while a session is active as well. Off: they are only reported, and record from the next
    /// start on.
    pub const fn start_late_joiners(mut self, on: bool) -> Self {
        self.start_late_joiners = on;
        self
    }
}
