//! Formatting of events: `X` slices, which are most of a trace, instants, and arrows.
//! It is fast because everything is appended to one buffer, and because the prefix of a site, its
//! inputs, and call stacks are formatted once and then copied.

use crate::export::events::{Args, Event, Key, Name, Value};
use crate::model::{Tensor, Trace};
use crate::records::frames::Symbols;
use profiler_core::site::Site;

use super::escape::push_string;
use super::number::{push_integer, push_micros, push_signed};
use super::text_cache::{Cache, Prefixes, RowId, Stacks, push_prefix, push_row_id};

/// Cached inputs of a site's last call; successive calls usually have the same inputs.
type Inputs = Cache<Vec<Tensor>>;

/// Formatter of events.
pub(super) struct Formatter<'a> {
    /// Number of the process in the trace; see [`Trace::shown_pid`].
    pub(super) pid: u64,
    /// `baseTimeNanoseconds` of the trace.
    base: u64,
    prefixes: Prefixes,
    inputs: Inputs,
    stacks: &'a Stacks,
}

impl<'a> Formatter<'a> {
    pub(super) fn new(trace: &Trace, base: u64, stacks: &'a Stacks) -> Self {
        Self { pid: trace.shown_pid().into(), base, prefixes: Prefixes::default(), inputs: Inputs::default(), stacks }
    }

    /// Returns the time relative to the base, in nanoseconds.
    pub(super) const fn relative(&self, unix_ns: u64) -> u64 {
        unix_ns.saturating_sub(self.base)
    }

    /// Appends an event with a duration.
    #[inline]
    pub(super) fn slice(&mut self, out: &mut Vec<u8>, event: &impl Event, row_id: RowId, (begin, end): (u64, u64)) {
        match event.title() {
            (category, Name::Site(site)) => self.prefixes.push(out, category, site, row_id),
            (category, name) => push_prefix(out, category, &name.text(), row_id),
        }
        push_times(out, self.relative(begin), end.saturating_sub(begin));
        self.args(out, event);
    }

    /// Appends an instant event on a row.
    pub(super) fn instant(&mut self, out: &mut Vec<u8>, event: &impl Event, row_id: RowId, at: u64) {
        let (category, name) = event.title();
        out.extend_from_slice(b"{\"ph\":\"i\",");
        out.extend_from_slice(category.json().as_bytes());
        out.extend_from_slice(b",\"s\":\"t\",\"name\":");
        push_string(out, &name.text());
        push_row_id(out, row_id);
        push_micros(out, self.relative(at));
        self.args(out, event);
    }

    /// Appends the start or end of the arrow from a call to the work that it launched.
    pub(super) fn arrow_end(
        &self,
        out: &mut Vec<u8>,
        (phase, rest): (&str, &str),
        id: u32,
        (row_id, at): (RowId, u64),
    ) {
        out.extend_from_slice(b"{\"ph\":\"");
        out.extend_from_slice(phase.as_bytes());
        out.extend_from_slice(b"\",\"id\":");
        push_integer(out, u64::from(id));
        push_row_id(out, row_id);
        push_micros(out, self.relative(at));
        out.extend_from_slice(b",\"cat\":\"ac2g\",\"name\":\"ac2g\"");
        out.extend_from_slice(rest.as_bytes());
        out.extend_from_slice(b"},\n");
    }

    /// Appends the arguments of an event, and its end.
    #[inline]
    fn args(&mut self, out: &mut Vec<u8>, event: &impl Event) {
        out.extend_from_slice(b",\"args\":");
        let open = out.len();
        event.args(&mut Members { out: &mut *out, inputs: &mut self.inputs, stacks: self.stacks });
        // Every member is preceded by a comma; the first comma becomes the brace.
        if let Some(comma) = out.get_mut(open) {
            *comma = b'{';
        }
        out.extend_from_slice(b"}},\n");
    }
}

/// Appends the rest of an event after its prefix: the time in nanoseconds since the base, and the
/// duration.
#[inline]
pub(super) fn push_times(out: &mut Vec<u8>, at: u64, ns: u64) {
    push_micros(out, at);
    out.extend_from_slice(b",\"dur\":");
    push_micros(out, ns);
}

