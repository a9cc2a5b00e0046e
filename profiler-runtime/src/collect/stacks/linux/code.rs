//! Finds the caller of a function by the unwinding rules of all loaded code.
//!
//! The rules are copied from `.eh_frame`, because a library may be unloaded during a walk. A
//! library that is loaded after the copy has no rules here. Nor have frames that the compiler
//! describes with a DWARF expression (a few in C libraries); the system's unwinder walks stacks
//! that contain one.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, LittleEndian, Register, RegisterRule, UnwindContext,
    UnwindSection as _,
};

use super::loaded::{each, headers, segments};

/// The rules of all code that was loaded when they were copied.
pub(super) struct Rules {
    modules: Vec<Module>,
    /// Working memory for evaluating a rule, shared so that no thread has to allocate. A thread
    /// that meets a new rule holds the lock for a microsecond.
    scratch: Mutex<Scratch>,
}

/// The way to the caller of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A rule leads to the caller.
    Caller(Rule),
    /// There is no caller: the function is the thread's first.
    End,
    /// The rules do not lead to the caller.
    Unknown,
}

/// Computes a caller's registers from those of a function. Offsets are in bytes from the canonical
/// frame address (CFA), the value of the stack pointer in the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// True if the CFA is relative to the frame register; otherwise it is relative to the stack
    /// pointer.
    pub(super) by_frame: bool,
    /// Offset of the CFA from that register.
    pub(super) offset: i32,
    /// Offset of the return address; `None` if it is in the link register.
    pub(super) return_at: Option<i32>,
    /// Offset of the caller's frame register; `None` if it is unchanged.
    pub(super) frame_at: Option<i32>,
}

/// The rules of one program or library.
struct Module {
    addresses: Range<u64>,
    bases: BaseAddresses,
    /// Contents of `.eh_frame_hdr`.
    index: Vec<u8>,
    /// Contents of `.eh_frame`.
    rules: Vec<u8>,
}

/// Working memory for evaluating a rule.
type Scratch = UnwindContext<usize>;

impl Rules {
    /// Copies the rules of all loaded code.
    pub(super) fn copy_loaded() -> Self {
        Self { modules: each(module), scratch: Mutex::new(Scratch::new()) }
    }

    /// Returns how to find the caller of the function around `address`. Takes about a microsecond,
    /// so the caller caches the result.
    pub(super) fn step(&self, address: u64) -> Step {
        let module = self.modules.iter().find(|module| module.addresses.contains(&address));
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        module.and_then(|module| module.step(address, &mut scratch)).unwrap_or(Step::Unknown)
    }
}

#[cfg(target_arch = "x86_64")]
mod registers {
    use gimli::{Register, X86_64};

    pub(super) const STACK: Register = X86_64::RSP;
    pub(super) const FRAME: Register = X86_64::RBP;
    pub(super) const RETURN: Register = X86_64::RA;
}

#[cfg(target_arch = "aarch64")]
mod registers {
    use gimli::{AArch64, Register};

    pub(super) const STACK: Register = AArch64::SP;
    pub(super) const FRAME: Register = AArch64::X29;
    pub(super) const RETURN: Register = AArch64::X30;
}

impl Module {
    /// Returns the step; `None` for a rule that this code does not support.
    fn step(&self, address: u64, scratch: &mut Scratch) -> Option<Step> {
        let index = EhFrameHdr::new(&self.index, LittleEndian).parse(&self.bases, 8).ok()?;
        let rules = EhFrame::new(&self.rules, LittleEndian);
        let entry = index.table()?.fde_for_address(&rules, &self.bases, address, EhFrame::cie_from_offset).ok()?;
        if entry.is_signal_trampoline() {
            return None;
        }
        let row = entry.unwind_info_for_address(&rules, &self.bases, scratch, address).ok()?;
        let return_at = match row.register(registers::RETURN) {
            Some(RegisterRule::Undefined) => return Some(Step::End),
            Some(RegisterRule::Offset(offset)) => Some(i32::try_from(offset).ok()?),
            None | Some(RegisterRule::SameValue) if cfg!(target_arch = "aarch64") => None,
            _ => return None,
        };
        let frame_at = match row.register(registers::FRAME) {
            Some(RegisterRule::Offset(offset)) => Some(i32::try_from(offset).ok()?),
            None | Some(RegisterRule::SameValue | RegisterRule::Undefined) => None,
            _ => return None,
        };
        let CfaRule::RegisterAndOffset { register, offset } = *row.cfa() else { return None };
        let by_frame = is_frame(register)?;
        Some(Step::Caller(Rule { by_frame, offset: i32::try_from(offset).ok()?, return_at, frame_at }))
    }
}

/// Returns true for the frame register and false for the stack pointer.
fn is_frame(register: Register) -> Option<bool> {
    match register {
        registers::STACK => Some(false),
        registers::FRAME => Some(true),
        _ => None,
    }
}

/// Copies the rules of a loaded object, if it has an index of them.
fn module(object: &libc::dl_phdr_info) -> Option<Module> {
    let headers = headers(object);
    let loaded = headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    let mut segments_of = loaded.map(|header| header.p_vaddr..header.p_vaddr + header.p_memsz);
    let index = headers.iter().find(|header| header.p_type == libc::PT_GNU_EH_FRAME)?;
    let index = index.p_vaddr..index.p_vaddr + index.p_memsz;
    if segments_of.clone().find(|segment| segment.contains(&index.start))?.end < index.end {
        return None;
    }
    // SAFETY: the range lies in a segment that the loader has mapped readable, and keeps mapped
    // during this callback.
    let copy = |range: Range<u64>| unsafe {
        let at = std::ptr::with_exposed_provenance::<u8>((object.dlpi_addr + range.start) as usize);
        std::slice::from_raw_parts(at, (range.end - range.start) as usize).to_vec()
    };
    let index_bytes = copy(index.clone());
    let start = rules_address(&index_bytes, index.start)?;
    let mut rules = copy(start..segments_of.find(|segment| segment.contains(&start))?.end);
    rules.truncate(rules_length(&rules));
    rules.shrink_to_fit();
    let base = object.dlpi_addr;
    let all = segments(object);
    let bases = BaseAddresses::default().set_eh_frame_hdr(base + index.start).set_eh_frame(base + start);
    Some(Module { addresses: base + all.start..base + all.end, bases, index: index_bytes, rules })
}

/// Returns the address of `.eh_frame` from the index at `at`. `.eh_frame_hdr` encodes it, in
/// practice always, relative to itself in four bytes (`DW_EH_PE_pcrel | DW_EH_PE_sdata4`).
fn rules_address(index: &[u8], at: u64) -> Option<u64> {
    let [1, 0x1b, _, _, offset @ ..] = index else { return None };
    let offset = i32::from_le_bytes(*offset.first_chunk()?);
    (at + 4).checked_add_signed(i64::from(offset))
}

/// Returns the length of the entries up to the terminator. Each entry begins with its length.
fn rules_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(length) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        match u32::from_le_bytes(*length) {
            0 => return at + 4,
            u32::MAX => break,
            length => at += 4 + length as usize,
        }
    }
    bytes.len()
}
