//! An HTTP server for the pipeline, with one process per rank and the profiler across all of them.
//!
//! ```text
//!             ┌ api: HTTP ─► fleet: queue ─► replica ─┬─ process ═ socket pair ═► worker, rank 0 ─┐
//! serve ──────┤                                       └─ process ═ socket pair ═► worker, rank 1 ─┴ link: predictions
//!             └ profile: POST /start_profile ─► Coordinator ═ Unix socket ═► each worker's own session
//! ```
//!
//! The server's process computes nothing; it records how long requests wait in it. It starts
//! `--workers` copies of itself, with `RANK`, `LOCAL_RANK` and `WORLD_SIZE` set as by torchrun.
//! Each loads the model, joins the profiler's coordinator and executes orders. With two workers,
//! classifier-free guidance is split: rank 0 makes the prediction for the prompt, rank 1 the one
//! for the negative prompt, and they exchange them in every step. More workers form pairs, which
//! share the queue; an odd number of workers is an error.
//!
//! If a worker ends, the request that it was working on fails with 503 and a reason. `GET /health`
//! shows the worker as lost, it is not restarted, and the other rank of its pair continues alone.
//! Ctrl-C finishes the running requests, refuses the waiting ones, stops an active session so that
//! its artifacts are written, and ends the workers.
#![cfg(unix)]

mod api;
mod cli;
mod error;
mod fleet;
mod link;
mod process;
mod profile;
mod replica;
mod wire;
mod worker;

use std::fmt;
use std::fs::Permissions;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use self::api::{Model, Service};
use self::fleet::Fleet;
use self::process::Worker;
use self::profile::Profile;
use self::worker::JobRank;

pub use self::cli::Cli;
pub use self::error::ServeError;
pub use self::link::{Link, Rendezvous};

/// Timeout for running requests after Ctrl-C.
const GRACE: Duration = Duration::from_secs(60);

/// Serves until Ctrl-C or SIGTERM. A process that was started as a worker executes orders until the
/// server ends.
///
/// # Errors
/// If an argument is wrong, the address is in use, a worker cannot load the model, or the
/// profiler's configuration is invalid.
pub fn run(cli: Cli) -> Result<(), ServeError> {
    match &cli.worker {
        Some(folder) => Ok(worker::run(&cli.source()?, folder, job_rank()?, cli.profile_startup)?),
        None => serve(cli),
    }
}

/// Reads this worker's rank from the environment.
fn job_rank() -> Result<JobRank, ServeError> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match (number("RANK"), number("WORLD_SIZE")) {
        (Some(rank), Some(world_size)) => Ok(JobRank { rank, world_size }),
        _ => Err(ServeError::NotAWorker),
    }
}

fn serve(cli: Cli) -> Result<(), ServeError> {
    cli.check()?;
    let address = SocketAddr::new(cli.host, cli.port);
    let socket = TcpListener::bind(address).map_err(|source| ServeError::Address { address, source })?;
    let address = socket.local_addr().map_err(|source| ServeError::Address { address, source })?;
    let config = cli.source()?.config()?;
    // Accessible to this user only, because a process that can write into it can join the job.
    let private = Permissions::from_mode(0o700);
    let folder =
        tempfile::Builder::new().prefix("serve-").permissions(private).tempdir().map_err(ServeError::System)?;
    let profile = Profile::new(cli.profiler.clone(), folder.path())?;

    let workers = start(&cli, folder.path(), &profile)?;
    let fleet = Arc::new(Fleet::new(workers, cli.time_limit()).map_err(ServeError::System)?);
    let token = cli.token();
    let model = Model::new(cli.model_name(), cli.strict_model);
    let service = Service::new(Arc::clone(&fleet), model, config, cli.defaults(), token.as_deref());
    let routes = api::router(Arc::new(service)).merge(profile.routes(&cli, address));
    say(format_args!("listening on http://{address}"));
    let served = listen(socket, routes, &fleet);
    profile.finish();
    fleet.end();
    served.map_err(ServeError::System)
}

/// Starts all workers at once, and waits until each has loaded the model.
fn start(cli: &Cli, folder: &Path, profile: &Profile) -> Result<Vec<Worker>, ServeError> {
    let program = std::env::current_exe().map_err(ServeError::System)?;
    let spawn = |rank: usize| {
        let mut command = Command::new(&program);
        cli.pass_on(&mut command);
        command.arg("--worker").arg(folder);
        for (name, value) in [("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", cli.workers)] {
            command.env(name, value.to_string());
        }
        profile.prepare(&mut command);
        Worker::spawn(command, rank).map_err(ServeError::System)
    };
    let workers: Vec<Worker> = (0..cli.workers).map(spawn).collect::<Result<_, _>>()?;
    if cli.profile_startup {
        profile.begin_startup(workers.len());
    }
    for (rank, worker) in workers.iter().enumerate() {
        worker.wait_until_ready().map_err(|why| ServeError::Worker { rank, why })?;
    }
    profile.wait_for(workers.len());
    if cli.profile_startup {
        profile.finish();
    }
    Ok(workers)
}

/// Serves requests until a signal, then finishes the running ones.
fn listen(socket: TcpListener, routes: Router, fleet: &Fleet) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let served = runtime.block_on(async {
        socket.set_nonblocking(true)?;
        let socket = tokio::net::TcpListener::from_std(socket)?;
        let mut signals = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let (end, ended) = oneshot::channel::<()>();
        let service = routes.into_make_service_with_connect_info::<SocketAddr>();
        let server = axum::serve(socket, service).with_graceful_shutdown(async {
            let _ = ended.await;
        });
        let server = tokio::spawn(server.into_future());
        either(&mut signals).await;
        say(format_args!("ending; again to end at once"));
        fleet.close();
        let _ = end.send(());
        tokio::select! {
            _ = server => {}
            () = tokio::time::sleep(GRACE) => {}
            () = either(&mut signals) => {}
        }
        Ok(())
    });
    runtime.shutdown_background();
    served
}

async fn either((interrupt, terminate): &mut (Signal, Signal)) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Prints a line to stdout. Ignores errors, so that the server continues when the reader is gone.
fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints a warning to stderr.
fn warn(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "warning: {line}");
}
