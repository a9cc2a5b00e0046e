//! A preloaded library (`LD_PRELOAD`) whose functions fail as disks, mounts and clocks do.
//! Otherwise such faults need a mount, a suspend or administrator rights.
//!
//! Shares no code with the profiler. A program finds [`system_double`] by its name and sets a
//! fault. Before that, every call is passed to the system.

#![cfg(target_os = "linux")]

mod what;

use std::ffi::{c_char, c_int, c_long, c_void};
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use what::What;

static VALUES: [AtomicI64; 8] = [
    AtomicI64::new(0),
    AtomicI64::new(0),
    AtomicI64::new(0),
    AtomicI64::new(-1),
    AtomicI64::new(0),
    AtomicI64::new(0),
    AtomicI64::new(0),
    AtomicI64::new(0),
];

fn value(what: What) -> i64 {
    VALUES[what as usize].load(SeqCst)
}

/// Sets a fault.
#[unsafe(no_mangle)]
pub extern "C" fn system_double(what: c_int, how: i64) {
    VALUES[what as usize].store(how, SeqCst);
}

fn fail(error: i64) -> c_int {
    // SAFETY: `errno` belongs to the calling thread.
    unsafe { *libc::__errno_location() = error as c_int };
    -1
}

/// Calls `make`, or fails if the fault is set.
fn or_fail(what: What, make: impl FnOnce() -> c_long) -> c_int {
    match value(what) {
        0 => make() as c_int,
        error => fail(error),
    }
}

/// # Safety
/// The requirements of libc's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the caller upholds the contract of the function.
    or_fail(What::Rename, || unsafe { libc::syscall(libc::SYS_renameat2, libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) })
}

/// # Safety
/// The requirements of libc's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the caller upholds the contract of the function.
    if unsafe { libc::syscall(libc::SYS_faccessat, libc::AT_FDCWD, path, libc::F_OK) } != 0 {
        return fail(libc::ENOENT.into());
    }
    // SAFETY: the caller upholds the contract of the function.
    or_fail(What::Unlink, || unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0) })
}

/// The same as libc's function.
#[unsafe(no_mangle)]
pub extern "C" fn fsync(file: c_int) -> c_int {
    // SAFETY: the function takes a number.
    or_fail(What::Sync, || unsafe { libc::syscall(libc::SYS_fsync, file) })
}

/// The same as libc's function.
#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(file: c_int) -> c_int {
    // SAFETY: the function takes a number.
    or_fail(What::Sync, || unsafe { libc::syscall(libc::SYS_fdatasync, file) })
}

/// # Safety
/// The requirements of libc's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(file: c_int, bytes: *const c_void, count: usize) -> isize {
    let (room, delay) = (value(What::Room), value(What::Journal));
    if room >= 0 && is_file(file) {
        if room == 0 {
            return fail(libc::ENOSPC.into()) as isize;
        }
        let part = count.min(room as usize);
        VALUES[What::Room as usize].fetch_sub(part as i64, SeqCst);
        // SAFETY: the caller upholds the contract of the function.
        return unsafe { libc::syscall(libc::SYS_write, file, bytes, part) as isize };
    }
    if delay > 0 && name_ends(file, b".journal") {
        std::thread::sleep(std::time::Duration::from_millis(delay.unsigned_abs()));
    }
    // SAFETY: the caller upholds the contract of the function.
    unsafe { libc::syscall(libc::SYS_write, file, bytes, count) as isize }
}

fn is_file(file: c_int) -> bool {
    // SAFETY: all zeros are a valid value of the structure, which the call fills in.
    unsafe {
        let mut found: libc::stat = std::mem::zeroed();
        libc::fstat(file, &raw mut found) == 0 && found.st_mode & libc::S_IFMT == libc::S_IFREG
    }
}

fn name_ends(file: c_int, end: &[u8]) -> bool {
    let (link, mut name) = (format!("/proc/self/fd/{file}\0"), [0_u8; 4096]);
    // SAFETY: the path is a C string, and the buffer has the given length.
    let length = unsafe { libc::readlink(link.as_ptr().cast(), name.as_mut_ptr().cast(), name.len()) };
    usize::try_from(length).is_ok_and(|length| name[..length].ends_with(end))
}

type Start = unsafe extern "C" fn(*mut c_void, *const c_void, *mut c_void, *mut c_void) -> c_int;

/// # Safety
/// The requirements of libc's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    thread: *mut c_void,
    attributes: *const c_void,
    start: *mut c_void,
    argument: *mut c_void,
) -> c_int {
    match value(What::Thread) {
        0 => {
            // SAFETY: the next library's function of this name is libc's and has this type.
            let next = unsafe { libc::dlsym(libc::RTLD_NEXT, c"pthread_create".as_ptr()) };
            // SAFETY: as above, and the caller's promise.
            unsafe { std::mem::transmute::<*mut c_void, Start>(next)(thread, attributes, start, argument) }
        }
        error => error as c_int,
    }
}

/// # Safety
/// The requirements of libc's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, now: *mut libc::timespec) -> c_int {
    // SAFETY: the caller upholds the contract of the function.
    let result = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, now) as c_int };
    let shift = match clock {
        libc::CLOCK_REALTIME => value(What::RealTime),
        libc::CLOCK_MONOTONIC => -value(What::Suspended),
        _ => 0,
    };
    if result == 0 && shift != 0 {
        // SAFETY: the call has filled it in.
        let now = unsafe { &mut *now };
        let ns = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec) + i128::from(shift);
        (now.tv_sec, now.tv_nsec) = (ns.div_euclid(1_000_000_000) as i64, ns.rem_euclid(1_000_000_000) as i64);
    }
    result
}
