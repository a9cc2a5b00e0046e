//! The ids of the process and its threads.

use std::cell::Cell;
use std::ffi::{c_int, c_long};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::SeqCst};

use crate::number;
use crate::raw::{call, raw};
use crate::time::futex;

/// Maximum number of numbered threads.
const MAX_THREADS: usize = 256;
/// Number of the first thread that was not numbered before its id was read, because the order of
/// such threads varies.
const UNNUMBERED: usize = 100;
/// System's ids.
static REAL: [AtomicI32; MAX_THREADS] = [const { AtomicI32::new(0) }; MAX_THREADS];
/// Number of threads whose id was read without a number.
static ASKED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Calling thread's id, once it was read.
    static ID: Cell<c_int> = const { Cell::new(0) };
}

fn process() -> c_int {
    static PROCESS: OnceLock<c_int> = OnceLock::new();
    *PROCESS.get_or_init(|| number("STILL_PID").unwrap_or(4242) as c_int)
}

fn real_process() -> c_int {
    // SAFETY: the function takes nothing.
    unsafe { raw(libc::SYS_getpid, [0; 6]) as c_int }
}

fn real_thread() -> c_int {
    // SAFETY: the function takes nothing.
    unsafe { raw(libc::SYS_gettid, [0; 6]) as c_int }
}

/// Returns the calling thread's id.
pub(crate) fn thread() -> c_int {
    if ID.get() == 0 {
        let is_first = real_thread() == real_process();
        still_thread(if is_first { 0 } else { UNNUMBERED + ASKED.fetch_add(1, SeqCst) % (MAX_THREADS - UNNUMBERED) });
    }
    ID.get()
}

/// Numbers the calling thread: its id is `number` above the process's.
#[unsafe(no_mangle)]
pub extern "C" fn still_thread(number: usize) {
    REAL[number].store(real_thread(), SeqCst);
    ID.set(process() + number as c_int);
}

/// Returns the system's id of a thread.
pub(crate) fn real(thread: c_int) -> Option<c_int> {
    let number = usize::try_from(thread - process()).ok().filter(|number| *number < MAX_THREADS)?;
    Some(REAL[number].load(SeqCst)).filter(|real| *real != 0)
}

/// The same as libc's function.
#[unsafe(no_mangle)]
pub extern "C" fn getpid() -> c_int {
    process()
}

/// The same as libc's function.
#[unsafe(no_mangle)]
pub extern "C" fn gettid() -> c_int {
    thread()
}

/// Sends a signal as libc does, also to the process's replaced id.
#[unsafe(no_mangle)]
pub extern "C" fn kill(whom: c_int, signal: c_int) -> c_int {
    let real = if whom == process() { real_process() } else { whom };
    // SAFETY: the function takes only numbers.
    unsafe { call(libc::SYS_kill, [real.into(), signal.into(), 0, 0, 0, 0]) as c_int }
}

/// # Safety
/// The requirements of libc's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syscall(
    number: c_long,
    first: c_long,
    second: c_long,
    third: c_long,
    fourth: c_long,
    fifth: c_long,
    sixth: c_long,
) -> c_long {
    let arguments = [first, second, third, fourth, fifth, sixth];
    match number {
        libc::SYS_gettid => thread().into(),
        libc::SYS_getpid => process().into(),
        // SAFETY: the caller upholds the contract of the function.
        libc::SYS_futex => unsafe { futex(arguments) },
        // SAFETY: as above.
        _ => unsafe { call(number, arguments) },
    }
}
