//! The runtime for crates whose tests nobody wrote for it: `PROFILER_CONFIG` starts a session
//! before `main`, and the end of the process ends it.
//!
//! A test program has no `main` of its own where a session could start. This starts it where
//! constructors of C start.

pub use profiler_runtime::{__private, profiled_stage};

/// Read by the loader. The session is not dropped but ends with the process, which writes its
/// artifacts.
#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
static START: extern "C" fn() = {
    extern "C" fn start() {
        std::mem::forget(profiler_runtime::profile_from_env());
    }
    start
};
