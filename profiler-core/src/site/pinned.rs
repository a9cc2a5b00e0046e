//! Libraries that stay loaded: code that a session uses must not be unloaded during it.
//!
//! A plugin may contain this runtime, or sites of it. Once a site of a library has recorded, or a
//! thread, a handler or a list of callbacks points into it, closing the library would leave
//! dangling pointers: so it stays, and `dlclose` does nothing.

#[cfg(all(unix, not(miri)))]
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Addresses of the libraries that stay; beyond so many, some are pinned again.
static KNOWN: [AtomicUsize; 16] = [const { AtomicUsize::new(0) }; 16];

/// Keeps the library that contains this code.
pub fn pin_this_library() {
    static ANCHOR: AtomicUsize = AtomicUsize::new(0);
    pin(&ANCHOR);
}

/// Keeps the library that contains a static. Takes the dynamic linker's lock: for first uses.
#[cfg(all(unix, not(miri)))]
pub(crate) fn pin<T>(of_library: &'static T) {
    let address: *const c_void = std::ptr::from_ref(of_library).cast();
    // SAFETY: all zero is a valid value; the call fills it in when it returns another number than
    // 0.
    let mut library: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: any address may be asked for; the result is written to a local.
    let is_found = unsafe { libc::dladdr(address, &raw mut library) } != 0;
    if is_found && !library.dli_fname.is_null() && is_new(library.dli_fbase.addr()) {
        // SAFETY: the linker's own text. `RTLD_NOLOAD` loads nothing, so no code runs; for the
        // program itself, which is never unloaded, it may find nothing.
        unsafe { libc::dlopen(library.dli_fname, libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE) };
    }
}

#[cfg(not(all(unix, not(miri))))]
pub(crate) fn pin<T>(_of_library: &'static T) {
    let _ = is_new;
}

/// Returns whether the library at `base` is not yet known to stay, and adds it.
fn is_new(base: usize) -> bool {
    // ORDERING: a library that two threads pin at once stays all the same.
    if KNOWN.iter().any(|known| known.load(Ordering::Relaxed) == base) {
        return false;
    }
    let free = |known: &&AtomicUsize| known.load(Ordering::Relaxed) == 0;
    if let Some(free) = KNOWN.iter().find(free) {
        free.store(base, Ordering::Relaxed);
    }
    true
}
