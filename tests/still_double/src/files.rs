//! System files that identify a machine.

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_uint};

use crate::raw::call;
use crate::threads::{real, thread};

/// Returns the fixed text of a system file.
fn fixed_text(path: &str) -> Option<&'static str> {
    match path {
        "/proc/sys/kernel/hostname" => Some("golden\n"),
        "/proc/sys/kernel/random/boot_id" => Some("00000000-1111-2222-3333-444444444444\n"),
        _ => None,
    }
}

/// Opens a file that holds this text.
fn file(text: &str) -> c_int {
    let name = c"still".as_ptr().expose_provenance() as c_long;
    let (start, length) = (text.as_ptr().expose_provenance() as c_long, text.len() as c_long);
    // SAFETY: the name is a C string, and the length is the text's.
    unsafe {
        let file = call(libc::SYS_memfd_create, [name, libc::MFD_CLOEXEC.into(), 0, 0, 0, 0]);
        call(libc::SYS_pwrite64, [file, start, length, 0, 0, 0]);
        file as c_int
    }
}

/// Returns the path of a thread's file with the system's id of the thread.
fn thread_path(path: &str) -> Option<CString> {
    let (id, rest) = path.strip_prefix("/proc/self/task/")?.split_once('/')?;
    CString::new(format!("/proc/self/task/{}/{rest}", real(id.parse().ok()?)?)).ok()
}

/// # Safety
/// The requirements of libc's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the caller passes a C string.
    let text = unsafe { CStr::from_ptr(path) }.to_str().unwrap_or_default();
    if let Some(text) = fixed_text(text) {
        return file(text);
    }
    let other = thread_path(text);
    let path = other.as_ref().map_or(path, |other| other.as_ptr()).expose_provenance() as c_long;
    let at = c_long::from(libc::AT_FDCWD);
    // SAFETY: the caller upholds the contract of the function.
    unsafe { call(libc::SYS_openat, [at, path, flags.into(), mode.into(), 0, 0]) as c_int }
}

/// # Safety
/// The requirements of libc's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the caller upholds the contract of the function.
    unsafe { open64(path, flags, mode) }
}

/// # Safety
/// The requirements of libc's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readlink(path: *const c_char, to: *mut c_char, room: usize) -> isize {
    // SAFETY: the caller passes a C string.
    let answer = match unsafe { CStr::from_ptr(path) }.to_bytes() {
        b"/proc/self/ns/time" => "time:[1]".to_owned(),
        b"/proc/thread-self" => format!("4242/task/{}", thread()),
        _ => {
            let (path, place) = (path.expose_provenance() as c_long, to.expose_provenance() as c_long);
            // SAFETY: the caller upholds the contract of the function.
            return unsafe { call(libc::SYS_readlink, [path, place, room as c_long, 0, 0, 0]) as isize };
        }
    };
    let length = answer.len().min(room);
    // SAFETY: the caller passes a buffer of this length.
    unsafe { std::ptr::copy_nonoverlapping(answer.as_ptr().cast(), to, length) };
    length as isize
}
