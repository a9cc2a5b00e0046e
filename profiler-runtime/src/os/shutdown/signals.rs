//! Catches signals that end the process and hands them to a thread that can act on them.
//!
//! ```text
//! handler ── byte ─► pipe ─► thread `profiler-signals`: act, then the signal's own action
//!    └─ a crash waits here ◄── byte ── pipe ◄── done
//! ```
//!
//! A signal handler may call almost nothing. Ours writes a byte to a pipe; after a crash it also
//! waits, with a timeout, because returning would run the crashed instruction again.
//!
//! - Terminating signals are watched only if the program does not handle them. If the program later
//!   installs a handler that calls ours, ours does nothing.
//! - A second terminating signal ends the process at once, unless it belongs to the first:
//!   supervisors send SIGHUP right after SIGTERM, and a closing terminal sends SIGHUP twice.
//! - If the program has closed the pipes (daemons close every descriptor), a signal ends the
//!   process as if the profiler were not there.
//! - A child forked without `exec` inherits the handlers but not the thread. It dies as it would
//!   without the profiler, unless it starts a session of its own, and with it a thread.
//! - A runtime that recovers from faults with a handler of its own gets that handler back at the
//!   first fault.
//!
//! A program and its plugins may each contain a copy of this code. Copies recognize each other's
//! handlers by the signals that these block ([`SIGNATURE`]). A later copy installs its handler in
//! front of the earlier one and passes the signal on to it.

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
/// Terminating signals: of a terminal, a supervisor, a closed connection and a limit on CPU time.
/// SIGALRM is left to the program.
const TERMINATIONS: [c_int; 5] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGXCPU];
const CRASHES: [c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT];
/// Signals blocked while one of our handlers runs: a combination that no other code uses.
#[cfg(target_os = "linux")]
const SIGNATURE: [c_int; 7] = [41, 43, 44, 48, 53, 55, 62];
#[cfg(not(target_os = "linux"))]
const SIGNATURE: [c_int; 5] = [libc::SIGURG, libc::SIGIO, libc::SIGWINCH, libc::SIGTTOU, libc::SIGVTALRM];
/// Highest signal number that is compared with [`SIGNATURE`].
const SIGNALS: c_int = if cfg!(target_os = "linux") { 64 } else { 31 };

/// Time after the first signal during which further signals belong to the same shutdown.
const SAME_SHUTDOWN_MS: u64 = 500;

/// Write end of the pipe to the thread; below it, the read end of the pipe from the thread.
static TO_THREAD: Known = Known::none();
static DONE: Known = Known::none();
/// Process that owns the signal thread.
static THREAD_OWNER: AtomicU32 = AtomicU32::new(0);
/// Process that has handed a first signal to the thread.
static ENDING_PROCESS: AtomicU32 = AtomicU32::new(0);
/// Time of that first signal, in milliseconds of the monotonic clock; 0 until it is stored.
static FIRST_SIGNAL_MS: AtomicU64 = AtomicU64::new(0);
/// Lock for installing handlers.
static INSTALL_LOCK: PerProcess<Mutex<()>> = PerProcess::new(|_| Mutex::default());
/// Action that each signal had before ours was installed.
static PREVIOUS: [PreviousAction; SIGNALS as usize + 1] = [const { PreviousAction::unset() }; SIGNALS as usize + 1];

