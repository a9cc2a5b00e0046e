//! Stores into a mapped file that fail: the disk is full although its blocks were promised (file
//! systems that copy on write), or somebody has cut the file off.
//!
//! The kernel sends SIGBUS to the thread that stores, which would end the host. Within a spool, a
//! page of zeros takes the place of the one that failed, and the store is done again; the spool is
//! over then. Anywhere else the signal goes to the handler from before.
//! [`shutdown`](crate::os::shutdown), which takes it for a crash, asks [`absorb`] first.

use std::ffi::{c_int, c_void};
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};

/// Most mappings that live at once: each session has one, and each recovery.
const MOST: usize = 64;
/// Size of a page: the system's once it is known, until then one that divides every page.
static PAGE: AtomicUsize = AtomicUsize::new(4096);
static GUARDED: [Place; MOST] = [const { Place::free() }; MOST];
/// Action of the signal before ours; null for none.
static BEFORE: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());

/// A mapping in which faults are survived.
struct Place {
    /// First address; 0 where there is none.
    start: AtomicUsize,
    end: AtomicUsize,
    /// Pages that have failed.
    pages: AtomicUsize,
}

impl Place {
    const fn free() -> Self {
        Self { start: AtomicUsize::new(0), end: AtomicUsize::new(0), pages: AtomicUsize::new(0) }
    }

    fn holds(&self, address: usize) -> bool {
        let start = self.start.load(Ordering::SeqCst);
        start != 0 && (start..self.end.load(Ordering::SeqCst)).contains(&address)
    }
}

/// The guard of a mapping, until [`end`](Self::end).
pub(super) struct Guard(&'static Place);

impl Guard {
    /// Guards a mapping.
    ///
    /// # Errors
    ///
    /// Fails if too many are guarded.
    pub(super) fn over(start: usize, bytes: usize) -> io::Result<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        static HANDLER: Once = Once::new();
        HANDLER.call_once(install);
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let free = GUARDED.iter().find(|place| place.start.load(Ordering::SeqCst) == 0);
        let place =
            free.ok_or_else(|| io::Error::other(format!("{MOST} spools are open: wait for one to be written")))?;
        place.pages.store(0, Ordering::SeqCst);
        place.end.store(start + bytes, Ordering::SeqCst);
        place.start.store(start, Ordering::SeqCst);
        Ok(Self(place))
    }

    /// Ends the guard, before the mapping goes.
    pub(super) fn end(&self) {
        self.0.start.store(0, Ordering::SeqCst);
    }

    /// Returns how many pages have failed.
    pub(super) fn failed_pages(&self) -> usize {
        self.0.pages.load(Ordering::SeqCst)
    }
}

/// Puts a page of zeros where a store into a spool has failed; false if it failed elsewhere.
/// Handlers may call it.
pub(in crate::os) fn absorb(info: *mut libc::siginfo_t) -> bool {
    // SAFETY: the kernel passes a valid structure, which has an address where a fault has one.
    let (is_fault, address) = unsafe { ((*info).si_code > 0, (*info).si_addr() as usize) };
    let Some(place) = GUARDED.iter().find(|place| is_fault && place.holds(address)) else { return false };
    let page = PAGE.load(Ordering::SeqCst);
    let at = ptr::without_provenance_mut::<c_void>(address & !(page - 1));
    let (access, kind) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED);
    // SAFETY: the page is one of a mapping of ours, whose contents are gone. The call is a mere
    // system call, and the number of the last error is the thread's own.
    unsafe {
        let error = *libc::__errno_location();
        let mapped = libc::mmap(at, page, access, kind, -1, 0);
        *libc::__errno_location() = error;
        if mapped == libc::MAP_FAILED {
            return false;
        }
    }
    place.pages.fetch_add(1, Ordering::SeqCst);
    true
}

/// Installs our handler of the signal, before the present one.
fn install() {
    // SAFETY: every structure is written before it is read, and the one that stays is never freed;
    // the handler has the signature that SA_SIGINFO asks for, and calls only what a handler may
    // call.
    unsafe {
        if let Ok(page) = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)) {
            PAGE.store(page, Ordering::SeqCst);
        }
        let mut before: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGBUS, ptr::null(), &raw mut before) != 0 {
            return;
        }
        BEFORE.store(Box::leak(Box::new(before)), Ordering::SeqCst);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_fault as Handler as libc::sighandler_t;
        // The flags of the former handler apply when it is called.
        action.sa_flags =
            libc::SA_SIGINFO | libc::SA_ONSTACK | (before.sa_flags & (libc::SA_NODEFER | libc::SA_RESTART));
        action.sa_mask = before.sa_mask;
        libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut());
    }
}

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    if absorb(info) {
        return;
    }
    // SAFETY: null, or what `install` left.
    let before = unsafe { BEFORE.load(Ordering::SeqCst).as_ref() };
    let action = before.map_or(libc::SIG_DFL, |before| before.sa_sigaction);
    let takes_info = before.is_some_and(|before| before.sa_flags & libc::SA_SIGINFO != 0);
    // SAFETY: the kernel passes a valid structure; the former handler has the signature that its
    // flags tell. Without one, the fault comes again and the system does what it does.
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
