//! Interning of words: each is in a sequence once, and is then referred to by number.
//!
//! Every sequence has its own words, so sequences can be written independently. A word that is new
//! to the sequence goes into the packet that first needs it.

use std::collections::HashMap;

use crate::export::events::{Category, Key, stack_text};
use crate::records::frames::Symbols;
use profiler_core::site::Site;

use super::schema::interned;
use super::wire::{push_message, push_number, push_text};

/// Words of a sequence so far.
#[derive(Default)]
pub(super) struct Interner {
    categories: u64,
    keys: u64,
    /// Entries for the packet under construction.
    pub(super) new_entries: Vec<u8>,
    /// Last number given to a name or text.
    last: u64,
    sites: Vec<u64>,
    gpu_names: Vec<u64>,
    names: HashMap<String, u64>,
    /// Numbers of arguments' names that are not fixed words.
    custom_keys: HashMap<&'static str, u64>,
    /// Numbers of call stacks; `None` for a stack whose functions are all hidden.
    stacks: HashMap<Box<[u64]>, Option<u64>>,
}

impl Interner {
    /// Returns the number of a category.
    #[inline]
    pub(super) fn category(&mut self, category: Category) -> u64 {
        if self.categories & category.bit() == 0 {
            self.categories |= category.bit();
            self.intern(interned::CATEGORIES, category.id(), category.text());
        }
        category.id()
    }

    /// Returns the number of an argument's name.
    #[inline]
    pub(super) fn key(&mut self, key: Key) -> u64 {
        if self.keys & key.bit() == 0 {
            self.keys |= key.bit();
            self.intern(interned::ARGUMENT_NAMES, key.id(), key.text());
        }
        key.id()
    }

    /// Returns the number of an argument's name that is not a fixed word.
    pub(super) fn custom_key(&mut self, name: &'static str) -> u64 {
        // Fixed words have numbers up to 64.
        let next = 65 + self.custom_keys.len() as u64;
        let id = *self.custom_keys.entry(name).or_insert(next);
        if id == next {
            self.intern(interned::ARGUMENT_NAMES, id, name);
        }
        id
    }

    /// Returns the number of a site's name.
    #[inline]
    pub(super) fn site(&mut self, site: &'static Site) -> u64 {
        self.numbered(|this| &mut this.sites, site.number(), site.name())
    }

    /// Returns the number of a name with the given index in the GPU's records.
    pub(super) fn gpu_name(&mut self, index: u32, name: &str) -> u64 {
        self.numbered(|this| &mut this.gpu_names, index, name)
    }

    /// Returns the number of a name by its index in a list, which grows as needed.
    #[inline(always)]
    fn numbered(&mut self, ids: fn(&mut Self) -> &mut Vec<u64>, index: u32, name: &str) -> u64 {
        if let Some(&id) = ids(self).get(index as usize)
            && id > 0
        {
            return id;
        }
        let id = self.intern_new(interned::NAMES, name);
        let (ids, index) = (ids(self), index as usize);
        if ids.len() <= index {
            ids.resize(index + 1, 0);
        }
        ids[index] = id;
        id
    }

    /// Returns the number of any other name.
    pub(super) fn name(&mut self, name: &str) -> u64 {
        if let Some(&id) = self.names.get(name) {
            return id;
        }
        let id = self.intern_new(interned::NAMES, name);
        self.names.insert(name.to_owned(), id);
        id
    }

    /// Returns the number of a call stack's text; `None` if all its functions are hidden.
    pub(super) fn stack(&mut self, stack: &[u64], symbols: &Symbols) -> Option<u64> {
        if let Some(&id) = self.stacks.get(stack) {
            return id;
        }
        let text = stack_text(stack, symbols);
        let id = (!text.is_empty()).then(|| self.intern_new(interned::TEXTS, &text));
        self.stacks.insert(stack.into(), id);
        id
    }

    #[cold]
    fn intern_new(&mut self, field: u32, text: &str) -> u64 {
        self.last += 1;
        self.intern(field, self.last, text);
        self.last
    }

    #[cold]
    fn intern(&mut self, field: u32, id: u64, text: &str) {
        push_message(&mut self.new_entries, field, |out| {
            push_number(out, interned::ID, id);
            push_text(out, interned::TEXT, text);
        });
    }
}