thread_local! {
    /// True on the signal thread, which must not wait for itself.
        static IS_SIGNAL_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// An action that is written once and read in handlers.
struct PreviousAction {
    is_set: AtomicBool,
    action: UnsafeCell<MaybeUninit<libc::sigaction>>,
}

// SAFETY: written by the holder of `INSTALL_LOCK` before `is_set` becomes true, and never again.
unsafe impl Sync for PreviousAction {}

impl PreviousAction {
    const fn unset() -> Self {
        Self { is_set: AtomicBool::new(false), action: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// Stores the first action; later ones are ignored. The caller holds `INSTALL_LOCK`.
    fn set_once(&self, action: libc::sigaction) {
        if !self.is_set.load(Ordering::SeqCst) {
            // SAFETY: no thread reads the action before `is_set`, and the lock excludes other
            // writers.
            unsafe { (*self.action.get()).write(action) };
            self.is_set.store(true, Ordering::SeqCst);
        }
    }

    fn get(&self) -> Option<libc::sigaction> {
        // SAFETY: written before `is_set` became true.
        self.is_set.load(Ordering::SeqCst).then(|| unsafe { (*self.action.get()).assume_init() })
    }
}

fn previous(signal: c_int) -> &'static PreviousAction {
    // CAST: signal numbers are small and positive.
    &PREVIOUS[signal as usize]
}

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// Calls `act` on the signal thread before a signal of these `endings` ends the process.
pub(super) fn watch(endings: &[Ending], act: fn(Ending)) {
    let (terminations, crashes) = (endings.contains(&Ending::Signal), endings.contains(&Ending::Crash));
    let _lock = INSTALL_LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    if !(terminations || crashes) || !ensure_thread(act) {
        return;
    }
    if terminations {
        let is_free = |signal: &&c_int| {
            current(**signal).is_some_and(|now| is_default(&now) || belongs_to_unknown_copy(**signal, &now))
        };
        TERMINATIONS.iter().filter(is_free).for_each(|&signal| install(signal, on_termination));
    }
    if crashes {
        let is_new = |signal: &&c_int| previous(**signal).get().is_none();
        CRASHES.iter().filter(is_new).for_each(|&signal| install(signal, on_crash));
    }
}

fn is_default(action: &libc::sigaction) -> bool {
    action.sa_sigaction == libc::SIG_DFL
}

/// Returns whether another copy of this code, which does not know this one, handles the signal.
fn belongs_to_unknown_copy(signal: c_int, action: &libc::sigaction) -> bool {
    previous(signal).get().is_none() && is_signed(action)
}

/// Returns whether a copy of this code has installed the action.
fn is_signed(action: &libc::sigaction) -> bool {
    // SAFETY: the set was initialized by the system or by `install`.
    let blocks = |signal| unsafe { libc::sigismember(&raw const action.sa_mask, signal) } == 1;
    action.sa_flags & libc::SA_SIGINFO != 0 && (1..=SIGNALS).all(|signal| blocks(signal) == SIGNATURE.contains(&signal))
}

/// Creates the pipes and the thread once per process; returns false if the system refuses.
fn ensure_thread(act: fn(Ending)) -> bool {
    // ORDERING: the caller holds `INSTALL_LOCK`.
    if THREAD_OWNER.load(Ordering::Relaxed) == std::process::id() && TO_THREAD.get().is_some() {
        return true;
    }
    let (Some([requests, to_thread]), Some([done, finished])) = (pipe(), pipe()) else { return false };
    let (requests, finished) = (Known::of(requests), Known::of(finished));
    let work = move || {
        IS_SIGNAL_THREAD.set(true);
        while let Some(signal) = read(&requests) {
            let is_crash = CRASHES.contains(&signal);
            act(if is_crash { Ending::Crash } else { Ending::Signal });
            if is_crash {
                write(&finished, 0);
            } else {
                pass_on(signal);
            }
        }
        // The program has closed the pipe: the next session creates another.
        if TO_THREAD.get().is_none() {
            THREAD_OWNER.store(0, Ordering::SeqCst);
        }
    };
    if without_signals(|| std::thread::Builder::new().name(THREAD.to_owned()).spawn(work)).is_err() {
        return false;
    }
    // ORDERING: handlers are installed after this, on this thread.
    TO_THREAD.set(to_thread);
    DONE.set(done);
    THREAD_OWNER.store(std::process::id(), Ordering::SeqCst);
    true
}

/// Runs `work` with every signal but SIGBUS blocked; a thread started by `work` inherits the mask.
///
/// The system delivers a process's signal to any thread that accepts it. A thread that acts on the
/// signal, or for which the handler waits, would then wait for itself. Work on the calling thread
/// that exceeds the file size limit gets an error, and the pending SIGXFSZ is consumed.
pub(super) fn without_signals<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: the sets are valid when they are used: `sigfillset` and `pthread_sigmask` write them.
    // A new thread inherits the mask of its creator.
    unsafe {
        let (mut all, mut former) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&raw mut all);
        // A blocked SIGBUS kills the thread even where `fault` would have handled it.
        libc::sigdelset(&raw mut all, libc::SIGBUS);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut former);
        let was_pending = is_pending(libc::SIGXFSZ);
        let result = work();
        if !was_pending && is_pending(libc::SIGXFSZ) {
            consume(libc::SIGXFSZ);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const former, std::ptr::null_mut());
        result
    }
}

/// Returns whether a signal is pending.
fn is_pending(signal: c_int) -> bool {
    // SAFETY: `sigpending` writes the set.
    unsafe {
        let mut pending = std::mem::zeroed();
        libc::sigpending(&raw mut pending) == 0 && libc::sigismember(&raw const pending, signal) == 1
    }
}

/// Consumes a signal that is pending and blocked.
fn consume(signal: c_int) {
    // SAFETY: the set is initialized by `sigemptyset`; the signal's number is written to a local.
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
    // The limit on CPU time sends its signal every second: the thread is already at work.
    let is_handled = is_thread_owner()
        && if is_first() {
            FIRST_SIGNAL_MS.store(now_ms(), Ordering::SeqCst);
            // CAST: signal numbers fit a byte.
            write(&TO_THREAD, signal as u8)
        } else {
            signal == libc::SIGXCPU || is_same_shutdown()
        };
    if !is_handled {
        end_by(signal);
    }
}

