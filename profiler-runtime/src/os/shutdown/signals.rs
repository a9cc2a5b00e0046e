//! Signals that end the process, passed on to a thread that can do something about it.
//!
//! ```text
//! handler ── byte ─► pipe ─► thread `profiler-signals`: act, then the signal's own action
//!    └─ a crash waits here ◄── byte ── pipe ◄── done
//! ```
//!
//! A handler may call next to nothing: it writes a byte, and after a crash it waits, bounded,
//! because the crashed instruction would run again. Signals that end a program are watched only
//! where nobody else handles them; if a handler that the program installs later calls ours, ours
//! does nothing. A second signal ends the process at once, unless it comes with the first: a
//! supervisor sends SIGHUP right after SIGTERM, and a terminal that closes sends SIGHUP twice.
//! Where the program has closed the pipes (daemons close all descriptors), a signal ends it as if
//! there were no thread. A child that was forked without `exec` has our handlers but not the
//! thread: it dies as it would have, unless it has a session of its own, and with it a thread. A
//! runtime that lives with faults (it has a handler of its own) gets its handler back with the
//! first one.
//!
//! A program and its plugins may each have a copy of this code. They know each other's handlers by
//! the signals that these block ([`SIGNATURE`]): a later copy puts its handler before the other's,
//! and passes the signal on to it.

use std::cell::{Cell, UnsafeCell};
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::ending::Ending;
#[cfg(all(target_os = "linux", not(miri)))]
use crate::os::mapping::fault;
use profiler_core::process::PerProcess;
use profiler_core::process::descriptors::Known;

const THREAD: &str = "profiler-signals";
/// Signals of a terminal, a supervisor, a closed connection and a limit on CPU time. SIGALRM is a
/// program's own.
const TERMINATIONS: [c_int; 5] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGXCPU];
const CRASHES: [c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT];
/// Signals that are blocked while one of our handlers runs: a combination that no other code
/// chooses.
#[cfg(target_os = "linux")]
const SIGNATURE: [c_int; 7] = [41, 43, 44, 48, 53, 55, 62];
#[cfg(not(target_os = "linux"))]
const SIGNATURE: [c_int; 5] = [libc::SIGURG, libc::SIGIO, libc::SIGWINCH, libc::SIGTTOU, libc::SIGVTALRM];
/// Number of signals that are compared with it.
const SIGNALS: c_int = if cfg!(target_os = "linux") { 64 } else { 31 };

/// Time after a first signal in which others belong to it.
const TOGETHER_MS: u64 = 500;

/// Write end of the pipe to the thread, and read end of the pipe from it.
static TO_THREAD: Known = Known::none();
static DONE: Known = Known::none();
/// The process that has the thread, and the one that has passed on a signal.
static PROCESS: AtomicU32 = AtomicU32::new(0);
static ENDING: AtomicU32 = AtomicU32::new(0);
/// Time of that signal, in milliseconds of the monotonic clock.
static SINCE: AtomicU64 = AtomicU64::new(0);
/// Lock for installing handlers.
static TURN: PerProcess<Mutex<()>> = PerProcess::new(|_| Mutex::default());
/// The action that each signal had before.
static BEFORE: [Before; SIGNALS as usize + 1] = [const { Before::unknown() }; SIGNALS as usize + 1];

thread_local! {
    /// True if this thread acts on a signal: it must not wait for itself.
    static ACTS: Cell<bool> = const { Cell::new(false) };
}

/// An action, written once and read in handlers.
struct Before {
    is_known: AtomicBool,
    action: UnsafeCell<MaybeUninit<libc::sigaction>>,
}

// SAFETY: written by the holder of `TURN` before `is_known` is set, and never again.
unsafe impl Sync for Before {}

