//! Signals that end the process, passed on to a thread that can do something about it.
//!
//! ```text
//! handler ── byte ─► pipe ─► thread `profiler-signals`: act, then the signal's own action
//!    └─ a crash waits here ◄── byte ── pipe ◄── done
//! ```
//!
//! A handler may call next to nothing: it writes a byte, and after a crash it waits, bounded, because the crashed
//! instruction would run again. SIGTERM and SIGINT are watched only where nobody else handles them; if a handler that the
//! program installs later calls ours, ours does nothing. A second signal ends the process at once. A child that was
//! forked without `exec` has our handlers but not the thread: it dies as it would have. A runtime that lives with faults
//! (it has a handler of its own) gets its handler back with the first one.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Ending;
#[cfg(all(target_os = "linux", not(miri)))]
use crate::record::spool::fault;

const THREAD: &str = "profiler-signals";
const TERMINATIONS: [c_int; 2] = [libc::SIGTERM, libc::SIGINT];
const CRASHES: [c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT];

/// Write end of the pipe to the thread, and read end of the pipe from it; -1 before there are any.
static TO_THREAD: AtomicI32 = AtomicI32::new(-1);
static DONE: AtomicI32 = AtomicI32::new(-1);
/// Whose handlers these are.
static PROCESS: AtomicU32 = AtomicU32::new(0);
/// A signal has been passed on.
static ENDING: AtomicBool = AtomicBool::new(false);
/// What each of [`CRASHES`] did before.
static BEFORE: Mutex<[Option<libc::sigaction>; CRASHES.len()]> = Mutex::new([None; CRASHES.len()]);

thread_local! {
    /// This thread acts on a signal: it must not wait for itself.
    static ACTS: Cell<bool> = const { Cell::new(false) };
}

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// Calls `act` on a thread of its own before one of these signals ends the process.
pub(super) fn watch(endings: &[Ending], act: fn(Ending)) {
    let (terminations, crashes) = (endings.contains(&Ending::Signal), endings.contains(&Ending::Crash));
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    if !(terminations || crashes) || !is_ready(act) {
        return;
    }
    if terminations {
        TERMINATIONS.iter().filter(|&&signal| current(signal) == Some(libc::SIG_DFL)).for_each(|&signal| {
            install(signal, on_termination);
        });
    }
    if crashes {
        for (signal, before) in CRASHES.iter().zip(before.iter_mut()) {
            if before.is_none() {
                *before = install(*signal, on_crash);
            }
        }
    }
}

/// Makes the pipes and the thread, once in a process; false if the system gives none.
fn is_ready(act: fn(Ending)) -> bool {
    // ORDERING: under the lock of `BEFORE`.
    if PROCESS.load(Ordering::Relaxed) == std::process::id() {
        return true;
    }
    let (Some([wakes, to_thread]), Some([done, finished])) = (pipe(), pipe()) else { return false };
    let work = move || {
        ACTS.set(true);
        while let Some(signal) = read(wakes) {
            let is_crash = CRASHES.contains(&signal);
            act(if is_crash { Ending::Crash } else { Ending::Signal });
            if is_crash { write(finished, 0) } else { end_by(signal) }
        }
    };
    if without_signals(|| std::thread::Builder::new().name(THREAD.to_owned()).spawn(work)).is_err() {
        return false;
    }
    // ORDERING: a handler runs after it was installed, which is after this on this thread.
    TO_THREAD.store(to_thread, Ordering::SeqCst);
    DONE.store(done, Ordering::SeqCst);
    PROCESS.store(std::process::id(), Ordering::SeqCst);
    true
}

/// Starts a thread that no signal reaches, from its very beginning: the system gives a signal that is sent to the process
/// to any thread, and one that has to act then, or is waited for, would wait for itself.
pub(super) fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    // SAFETY: both sets are valid when they are used: `sigfillset` and `pthread_sigmask` write them. A new thread begins
    // with the mask of the one that starts it.
    unsafe {
        let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&raw mut all);
        // A fault ends a thread that blocks its signal, also where it could be survived.
        libc::sigdelset(&raw mut all, libc::SIGBUS);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let started = start();
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
        started
    }
}

extern "C" fn on_termination(signal: c_int, _: *mut libc::siginfo_t, _: *mut c_void) {
    if current(signal) != Some(on_termination as Handler as libc::sighandler_t) {
        return;
    }
    if !is_ours() || ENDING.swap(true, Ordering::SeqCst) {
        return end_by(signal);
    }
    write(TO_THREAD.load(Ordering::SeqCst), signal as u8);
}