/// Returns whether the first signal came less than [`SAME_SHUTDOWN_MS`] ago. Its handler may not
/// have stored the time yet.
fn is_same_shutdown() -> bool {
    let first = FIRST_SIGNAL_MS.load(Ordering::SeqCst);
    first == 0 || now_ms().saturating_sub(first) < SAME_SHUTDOWN_MS
}

/// Returns the monotonic clock in milliseconds. Async-signal-safe.
fn now_ms() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes to a local.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    // CAST: the clock counts from the machine's start.
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

extern "C" fn on_crash(signal: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    #[cfg(all(target_os = "linux", not(miri)))]
    if signal == libc::SIGBUS && fault::absorb(info) {
        return;
    }
    // CAST: signal numbers fit a byte.
    if is_thread_owner() && !IS_SIGNAL_THREAD.get() && is_first() && write(&TO_THREAD, signal as u8) {
        wait_for(&DONE);
    }
    // SAFETY: the kernel passes a valid siginfo to a handler with SA_SIGINFO.
    let was_sent = unsafe { (*info).si_code } <= 0;
    restore(signal);
    ENDING_PROCESS.store(0, Ordering::SeqCst);
    if was_sent {
        // A fault is raised again when its instruction runs again; a signal that was sent is not.
        // SAFETY: `raise` is async-signal-safe.
        unsafe { libc::raise(signal) };
    }
}

/// Returns whether this process owns the signal thread, and is not a fork of its owner.
fn is_thread_owner() -> bool {
    THREAD_OWNER.load(Ordering::SeqCst) == std::process::id()
}

/// Returns whether this is the first signal handed to the thread in this process.
fn is_first() -> bool {
    let id = std::process::id();
    ENDING_PROCESS.swap(id, Ordering::SeqCst) != id
}

/// Restores the action that a signal had before ours was installed.
fn restore(signal: c_int) {
    match previous(signal).get() {
        // SAFETY: the action was read from the system for this signal.
        Some(action) => unsafe {
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        },
        None => set_default(signal),
    }
}

/// Ends the process by a signal that was acted on, or hands the signal to another copy of this
/// code.
fn pass_on(signal: c_int) {
    if previous(signal).get().is_some_and(|action| is_signed(&action)) {
        restore(signal);
        send(signal);
    } else {
        end_by(signal);
    }
}

/// Takes the signal's default action: the process ends with that signal as its exit status.
fn end_by(signal: c_int) {
    set_default(signal);
    send(signal);
}

/// Sends a signal to this process.
fn send(signal: c_int) {
    // SAFETY: async-signal-safe system calls; the set is initialized by `sigemptyset`. The signal
    // goes to the process, because this thread may block it.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
        libc::kill(libc::getpid(), signal);
    }
}

fn set_default(signal: c_int) {
    // SAFETY: an all-zero action is valid; SIG_DFL needs no other field.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = libc::SIG_DFL;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut());
    }
}

/// Returns the signal's current action.
fn current(signal: c_int) -> Option<libc::sigaction> {
    // SAFETY: only reads the action, which the successful call initializes.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0).then_some(action)
    }
}

/// Installs `handler` and stores the previous action. The handler runs on the thread's alternate
/// stack, if it has one, because the crash may be a stack overflow.
fn install(signal: c_int, handler: Handler) {
    // Stored first: a signal may arrive as soon as the handler is installed.
    let Some(now) = current(signal) else { return };
    previous(signal).set_once(now);
    // SAFETY: the handler has the signature that SA_SIGINFO requires and calls only
    // async-signal-safe functions.
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

/// Returns the read end and the write end of a new pipe. Both are closed on `exec`.
fn pipe() -> Option<[c_int; 2]> {
    let mut ends = [-1; 2];
    // SAFETY: the array holds both descriptors, which are open if the call returns 0.
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

/// Writes a byte; returns false if the pipe is closed or broken.
fn write(pipe: &Known, byte: u8) -> bool {
    // SAFETY: one byte from a live parameter; `write` is async-signal-safe.
    pipe.get().is_some_and(|pipe| unsafe { libc::write(pipe, (&raw const byte).cast(), 1) } == 1)
}

/// Reads the next signal from the pipe; returns `None` if the pipe is closed or broken.
fn read(pipe: &Known) -> Option<c_int> {
    loop {
        let (pipe, mut byte) = (pipe.get()?, 0_u8);
        // SAFETY: the buffer holds one byte.
        match unsafe { libc::read(pipe, (&raw mut byte).cast(), 1) } {
            1 => return Some(c_int::from(byte)),
            _ if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            _ => return None,
        }
    }
}

/// Waits until the thread has acted, at most for a crash's grace period.
fn wait_for(pipe: &Known) {
    let Some(pipe) = pipe.get() else { return };
    let timeout_ms = Ending::Crash.grace_period().as_millis() as c_int;
    let mut poll = libc::pollfd { fd: pipe, events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid entry; `poll` is async-signal-safe.
    unsafe { libc::poll(&raw mut poll, 1, timeout_ms) };
}
