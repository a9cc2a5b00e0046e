//! Reads, checks and explains the configuration of a session.
//!
//! [`ProfilerConfig`] is built in code or read from JSON, YAML, TOML, the environment or
//! command-line flags. Reading gives a [`ParsedConfig`], which knows where each value came from and
//! what has no effect; a mistake is a [`ConfigError`] with every [`Problem`] at once.

// One table (`settings`) defines everything about a field: name, type, default, range and
// meaning. The struct, the reader, the command-line flags and `ParsedConfig::explain` are generated
// from it, so they cannot disagree.
//
// ```text
// source (text, file, environment), builder, args ─► format, yaml ─► document ─► draft ─► rules ─► parsed: config, warnings
//                                                                                  │
// settings (the table) + table (its macro) ─► kind (valid values), value, choice (types of values)
//
// export: options of the exporters
// upstream: names of vLLM and SGLang, and their treatment here
// paths, trace_name, select, pattern: meaning of particular fields
// ```
//
// This module has no effects but reading one file when asked to, and uses nothing of the other
// modules but the list of artifacts. `control` uses it to read a configuration, `session` to act
// on it, and `export` to show the effective values in the manifest.

#[cfg(feature = "clap")]
mod args;
mod builder;
mod choice;
mod document;
mod draft;
mod environment;
mod error;
mod export;
mod format;
mod kind;
mod parsed;
mod paths;
mod pattern;
mod rules;
mod select;
mod settings;
mod source;
mod spans;
mod table;
mod trace_name;
mod upstream;
mod value;
#[cfg(feature = "yaml")]
mod yaml;

#[cfg(feature = "clap")]
pub use args::ProfilerArgs;
pub use choice::{Activities, GpuTiming, PrintSummary, Profiler};
pub(crate) use draft::Draft;
pub(crate) use error::Aliases;
pub use error::{ConfigError, Origin, Problem, Warning};
pub use parsed::{IntoConfig, ParsedConfig};
pub(crate) use paths::Folder;
pub(crate) use pattern::nearest;
#[doc(inline)]
pub use profiler_trace::model::{CudaApiNames, TraceFormat};
pub use settings::ProfilerConfig;
pub use spans::{SpanKind, SpanRules};
#[cfg(any(feature = "http", feature = "clap"))]
pub(crate) use upstream::UpstreamName;
#[cfg(feature = "http")]
pub(crate) use {
    kind::Kind,
    settings::Field,
    upstream::{Location, Treatment},
};
// Used by the command-line flags.
#[cfg(feature = "clap")]
pub(crate) use {
    environment::{Environment, sglang_folder},
    settings::FIELDS,
    source::{from_environment, inline_or_file},
};

/// Compares the part of a page in `docs/` between two marker comments with `expected`, or writes it
/// if `UPDATE_DOCS=1`.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
fn documented(page: &str, part: &str, expected: &str) {
    let path = format!("{}/docs/{page}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {part}: begin -->\n"), format!("<!-- {part}: end -->"));
    let (before, rest) = text.split_once(&begin).unwrap();
    let (shown, after) = rest.split_once(&end).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, [before, &begin, expected, &end, after].concat()).unwrap();
    } else {
        assert_eq!(shown, expected, "run this test with UPDATE_DOCS=1");
    }
}
