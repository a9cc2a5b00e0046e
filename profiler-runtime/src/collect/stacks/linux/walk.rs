//! Walks a stack quickly, from return address to return address, by unwinding rules that each
//! thread caches.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::code::{Rule, Rules, Step};
use profiler_core::process::PerProcess;

static RULES: PerProcess<Mutex<Option<Arc<Rules>>>> = PerProcess::new(|_| Mutex::default());
/// Number that changes whenever [`RULES`] changes, so that a walk need not take the lock.
static GENERATION: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static WALKER: RefCell<Option<Walker>> = const { RefCell::new(None) };
    /// Begin and end of the thread's stack; `None` before the first walk.
    static STACK: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
}

/// Stack space in bytes that a walk may need. A thread's first walk, which reads rules, needs most.
const NEEDED: u64 = 64 << 10;

/// Returns whether the rest of the thread's stack suffices for a walk. The bounds of a coroutine's
/// own stack are unknown; it is assumed to suffice.
pub(in crate::collect::stacks) fn fits() -> bool {
    let at = Registers::current().stack;
    let (start, end) = bounds();
    !(start..end).contains(&at) || at - start >= NEEDED
}

fn bounds() -> (u64, u64) {
    if let Some(known) = STACK.get() {
        return known;
    }
    let Range { start, end } = stack_of_this_thread();
    STACK.set(Some((start, end)));
    (start, end)
}

/// A thread's state for walking.
struct Walker {
    generation: u64,
    rules: Option<Arc<Rules>>,
    cache: RuleCache,
    stack: Range<u64>,
}

const SETS: usize = 256;
const UNKNOWN: (u64, Step) = (0, Step::Unknown);

/// A cache of rules by address: 256 sets of four, the latest first. 40 KiB.
struct RuleCache(Vec<[(u64, Step); 4]>);

/// The registers that a walk needs.
#[derive(Clone, Copy)]
struct Registers {
    /// Address in the function.
    inside: u64,
    stack: u64,
    frame: u64,
    /// Return address in the link register. 0 on x86-64 and after the innermost function.
    link: u64,
}

/// Copies the rules of all loaded code.
pub(in crate::collect::stacks) fn load() {
    replace(Some(Arc::new(Rules::copy_loaded())));
}

/// Frees the rules. A thread keeps its own reference to them until it walks again or ends.
pub(in crate::collect::stacks) fn unload() {
    replace(None);
}

fn replace(rules: Option<Arc<Rules>>) {
    let old = std::mem::replace(&mut *RULES.lock().unwrap_or_else(PoisonError::into_inner), rules);
    // ORDERING: a thread that sees the change late uses the old rules.
    GENERATION.fetch_add(1, Ordering::Relaxed);
    drop(old);
}

/// Stores return addresses and returns their number. Returns `None` if the fast walk is not
/// possible, and 0 if memory is short at a thread's first walk.
#[inline(never)]
pub(in crate::collect::stacks) fn walk(addresses: &mut [u64]) -> Option<usize> {
    let registers = Registers::current();
    // Fails while the thread ends, and inside a walk, whose first allocations may themselves be
    // recorded.
    let result = WALKER.try_with(|walker| {
        let mut walker = walker.try_borrow_mut().ok()?;
        if walker.is_none() {
            *walker = Walker::new();
        }
        let Some(walker) = walker.as_mut() else { return Some(0) };
        walker.refresh();
        walker.walk(registers, addresses)
    });
    result.ok().flatten()
}

impl Walker {
    #[cold]
    fn new() -> Option<Self> {
        let (start, end) = bounds();
        Some(Self { generation: 0, rules: None, cache: RuleCache::new()?, stack: start..end })
    }

    #[inline]
    fn refresh(&mut self) {
        // ORDERING: see `replace`.
        let generation = GENERATION.load(Ordering::Relaxed);
        if self.generation != generation {
            self.generation = generation;
            self.rules = RULES.lock().unwrap_or_else(PoisonError::into_inner).clone();
            self.cache.clear();
        }
    }

    fn walk(&mut self, mut at: Registers, addresses: &mut [u64]) -> Option<usize> {
        let rules = self.rules.as_deref()?;
        let readable = at.stack..self.stack.end;
        if !self.stack.contains(&readable.start) {
            return None;
        }
        let read = |address: u64| {
            let inside = readable.contains(&address) && address.is_multiple_of(8) && readable.end - address >= 8;
            // SAFETY: an aligned word between this thread's stack pointer and the end of its stack:
            // mapped, and written by no other thread.
            inside.then(|| unsafe { std::ptr::with_exposed_provenance::<u64>(address as usize).read_volatile() })
        };
        let mut count = 0;
        while count < addresses.len() {
            let rule = match self.cache.get(at.inside, || rules.step(at.inside)) {
                Step::Caller(rule) => rule,
                Step::End => break,
                Step::Unknown => return None,
            };
            let Some((caller, return_address)) = at.caller(rule, read) else { break };
            at = caller;
            addresses[count] = return_address;
            count += 1;
        }
        Some(count)
    }
}

