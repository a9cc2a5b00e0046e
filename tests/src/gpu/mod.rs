//! Simulated machine with a GPU: a child process finds the doubles where it would find NVIDIA's
//! libraries.

pub mod streams;

use std::ffi::{CStr, c_char};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{child_of, double};
use libloading::{Library, Symbol};

/// Creates a command that runs the ignored test `name` on a machine with a driver. The doubles log
/// the calls that tests check.
pub fn machine(name: &str, folder: &Path) -> Command {
    let libraries = folder.join("libraries");
    fs::create_dir_all(&libraries).unwrap();
    let driver = libraries.join("libcuda.so.1");
    if !driver.exists() {
        fs::copy(double("cuda_double"), driver).unwrap();
    }
    let mut command = child_of(name);
    for variable in ["NSYS_PROFILING_SESSION_ID", "CUDA_INJECTION64_PATH", "CUDA_HOME", "CUDA_PATH", "VIRTUAL_ENV"] {
        command.env_remove(variable);
    }
    command
        .current_dir(folder)
        .env("LD_LIBRARY_PATH", libraries)
        .env("CUDA_DOUBLE_LOG", folder.join("cuda.log"))
        .env("CUPTI_DOUBLE_LOG", folder.join("cupti.log"))
        .env("PROFILER_CUPTI_LIB", double("cupti_double"))
        .env("FOLDER", folder.join("perf"));
    command
}

/// Returns the folder into which the child writes.
pub fn perf() -> PathBuf {
    PathBuf::from(std::env::var_os("FOLDER").unwrap())
}

/// Returns the calls in a log of the doubles.
pub fn calls(folder: &Path, log: &str) -> Vec<String> {
    fs::read_to_string(folder.join(log)).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Returns the folder of the child's only session.
pub fn session(folder: &Path) -> PathBuf {
    let mut sessions: Vec<_> = fs::read_dir(folder.join("perf")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(sessions.len(), 1);
    sessions.remove(0)
}

/// Creates a context on device 0, as a program's first use of CUDA does.
pub fn make_context() {
    assert!(try_make_context(), "there is no libcuda");
}

/// Creates a context on device 0; returns false on a machine without libcuda.
pub fn try_make_context() -> bool {
    // SAFETY: the functions of libcuda, and of its double, have these signatures.
    unsafe {
        let Ok(library) = Library::new("libcuda.so.1") else { return false };
        let init: Symbol<'_, unsafe extern "C" fn(u32) -> i32> = library.get(b"cuInit\0").unwrap();
        let retain: Symbol<'_, unsafe extern "C" fn(*mut *mut u8, i32) -> i32> =
            library.get(b"cuDevicePrimaryCtxRetain\0").unwrap();
        let mut context = std::ptr::null_mut();
        assert_eq!((init(0), retain(&mut context, 0)), (0, 0));
        std::mem::forget(library);
        true
    }
}

/// Handle of the simulated device, whose activities the double of CUPTI reports.
#[derive(Debug)]
pub struct Device(Library);

macro_rules! launches {
    ($( $(#[$about:meta])* $method:ident($($argument:ident: $type:ty),*) = $symbol:literal; )*) => {
        $( $(#[$about])* pub fn $method(&self, $($argument: $type),*) {
            // SAFETY: the double's function has this signature; names are static.
            unsafe {
                let function: Symbol<'_, unsafe extern "C" fn($($type),*)> = self.0.get($symbol).unwrap();
                function($($argument),*);
            }
        } )*
    };
}

impl Device {
    /// Opens the same double that the profiler of this process finds.
    pub fn open() -> Self {
        // SAFETY: the double's constructors do nothing.
        Self(unsafe { Library::new(std::env::var_os("PROFILER_CUPTI_LIB").unwrap()) }.unwrap())
    }

    /// Launches a kernel through the driver API.
    pub fn kernel(&self, name: &'static CStr, stream: u32, duration: u64) {
        self.launch(name.as_ptr(), stream, duration, 0);
    }

    /// Launches a kernel through the runtime API.
    pub fn runtime_kernel(&self, name: &'static CStr, stream: u32, duration: u64) {
        self.launch(name.as_ptr(), stream, duration, 1);
    }

    launches! {
        /// Launches a kernel through the driver API if `runtime` is 0, through the runtime API if
        /// it is 1.
        launch(name: *const c_char, stream: u32, duration: u64, runtime: u32) = b"double_kernel\0";
        /// Selects the device of the next kernels.
        choose(device: u32) = b"double_choose_device\0";
        /// Launches a graph of many kernels in one call.
        graph(name: *const c_char, stream: u32, kernels: u32) = b"double_graph\0";
        /// Launches a kernel that still runs at the flush.
        unfinished(name: *const c_char, stream: u32) = b"double_unfinished\0";
        /// Copies from the host to the device.
        copy(stream: u32, bytes: u64, duration: u64) = b"double_copy\0";
        /// Copies to another device.
        peer_copy(stream: u32, bytes: u64, duration: u64) = b"double_peer_copy\0";
        /// Sets memory.
        fill(stream: u32, bytes: u64, duration: u64) = b"double_fill\0";
        /// Allocates or releases memory; `operation` is CUPTI's number.
        memory(operation: u32, address: u64, bytes: u64) = b"double_memory\0";
        /// Waits for a stream, between calls that are ignored.
        wait(stream: u32) = b"double_wait\0";
        /// Records an event for which others wait.
        record_event(stream: u32, event: u32) = b"double_record_event\0";
        /// Makes a stream wait for an event, or the host if `stream` is `u32::MAX`.
        wait_for_event(stream: u32, event: u32) = b"double_wait_for_event\0";
    }
}
