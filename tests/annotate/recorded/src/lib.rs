//! The runtime for crates whose tests know nothing of it. `PROFILER_CONFIG` starts a session before
//! `main`, and the end of the process ends it.
//!
//! A test program has no `main` that could start a session, so this library starts it as a C
//! constructor.

pub use profiler_runtime::{__private, profiled_stage};

/// Function that the loader calls. The session is not dropped but ends with the process, which
/// writes its artifacts.
#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
static START: extern "C" fn() = {
    extern "C" fn start() {
        std::mem::forget(profiler_runtime::profile_from_env());
    }
    start
};
