//! Rules by which the spans of the `tracing` crate become ranges: field `tracing`, which the
//! package `profiler-tracing` applies.
//!
//! A rule's pattern is a path: the beginning of a span's target, or of its target followed by its
//! name. It matches whole segments, so that `candle_nn` matches `candle_nn::linear` but not
//! `candle_nn_ext`. The longest matching pattern counts.

use std::collections::BTreeMap;

use serde_json::Value;

use super::kind::Kind;
use super::value::Setting;
use profiler_trace::model::words;

words! {
    /// Treatment of the spans that a rule matches.
    pub enum SpanKind {
        /// A stage: a row of the stage tree, with its life if it is entered more than once.
        #[default]
        Stage = "stage",
        /// A step, which may drive the iterations.
        Step = "step",
        /// An op: each enter is a row of the op tables.
        Op = "op",
        /// A request, which groups timings.
        Request = "request",
        /// Not recorded.
        Off = "off",
    }
}

/// Levels of spans, from the most important to the most detailed.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
/// Place of `trace`: every level.
const EVERYTHING: usize = LEVELS.len() - 1;

/// Returns the place of a level, whatever its case.
fn detail(level: &str) -> Option<usize> {
    LEVELS.iter().position(|known| known.eq_ignore_ascii_case(level))
}

/// Rules of libraries that emit many spans.
///
/// candle's and burn's spans are operators. tower-http's wrap one request each. hyper, h2, tonic
/// and tokio trace their own internals, which would hide the program's spans.
const USUAL: &[(&str, SpanKind)] = &[
    ("", SpanKind::Stage),
    ("burn", SpanKind::Op),
    ("burn_autodiff", SpanKind::Op),
    ("burn_core", SpanKind::Op),
    ("burn_cubecl", SpanKind::Op),
    ("burn_fusion", SpanKind::Op),
    ("burn_ndarray", SpanKind::Op),
    ("burn_tensor", SpanKind::Op),
    ("candle", SpanKind::Op),
    ("candle_core", SpanKind::Op),
    ("candle_flash_attn", SpanKind::Op),
    ("candle_nn", SpanKind::Op),
    ("candle_transformers", SpanKind::Op),
    ("cubecl", SpanKind::Op),
    ("cubecl_core", SpanKind::Op),
    ("cubecl_runtime", SpanKind::Op),
    ("h2", SpanKind::Off),
    ("hyper", SpanKind::Off),
    ("hyper_util", SpanKind::Off),
    ("mio", SpanKind::Off),
    ("reqwest", SpanKind::Off),
    ("runtime::resource", SpanKind::Off),
    ("rustls", SpanKind::Off),
    ("tokio", SpanKind::Off),
    ("tonic", SpanKind::Off),
    ("tower", SpanKind::Off),
    ("tower_http", SpanKind::Request),
];

/// Rules for the spans of the `tracing` crate, in addition to the usual ones.
///
/// The usual rules make operators of candle's, burn's and cubecl's spans, requests of tower-http's,
/// and nothing of hyper's and tokio's; every other span is a stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanRules(BTreeMap<String, (usize, SpanKind)>);

impl SpanRules {
    /// Adds a rule. `pattern` is a target, or a target and a name, such as `tei::queue`; the most
    /// detailed level may follow, as in `hyper=info`. Replaces a rule with the same path.
    #[must_use]
    pub fn with(mut self, pattern: impl AsRef<str>, kind: SpanKind) -> Self {
        self.add(pattern.as_ref(), kind);
        self
    }

    fn add(&mut self, pattern: &str, kind: SpanKind) {
        let level = pattern.rsplit_once('=').and_then(|(path, level)| Some((path, detail(level)?)));
        let (path, level) = level.unwrap_or((pattern, EVERYTHING));
        self.0.insert(path.to_owned(), (level, kind));
    }

    /// Returns what the spans with this target, name and level become.
    ///
    /// Compares with every rule, so call this once per callsite.
    #[doc(hidden)]
    #[must_use]
    pub fn kind_of(&self, target: &str, name: &str, level: &str) -> SpanKind {
        let path = format!("{target}::{name}");
        let usual = USUAL.iter().map(|(pattern, kind)| (*pattern, EVERYTHING, *kind));
        let own = self.0.iter().map(|(pattern, (level, kind))| (pattern.as_str(), *level, *kind));
        let matching = usual.chain(own).filter(|(pattern, ..)| begins_with(&path, pattern));
        // Of equally long patterns the last counts, which is the user's own.
        match matching.max_by_key(|(pattern, ..)| pattern.len()) {
            Some((_, most_detailed, kind)) if detail(level).unwrap_or(EVERYTHING) <= most_detailed => kind,
            _ => SpanKind::Off,
        }
    }
}

/// Returns whether a path begins with whole segments of `pattern`.
fn begins_with(path: &str, pattern: &str) -> bool {
    path.strip_prefix(pattern).is_some_and(|rest| pattern.is_empty() || rest.is_empty() || rest.starts_with("::"))
}

impl Setting for SpanRules {
    const KIND: Kind = Kind::Table(SpanKind::NAMES);

    fn to_value(&self) -> Value {
        let rules = self.0.iter().map(|(path, (level, kind))| {
            let suffix = if *level == EVERYTHING { String::new() } else { format!("={}", LEVELS[*level]) };
            (format!("{path}{suffix}"), Value::from(kind.as_str()))
        });
        Value::Object(rules.collect())
    }

    fn from_value(value: &Value) -> Option<Self> {
        let mut rules = Self::default();
        for (pattern, kind) in value.as_object()? {
            rules.add(pattern, SpanKind::ALL.iter().copied().find(|each| Some(each.as_str()) == kind.as_str())?);
        }
        Some(rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pattern_decides() {
        let rules = SpanRules::default()
            .with("tei::queue", SpanKind::Stage)
            .with("tei=info", SpanKind::Op)
            .with("hyper", SpanKind::Op);
        for (target, name, level, kind) in [
            ("tei::queue", "push", "TRACE", SpanKind::Stage),
            ("tei", "queue", "TRACE", SpanKind::Stage),
            ("tei::infer", "embed", "INFO", SpanKind::Op),
            ("tei::infer", "embed", "DEBUG", SpanKind::Off),
            ("teis", "embed", "DEBUG", SpanKind::Stage),
            ("hyper::proto", "poll", "TRACE", SpanKind::Op),
            ("h2::codec", "poll", "TRACE", SpanKind::Off),
            ("candle_transformers::models::qwen2", "attn", "TRACE", SpanKind::Op),
            ("tower_http::trace::make_span", "request", "DEBUG", SpanKind::Request),
            ("server", "handle", "ERROR", SpanKind::Stage),
        ] {
            assert_eq!(rules.kind_of(target, name, level), kind, "{target} {name}");
        }
    }

    #[test]
    fn rules_survive_their_document() {
        let rules = SpanRules::default().with("tei=info", SpanKind::Op).with("", SpanKind::Off);
        let document = rules.to_value();
        assert_eq!(document, serde_json::json!({"tei=info": "op", "": "off"}));
        assert_eq!(SpanRules::from_value(&document), Some(rules));
    }
}