impl RuleCache {
    /// Creates an empty cache; returns `None` if memory is short.
    fn new() -> Option<Self> {
        let mut sets = Vec::new();
        sets.try_reserve_exact(SETS).ok()?;
        sets.resize(SETS, [UNKNOWN; 4]);
        Some(Self(sets))
    }

    fn clear(&mut self) {
        self.0.fill([UNKNOWN; 4]);
    }

    #[inline]
    fn get(&mut self, address: u64, find: impl FnOnce() -> Step) -> Step {
        // CAST: eight bits.
        let set = &mut self.0[(address.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as usize];
        match set.iter().find(|(known, _)| *known == address) {
            Some((_, step)) => *step,
            None => Self::add(set, address, find()),
        }
    }

    #[cold]
    fn add(set: &mut [(u64, Step); 4], address: u64, step: Step) -> Step {
        set.rotate_right(1);
        set[0] = (address, step);
        step
    }
}

impl Registers {
    /// Returns the caller's registers and the return address; `None` at the end of the stack.
    #[inline]
    fn caller(self, rule: Rule, read: impl Fn(u64) -> Option<u64>) -> Option<(Self, u64)> {
        let base = if rule.by_frame { self.frame } else { self.stack };
        let stack = base.wrapping_add_signed(i64::from(rule.offset));
        let saved = |offset: i32| read(stack.wrapping_add_signed(i64::from(offset)));
        let address = without_signature(rule.return_at.map_or(Some(self.link), saved)?);
        let frame = rule.frame_at.map_or(Some(self.frame), saved)?;
        // Only the innermost function can have its return address in the link register.
        let goes_on = address != 0 && stack >= self.stack && (rule.return_at.is_some() || self.link != 0);
        // `inside` must lie in the call itself: the return address may belong to the next function.
        goes_on.then_some((Self { inside: address - 1, stack, frame, link: 0 }, address))
    }

    /// Reads the registers of the calling function.
    #[inline(always)]
    #[cfg(target_arch = "x86_64")]
    fn current() -> Self {
        let (inside, stack, frame): (u64, u64, u64);
        // SAFETY: reads three registers; affects neither memory nor flags.
        unsafe {
            core::arch::asm!(
                "lea {}, [rip]", "mov {}, rsp", "mov {}, rbp",
                out(reg) inside, out(reg) stack, out(reg) frame,
                options(nomem, nostack, preserves_flags),
            );
        }
        Self { inside, stack, frame, link: 0 }
    }

    /// Reads the registers of the calling function.
    #[inline(always)]
    #[cfg(target_arch = "aarch64")]
    fn current() -> Self {
        let (inside, stack, frame, link): (u64, u64, u64, u64);
        // SAFETY: reads four registers; affects neither memory nor flags.
        unsafe {
            core::arch::asm!(
                "adr {}, .", "mov {}, sp", "mov {}, x29", "mov {}, x30",
                out(reg) inside, out(reg) stack, out(reg) frame, out(reg) link,
                options(nomem, nostack, preserves_flags),
            );
        }
        Self { inside, stack, frame, link }
    }
}

/// Strips the pointer authentication code that AArch64 may put into an address's upper bits.
const fn without_signature(address: u64) -> u64 {
    if cfg!(target_arch = "aarch64") { address & ((1 << 48) - 1) } else { address }
}

/// Returns the addresses of the thread's stack; empty if the system does not report them.
fn stack_of_this_thread() -> Range<u64> {
    // SAFETY: `pthread_attr_t` is plain data that `pthread_getattr_np` initializes before it is
    // read.
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &raw mut attributes) != 0 {
            return 0..0;
        }
        let (mut start, mut length): (*mut c_void, usize) = (std::ptr::null_mut(), 0);
        let is_known = libc::pthread_attr_getstack(&raw const attributes, &raw mut start, &raw mut length) == 0;
        libc::pthread_attr_destroy(&raw mut attributes);
        let start = start.expose_provenance() as u64;
        if is_known { start..start + length as u64 } else { 0..0 }
    }
}