impl Before {
    const fn unknown() -> Self {
        Self { is_known: AtomicBool::new(false), action: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// Keeps the first action; the caller holds `TURN`.
    fn note(&self, action: libc::sigaction) {
        if !self.is_known.load(Ordering::SeqCst) {
            // SAFETY: nobody reads it before it is known, and the lock lets nobody else write.
            unsafe { (*self.action.get()).write(action) };
            self.is_known.store(true, Ordering::SeqCst);
        }
    }

    fn get(&self) -> Option<libc::sigaction> {
        // SAFETY: written before it was known.
        self.is_known.load(Ordering::SeqCst).then(|| unsafe { (*self.action.get()).assume_init() })
    }
}

fn before(signal: c_int) -> &'static Before {
    // CAST: a signal's number.
    &BEFORE[signal as usize]
}

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// Calls `act` on a thread of its own before one of these signals ends the process.
pub(super) fn watch(endings: &[Ending], act: fn(Ending)) {
    let (terminations, crashes) = (endings.contains(&Ending::Signal), endings.contains(&Ending::Crash));
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if !(terminations || crashes) || !is_ready(act) {
        return;
    }
    if terminations {
        let is_free =
            |signal: &&c_int| current(**signal).is_some_and(|now| is_default(&now) || is_of_a_copy(**signal, &now));
        TERMINATIONS.iter().filter(is_free).for_each(|&signal| install(signal, on_termination));
    }
    if crashes {
        let is_new = |signal: &&c_int| before(**signal).get().is_none();
        CRASHES.iter().filter(is_new).for_each(|&signal| install(signal, on_crash));
    }
}

fn is_default(action: &libc::sigaction) -> bool {
    action.sa_sigaction == libc::SIG_DFL
}

/// Returns whether another copy of this code handles the signal, and does not know of this one.
fn is_of_a_copy(signal: c_int, action: &libc::sigaction) -> bool {
    before(signal).get().is_none() && is_signed(action)
}

/// Returns whether a copy of this code has installed the action.
fn is_signed(action: &libc::sigaction) -> bool {
    // SAFETY: the set comes from the system or from `install`.
    let blocks = |signal| unsafe { libc::sigismember(&raw const action.sa_mask, signal) } == 1;
    action.sa_flags & libc::SA_SIGINFO != 0 && (1..=SIGNALS).all(|signal| blocks(signal) == SIGNATURE.contains(&signal))
}

/// Creates the pipes and the thread, once in a process; false if the system gives none.
fn is_ready(act: fn(Ending)) -> bool {
    // ORDERING: under the lock.
    if PROCESS.load(Ordering::Relaxed) == std::process::id() && TO_THREAD.get().is_some() {
        return true;
    }
    let (Some([wakes, to_thread]), Some([done, finished])) = (pipe(), pipe()) else { return false };
    let (of_thread, finished) = (Known::of(wakes), Known::of(finished));
    let work = move || {
        ACTS.set(true);
        while let Some(signal) = read(&of_thread) {
            let is_crash = CRASHES.contains(&signal);
            act(if is_crash { Ending::Crash } else { Ending::Signal });
            if is_crash {
                write(&finished, 0);
            } else {
                pass_on(signal);
            }
        }
        // The program has closed the pipe: the next session makes another.
        if TO_THREAD.get().is_none() {
            PROCESS.store(0, Ordering::SeqCst);
        }
    };
    if without_signals(|| std::thread::Builder::new().name(THREAD.to_owned()).spawn(work)).is_err() {
        return false;
    }
    // ORDERING: a handler runs after it was installed, which is after this on this thread.
    TO_THREAD.set(to_thread);
    DONE.set(done);
    PROCESS.store(std::process::id(), Ordering::SeqCst);
    true
}

/// Starts a thread that no signal reaches, from its very beginning: the system gives a signal that
/// is sent to the process to any thread, and one that has to act then, or is waited for, would wait
/// for itself. Also for work on this thread that may meet a limit on the size of files: that is an
/// error to the work, and no signal afterwards.
pub(super) fn without_signals<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: the sets are valid when they are used: `sigfillset` and `pthread_sigmask` write them.
    // A new thread begins with the mask of the one that starts it.
    unsafe {
        let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&raw mut all);
        // A fault ends a thread that blocks its signal, also where it could be survived.
        libc::sigdelset(&raw mut all, libc::SIGBUS);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let was_pending = is_pending(libc::SIGXFSZ);
        let done = work();
        if !was_pending && is_pending(libc::SIGXFSZ) {
            take(libc::SIGXFSZ);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
        done
    }
}

/// Returns whether a signal is pending.
fn is_pending(signal: c_int) -> bool {
    // SAFETY: `sigpending` writes the set.
    unsafe {
        let mut waiting = std::mem::zeroed();
        libc::sigpending(&raw mut waiting) == 0 && libc::sigismember(&raw const waiting, signal) == 1
    }
}

/// Takes a signal that is pending and blocked.
fn take(signal: c_int) {
    // SAFETY: the set is initialised by `sigemptyset`; the signal's number is written to a local.
    unsafe {
        let (mut set, mut taken) = (std::mem::zeroed(), 0);
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::sigwait(&raw const set, &raw mut taken);
    }
}

extern "C" fn on_termination(signal: c_int, _: *mut libc::siginfo_t, _: *mut c_void) {
    let ours = on_termination as Handler as libc::sighandler_t;
    if current(signal).is_none_or(|now| now.sa_sigaction != ours) {
        return;
    }
    // The limit on CPU time sends its signal every second: the thread is at work already.
    let is_told = is_ours()
        && if is_first() {
            SINCE.store(now_ms(), Ordering::SeqCst);
            // CAST: a signal's number.
            write(&TO_THREAD, signal as u8)
        } else {
            signal == libc::SIGXCPU || is_together()
        };
    if !is_told {
        end_by(signal);
    }
}

