//! The fast walk: unwinding rules of all loaded code, copied when a recording begins, and a cache of them per thread.
//!
//! The rules are copied because a library may be unloaded while a thread walks: a walk reads only the copy, and the
//! thread's own stack between its stack pointer and its end. A library that is loaded later has no rules here; a stack
//! ends at it.

use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use framehop::{
    CacheNative, ExplicitModuleSectionInfo, Module, MustNotAllocateDuringUnwind, UnwindRegsNative, Unwinder as _,
    UnwinderNative,
};

type Rules = UnwinderNative<Vec<u8>, MustNotAllocateDuringUnwind>;

static RULES: Mutex<Option<Arc<Rules>>> = Mutex::new(None);
/// Changes whenever [`RULES`] do, so that a walk need not take the lock.
static GENERATION: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static WALKER: RefCell<Option<Walker>> = const { RefCell::new(None) };
}

/// What a thread walks with.
struct Walker {
    generation: u64,
    rules: Option<Arc<Rules>>,
    cache: CacheNative<MustNotAllocateDuringUnwind>,
    stack: Range<u64>,
}

/// Reads the rules of everything that is loaded now.
pub(super) fn load() {
    let mut rules = Rules::new();
    for module in modules() {
        rules.add_module(module);
    }
    replace(Some(Arc::new(rules)));
}

/// Gives the rules back; a thread keeps its own hold of them until it walks again or ends.
pub(super) fn unload() {
    replace(None);
}

fn replace(rules: Option<Arc<Rules>>) {
    let old = std::mem::replace(&mut *RULES.lock().unwrap_or_else(PoisonError::into_inner), rules);
    // ORDERING: a thread that sees the change late walks with the old rules.
    GENERATION.fetch_add(1, Ordering::Relaxed);
    drop(old);
}

/// Fills in return addresses; how many, or `None` where the fast walk is not possible.
#[inline(never)]
pub(super) fn walk(addresses: &mut [u64]) -> Option<usize> {
    let (pc, registers) = registers();
    // Not while the thread ends, and not inside a walk (whose first allocations may themselves be recorded).
    let result = WALKER.try_with(|walker| {
        let mut walker = walker.try_borrow_mut().ok()?;
        let walker = walker.get_or_insert_with(Walker::new);
        walker.renew();
        walker.walk(pc, registers, addresses)
    });
    result.ok().flatten()
}

impl Walker {
    #[cold]
    fn new() -> Self {
        Self { generation: 0, rules: None, cache: CacheNative::new_in(), stack: stack_of_this_thread() }
    }

    #[inline]
    fn renew(&mut self) {
        // ORDERING: see `replace`.
        let generation = GENERATION.load(Ordering::Relaxed);
        if self.generation != generation {
            self.generation = generation;
            self.rules = RULES.lock().unwrap_or_else(PoisonError::into_inner).clone();
        }
    }

    fn walk(&mut self, pc: u64, registers: UnwindRegsNative, addresses: &mut [u64]) -> Option<usize> {
        let readable = registers.sp()..self.stack.end;
        if !self.stack.contains(&readable.start) {
            return None;
        }
        let mut read = |address: u64| {
            if !readable.contains(&address) || !address.is_multiple_of(8) || readable.end - address < 8 {
                return Err(());
            }
            // SAFETY: an aligned word between this thread's stack pointer and the end of its stack: mapped, and written
            // by nobody but this thread, which is here.
            Ok(unsafe { std::ptr::with_exposed_provenance::<u64>(address as usize).read_volatile() })
        };
        let rules = self.rules.as_deref()?;
        let mut frames = rules.iter_frames(pc, registers, &mut self.cache, &mut read);
        // The first is this function.
        frames.next().ok()?;
        let mut count = 0;
        while count < addresses.len()
            && let Ok(Some(frame)) = frames.next()
        {
            addresses[count] = frame.address();
            count += 1;
        }
        Some(count)
    }
}

/// Where this code is, and the registers that a walk begins with.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
fn registers() -> (u64, UnwindRegsNative) {
    let (pc, sp, bp): (u64, u64, u64);
    // SAFETY: reads three registers; touches neither memory nor flags.
    unsafe {
        core::arch::asm!("lea {}, [rip]", "mov {}, rsp", "mov {}, rbp", out(reg) pc, out(reg) sp, out(reg) bp, options(nomem, nostack, preserves_flags));
    }
    (pc, UnwindRegsNative::new(pc, sp, bp))
}

