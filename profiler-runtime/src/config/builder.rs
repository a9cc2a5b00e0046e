//! Builds a configuration in code.
//!
//! The table of fields defines the setters, so that a field has the same name in JSON, flags and
//! code. Setters check nothing, because a chain cannot stop half-way with an error;
//! [`ProfilerConfig::validate`] reports everything at the end.

use std::path::PathBuf;

use super::choice::Profiler;
use super::draft::Draft;
use super::environment;
use super::error::{ConfigError, Origin};
use super::parsed::ParsedConfig;
use super::settings::ProfilerConfig;

impl ProfilerConfig {
    /// Creates a configuration that writes traces and tables into the folder `dir`.
    #[must_use]
    pub fn torch(dir: impl Into<PathBuf>) -> Self {
        Self { profiler: Profiler::Torch, torch_profiler_dir: Some(dir.into()), ..Self::default() }
    }

    /// Creates a configuration that records only the CUDA capture range and NVTX, for a run under
    /// Nsight Systems. Timing report, summary and manifest go to `./profiler_out` unless
    /// [`output_dir`](Self::output_dir) is set.
    #[must_use]
    pub fn cuda() -> Self {
        Self { profiler: Profiler::Cuda, ..Self::default() }
    }

    /// Checks the fields one by one and together, and makes paths absolute.
    ///
    /// # Errors
    ///
    /// Returns all problems at once.
    pub fn validate(self) -> Result<ParsedConfig, ConfigError> {
        Draft::from_config(self).finish(&environment::process)
    }

    /// Sets a field from text, as `--profiler-config.<field>=VALUE` does: `true`, `5`,
    /// `vae.*,diffuse`, `./perf`.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such field or the value does not fit it. The configuration
    /// is then unchanged.
    pub fn set(&mut self, field: &str, value: &str) -> Result<(), ConfigError> {
        let mut draft = Draft::new(Origin::Code);
        draft.preset(&[], &Origin::Code, |config| config.clone_from(self));
        draft.set_text(field, value, field, Origin::Code);
        *self = draft.checked()?.config;
        Ok(())
    }

    /// Returns whether a session with this configuration would record nothing.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.profiler == Profiler::None && self.perf_dump_path.is_none() && !self.pipeline_profiler
    }
}
