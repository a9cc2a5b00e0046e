//! The command line of `serve`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use profiler_runtime::config::ProfilerArgs;

use super::ServeError;
use profiler_examples::wan::{Preset, Request, Source};

/// Environment variable of the token, an alternative to `--token` because every user can see a
/// command line.
const TOKEN: &str = "PROFILER_HTTP_TOKEN";

/// Serves Wan2.2 image-to-video over HTTP, one process per rank, with the profiler's endpoints if
/// one is configured.
///
/// Two workers split classifier-free guidance: each makes one of the two predictions of every step.
/// Four or more form pairs, which share the queue of requests.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "serve", version)]
pub struct Cli {
    /// Number of worker processes: 1, or an even number, which forms pairs.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub workers: usize,

    /// Address to listen on; any but a loopback address needs a token.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,

    /// Port to listen on; 0 lets the system choose.
    #[arg(long, default_value_t = 8091)]
    pub port: u16,

    /// Bearer token that every request but `GET /health` must carry [default: that of
    /// `PROFILER_HTTP_TOKEN`, if set].
    #[arg(long)]
    pub token: Option<String>,

    /// Host name by which clients may address the profiler's endpoints; can be repeated.
    #[arg(long, value_name = "NAME")]
    pub allow_host: Vec<String>,

    /// Reject requests that name another model, instead of serving them with a warning.
    #[arg(long)]
    pub strict_model: bool,

    /// Timeout of one video, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..))]
    pub time_limit: u64,

    /// Diffusers directory of Wan2.2-I2V-A14B, or its name on the hub if it has been downloaded
    /// [default: built-in weights].
    #[arg(long, value_name = "DIR|NAME")]
    pub model: Option<PathBuf>,

    /// Size of the built-in model.
    #[arg(long, value_enum, default_value_t, conflicts_with = "model")]
    pub preset: Preset,

    /// Profile the loading of the model in a separate session, before the server listens.
    #[arg(long)]
    pub profile_startup: bool,

    /// The profiler's own flags.
    #[command(flatten)]
    pub profiler: ProfilerArgs,

    /// Folder of the pairs' sockets; set by the server for its worker processes.
    #[arg(long, hide = true, value_name = "DIR")]
    pub worker: Option<PathBuf>,
}

impl Cli {
    /// Checks the conditions that clap cannot express.
    pub(super) fn check(&self) -> Result<(), ServeError> {
        if self.workers != 1 && (self.workers == 0 || !self.workers.is_multiple_of(2)) {
            return Err(ServeError::Workers(self.workers));
        }
        match self.token() {
            Some(token) if token.is_empty() => Err(ServeError::EmptyToken),
            None if !self.host.is_loopback() => Err(ServeError::TokenRequired(self.host)),
            _ => Ok(()),
        }
    }

    pub(super) fn token(&self) -> Option<String> {
        let from_environment = || std::env::var_os(TOKEN).map(|token| token.to_string_lossy().into_owned());
        self.token.clone().or_else(from_environment)
    }

    pub(super) fn time_limit(&self) -> Duration {
        Duration::from_secs(self.time_limit)
    }

    pub(super) fn source(&self) -> profiler_examples::Result<Source> {
        match &self.model {
            Some(model) => Source::at(model),
            None => Ok(Source::Formula(self.preset)),
        }
    }

    /// Returns the defaults of requests.
    pub(super) fn defaults(&self) -> Request {
        match (&self.model, self.preset) {
            (Some(_), _) => Request::full_size(),
            (None, Preset::Tiny) => Request::tiny(),
            (None, Preset::Small) => Request::small(),
        }
    }

    /// Returns the model's name in `/v1/models`.
    pub(super) fn model_name(&self) -> String {
        match (&self.model, self.preset) {
            // Clients use the whole name, as on the hub.
            (Some(name), _) if !name.exists() => name.to_string_lossy().into_owned(),
            (Some(folder), _) => folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned(),
            (None, Preset::Tiny) => "wan2.2-i2v-tiny".to_owned(),
            (None, Preset::Small) => "wan2.2-i2v-small".to_owned(),
        }
    }

    /// Passes the relevant flags to a worker process.
    pub(super) fn pass_on(&self, command: &mut Command) {
        match (&self.model, self.preset) {
            (Some(folder), _) => command.arg("--model").arg(folder),
            (None, Preset::Tiny) => command.args(["--preset", "tiny"]),
            (None, Preset::Small) => command.args(["--preset", "small"]),
        };
        if self.profile_startup {
            command.arg("--profile-startup");
        }
    }
}
