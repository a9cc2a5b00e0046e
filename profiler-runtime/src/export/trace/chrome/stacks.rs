//! Call stacks as Kineto writes them: leaf first, every frame closed by `;`. Each distinct stack is put into words once.

use std::collections::HashMap;

use crate::collect::symbols::Symbols;
use crate::export::trace::call_stack;

use super::escape::push_string;

/// The text of every stack so far.
#[derive(Default)]
pub(super) struct Stacks {
    by_addresses: HashMap<Box<[u64]>, Vec<u8>>,
}

impl Stacks {
    /// `,"Call stack":"…"`; nothing for a stack of which nothing is shown.
    pub(super) fn of(&mut self, stack: &[u64], symbols: &Symbols) -> &[u8] {
        if !self.by_addresses.contains_key(stack) {
            self.by_addresses.insert(stack.into(), member(stack, symbols));
        }
        self.by_addresses.get(stack).map_or(&[], Vec::as_slice)
    }
}

fn member(stack: &[u64], symbols: &Symbols) -> Vec<u8> {
    let text = call_stack::text(stack, symbols);
    let mut member = Vec::new();
    if !text.is_empty() {
        member.extend_from_slice(b",\"Call stack\":");
        push_string(&mut member, &text);
    }
    member
}
