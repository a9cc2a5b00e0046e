//! Words that stand in a trace once for each sequence and are numbers from then on.
//!
//! A word has the same number in every sequence; what changes is whether the sequence at hand knows it yet. What it does
//! not know is gathered, and goes into the packet that needs it.

use std::collections::HashMap;

use crate::collect::symbols::Symbols;
use crate::export::trace::call_stack;
use crate::record::Site;

use super::keys::{Category, Key};
use super::schema::interned;
use super::wire::{push_message, push_number, push_text};

/// The words so far.
#[derive(Default)]
pub(super) struct Interner {
    sequence: u32,
    /// Words that the sequence knows.
    categories: u64,
    keys: u64,
    /// Entries for the packet under construction.
    pub(super) gathered: Vec<u8>,
    /// The sequence that was last told the name or text, by its number.
    told: Vec<u32>,
    sites: Vec<u64>,
    gpu_names: Vec<u64>,
    names: HashMap<String, u64>,
    stacks: HashMap<Box<[u64]>, (u64, String)>,
}

impl Interner {
    /// Another sequence begins, which knows nothing.
    pub(super) fn begin(&mut self, sequence: u32) {
        self.sequence = sequence;
        (self.categories, self.keys) = (0, 0);
    }

    /// A category's number.
    #[inline]
    pub(super) fn category(&mut self, category: Category) -> u64 {
        if self.categories & category.bit() == 0 {
            self.categories |= category.bit();
            self.tell(interned::CATEGORIES, category.id(), category.text());
        }
        category.id()
    }

    /// An argument's number.
    #[inline]
    pub(super) fn key(&mut self, key: Key) -> u64 {
        if self.keys & key.bit() == 0 {
            self.keys |= key.bit();
            self.tell(interned::ARGUMENT_NAMES, key.id(), key.text());
        }
        key.id()
    }

    /// The number of a site's name.
    #[inline]
    pub(super) fn site(&mut self, site: &'static Site) -> u64 {
        let id = by_place(&mut self.sites, &mut self.told, site.number() as usize);
        self.know(interned::NAMES, id, site.name());
        id
    }

    /// The number of a name that the GPU's records carry as `index`.
    pub(super) fn gpu_name(&mut self, index: u32, name: &str) -> u64 {
        let id = by_place(&mut self.gpu_names, &mut self.told, index as usize);
        self.know(interned::NAMES, id, name);
        id
    }

    /// The number of any other name.
    pub(super) fn name(&mut self, name: &str) -> u64 {
        let id = match self.names.get(name) {
            Some(&id) => id,
            None => {
                let id = new_id(&mut self.told);
                self.names.insert(name.to_owned(), id);
                id
            }
        };
        self.know(interned::NAMES, id, name);
        id
    }

    /// The number of a call stack's text; `None` if nothing of it is shown.
    pub(super) fn stack(&mut self, stack: &[u64], symbols: &Symbols) -> Option<u64> {
        if !self.stacks.contains_key(stack) {
            let id = new_id(&mut self.told);
            self.stacks.insert(stack.into(), (id, call_stack::text(stack, symbols)));
        }
        let (id, text) = self.stacks.get(stack).filter(|(_, text)| !text.is_empty())?;
        if is_new(&mut self.told, *id, self.sequence) {
            push_entry(&mut self.gathered, interned::TEXTS, *id, text);
        }
        Some(*id)
    }

    #[inline]
    fn know(&mut self, field: u32, id: u64, text: &str) {
        if is_new(&mut self.told, id, self.sequence) {
            self.tell(field, id, text);
        }
    }

    #[cold]
    fn tell(&mut self, field: u32, id: u64, text: &str) {
        push_entry(&mut self.gathered, field, id, text);
    }
}

/// The number at a place of a list, given on first use.
#[inline]
fn by_place(ids: &mut Vec<u64>, told: &mut Vec<u32>, place: usize) -> u64 {
    match ids.get(place) {
        Some(&id) if id > 0 => id,
        _ => {
            if ids.len() <= place {
                ids.resize(place + 1, 0);
            }
            ids[place] = new_id(told);
            ids[place]
        }
    }
}

#[cold]
fn new_id(told: &mut Vec<u32>) -> u64 {
    if told.is_empty() {
        // Nothing has the number 0.
        told.push(0);
    }
    told.push(0);
    told.len() as u64 - 1
}

/// Whether the sequence has not been told yet; now it has.
#[inline]
fn is_new(told: &mut [u32], id: u64, sequence: u32) -> bool {
    // CAST: ids are places in this list.
    told.get_mut(id as usize).is_some_and(|last| std::mem::replace(last, sequence) != sequence)
}

fn push_entry(out: &mut Vec<u8>, field: u32, id: u64, text: &str) {
    push_message(out, field, |out| {
        push_number(out, interned::ID, id);
        push_text(out, interned::TEXT, text);
    });
}
