//! Rewriting of one event for a merged trace: a copy with some numbers replaced.

use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::export::events::processes;
use crate::export::trace::chrome::escape::push_string;
use crate::export::trace::chrome::number::{push_integer, push_micros};

use super::metadata::Metadata;
use super::rows::Processes;

/// Parts of an event that may be replaced. They borrow from the line, so their positions in it are
/// known.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Event<'a> {
    ph: &'a RawValue,
    name: &'a RawValue,
    pid: &'a RawValue,
    ts: &'a RawValue,
    id: Option<&'a RawValue>,
    args: Option<Args<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Args<'a> {
    #[serde(rename = "External id")]
    external_id: Option<&'a RawValue>,
    correlation: Option<&'a RawValue>,
    #[serde(rename = "wait_on_cuda_event_record_corr_id")]
    waits_for: Option<&'a RawValue>,
    name: Option<&'a RawValue>,
    labels: Option<&'a RawValue>,
    sort_index: Option<&'a RawValue>,
}

/// Id space of all ranks so far; each rank's ids follow those of the rank before.
#[derive(Debug, Default)]
struct Space {
    offset: u64,
    /// First free id.
    next: u64,
}

impl Space {
    fn map(&mut self, id: u64) -> u64 {
        let id = id.saturating_add(self.offset);
        self.next = self.next.max(id.saturating_add(1));
        id
    }
}

/// Rewriter of events, one rank after the other.
#[derive(Default)]
pub(super) struct Rewriter {
    prefix: String,
    host: String,
    /// Nanoseconds from the merged base to the rank's base.
    shift: u64,
    processes: Processes,
    external: Space,
    /// Ids of API calls, of the work that they launched, and of the arrows between them.
    correlation: Space,
    /// Replacements in order of position: the range in the line, and the range of the new text in
    /// `texts`.
    edits: Vec<(Range<usize>, Range<usize>)>,
    /// New texts, concatenated.
    texts: Vec<u8>,
}

impl Rewriter {
    /// Starts the next rank; following events belong to it.
    pub(super) fn begin_rank(&mut self, metadata: &Metadata, shift: u64) {
        self.prefix = processes::prefix(metadata.distributed.rank);
        self.host.clone_from(&metadata.host_name);
        self.shift = shift;
        self.processes.begin_rank(metadata.distributed.rank);
        for space in [&mut self.external, &mut self.correlation] {
            space.offset = space.next;
        }
    }

    /// Appends the rewritten event. Returns the reason if `line` is not an event.
    pub(super) fn event(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
        let event: Event<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        self.edits.clear();
        self.texts.clear();
        let at = nanoseconds(event.ts.get()).ok_or_else(|| format!("`ts` is {}, not microseconds", event.ts))?;
        self.replace(text, event.ts, |this, texts| push_micros(texts, at.saturating_add(this.shift)));
        let pid = event.pid;
        self.replace(text, pid, |this, texts| texts.extend_from_slice(this.processes.pid(pid.get()).as_bytes()));
        self.correlate(text, event.id);
        if let Some(args) = &event.args {
            self.args(text, &event, args);
        }
        self.edits.sort_unstable_by_key(|(old, _)| old.start);
        let mut copied = 0;
        for (old, new) in &self.edits {
            out.extend_from_slice(&line[copied..old.start]);
            out.extend_from_slice(&self.texts[new.clone()]);
            copied = old.end;
        }
        out.extend_from_slice(&line[copied..]);
        Ok(())
    }

    fn args(&mut self, text: &str, event: &Event<'_>, args: &Args<'_>) {
        if let Some((old, id)) = numbered(args.external_id) {
            self.replace(text, old, |this, texts| push_integer(texts, this.external.map(id)));
        }
        self.correlate(text, args.correlation);
        self.correlate(text, args.waits_for);
        if event.ph.get() != "\"M\"" {
            return;
        }
        match (event.name.get(), args) {
            ("\"process_name\"", Args { name: Some(name), .. }) => self.with_rank(text, name, false),
            ("\"process_labels\"", Args { labels: Some(labels), .. }) => self.with_rank(text, labels, true),
            ("\"process_sort_index\"", Args { sort_index: Some(old), .. }) => {
                let index = self.processes.sort_index(old.get().parse().unwrap_or(0));
                self.replace(text, old, |_, texts| push_integer(texts, index));
            }
            _ => {}
        }
    }

    fn correlate(&mut self, text: &str, id: Option<&RawValue>) {
        if let Some((old, id)) = numbered(id) {
            self.replace(text, old, |this, texts| push_integer(texts, this.correlation.map(id)));
        }
    }

    /// Replaces a name by `rank 0 · name`, with ` · host` if requested and known.
    fn with_rank(&mut self, text: &str, old: &RawValue, names_host: bool) {
        let old_text: String = serde_json::from_str(old.get()).unwrap_or_default();
        let name = old_text.strip_prefix(&self.prefix).unwrap_or(&old_text);
        let host = if names_host { &*self.host } else { "" };
        let parts = [name, host].into_iter().filter(|part| !part.is_empty());
        let new = format!("{}{}", self.prefix, parts.collect::<Vec<_>>().join(" · "));
        self.replace(text, old, |_, texts| push_string(texts, &new));
    }

    fn replace(&mut self, text: &str, old: &RawValue, push: impl FnOnce(&mut Self, &mut Vec<u8>)) {
        let mut texts = std::mem::take(&mut self.texts);
        let begin = texts.len();
        push(self, &mut texts);
        self.edits.push((range_in(text, old), begin..texts.len()));
        self.texts = texts;
    }
}

/// Returns the range of `part` in `text`.
fn range_in(text: &str, part: &RawValue) -> Range<usize> {
    let part = part.get();
    let begin = part.as_ptr().addr() - text.as_ptr().addr();
    begin..begin + part.len()
}

/// Returns an id with its value, if it is a number.
fn numbered(value: Option<&RawValue>) -> Option<(&RawValue, u64)> {
    value.and_then(|value| Some((value, value.get().parse().ok()?)))
}

/// Parses microseconds with up to three decimals into nanoseconds. Exact, where a float could be
/// off by a nanosecond.
fn nanoseconds(micros: &str) -> Option<u64> {
    let (whole, decimals) = micros.split_once('.').unwrap_or((micros, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if decimals.len() > 3 || !digits(whole) || !digits(decimals) {
        return None;
    }
    let rest: u64 = format!("{decimals:0<3}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_are_read_exactly() {
        for (text, ns) in [("0.000", 0), ("604799999999.999", 604_799_999_999_999), ("48", 48_000), ("1.5", 1_500)] {
            assert_eq!(nanoseconds(text), Some(ns), "{text}");
        }
        for text in ["", "-1.0", "1e3", "1.0001", "\"1\"", "99999999999999999999"] {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }
}
