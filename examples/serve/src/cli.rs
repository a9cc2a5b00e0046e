//! The command line of `serve`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use profiler_runtime::config::ProfilerArgs;

use super::ServeError;
use profiler_examples::wan::{Preset, Request, Source};

/// The variable that the token is taken from if `--token` is not given: a command line can be seen
/// by every user.
const TOKEN: &str = "PROFILER_HTTP_TOKEN";

/// Serves Wan2.2 image-to-video over HTTP, one process per rank, with the profiler's endpoints if
/// one is configured.
///
/// Two workers split classifier-free guidance: each makes one of the two predictions of every step.
/// Four or more are pairs that take turns at the requests.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "serve", version)]
pub struct Cli {
    /// Worker processes: 1, or an even number, which makes pairs.
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

    /// Name that clients know this machine by, for the profiler's endpoints; can be given more than
    /// once.
    #[arg(long, value_name = "NAME")]
    pub allow_host: Vec<String>,

    /// Refuse requests that name another model than the one served, instead of serving them with a
    /// warning.
    #[arg(long)]
    pub strict_model: bool,

    /// Seconds that one video may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..))]
    pub time_limit: u64,

    /// Diffusers directory of Wan2.2-I2V-A14B, or its name on the hub if it is downloaded [default:
    /// built-in weights].
    #[arg(long, value_name = "DIR|NAME")]
    pub model: Option<PathBuf>,

    /// Size of the built-in model.
    #[arg(long, value_enum, default_value_t, conflicts_with = "model")]
    pub preset: Preset,

    /// Profile the loading of the model: a session of its own, before the server listens.
    #[arg(long)]
    pub profile_startup: bool,

    /// The profiler's own flags.
    #[command(flatten)]
    pub profiler: ProfilerArgs,

    /// Set for the worker processes: the folder where the ranks of a pair meet.
    #[arg(long, hide = true, value_name = "DIR")]
    pub worker: Option<PathBuf>,
}

impl Cli {
    /// Checks what clap cannot.
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
        let of_environment = || std::env::var_os(TOKEN).map(|token| token.to_string_lossy().into_owned());
        self.token.clone().or_else(of_environment)
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

    /// What requests leave out.
    pub(super) fn defaults(&self) -> Request {
        match (&self.model, self.preset) {
            (Some(_), _) => Request::full_size(),
            (None, Preset::Tiny) => Request::tiny(),
            (None, Preset::Small) => Request::small(),
        }
    }

    /// What `/v1/models` calls the model.
    pub(super) fn model_name(&self) -> String {
        match (&self.model, self.preset) {
            // As on the hub, clients know it by the whole name.
            (Some(name), _) if !name.exists() => name.to_string_lossy().into_owned(),
            (Some(folder), _) => folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned(),
            (None, Preset::Tiny) => "wan2.2-i2v-tiny".to_owned(),
            (None, Preset::Small) => "wan2.2-i2v-small".to_owned(),
        }
    }

    /// Gives a worker process the flags that concern it.
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
