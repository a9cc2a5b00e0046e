//! Records the spans of the [`tracing`](https://docs.rs/tracing) crate as profiler ranges, so that
//! code which nobody annotated for the profiler is in its traces and tables: candle's models,
//! text-embeddings-inference, tower, and the program's own spans.
//!
//! ```
//! # let folder = std::env::temp_dir().join(format!("profiler-tracing-doc-{}", std::process::id()));
//! # let config = profiler_runtime::ProfilerConfig::torch(&folder);
//! profiler_tracing::init()?; // before the model is loaded
//! let session = profiler_runtime::start_profile_with(config)?;
//! tracing::trace_span!("attention").in_scope(|| ());
//! let manifest = profiler_runtime::stop_profile()?.wait()?;
//! # let trace = std::fs::read_to_string(folder.join(session.to_string()).join("trace_rank0.json"))?;
//! # assert!(trace.contains("\"attention\""));
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A program that has a subscriber adds [`layer`] to it instead. Its filters must belong to its own
//! layers, or they hide spans from the profiler too:
//!
//! ```ignore
//! tracing_subscriber::registry()
//!     .with(tracing_subscriber::fmt::layer().with_filter(EnvFilter::from_default_env()))
//!     .with(profiler_tracing::layer())
//!     .init();
//! ```
//!
//! # Ranges
//!
//! Each enter of a span is a range of its thread. A span that is entered again is a future (or an
//! object that keeps its span): it also has a life, from its first enter until it is closed, with
//! its enters as polls. Ops have no lives. Integer and boolean fields are arguments of the range.
//!
//! The field `tracing` of `PROFILER_CONFIG` chooses what the spans of a target become: `stage`,
//! `step`, `op`, `request` or `off` (see [`SpanRules`](profiler_runtime::config::SpanRules)). By
//! default the spans of candle, burn and cubecl are ops, those of tower-http requests, those of
//! hyper and tokio off, and all others stages.
//!
//! # Spans that cannot be seen
//!
//! A span that a global filter disables, or that is compiled out by one of `tracing`'s features
//! `max_level_*` and `release_max_level_*`, does not reach any layer. A session warns about both
//! when it starts, and says what to change. A span that was made while no subscriber was installed
//! is disabled for ever, and nothing tells of it.
//!
//! # Cost
//!
//! Nothing is locked or allocated when a span is entered and left, except the first enter of a
//! request and of a span with fields. A span costs 131 ns under [`init`], a fifth of
//! tracing-chrome's time, and 346 ns under [`layer`], most of them in `tracing_subscriber`'s
//! registry; half of that while nothing records. The project's `docs/costs.md` has the table.

#![forbid(unsafe_code)]

mod callsite;
mod enter;
mod fields;
mod layer;
mod open;
mod state;
mod subscriber;
mod unseen;

use std::error::Error;
use std::fmt;

use tracing_core::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

/// Returns a layer that records spans as ranges while a session records.
///
/// The layer has a filter of its own, so it neither hides spans from other layers nor makes them
/// see more. Install it before the code whose spans it should see runs.
pub fn layer<S>() -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    profiler_runtime::spans::set_check(unseen::warnings);
    layer::ProfilerLayer.with_filter(layer::Wanted)
}

/// Installs a subscriber that records spans as ranges, for a program that has none.
///
/// It does what [`layer`] does, in less than half of the time, because no other layer has to be
/// able to look at its spans.
///
/// # Errors
///
/// Returns an error if the program has a global subscriber already.
pub fn init() -> Result<(), InitError> {
    profiler_runtime::spans::set_check(unseen::warnings);
    tracing::subscriber::set_global_default(subscriber::ProfilerSubscriber).map_err(|_| InitError(()))
}

/// A global subscriber was already set.
#[derive(Debug)]
pub struct InitError(());

impl fmt::Display for InitError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a global subscriber is already set: add `.with(profiler_tracing::layer())` to it")
    }
}

impl Error for InitError {}
