//! Call stacks as Kineto writes them: leaf first, every frame closed by `;`. Each distinct stack is
//! put into words once, for all rows together: there may be megabytes of them.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::export::trace::call_stack;
use crate::records::frames::Symbols;

use super::escape::push_string;

/// The text of every stack so far.
#[derive(Default)]
pub(super) struct Stacks {
    by_addresses: RwLock<HashMap<Box<[u64]>, Vec<u8>>>,
}

impl Stacks {
    /// Appends `,"Call stack":"…"`; nothing for a stack of which nothing is shown.
    pub(super) fn push(&self, out: &mut Vec<u8>, stack: &[u64], symbols: &Symbols) {
        if let Some(known) = self.by_addresses.read().unwrap_or_else(PoisonError::into_inner).get(stack) {
            out.extend_from_slice(known);
            return;
        }
        let member = member(stack, symbols);
        out.extend_from_slice(&member);
        self.by_addresses.write().unwrap_or_else(PoisonError::into_inner).insert(stack.into(), member);
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
