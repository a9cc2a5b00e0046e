//! One event under construction: where it is, what it is called, and its arguments.

use serde_json::Value;

use crate::records::frames::Symbols;
use profiler_core::site::Site;

use super::interner::Interner;
use super::schema::{argument, event};
use super::wire::{push_fixed, push_float, push_message, push_number, push_signed, push_text};
use crate::export::events::keys::{Category, Key};

/// Appends to an event.
pub(super) struct Event<'w> {
    pub(super) out: &'w mut Vec<u8>,
    pub(super) interner: &'w mut Interner,
}

impl Event<'_> {
    /// It is on this track; 0 is the sequence's own.
    #[inline]
    pub(super) fn track(&mut self, track: u64) {
        if track > 0 {
            push_number(self.out, event::TRACK, track);
        }
    }

    #[inline]
    pub(super) fn category(&mut self, category: Category) {
        push_number(self.out, event::CATEGORY, self.interner.category(category));
    }

    /// It is called as the site is.
    #[inline]
    pub(super) fn site(&mut self, site: &'static Site) {
        push_number(self.out, event::NAME_ID, self.interner.site(site));
    }

    /// It is called as the name with this index in the GPU's records is.
    pub(super) fn gpu_name(&mut self, index: u32, name: &str) {
        push_number(self.out, event::NAME_ID, self.interner.gpu_name(index, name));
    }

    /// It has a name that others have too.
    pub(super) fn name(&mut self, name: &str) {
        push_number(self.out, event::NAME_ID, self.interner.name(name));
    }

    /// It has a name that no other has.
    pub(super) fn own_name(&mut self, name: &str) {
        push_text(self.out, event::NAME, name);
    }

    /// An arrow begins here.
    pub(super) fn flow(&mut self, id: u64) {
        push_fixed(self.out, event::FLOW, id);
    }

    /// An arrow ends here.
    pub(super) fn flow_end(&mut self, id: u64) {
        push_fixed(self.out, event::FLOW_END, id);
    }

    /// The value of the counter that it is an event of.
    pub(super) fn value(&mut self, value: u64) {
        push_number(self.out, event::VALUE, value);
    }

    /// The value of another counter at the same moment.
    pub(super) fn counter(&mut self, track: u64, value: u64) {
        push_number(self.out, event::EXTRA_TRACKS, track);
        push_number(self.out, event::EXTRA_VALUES, value);
    }

    #[inline]
    pub(super) fn number(&mut self, key: Key, number: u64) {
        self.argument(key, |out| push_unsigned(out, number));
    }

    pub(super) fn signed(&mut self, key: Key, number: i64) {
        self.argument(key, |out| push_signed(out, argument::SIGNED, number));
    }

    pub(super) fn float(&mut self, key: Key, number: f64) {
        self.argument(key, |out| push_float(out, argument::FLOAT, number));
    }

    pub(super) fn text(&mut self, key: Key, text: &str) {
        self.argument(key, |out| push_text(out, argument::TEXT, text));
    }

    /// Something is so.
    pub(super) fn yes(&mut self, key: Key) {
        self.argument(key, |out| push_number(out, argument::BOOL, 1));
    }

    /// The call stack, if anything of it is shown.
    pub(super) fn stack(&mut self, stack: &[u64], symbols: &Symbols) {
        if let Some(id) = self.interner.stack(stack, symbols) {
            self.argument(Key::CallStack, |out| push_number(out, argument::TEXT_ID, id));
        }
    }

    /// A list; `push` appends the value of an item.
    pub(super) fn list<T>(&mut self, key: Key, items: impl IntoIterator<Item = T>, push: impl Fn(&mut Vec<u8>, T)) {
        self.argument(key, |out| push_list(out, items, push));
    }

    /// Every member of a JSON object.
    pub(super) fn members(&mut self, object: &Value) {
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
        push_message(self.out, event::ARGUMENT, |out| {
            push_number(out, argument::NAME_ID, id);
            push(out);
        });
    }
}

/// The value of an argument: as a signed number, as the Chrome trace's become, where it is one.
#[inline]
pub(super) fn push_unsigned(out: &mut Vec<u8>, number: u64) {
    let field = if i64::try_from(number).is_ok() { argument::SIGNED } else { argument::UNSIGNED };
    push_number(out, field, number);
}

/// The value of an argument that is a list.
pub(super) fn push_list<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, push: impl Fn(&mut Vec<u8>, T)) {
    for item in items {
        push_message(out, argument::ITEMS, |out| push(out, item));
    }
}

/// The value of an argument, whatever it is. What is null, or empty, has none.
fn push_json(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(on) => push_number(out, argument::BOOL, u64::from(*on)),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => push_unsigned(out, number),
            (None, Some(number)) => push_signed(out, argument::SIGNED, number),
            (None, None) => push_float(out, argument::FLOAT, number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => push_text(out, argument::TEXT, text),
        Value::Array(items) => push_list(out, items, push_json),
        Value::Object(members) => {
            for (name, value) in members {
                push_message(out, argument::MEMBERS, |out| {
                    push_text(out, argument::NAME, name);
                    push_json(out, value);
                });
            }
        }
    }
}
