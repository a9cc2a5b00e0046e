//! The configuration of a session: read, checked, explained.
//!
//! One table ([`settings`]) says everything there is to say about a field: its name, type, default, range and
//! meaning. The struct, the reader, the command-line flags and [`Parsed::explain`] are all made from it, so they
//! cannot disagree.
//!
//! ```text
//! source (text, file), env, builder ─► format, yaml ─► document ─► draft ─► rules ─► Parsed { config, warnings } ─► explain
//!                                                                 │
//! settings (the table) = table + kind (what a value has to be) + value, choice (the types of values)
//!
//! export: what the exporters are told of it
//! upstream: the names of vLLM and SGLang, and what becomes of each
//! paths, trace_name, select, pattern: what particular fields mean
//! ```
//!
//! The room is pure: it reads one file when asked to, prints nothing, and knows of the other rooms only
//! what artifacts can be asked for. `control` calls it to
//! learn what to record, `session` to act on it, `export` to show the effective values in the manifest.

mod builder;
mod choice;
mod document;
mod draft;
mod env;
mod error;
mod explain;
mod export;
mod format;
mod kind;
mod paths;
mod pattern;
mod rules;
mod select;
mod settings;
mod source;
mod table;
mod trace_name;
mod upstream;
mod value;
mod yaml;

pub use choice::{Activities, GpuTiming, PrintSummary, Profiler};
pub(crate) use draft::Draft;
pub(crate) use error::Places;
pub use error::{ConfigError, Origin, Parsed, Problem, Warning};
pub(crate) use paths::Folder;
pub(crate) use pattern::nearest;
pub use settings::ProfilerConfig;
#[cfg(any(feature = "http", feature = "clap"))]
pub(crate) use upstream::Name;
#[cfg(feature = "http")]
pub(crate) use {
    kind::Kind,
    table::Field,
    upstream::{Fate, Place},
};
// What the command-line flags are made from.
#[cfg(feature = "clap")]
pub(crate) use {
    env::{Environment, draft as env_draft, sglang_folder},
    settings::FIELDS,
    source::inline_or_file,
};