/// Where this code is, and the registers that a walk begins with.
#[inline(always)]
#[cfg(target_arch = "aarch64")]
fn registers() -> (u64, UnwindRegsNative) {
    let (pc, lr, sp, fp): (u64, u64, u64, u64);
    // SAFETY: reads four registers; touches neither memory nor flags.
    unsafe {
        core::arch::asm!("adr {}, .", "mov {}, x30", "mov {}, sp", "mov {}, x29", out(reg) pc, out(reg) lr, out(reg) sp, out(reg) fp, options(nomem, nostack, preserves_flags));
    }
    (pc, UnwindRegsNative::new(lr, sp, fp))
}

/// Where the thread's stack lies; empty if the system does not tell.
fn stack_of_this_thread() -> Range<u64> {
    // SAFETY: `pthread_attr_t` is plain data, and `pthread_getattr_np` fills it in before it is read.
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &raw mut attributes) != 0 {
            return 0..0;
        }
        let (mut start, mut length): (*mut c_void, usize) = (std::ptr::null_mut(), 0);
        let told = libc::pthread_attr_getstack(&raw const attributes, &raw mut start, &raw mut length) == 0;
        libc::pthread_attr_destroy(&raw mut attributes);
        let start = start.expose_provenance() as u64;
        if told { start..start + length as u64 } else { 0..0 }
    }
}

/// The loaded program and libraries.
fn modules() -> Vec<Module<Vec<u8>>> {
    unsafe extern "C" fn take(object: *mut libc::dl_phdr_info, _size: usize, modules: *mut c_void) -> c_int {
        // SAFETY: the loader passes a valid object, and the pointer that is given to it below.
        let (object, modules) = unsafe { (&*object, &mut *modules.cast::<Vec<Module<Vec<u8>>>>()) };
        modules.extend(module(object));
        0
    }
    let mut modules = Vec::new();
    // SAFETY: `take` keeps to the contract, and `modules` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(take), (&raw mut modules).cast()) };
    modules
}

/// The unwinding rules of a loaded object, if it has an index of them.
fn module(object: &libc::dl_phdr_info) -> Option<Module<Vec<u8>>> {
    // SAFETY: the loader's own table, valid while it calls.
    let headers = unsafe { std::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum)) };
    let loaded = headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    let places = loaded.map(|header| header.p_vaddr..header.p_vaddr + header.p_memsz);
    let (start, end) =
        places.clone().fold((u64::MAX, 0), |(start, end), each| (start.min(each.start), end.max(each.end)));
    let index = headers.iter().find(|header| header.p_type == libc::PT_GNU_EH_FRAME)?;
    let index = index.p_vaddr..index.p_vaddr + index.p_memsz;
    let segment = |at: u64| places.clone().find(|place| place.contains(&at));
    // SAFETY: inside a segment that the loader has mapped readable, and keeps while it calls.
    let copy = |place: Range<u64>| unsafe {
        let at = std::ptr::with_exposed_provenance::<u8>((object.dlpi_addr + place.start) as usize);
        std::slice::from_raw_parts(at, (place.end - place.start) as usize).to_vec()
    };
    if segment(index.start)?.end < index.end {
        return None;
    }
    let index_bytes = copy(index.clone());
    let rules_start = rules_of(&index_bytes, index.start)?;
    let mut rules_bytes = copy(rules_start..segment(rules_start)?.end);
    rules_bytes.truncate(length_of_rules(&rules_bytes));
    rules_bytes.shrink_to_fit();
    let rules = rules_start..rules_start + rules_bytes.len() as u64;
    let sections = ExplicitModuleSectionInfo {
        eh_frame_hdr_svma: Some(index),
        eh_frame_hdr: Some(index_bytes),
        eh_frame_svma: Some(rules),
        eh_frame: Some(rules_bytes),
        ..Default::default()
    };
    let base = object.dlpi_addr;
    Some(Module::new(String::new(), base + start..base + end, base, sections))
}

/// Where the rules are that an index at `at` is for: `.eh_frame_hdr` names `.eh_frame`, in practice always relative to
/// itself in four bytes (`DW_EH_PE_pcrel | DW_EH_PE_sdata4`).
fn rules_of(index: &[u8], at: u64) -> Option<u64> {
    let [1, 0x1b, _, _, offset @ ..] = index else { return None };
    let offset = i32::from_le_bytes(*offset.first_chunk()?);
    (at + 4).checked_add_signed(i64::from(offset))
}

/// Bytes up to the terminator: entries each begin with their length.
fn length_of_rules(bytes: &[u8]) -> usize {
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
