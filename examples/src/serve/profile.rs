//! The profiler across the workers: one coordinator, its endpoints, and what a worker needs to join.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use axum::Router;
use profiler_runtime::ProfilerArgs;

use super::ServeError;
use super::cli::Cli;

/// What a configured profiler adds to the server; nothing without one.
pub(super) struct Profile {}

impl Profile {
    pub(super) fn new(args: ProfilerArgs, _folder: &Path) -> Result<Self, ServeError> {
        let _ = args.into_config(|name| std::env::var_os(name))?;
        Ok(Self {})
    }

    pub(super) fn prepare(&self, _command: &mut Command) {}

    pub(super) fn routes(&self, _cli: &Cli, _address: SocketAddr) -> Router {
        Router::new()
    }

    pub(super) fn finish(&self) {}
}
