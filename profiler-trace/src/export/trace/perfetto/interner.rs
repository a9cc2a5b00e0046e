//! Words that stand in a sequence once and are numbers from then on.
//!
//! Every sequence has words of its own, so sequences can be written without knowing of each other.
//! A word that is new to the sequence is gathered, and goes into the packet that needs it.

use std::collections::HashMap;

use crate::export::events::{Category, Key};
use crate::export::trace::call_stack;
use crate::records::frames::Symbols;
use profiler_core::site::Site;

use super::schema::interned;
use super::wire::{push_message, push_number, push_text};

/// The words so far.
#[derive(Default)]
pub(super) struct Interner {
    categories: u64,
    keys: u64,
    /// Entries for the packet under construction.
    pub(super) gathered: Vec<u8>,
    /// Last number that was given to a name or text.
    last: u64,
    sites: Vec<u64>,
    gpu_names: Vec<u64>,
    names: HashMap<String, u64>,
    /// Numbers of arguments' names that are no fixed words.
    own_keys: HashMap<&'static str, u64>,
    /// Numbers of call stacks; `None` where nothing of the stack is shown.
    stacks: HashMap<Box<[u64]>, Option<u64>>,
}

impl Interner {
    /// Returns a category's number.
    #[inline]
    pub(super) fn category(&mut self, category: Category) -> u64 {
        if self.categories & category.bit() == 0 {
            self.categories |= category.bit();
            self.tell(interned::CATEGORIES, category.id(), category.text());
        }
        category.id()
    }

    /// Returns an argument's number.
    #[inline]
    pub(super) fn key(&mut self, key: Key) -> u64 {
        if self.keys & key.bit() == 0 {
            self.keys |= key.bit();
            self.tell(interned::ARGUMENT_NAMES, key.id(), key.text());
        }
        key.id()
    }

    /// Returns the number of an argument's name that is no fixed word.
    pub(super) fn own_key(&mut self, name: &'static str) -> u64 {
        // Fixed words have numbers up to 64.
        let next = 65 + self.own_keys.len() as u64;
        let id = *self.own_keys.entry(name).or_insert(next);
        if id == next {
            self.tell(interned::ARGUMENT_NAMES, id, name);
        }
        id
    }

    /// Returns the number of a site's name.
    #[inline]
    pub(super) fn site(&mut self, site: &'static Site) -> u64 {
        self.numbered(|this| &mut this.sites, site.number(), site.name())
    }

    /// Returns the number of a name that the GPU's records carry as `index`.
    pub(super) fn gpu_name(&mut self, index: u32, name: &str) -> u64 {
        self.numbered(|this| &mut this.gpu_names, index, name)
    }

    /// Returns the number of a name that has a place in a list, which grows as needed.
    #[inline(always)]
    fn numbered(&mut self, ids: fn(&mut Self) -> &mut Vec<u64>, place: u32, name: &str) -> u64 {
        if let Some(&id) = ids(self).get(place as usize)
            && id > 0
        {
            return id;
        }
        let id = self.tell_new(interned::NAMES, name);
        let (ids, place) = (ids(self), place as usize);
        if ids.len() <= place {
            ids.resize(place + 1, 0);
        }
        ids[place] = id;
        id
    }

    /// Returns the number of any other name.
    pub(super) fn name(&mut self, name: &str) -> u64 {
        if let Some(&id) = self.names.get(name) {
            return id;
        }
        let id = self.tell_new(interned::NAMES, name);
        self.names.insert(name.to_owned(), id);
        id
    }

    /// Returns the number of a call stack's text; `None` if nothing of it is shown.
    pub(super) fn stack(&mut self, stack: &[u64], symbols: &Symbols) -> Option<u64> {
        if let Some(&id) = self.stacks.get(stack) {
            return id;
        }
        let text = call_stack::text(stack, symbols);
        let id = (!text.is_empty()).then(|| self.tell_new(interned::TEXTS, &text));
        self.stacks.insert(stack.into(), id);
        id
    }

    #[cold]
    fn tell_new(&mut self, field: u32, text: &str) -> u64 {
        self.last += 1;
        self.tell(field, self.last, text);
        self.last
    }

    #[cold]
    fn tell(&mut self, field: u32, id: u64, text: &str) {
        push_message(&mut self.gathered, field, |out| {
            push_number(out, interned::ID, id);
            push_text(out, interned::TEXT, text);
        });
    }
}