extern "C" fn on_crash(signal: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    #[cfg(all(target_os = "linux", not(miri)))]
    if signal == libc::SIGBUS && fault::absorb(info) {
        return;
    }
    if is_ours() && !ACTS.get() && !ENDING.swap(true, Ordering::SeqCst) {
        write(TO_THREAD.load(Ordering::SeqCst), signal as u8);
        wait_for(DONE.load(Ordering::SeqCst));
    }
    // SAFETY: the kernel passes a valid siginfo to a handler with SA_SIGINFO.
    let was_sent = unsafe { (*info).si_code } <= 0;
    restore(signal);
    ENDING.store(false, Ordering::SeqCst);
    if was_sent {
        // A fault comes again by itself when its instruction runs again; a signal that was sent does not.
        // SAFETY: `raise` may be called in a handler.
        unsafe { libc::raise(signal) };
    }
}

/// Whether this is the process that has the thread, and not a fork of it.
fn is_ours() -> bool {
    // SAFETY: `getpid` has no arguments and cannot fail.
    PROCESS.load(Ordering::SeqCst) == unsafe { libc::getpid() }.cast_unsigned()
}

/// What a crash's signal did before us does it again. Without a lock: `watch` never changes an entry once it is there.
fn restore(signal: c_int) {
    let index = CRASHES.iter().position(|&crash| crash == signal);
    let before = BEFORE.try_lock().ok().and_then(|before| before[index?]);
    match before {
        // SAFETY: the action was read from the system for this signal.
        Some(action) => unsafe {
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        },
        None => set_default(signal),
    }
}

/// The signal's default action: the process ends with the signal as its status.
fn end_by(signal: c_int) {
    set_default(signal);
    // SAFETY: plain system calls that may be made in a handler; the set is initialised by `sigemptyset`. The signal is
    // sent to the process, because the thread that runs this may block it.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
        libc::kill(libc::getpid(), signal);
    }
}

fn set_default(signal: c_int) {
    // SAFETY: all zero is a valid action; SIG_DFL needs nothing else.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = libc::SIG_DFL;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut());
    }
}

/// Who handles the signal now.
fn current(signal: c_int) -> Option<libc::sighandler_t> {
    // SAFETY: asks only; the action is initialised by the call that succeeds.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0).then_some(action.sa_sigaction)
    }
}

/// Makes `handler` the signal's; what it was before. On the thread's alternate stack, if it has one: a stack may be what
/// has run out.
fn install(signal: c_int, handler: Handler) -> Option<libc::sigaction> {
    // SAFETY: the handler has the signature that SA_SIGINFO asks for, and calls only what a handler may call.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigemptyset(&raw mut action.sa_mask);
        let mut before: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(signal, &raw const action, &raw mut before) == 0).then_some(before)
    }
}

/// Read end and write end of a new pipe; not inherited by programs that this one starts.
fn pipe() -> Option<[c_int; 2]> {
    let mut ends = [-1; 2];
    // SAFETY: the array has room for both descriptors; they are open when it returns 0.
    unsafe {
        if libc::pipe(ends.as_mut_ptr()) != 0 {
            return None;
        }
        for end in ends {
            libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC);
        }
    }
    Some(ends)
}

fn write(pipe: c_int, byte: u8) {
    // SAFETY: one byte from a place that lives; `write` may be called in a handler.
    unsafe { libc::write(pipe, (&raw const byte).cast(), 1) };
}

/// The next signal from the pipe; `None` if the pipe is broken.
fn read(pipe: c_int) -> Option<c_int> {
    loop {
        let mut byte = 0_u8;
        // SAFETY: room for one byte.
        match unsafe { libc::read(pipe, (&raw mut byte).cast(), 1) } {
            1 => return Some(c_int::from(byte)),
            _ if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            _ => return None,
        }
    }
}

/// Waits until the thread has acted, no longer than a crash may be delayed.
fn wait_for(pipe: c_int) {
    let most = Ending::Crash.patience().as_millis() as c_int;
    let mut poll = libc::pollfd { fd: pipe, events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid entry; `poll` may be called in a handler.
    unsafe { libc::poll(&raw mut poll, 1, most) };
}
