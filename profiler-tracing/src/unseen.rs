//! Spans that the layer cannot see, and what the user can change about it. Asked for at the start
//! of each session.

use std::sync::atomic::{AtomicU32, Ordering};

use profiler_runtime::config::SpanKind;
use profiler_runtime::spans;
use tracing::level_filters::STATIC_MAX_LEVEL;
use tracing::{Level, span_enabled};
use tracing_core::{LevelFilter, callsite as registered, dispatcher};

use crate::callsite::{self, Callsite};

/// Maximum number of names that a warning lists.
const MAX_NAMES: usize = 5;

/// Target of our own spans.
const PROBE: &str = "profiler_tracing::probe";
/// Version of the rules for which callsites were last asked.
static ASKED: AtomicU32 = AtomicU32::new(0);

/// Returns warnings about spans that do not reach the layer.
pub(crate) fn warnings() -> Vec<String> {
    let version = spans::version();
    // ORDERING: asking twice is harmless.
    if ASKED.swap(version, Ordering::Relaxed) != version {
        registered::rebuild_interest_cache();
    }
    if !dispatcher::has_been_set() {
        return vec!["no subscriber is installed, so no span is recorded: call `profiler_tracing::init()`".into()];
    }
    if STATIC_MAX_LEVEL < LevelFilter::TRACE {
        return vec![format!(
            "spans more detailed than `{STATIC_MAX_LEVEL}` are compiled out: build without the feature `max_level_*` \
             or `release_max_level_*` of `tracing`, which `cargo tree -e features -i tracing` shows"
        )];
    }
    let most_detailed = most_detailed();
    let known = callsite::all().into_iter().filter(|callsite| callsite.kind() != SpanKind::Off);
    let hidden = known.filter(|callsite| {
        let metadata = callsite.metadata;
        *metadata.level() <= most_detailed && !dispatcher::get_default(|dispatch| dispatch.enabled(metadata))
    });
    let hidden = names(hidden).map(|names| format!("the spans of {names}"));
    let levels = format!("spans more detailed than `{most_detailed}`");
    let levels = (most_detailed < LevelFilter::TRACE).then_some(levels);
    let hides = |what: String| {
        format!(
            "a global filter hides {what}: give it to the layer that needs it, as in \
             `fmt::layer().with_filter(EnvFilter::from_default_env())`"
        )
    };
    levels.into_iter().chain(hidden).map(hides).collect()
}

/// Returns the most detailed level of which a span reaches the layer, whatever its target.
///
/// A global filter that comes before the layer keeps callsites from it, so that only spans of our
/// own can tell.
fn most_detailed() -> LevelFilter {
    let levels = [
        (span_enabled!(target: PROBE, Level::TRACE), LevelFilter::TRACE),
        (span_enabled!(target: PROBE, Level::DEBUG), LevelFilter::DEBUG),
        (span_enabled!(target: PROBE, Level::INFO), LevelFilter::INFO),
        (span_enabled!(target: PROBE, Level::WARN), LevelFilter::WARN),
        (span_enabled!(target: PROBE, Level::ERROR), LevelFilter::ERROR),
    ];
    levels.into_iter().find(|(is_enabled, _)| *is_enabled).map_or(LevelFilter::OFF, |(_, level)| level)
}

/// Lists callsites for a warning; `None` if there are none.
fn names(callsites: impl Iterator<Item = &'static Callsite>) -> Option<String> {
    let mut names: Vec<String> = callsites
        .filter(|callsite| callsite.metadata.target() != PROBE)
        .map(|callsite| format!("`{}` ({})", callsite.metadata.name(), callsite.metadata.target()))
        .collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(MAX_NAMES);
    names.truncate(MAX_NAMES);
    let end = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!names.is_empty()).then(|| names.join(", ") + &end)
}
