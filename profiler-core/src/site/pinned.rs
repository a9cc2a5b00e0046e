//! Keeps libraries loaded whose code or sites the profiler refers to.
//!
//! A plugin may contain the runtime, or sites. Once a site of a library has recorded, or a thread,
//! a handler or a callback list points into it, unloading the library would leave dangling
//! pointers. So the library is pinned, and `dlclose` has no effect on it.

#[cfg(all(unix, not(miri)))]
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Base addresses of the pinned libraries. Libraries that do not fit are pinned anew each time,
/// which is harmless.
static PINNED: [AtomicUsize; 16] = [const { AtomicUsize::new(0) }; 16];

/// Pins the library that contains this code.
pub fn pin_this_library() {
    static ANCHOR: AtomicUsize = AtomicUsize::new(0);
    pin(&ANCHOR);
}

/// Pins the library that contains a static. Takes the dynamic linker's lock and may allocate, so it
/// is called only at first use.
#[cfg(all(unix, not(miri)))]
pub(crate) fn pin<T>(of_library: &'static T) {
    let address: *const c_void = std::ptr::from_ref(of_library).cast();
    // SAFETY: all zeros is a valid value, and the call fills it in if it succeeds.
    let mut library: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: any address may be looked up; the result is written to a local variable.
    let is_found = unsafe { libc::dladdr(address, &raw mut library) } != 0;
    let base = library.dli_fbase.addr();
    if is_found && !library.dli_fname.is_null() && !is_program(base) && is_new(base) {
        // SAFETY: the name is the linker's own string. `RTLD_NOLOAD` loads nothing, so no code
        // runs.
        unsafe { libc::dlopen(library.dli_fname, libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE) };
    }
}

/// Returns whether the main program, which is never unloaded, is at `base`.
///
/// `dlopen` allocates, even if nothing is loaded. A site's first range may be in a signal handler
/// that has interrupted `malloc`, so the call must be left out where it has no effect.
#[cfg(all(target_os = "linux", not(miri)))]
fn is_program(base: usize) -> bool {
    // SAFETY: reads a word that the kernel has passed to the process.
    let headers = unsafe { libc::getauxval(libc::AT_PHDR) };
    // CAST: an address. The program headers are in the first page, after the file's header.
    headers as usize & !0xfff == base
}

#[cfg(all(unix, not(target_os = "linux"), not(miri)))]
const fn is_program(_base: usize) -> bool {
    false
}

#[cfg(not(all(unix, not(miri))))]
pub(crate) fn pin<T>(_of_library: &'static T) {
    let _ = is_new;
}

/// Returns whether the library at `base` is not in the list of pinned ones yet, and adds it.
fn is_new(base: usize) -> bool {
    // ORDERING: pinning a library twice, from two threads at once, is harmless.
    if PINNED.iter().any(|known| known.load(Ordering::Relaxed) == base) {
        return false;
    }
    let free = |known: &&AtomicUsize| known.load(Ordering::Relaxed) == 0;
    if let Some(free) = PINNED.iter().find(free) {
        free.store(base, Ordering::Relaxed);
    }
    true
}