/// Returns whether the first signal has only just come; its time may not be noted yet.
fn is_together() -> bool {
    let since = SINCE.load(Ordering::SeqCst);
    since == 0 || now_ms().saturating_sub(since) < TOGETHER_MS
}

/// Returns the monotonic clock's milliseconds. May be called in a handler.
fn now_ms() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills in a structure of ours.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    // CAST: since the machine was started.
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

extern "C" fn on_crash(signal: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    #[cfg(all(target_os = "linux", not(miri)))]
    if signal == libc::SIGBUS && fault::absorb(info) {
        return;
    }
    // CAST: a signal's number.
    if is_ours() && !ACTS.get() && is_first() && write(&TO_THREAD, signal as u8) {
        wait_for(&DONE);
    }
    // SAFETY: the kernel passes a valid siginfo to a handler with SA_SIGINFO.
    let was_sent = unsafe { (*info).si_code } <= 0;
    restore(signal);
    ENDING.store(0, Ordering::SeqCst);
    if was_sent {
        // A fault comes again by itself when its instruction runs again; a signal that was sent
        // does not. SAFETY: `raise` may be called in a handler.
        unsafe { libc::raise(signal) };
    }
}

/// Returns whether this is the process that has the thread, and not a fork of it.
fn is_ours() -> bool {
    PROCESS.load(Ordering::SeqCst) == std::process::id()
}

/// Returns whether no signal was passed on in this process yet.
fn is_first() -> bool {
    let id = std::process::id();
    ENDING.swap(id, Ordering::SeqCst) != id
}

/// Restores the action that a signal had before us.
fn restore(signal: c_int) {
    match before(signal).get() {
        // SAFETY: the action was read from the system for this signal.
        Some(action) => unsafe {
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        },
        None => set_default(signal),
    }
}

/// Ends the process by a signal that was acted on, or lets another copy of this code act on it
/// first.
fn pass_on(signal: c_int) {
    if before(signal).get().is_some_and(|action| is_signed(&action)) {
        restore(signal);
        send(signal);
    } else {
        end_by(signal);
    }
}

/// Takes the signal's default action: the process ends with the signal as its status.
fn end_by(signal: c_int) {
    set_default(signal);
    send(signal);
}

/// Sends a signal to this process.
fn send(signal: c_int) {
    // SAFETY: plain system calls that may be made in a handler; the set is initialised by
    // `sigemptyset`. The signal is sent to the process, because the thread that runs this may block
    // it.
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

/// Returns the signal's action.
fn current(signal: c_int) -> Option<libc::sigaction> {
    // SAFETY: asks only; the action is initialised by the call that succeeds.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0).then_some(action)
    }
}

/// Makes `handler` the signal's, and notes the action before it. On the thread's alternate stack,
/// if it has one: a stack may be what has run out.
fn install(signal: c_int, handler: Handler) {
    // A signal that comes at once finds it.
    let Some(now) = current(signal) else { return };
    before(signal).note(now);
    // SAFETY: the handler has the signature that SA_SIGINFO asks for, and calls only what a handler
    // may call.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigemptyset(&raw mut action.sa_mask);
        for blocked in SIGNATURE {
            libc::sigaddset(&raw mut action.sa_mask, blocked);
        }
        libc::sigaction(signal, &raw const action, std::ptr::null_mut());
    }
}

/// Returns the read end and the write end of a new pipe; not inherited by programs that this one
/// starts.
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

/// Writes a byte; false if the pipe is not there any more, or broken.
fn write(pipe: &Known, byte: u8) -> bool {
    // SAFETY: one byte from a place that lives; `write` may be called in a handler.
    pipe.get().is_some_and(|pipe| unsafe { libc::write(pipe, (&raw const byte).cast(), 1) } == 1)
}

/// Returns the next signal from the pipe; `None` if the pipe is broken.
fn read(pipe: &Known) -> Option<c_int> {
    loop {
        let (pipe, mut byte) = (pipe.get()?, 0_u8);
        // SAFETY: room for one byte.
        match unsafe { libc::read(pipe, (&raw mut byte).cast(), 1) } {
            1 => return Some(c_int::from(byte)),
            _ if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            _ => return None,
        }
    }
}

/// Waits until the thread has acted, no longer than a crash may be delayed.
fn wait_for(pipe: &Known) {
    let Some(pipe) = pipe.get() else { return };
    let most = Ending::Crash.patience().as_millis() as c_int;
    let mut poll = libc::pollfd { fd: pipe, events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid entry; `poll` may be called in a handler.
    unsafe { libc::poll(&raw mut poll, 1, most) };
}
