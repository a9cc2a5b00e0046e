//! A configuration written in code.
//!
//! The setters are made from the table of fields and carry their names, so that one name is enough
//! for JSON, flags and code. None of them checks: a chain cannot stop half-way with an error, so
//! [`ProfilerConfig::validate`] says everything at the end.

use std::path::PathBuf;

use super::choice::Profiler;
use super::draft::Draft;
use super::environment;
use super::error::{ConfigError, Origin};
use super::parsed::ParsedConfig;
use super::settings::ProfilerConfig;

impl ProfilerConfig {
    /// Writes traces and tables into the folder `dir`.
    #[must_use]
    pub fn torch(dir: impl Into<PathBuf>) -> Self {
        Self { profiler: Profiler::Torch, torch_profiler_dir: Some(dir.into()), ..Self::default() }
    }

    /// Records only the CUDA capture range and NVTX, for a run under Nsight Systems. Timing report,
    /// summary and manifest go to `./profiler_out` unless [`output_dir`](Self::output_dir) is set.
    #[must_use]
    pub fn cuda() -> Self {
        Self { profiler: Profiler::Cuda, ..Self::default() }
    }

    /// Checks every field, alone and together, and makes the paths absolute.
    ///
    /// # Errors
    ///
    /// Returns every problem at once.
    pub fn validate(self) -> Result<ParsedConfig, ConfigError> {
        Draft::of(self).finish(&environment::process)
    }

    /// Sets one field from text, as `--profiler-config.<field>=VALUE` does: `true`, `5`,
    /// `vae.*,diffuse`, `./perf`.
    ///
    /// # Errors
    ///
    /// Fails if there is no such field, or if the value does not fit it; the configuration is then
    /// unchanged.
    pub fn set(&mut self, field: &str, value: &str) -> Result<(), ConfigError> {
        let mut draft = Draft::new(Origin::Code);
        draft.preset(&[], &Origin::Code, |config| config.clone_from(self));
        draft.set_text(field, value, field, Origin::Code);
        *self = draft.checked()?.config;
        Ok(())
    }

    /// Returns whether a session with this configuration would record nothing at all.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.profiler == Profiler::None && self.perf_dump_path.is_none() && !self.pipeline_profiler
    }
}
