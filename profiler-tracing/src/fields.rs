//! Fields of spans: numbers become arguments of ranges, and names of a request make its id.

use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

use profiler_core::__private::{Integer, integer};
use tracing_core::field::{Field, Visit};

use crate::callsite::MAX_ARGUMENTS;

/// Names of fields that hold a request's id.
const IDS: [&str; 5] = ["request_id", "req_id", "request.id", "trace_id", "id"];

/// Fields of a span, as far as ranges show them.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// Values by the index of their fields.
    pub(crate) numbers: Vec<(u16, Integer)>,
    id: Option<String>,
    method: Option<String>,
    uri: Option<String>,
    /// True if the span is a request, so that its id is needed.
    is_request: bool,
    /// Id of a request; empty for other spans.
    pub(crate) request_id: String,
}

impl Fields {
    /// Creates the fields of a new span.
    pub(crate) fn new(is_request: bool) -> Self {
        Self { is_request, ..Self::default() }
    }

    /// Returns whether there is nothing to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.numbers.is_empty() && !self.is_request
    }

    /// Makes the id of a request: its own, or method and address, or its name; the latter with a
    /// number, because ids tell requests apart.
    pub(crate) fn make_request_id(&mut self, name: &str) {
        static REQUESTS: AtomicU64 = AtomicU64::new(1);
        if !self.is_request {
            return;
        }
        if let Some(id) = &self.id {
            self.request_id.clone_from(id);
        } else if self.request_id.is_empty() {
            let words = [self.method.as_deref(), self.uri.as_deref()];
            let words: Vec<&str> = words.into_iter().flatten().collect();
            let what = if words.is_empty() { name.to_owned() } else { words.join(" ") };
            // ORDERING: only uniqueness matters.
            self.request_id = format!("{what} #{}", REQUESTS.fetch_add(1, Ordering::Relaxed));
        }
    }

    fn number(&mut self, field: &Field, value: Integer) {
        let Ok(index) = u16::try_from(field.index()) else { return };
        if let Some((_, known)) = self.numbers.iter_mut().find(|(known, _)| *known == index) {
            *known = value;
        } else if field.index() < MAX_ARGUMENTS {
            self.numbers.push((index, value));
        }
    }

    fn text(&mut self, field: &Field, value: &dyn Debug) {
        if !self.is_request {
            return;
        }
        let place = match field.name() {
            name if IDS.contains(&name) => &mut self.id,
            "method" | "http.request.method" => &mut self.method,
            "uri" | "url.path" | "path" => &mut self.uri,
            _ => return,
        };
        let text = place.insert(String::new());
        // A value that cannot be formatted is left as far as it came.
        let _ = write!(text, "{value:?}");
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, integer(value));
        self.text(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, integer(value));
        self.text(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field, integer(u8::from(value)));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, value);
    }
}
