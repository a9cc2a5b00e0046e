//! The options of a coordinator.

use std::time::Duration;

use crate::config::ProfilerConfig;
use crate::control::options::options;
use crate::control::token::Token;

options! {
    /// The options of a [`Coordinator`](super::Coordinator). The default suits workers on the same
    /// host.
    pub struct CoordinatorOptions with {
        token: Option<Token> = None,
        config: Option<ProfilerConfig> = None,
    }
    /// Sets how long a start waits for workers to answer. Default: 10 s.
    start_timeout: Duration = Duration::from_secs(10),
    /// Sets how long a stop waits for workers to answer; its caller limits the wait for artifacts.
    /// Default: 10 s.
    stop_timeout: Duration = Duration::from_secs(10),
    /// Sets how long a status waits for workers to answer. Default: 1 s.
    status_timeout: Duration = Duration::from_secs(1),
    /// Records the coordinator's own process too, from start to stop. Its artifacts in the
    /// session's folder are `trace_frontend.json`, `timing_frontend.json` and so on, and
    /// [`Report::frontend`](super::super::Report::frontend) lists them. Only with `profiler:
    /// torch`; the GPU is left to the workers. Default: off.
    frontend: bool = false,
    /// Also starts workers that join while a session is active. Default: off; such workers are only
    /// reported, and record from the next session on.
    start_late_joiners: bool = false,
}

impl CoordinatorOptions {
    /// Sets the token that every worker must present. Required for TCP; an empty one counts as
    /// none.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Token::new(token)).filter(|token| !token.is_empty());
        self
    }

    /// Sets the workers' configuration. Default: the one that [`configure`](crate::configure) has
    /// set in the coordinator's process, or else its environment's.
    pub fn config(mut self, config: ProfilerConfig) -> Self {
        self.config = Some(config);
        self
    }
}
