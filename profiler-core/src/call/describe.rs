//! The description of one call: input shapes, FLOPs, the user's index of a step, a request's name.
//!
//! It is written before the begin that it belongs to, straight into the thread's stream, and only while a session or an
//! attached tool wants it: off, a description costs the gate's load.

use std::panic::{self, AssertUnwindSafe};

use super::count::IntoCount;
use super::shape::Shaped;
use super::shape_writer::{Described, ShapeWriter};
use crate::hooks::tool;
use crate::kind::Kind;
use crate::memory::ledger;
use crate::site::Site;
use crate::stream::entry::{Entry, Tag};
use crate::stream::{buffer, registry};
use crate::{gate, select};

/// Who may want a description.
const WANTED: u32 = gate::RECORD | gate::NVTX | gate::UNSOUGHT | gate::STEPS;

/// Lets the attribute's generated code describe the call that begins next on this thread.
#[inline(always)]
pub fn describe(site: &'static Site, tell: impl FnOnce(&mut Call)) {
    describe_open(site, gate::load(), tell);
}

/// The same where the gate has been asked.
#[inline(always)]
pub fn describe_open(site: &'static Site, gate: u32, tell: impl FnOnce(&mut Call)) {
    if gate & WANTED != 0 {
        describe_recorded(site, gate, tell);
    }
}

#[inline(never)]
fn describe_recorded(site: &'static Site, gate: u32, tell: impl FnOnce(&mut Call)) {
    // Its range is refused.
    if ledger::is_own() {
        return;
    }
    let gate = wanted_by(site, gate);
    if gate != 0 {
        told(&mut Call { gate, writer: ShapeWriter { site: site.number(), held: None } }, tell);
    }
}

/// Lets a call describe itself. What panics in there would not have run unprofiled: the call goes on, without the rest of its
/// description, and is counted.
fn told(call: &mut Call, tell: impl FnOnce(&mut Call)) {
    if panic::catch_unwind(AssertUnwindSafe(|| tell(call))).is_err() {
        registry::count_failed_description();
    }
}

/// Returns what is left of the gate for this call: everything if it is recorded, else what an attached tool wants, and of a
/// step what its end may begin to record.
fn wanted_by(site: &'static Site, gate: u32) -> u32 {
    let gate = tool::sought(gate);
    let recorded = gate & gate::RECORD != 0 && (gate & gate::FILTER == 0 || select::admits(site));
    let others = if site.kind() == Kind::Step { gate::NVTX | gate::STEPS } else { gate::NVTX };
    if recorded { gate } else { gate & others }
}

/// The description as entries, for a call that begins later.
#[inline(always)]
pub(crate) fn held(site: &'static Site, tell: impl FnOnce(&mut Call)) -> Vec<Entry> {
    let gate = gate::load();
    if gate & WANTED == 0 { Vec::new() } else { held_recorded(site, gate, tell) }
}

#[cold]
fn held_recorded(site: &'static Site, gate: u32, tell: impl FnOnce(&mut Call)) -> Vec<Entry> {
    if ledger::is_own() {
        return Vec::new();
    }
    // What is held is the profiler's memory, not the program's.
    let _own = ledger::own();
    let gate = wanted_by(site, gate);
    let mut call = Call { gate, writer: ShapeWriter { site: site.number(), held: Some(Described::default()) } };
    if gate != 0 {
        told(&mut call, tell);
    }
    call.writer.held.unwrap_or_default().finish()
}

/// Takes one call's description.
#[derive(Debug)]
pub struct Call {
    gate: u32,
    writer: ShapeWriter,
}

impl Call {
    /// Returns whether shapes are recorded: ask before computing one.
    pub const fn wants_shapes(&self) -> bool {
        self.gate & gate::SHAPES != 0
    }

    /// Returns whether FLOPs are recorded.
    pub const fn wants_flops(&self) -> bool {
        self.gate & gate::FLOPS != 0
    }

    /// One input.
    pub fn shape<O>(&mut self, input: &(impl Shaped<O> + ?Sized)) {
        input.write_shape(&mut self.writer);
    }

    /// Floating point operations of the call.
    pub fn flops(&mut self, flops: impl IntoCount) {
        match flops.operand().recorded() {
            Some(flops) => self.write(Tag::Flops, flops),
            None => registry::count_failed_description(),
        }
    }

    /// The user's own index of the step.
    pub fn index(&mut self, index: impl IntoCount) {
        let index = index.into_count();
        // A future's tool reads it from what is held.
        if self.gate & (gate::NVTX | gate::STEPS) != 0 && self.writer.held.is_none() {
            tool::tell_index(self.writer.site, index);
        }
        self.write(Tag::Index, index);
    }

    fn write(&mut self, tag: Tag, value: u64) {
        if self.gate & gate::RECORD != 0 || self.writer.held.is_some() {
            let entry = Entry::new(tag, self.writer.site, value);
            self.writer.write(&[entry]);
        }
    }

    /// A text, eight bytes an entry. The caller keeps it [short](crate::label).
    pub(crate) fn text(site: u32, text: &str) {
        // Without memory for a number, its range is refused.
        if site == 0 {
            return;
        }
        buffer::append(false, || Entry::new(Tag::TextLength, site, text.len() as u64));
        for piece in text.as_bytes().chunks(8) {
            let mut eight = [0; 8];
            eight[..piece.len()].copy_from_slice(piece);
            buffer::append(false, || Entry::new(Tag::Text, site, u64::from_le_bytes(eight)));
        }
    }
}
