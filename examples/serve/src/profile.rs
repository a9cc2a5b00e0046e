//! The profiler across all workers: the coordinator, its endpoints, and a worker's membership.
//!
//! Each worker starts and stops its own session when the coordinator says so. So does the server's
//! process, to record how long requests wait in it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use profiler_runtime::config::ProfilerArgs;
use profiler_runtime::http::{self, HttpOptions};
use profiler_runtime::job::{ControlError, Controller, Coordinator, CoordinatorOptions, Selection, WorkerHandle};
use profiler_runtime::session::Status;

use super::cli::Cli;
use super::{ServeError, warn};

/// Timeout for the workers to join, after each has loaded the model.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Interval at which a worker checks whether its session has begun.
const POLL: Duration = Duration::from_millis(5);
/// Timeout for artifacts when the server ends.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(120);

/// The coordinator, if a profiler is configured.
pub(super) struct Profile(Option<Arc<Coordinator>>);

impl Profile {
    /// Creates the coordinator as the flags or the environment say, with its socket in `folder`.
    pub(super) fn new(args: ProfilerArgs, folder: &Path) -> Result<Self, ServeError> {
        let parsed = args.into_config(|name| std::env::var_os(name))?;
        let Some(parsed) = parsed.filter(|parsed| !parsed.config.is_off()) else { return Ok(Self(None)) };
        for warning in &parsed.warnings {
            warn(format_args!("{warning}"));
        }
        let address = format!("unix:{}", folder.join("profiler.sock").display());
        let options = CoordinatorOptions::default().config(parsed.config).frontend(true);
        let coordinator = Coordinator::bind(&address, options);
        coordinator
            .map(|coordinator| Self(Some(Arc::new(coordinator))))
            .map_err(|error| ServeError::Profiler { source: Box::new(error) })
    }

    /// Passes the coordinator's address to a worker process.
    pub(super) fn prepare(&self, command: &mut Command) {
        if let Some(coordinator) = &self.0 {
            command.envs(coordinator.environment());
        }
    }

    /// Waits until the workers have joined, so that the first start includes them all.
    pub(super) fn wait_for(&self, workers: usize) {
        let Some(coordinator) = &self.0 else { return };
        let joined = coordinator.wait_for_workers(workers, JOIN_TIMEOUT);
        if joined < workers {
            warn(format_args!(
                "only {joined} of {workers} workers have joined the profiler: a start leaves out those that have not by then"
            ));
        }
    }

    /// Starts a session that records how the workers load the model. The workers wait for it.
    pub(super) fn begin_startup(&self, workers: usize) {
        let Some(coordinator) = &self.0 else {
            return warn(format_args!("`--profile-startup` does nothing without a profiler: add `--profiler-config`"));
        };
        self.wait_for(workers);
        if let Err(error) = coordinator.start(&Selection::default()) {
            warn(format_args!("loading is not profiled: {error}"));
        }
    }

    /// Returns the profiler's endpoints.
    pub(super) fn routes(&self, cli: &Cli, address: SocketAddr) -> Router {
        let Some(coordinator) = &self.0 else { return Router::new() };
        let names = cli.allow_host.iter().cloned().chain([address.ip().to_string()]);
        let options = names.fold(HttpOptions::new(), HttpOptions::allow_host);
        let options = cli.token().into_iter().fold(options, HttpOptions::token);
        http::router(Arc::clone(coordinator) as Arc<dyn Controller>, options)
    }

    /// Stops an active session, so that its artifacts are written.
    pub(super) fn finish(&self) {
        let Some(coordinator) = &self.0 else { return };
        match coordinator.stop(&Selection::default(), EXPORT_TIMEOUT) {
            Ok(report) => {
                let folder = report.folder.unwrap_or_default();
                super::say(format_args!("profile: {}", folder.display()));
            }
            Err(ControlError::NotActive) => {}
            Err(error) => warn(format_args!("the profile is lost: {error}")),
        }
    }
}

/// Waits in a worker, up to a timeout, until the session that records its loading has begun.
pub(super) fn wait_for_startup() {
    let deadline = Instant::now() + JOIN_TIMEOUT;
    while !matches!(profiler_runtime::status(), Status::Active(_)) && Instant::now() < deadline {
        thread::sleep(POLL);
    }
}

/// Joins the coordinator that the server has named, for as long as the result lives. Without one,
/// or if joining fails, the worker is not profiled.
pub(super) fn join() -> Option<WorkerHandle> {
    let address = std::env::var("PROFILER_COORDINATOR").ok()?;
    let joined = profiler_runtime::job::join(&address);
    joined.map_err(|error| warn(format_args!("this worker is not profiled: {error}"))).ok()
}
