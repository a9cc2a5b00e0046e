//! Descriptions of calls: writes the arguments of the next range, keyed by [`Key`].
//!
//! A description goes straight into the thread's stream, before the begin of its range, and only
//! while a session or an attached tool wants it. While nothing records it costs the gate's load.

use std::panic::{self, AssertUnwindSafe};

use super::count::IntoCount;
use super::shape::Shaped;
use super::shape_writer::{Described, ShapeWriter};
use crate::hooks::tool;
use crate::integer::{Integer, integer};
use crate::kind::Kind;
use crate::label::LONGEST;
use crate::ledger;
use crate::site::Site;
use crate::stream::buffer;
use crate::stream::entry::{Entry, Tag};
use crate::stream::key::Key;
use crate::stream::losses::Loss;
use crate::{gate, select};

/// Gate bits with which a description may be wanted.
const WANTED: u32 = gate::RECORD | gate::NVTX | gate::TOOL_NOT_PROBED | gate::STEPS;

/// Calls generated code to describe the next call on this thread.
#[inline(always)]
pub fn describe(site: &'static Site, description: impl FnOnce(&mut Call)) {
    describe_open(site, gate::load(), description);
}

/// Describes the next call if `gate`, which the caller has loaded, says that a description may be
/// wanted.
#[inline(always)]
pub fn describe_open(site: &'static Site, gate: u32, description: impl FnOnce(&mut Call)) {
    if gate & WANTED != 0 {
        describe_recorded(site, gate, description);
    }
}

#[inline(never)]
fn describe_recorded(site: &'static Site, gate: u32, description: impl FnOnce(&mut Call)) {
    // The range will be refused, too.
    if ledger::is_own() {
        return;
    }
    let gate = wanted_by(site, gate);
    if gate != 0 {
        run_description(&mut Call { gate, writer: ShapeWriter { site: site.number(), held: None } }, description);
    }
}

/// Runs a description and catches its panic, because the code would not have run without the
/// profiler. The call continues without the rest of its description and is counted.
fn run_description(call: &mut Call, description: impl FnOnce(&mut Call)) {
    if panic::catch_unwind(AssertUnwindSafe(|| description(call))).is_err() {
        Loss::Undescribed.count();
    }
}

/// Returns the gate's bits that apply to this call: all of them if it is recorded, else only the
/// attached tool's and, for a step, that of the session's step count.
fn wanted_by(site: &'static Site, gate: u32) -> u32 {
    let gate = tool::probed_gate(gate);
    let recorded = gate & gate::RECORD != 0 && (gate & gate::FILTER == 0 || select::admits(site));
    let others = if site.kind() == Kind::Step { gate::NVTX | gate::STEPS } else { gate::NVTX };
    if recorded { gate } else { gate & others }
}

/// Returns the description as entries, for a call that is recorded later.
#[inline(always)]
pub(crate) fn describe_later(site: &'static Site, description: impl FnOnce(&mut Call)) -> Vec<Entry> {
    let gate = gate::load();
    if gate & WANTED == 0 { Vec::new() } else { describe_later_recorded(site, gate, description) }
}

#[cold]
fn describe_later_recorded(site: &'static Site, gate: u32, description: impl FnOnce(&mut Call)) -> Vec<Entry> {
    if ledger::is_own() {
        return Vec::new();
    }
    // The entries' memory counts as the profiler's.
    let _own = ledger::own();
    let gate = wanted_by(site, gate);
    let mut call = Call { gate, writer: ShapeWriter { site: site.number(), held: Some(Described::default()) } };
    if gate != 0 {
        run_description(&mut call, description);
    }
    call.writer.held.unwrap_or_default().finish()
}

/// Receiver of one call's description.
#[derive(Debug)]
pub struct Call {
    gate: u32,
    writer: ShapeWriter,
}

impl Call {
    /// Returns whether shapes are recorded. Check this before you compute one.
    pub const fn wants_shapes(&self) -> bool {
        self.gate & gate::SHAPES != 0
    }

    /// Returns whether FLOPs are recorded.
    pub const fn wants_flops(&self) -> bool {
        self.gate & gate::FLOPS != 0
    }

    /// Writes the shape of one input.
    pub fn shape<O>(&mut self, input: &(impl Shaped<O> + ?Sized)) {
        input.write_shape(&mut self.writer);
    }

    /// Returns whether the call is recorded. Check this before you compute user-defined arguments.
    pub const fn is_recorded(&self) -> bool {
        self.gate & gate::RECORD != 0
    }

    /// Writes the call's number of floating point operations.
    pub fn flops(&mut self, flops: impl IntoCount) {
        match flops.operand().recorded() {
            Some(flops) => self.write(Key::FLOPS, integer(flops)),
            None => Loss::Undescribed.count(),
        }
    }

    /// Writes the step's index, as the user counts it.
    pub fn index(&mut self, index: impl IntoCount) {
        let index = index.into_count();
        // For a future, the tool reads the index from the stored entries.
        if self.gate & (gate::NVTX | gate::STEPS) != 0 && self.writer.held.is_none() {
            tool::set_explicit_index(self.writer.site, index);
        }
        self.write(Key::INDEX, integer(index));
    }

    /// Writes the site's user-defined arguments, in the order of the site's list.
    pub fn arguments<const COUNT: usize>(&mut self, values: [Integer; COUNT]) {
        for (value, index) in values.into_iter().zip(0..) {
            self.write(Key::own(index), value);
        }
    }

    fn write(&mut self, key: Key, number: Integer) {
        if self.is_recorded() || self.writer.held.is_some() {
            let entry = Entry::number_of(key, self.writer.site, number);
            self.writer.write(&[entry]);
        }
    }

    /// Writes a request's id, which the caller has [truncated](crate::label).
    pub(crate) fn request_id(site: u32, id: &str) {
        // A site without a number, for lack of memory, records no range.
        if site == 0 {
            return;
        }
        let pieces = id.len().div_ceil(BYTES_OF_A_PAIR);
        let head = Entry::first_of((Key::REQUEST_ID, site, id.len() as u64), 2 * pieces);
        let mut entries = [head; 1 + LONGEST.div_ceil(BYTES_OF_A_PAIR)];
        for (entry, piece) in entries[1..].iter_mut().zip(id.as_bytes().chunks(BYTES_OF_A_PAIR)) {
            let (first, second) = piece.split_at(piece.len().min(8));
            *entry = Entry::pair(Tag::More, word(first), word(second));
        }
        buffer::append_slice(&entries[..1 + pieces]);
    }
}

/// Number of text bytes in one pair of words.
const BYTES_OF_A_PAIR: usize = 15;

/// Packs up to eight bytes into a word.
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
    u64::from_le_bytes(word)
}