/// Writer of arguments as members of an object.
struct Members<'a> {
    out: &'a mut Vec<u8>,
    inputs: &'a mut Inputs,
    stacks: &'a Stacks,
}

impl Args for Members<'_> {
    #[inline]
    fn value<'v>(&mut self, key: Key, value: impl Into<Value<'v>>) {
        self.out.extend_from_slice(key.json().as_bytes());
        push_value(self.out, value.into());
    }

    fn custom(&mut self, name: &'static str, value: Value<'_>) {
        self.out.push(b',');
        push_string(self.out, name);
        self.out.push(b':');
        push_value(self.out, value);
    }

    fn list<'v>(&mut self, key: Key, items: impl Iterator<Item = Value<'v>>) {
        self.out.extend_from_slice(key.json().as_bytes());
        push_list(self.out, items);
    }

    fn stack(&mut self, stack: &[u64], symbols: &Symbols) {
        self.stacks.push(self.out, stack, symbols);
    }

    fn inputs(&mut self, site: &'static Site, inputs: &[Tensor]) {
        if let Some(text) = self.inputs.get(site, |cached| cached == inputs) {
            return self.out.extend_from_slice(text);
        }
        let begin = self.out.len();
        self.tensors(inputs);
        let (cached, text) = self.inputs.entry(site);
        inputs.clone_into(cached);
        self.out[begin..].clone_into(text);
    }
}

#[inline]
fn push_value(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Unsigned(number) => push_integer(out, number),
        Value::Signed(number) => push_signed(out, number),
        // JSON cannot represent infinities and NaN, which do not occur here.
        Value::Float(number) => out.extend_from_slice(format!("{number:.6}").as_bytes()),
        Value::Micros(ns) => push_micros(out, ns),
        Value::Text(text) => push_string(out, text),
        Value::True => out.extend_from_slice(b"true"),
        Value::Dims(tensor) => push_list(out, tensor.dims().iter().map(|dim| Value::Unsigned(*dim))),
        Value::Strides(tensor) => {
            let strides = tensor.strides().into_iter().zip(tensor.dims());
            push_list(out, strides.map(|(stride, _)| Value::Signed(stride)));
        }
    }
}

fn push_list<'v>(out: &mut Vec<u8>, items: impl Iterator<Item = Value<'v>>) {
    out.push(b'[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_value(out, item);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;
    use profiler_core::shape::Dtype;
    use profiler_core::site::Kind;

    static LINEAR: Site = Site::new(Kind::Op, "linear", file!(), 1, "test");
    static CONV: Site = Site::new(Kind::Op, "conv", file!(), 2, "test");

    fn tensor(dtype: Dtype, dims: &[u64]) -> Tensor {
        let mut tensor = Tensor::new(dtype);
        dims.iter().for_each(|dim| tensor.push(*dim));
        tensor
    }

    #[test]
    fn only_the_same_inputs_are_cached_again() {
        let small = vec![tensor(Dtype::F32, &[2, 3])];
        let other_type = vec![tensor(Dtype::Bf16, &[2, 3])];
        let pair = vec![tensor(Dtype::F32, &[2, 3]), tensor(Dtype::F32, &[3])];
        let (mut inputs, stacks) = (Inputs::default(), Stacks::default());
        let calls = [(&LINEAR, &small), (&LINEAR, &small), (&CONV, &pair), (&LINEAR, &other_type), (&LINEAR, &pair)];
        for (site, of_call) in calls.into_iter().chain([(&LINEAR, &small), (&CONV, &pair)]) {
            let (mut cached, mut anew) = (Vec::new(), Vec::new());
            Members { out: &mut cached, inputs: &mut inputs, stacks: &stacks }.inputs(site, of_call);
            Members { out: &mut anew, inputs: &mut Inputs::default(), stacks: &stacks }.tensors(of_call);
            assert_eq!(cached, anew);
        }
    }
}
