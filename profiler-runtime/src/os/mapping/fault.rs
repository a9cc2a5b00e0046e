//! Survives SIGBUS on stores into a mapped spool.
//!
//! Such a store fails when the disk is full even though its blocks were allocated (copy-on-write
//! file systems), or when another program has truncated the file. The kernel then sends SIGBUS to
//! the storing thread, which would kill the host. If the address lies in a guarded mapping, the
//! handler maps a page of zeros over the failed page and the store is retried; the spool takes no
//! more chunks after that. Any other SIGBUS goes to the previously installed handler.
//! [`shutdown`](crate::os::shutdown), which treats SIGBUS as a crash, calls [`absorb`] first.

use std::ffi::{c_int, c_void};
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};

/// Maximum number of mappings at a time: each session and each recovery has one.
const MAX_MAPPINGS: usize = 64;
/// Page size: the system's once `install` has run, before that a divisor of every page size.
static PAGE: AtomicUsize = AtomicUsize::new(4096);
static GUARDED: [GuardedRange; MAX_MAPPINGS] = [const { GuardedRange::unused() }; MAX_MAPPINGS];
/// Action of SIGBUS before ours was installed; null if there was none.
static PREVIOUS: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());

/// The address range of a mapping in which faults are survived.
struct GuardedRange {
    /// First address; 0 if the slot is unused.
    start: AtomicUsize,
    end: AtomicUsize,
    /// Number of pages that were replaced by zeros.
    pages: AtomicUsize,
}

impl GuardedRange {
    const fn unused() -> Self {
        Self { start: AtomicUsize::new(0), end: AtomicUsize::new(0), pages: AtomicUsize::new(0) }
    }

    fn contains(&self, address: usize) -> bool {
        let start = self.start.load(Ordering::SeqCst);
        start != 0 && (start..self.end.load(Ordering::SeqCst)).contains(&address)
    }
}

/// Guard of a mapping, active until [`end`](Self::end).
pub(super) struct Guard(&'static GuardedRange);

impl Guard {
    /// Guards the `bytes` from address `start` on.
    ///
    /// # Errors
    ///
    /// Returns an error if [`MAX_MAPPINGS`] mappings are guarded already.
    pub(super) fn new(start: usize, bytes: usize) -> io::Result<Self> {
        static LOCK: Mutex<()> = Mutex::new(());
        static HANDLER: Once = Once::new();
        HANDLER.call_once(install);
        let _lock = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = GUARDED.iter().find(|range| range.start.load(Ordering::SeqCst) == 0);
        let range = unused
            .ok_or_else(|| io::Error::other(format!("{MAX_MAPPINGS} spools are open: wait for one to be written")))?;
        range.pages.store(0, Ordering::SeqCst);
        range.end.store(start + bytes, Ordering::SeqCst);
        range.start.store(start, Ordering::SeqCst);
        Ok(Self(range))
    }

    /// Ends the guard. Called before the range is unmapped.
    pub(super) fn end(&self) {
        self.0.start.store(0, Ordering::SeqCst);
    }

    /// Returns the number of pages that were replaced by zeros.
    pub(super) fn failed_pages(&self) -> usize {
        self.0.pages.load(Ordering::SeqCst)
    }
}

/// Maps a page of zeros where a store into a guarded mapping has failed; returns false if the fault
/// lies elsewhere. Async-signal-safe.
pub(in crate::os) fn absorb(info: *mut libc::siginfo_t) -> bool {
    // SAFETY: the kernel passes a valid structure; a fault has its address in `si_addr`.
    let (is_fault, address) = unsafe { ((*info).si_code > 0, (*info).si_addr() as usize) };
    let Some(range) = GUARDED.iter().find(|range| is_fault && range.contains(address)) else { return false };
    let page = PAGE.load(Ordering::SeqCst);
    let at = ptr::without_provenance_mut::<c_void>(address & !(page - 1));
    let (access, kind) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED);
    // SAFETY: the page belongs to a mapping of ours, and its contents are lost already. `mmap` is a
    // plain system call, and `errno` belongs to this thread.
    unsafe {
        let error = *libc::__errno_location();
        let mapped = libc::mmap(at, page, access, kind, -1, 0);
        *libc::__errno_location() = error;
        if mapped == libc::MAP_FAILED {
            return false;
        }
    }
    range.pages.fetch_add(1, Ordering::SeqCst);
    true
}

/// Installs our SIGBUS handler in front of the present one.
fn install() {
    // SAFETY: every structure is written before it is read, and the leaked one is never freed; the
    // handler has the signature that SA_SIGINFO requires and calls only async-signal-safe
    // functions.
    unsafe {
        if let Ok(page) = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)) {
            PAGE.store(page, Ordering::SeqCst);
        }
        let mut previous: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGBUS, ptr::null(), &raw mut previous) != 0 {
            return;
        }
        PREVIOUS.store(Box::leak(Box::new(previous)), Ordering::SeqCst);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_fault as Handler as libc::sighandler_t;
        // The previous handler may be called from ours, so its flags and mask have to apply.
        action.sa_flags =
            libc::SA_SIGINFO | libc::SA_ONSTACK | (previous.sa_flags & (libc::SA_NODEFER | libc::SA_RESTART));
        action.sa_mask = previous.sa_mask;
        libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut());
    }
}

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    if absorb(info) {
        return;
    }
    // SAFETY: null, or the action that `install` leaked.
    let previous = unsafe { PREVIOUS.load(Ordering::SeqCst).as_ref() };
    let action = previous.map_or(libc::SIG_DFL, |previous| previous.sa_sigaction);
    let takes_info = previous.is_some_and(|previous| previous.sa_flags & libc::SA_SIGINFO != 0);
    // SAFETY: the kernel passes a valid structure; the previous handler has the signature that its
    // flags declare. Without a handler, the default action is restored, and the faulting
    // instruction raises the signal again.
    unsafe {
        let was_sent = (*info).si_code <= 0;
        match action {
            libc::SIG_IGN if was_sent => {}
            libc::SIG_DFL | libc::SIG_IGN => {
                let mut default: libc::sigaction = std::mem::zeroed();
                default.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &raw const default, ptr::null_mut());
                if was_sent {
                    libc::raise(signal);
                }
            }
            handler if takes_info => std::mem::transmute::<usize, Handler>(handler)(signal, info, context),
            handler => std::mem::transmute::<usize, extern "C" fn(c_int)>(handler)(signal),
        }
    }
}
