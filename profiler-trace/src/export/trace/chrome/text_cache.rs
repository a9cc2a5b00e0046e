//! Caches of formatted text: the prefix of a site's events on a row, inputs, and call stacks. Each
//! text is formatted once and then copied.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::export::events::{Category, stack_text};
use crate::records::frames::Symbols;
use profiler_core::site::Site;

use super::escape::push_string;
use super::number::push_integer;

/// Row of an event in the file: `pid` and `tid`.
pub(super) type RowId = (u64, u64);

/// A text per site number, with the value that it was formatted from.
pub(super) struct Cache<T>(Vec<(T, Vec<u8>)>);

/// Prefixes of sites' events. `tid` 0, which no row of the program has, marks an empty entry.
pub(super) type Prefixes = Cache<RowId>;

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Default> Cache<T> {
    /// Returns the text, if `is_same` accepts the value that it was formatted from.
    #[inline]
    pub(super) fn get(&self, site: &'static Site, is_same: impl FnOnce(&T) -> bool) -> Option<&[u8]> {
        let (value, text) = self.0.get(site.number() as usize)?;
        is_same(value).then_some(text)
    }

    /// Returns the entry of a site: the value, and the text formatted from it.
    pub(super) fn entry(&mut self, site: &'static Site) -> &mut (T, Vec<u8>) {
        let number = site.number() as usize;
        if self.0.len() <= number {
            self.0.resize_with(number + 1, Default::default);
        }
        &mut self.0[number]
    }
}

impl Prefixes {
    /// Appends the prefix of a range of `site`; see [`push_prefix`].
    #[inline]
    pub(super) fn push(&mut self, out: &mut Vec<u8>, category: Category, site: &'static Site, row_id: RowId) {
        match self.get(site, |cached| *cached == row_id) {
            Some(text) => out.extend_from_slice(text),
            None => self.format(out, category, site, row_id),
        }
    }

    #[cold]
    fn format(&mut self, out: &mut Vec<u8>, category: Category, site: &'static Site, row_id: RowId) {
        let (cached, text) = self.entry(site);
        *cached = row_id;
        text.clear();
        push_prefix(text, category, site.name(), row_id);
        out.extend_from_slice(text);
    }
}

/// Appends `{"ph":"X","cat":…,"name":…,"pid":…,"tid":…,"ts":`.
pub(super) fn push_prefix(out: &mut Vec<u8>, category: Category, name: &str, row_id: RowId) {
    out.extend_from_slice(b"{\"ph\":\"X\",");
    out.extend_from_slice(category.json().as_bytes());
    out.extend_from_slice(b",\"name\":");
    push_string(out, name);
    push_row_id(out, row_id);
}

/// Appends `,"pid":…,"tid":…,"ts":`.
pub(super) fn push_row_id(out: &mut Vec<u8>, (pid, tid): RowId) {
    out.extend_from_slice(b",\"pid\":");
    push_integer(out, pid);
    out.extend_from_slice(b",\"tid\":");
    push_integer(out, tid);
    out.extend_from_slice(b",\"ts\":");
}

/// Cached members of call stacks, shared by all rows, because they may take megabytes.
#[derive(Default)]
pub(super) struct Stacks {
    by_addresses: RwLock<HashMap<Box<[u64]>, Vec<u8>>>,
}

impl Stacks {
    /// Appends `,"Call stack":"…"`; nothing if all functions of the stack are hidden.
    pub(super) fn push(&self, out: &mut Vec<u8>, stack: &[u64], symbols: &Symbols) {
        if let Some(cached) = self.by_addresses.read().unwrap_or_else(PoisonError::into_inner).get(stack) {
            out.extend_from_slice(cached);
            return;
        }
        let member = stack_member(stack, symbols);
        out.extend_from_slice(&member);
        self.by_addresses.write().unwrap_or_else(PoisonError::into_inner).insert(stack.into(), member);
    }
}

fn stack_member(stack: &[u64], symbols: &Symbols) -> Vec<u8> {
    let text = stack_text(stack, symbols);
    let mut member = Vec::new();
    if !text.is_empty() {
        member.extend_from_slice(b",\"Call stack\":");
        push_string(&mut member, &text);
    }
    member
}
