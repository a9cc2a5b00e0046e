//! Encoding of one event: its track, its name, and its arguments.

use serde_json::Value as Json;

use crate::export::events::{Args, Category, Event, Key, Name, Value};
use crate::records::frames::Symbols;

use super::interner::Interner;
use super::schema::{argument, event};
use super::wire::{push_fixed, push_float, push_message, push_number, push_signed, push_text};

/// Writer of one event's fields.
pub(super) struct TrackEvent<'w> {
    pub(super) out: &'w mut Vec<u8>,
    pub(super) interner: &'w mut Interner,
}

impl TrackEvent<'_> {
    /// Puts the event on a track; 0 is the sequence's own.
    #[inline]
    pub(super) fn track(&mut self, track: u64) {
        if track > 0 {
            push_number(self.out, event::TRACK, track);
        }
    }

    /// Appends the name, category and arguments of an event.
    #[inline]
    pub(super) fn describe(&mut self, described: &impl Event) {
        let (category, name) = described.title();
        self.category(category);
        match name {
            Name::Site(site) => push_number(self.out, event::NAME_ID, self.interner.site(site)),
            Name::Gpu(index, name) => push_number(self.out, event::NAME_ID, self.interner.gpu_name(index, name)),
            Name::Shared(name) => push_number(self.out, event::NAME_ID, self.interner.name(&name)),
            name @ Name::Step(_) => self.inline_name(&name.text()),
        }
        described.args(self);
    }

    #[inline]
    pub(super) fn category(&mut self, category: Category) {
        push_number(self.out, event::CATEGORY, self.interner.category(category));
    }

    /// Appends a name that is not interned, because no other event has it.
    pub(super) fn inline_name(&mut self, name: &str) {
        push_text(self.out, event::NAME, name);
    }

    /// Starts an arrow at the event.
    pub(super) fn flow(&mut self, id: u64) {
        push_fixed(self.out, event::FLOW, id);
    }

    /// Ends an arrow at the event.
    pub(super) fn flow_end(&mut self, id: u64) {
        push_fixed(self.out, event::FLOW_END, id);
    }

    /// Appends the value of the counter whose track the event is on.
    pub(super) fn sample(&mut self, value: u64) {
        push_number(self.out, event::VALUE, value);
    }

    /// Appends the value of another counter at the same time.
    pub(super) fn counter(&mut self, track: u64, value: u64) {
        push_number(self.out, event::EXTRA_TRACKS, track);
        push_number(self.out, event::EXTRA_VALUES, value);
    }

    /// Appends each member of a JSON object as an argument.
    pub(super) fn members(&mut self, object: &Json) {
        for (name, value) in object.as_object().into_iter().flatten() {
            push_message(self.out, event::ARGUMENT, |out| {
                push_text(out, argument::NAME, name);
                push_json(out, value);
            });
        }
    }

    #[inline]
    fn argument(&mut self, key: Key, push: impl FnOnce(&mut Vec<u8>)) {
        let id = self.interner.key(key);
        self.argument_with_id(id, push);
    }

    #[inline]
    fn argument_with_id(&mut self, id: u64, push: impl FnOnce(&mut Vec<u8>)) {
        push_message(self.out, event::ARGUMENT, |out| {
            push_number(out, argument::NAME_ID, id);
            push(out);
        });
    }
}

impl Args for TrackEvent<'_> {
    #[inline]
    fn value<'v>(&mut self, key: Key, value: impl Into<Value<'v>>) {
        self.argument(key, |out| push_value(out, value.into()));
    }

    fn custom(&mut self, name: &'static str, value: Value<'_>) {
        let id = match Key::from_name(name) {
            Some(key) => self.interner.key(key),
            None => self.interner.custom_key(name),
        };
        self.argument_with_id(id, |out| push_value(out, value));
    }

    fn list<'v>(&mut self, key: Key, items: impl Iterator<Item = Value<'v>>) {
        self.argument(key, |out| push_list(out, items, push_value));
    }

    fn stack(&mut self, stack: &[u64], symbols: &Symbols) {
        if let Some(id) = self.interner.stack(stack, symbols) {
            self.argument(Key::CallStack, |out| push_number(out, argument::TEXT_ID, id));
        }
    }
}

#[inline]
fn push_value(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Unsigned(number) => push_unsigned(out, number),
        Value::Signed(number) => push_signed(out, argument::SIGNED, number),
        Value::Float(number) => push_float(out, argument::FLOAT, number),
        Value::Micros(ns) => push_float(out, argument::FLOAT, ns as f64 / 1000.0),
        Value::Text(text) => push_text(out, argument::TEXT, text),
        Value::True => push_number(out, argument::BOOL, 1),
        Value::Dims(tensor) => push_list(out, tensor.dims(), |out, dim| push_unsigned(out, *dim)),
        Value::Strides(tensor) => {
            let strides = tensor.strides().into_iter().zip(tensor.dims());
            push_list(out, strides, |out, (stride, _)| push_signed(out, argument::SIGNED, stride));
        }
    }
}

/// Appends an argument's value, as a signed number if it fits, as in the Chrome trace.
#[inline]
fn push_unsigned(out: &mut Vec<u8>, number: u64) {
    let field = if i64::try_from(number).is_ok() { argument::SIGNED } else { argument::UNSIGNED };
    push_number(out, field, number);
}

/// Appends an argument's value that is a list.
fn push_list<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, push: impl Fn(&mut Vec<u8>, T)) {
    for item in items {
        push_message(out, argument::ITEMS, |out| push(out, item));
    }
}

/// Appends an argument's value of any JSON type; nothing for null.
fn push_json(out: &mut Vec<u8>, value: &Json) {
    match value {
        Json::Null => {}
        Json::Bool(on) => push_number(out, argument::BOOL, u64::from(*on)),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => push_unsigned(out, number),
            (None, Some(number)) => push_signed(out, argument::SIGNED, number),
            (None, None) => push_float(out, argument::FLOAT, number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => push_text(out, argument::TEXT, text),
        Json::Array(items) => push_list(out, items, push_json),
        Json::Object(members) => {
            for (name, value) in members {
                push_message(out, argument::MEMBERS, |out| {
                    push_text(out, argument::NAME, name);
                    push_json(out, value);
                });
            }
        }
    }
}
