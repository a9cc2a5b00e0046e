//! The device that works by itself (`CUDA_DOUBLE_DEVICE=works`): its clock is the machine's, memory
//! can be read and written, kernels take time, and the double of CUPTI gets records of everything.
//!
//! `CUDA_DOUBLE_CUPTI` is the path of that double. It gets records once the process has loaded it.

use std::ffi::{CStr, c_char};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns whether the device works by itself.
pub(crate) fn works() -> bool {
    static WORKS: OnceLock<bool> = OnceLock::new();
    *WORKS.get_or_init(|| std::env::var("CUDA_DOUBLE_DEVICE").is_ok_and(|what| what == "works"))
}

/// Returns the nanoseconds since the Unix epoch.
pub(crate) fn unix_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}

/// Time at which the last work of any stream ends.
static LAST: AtomicU64 = AtomicU64::new(0);

/// Records that some work ends at `at`.
pub(crate) fn note_end(at: u64) {
    LAST.fetch_max(at, Ordering::SeqCst);
}

/// Waits until all work has ended.
pub(crate) fn wait_for_all() {
    wait_until(LAST.load(Ordering::SeqCst));
}

/// Waits until `at`.
pub(crate) fn wait_until(at: u64) {
    if let Some(left) = at.checked_sub(unix_ns()).filter(|left| works() && *left > 0) {
        std::thread::sleep(Duration::from_nanos(left));
    }
}

/// Times, stream and correlation id of work that ran.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ran {
    pub(crate) begin: u64,
    pub(crate) end: u64,
    pub(crate) stream: u32,
    pub(crate) correlation: u32,
    pub(crate) graph: u32,
    pub(crate) node: u32,
}

/// Functions of the double of CUPTI.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reports {
    call: unsafe extern "C" fn(u32, u32) -> u32,
    runtime_call: unsafe extern "C" fn(u32) -> u32,
    kernel: unsafe extern "C" fn(*const c_char, Ran),
    copy: unsafe extern "C" fn(u8, u8, u8, u64, Ran),
    fill: unsafe extern "C" fn(u64, Ran),
    memory: unsafe extern "C" fn(u32, u32, u64, u64, u32),
    wait: unsafe extern "C" fn(u32, Ran),
}

impl Reports {
    /// `None` while CUPTI's double is not loaded, or the device does not work by itself.
    pub(crate) fn get() -> Option<&'static Self> {
        static REPORTS: OnceLock<Reports> = OnceLock::new();
        REPORTS.get().or_else(|| {
            let found = if works() { Self::find() } else { None };
            found.map(|reports| REPORTS.get_or_init(|| reports))
        })
    }

    #[cfg(target_os = "linux")]
    fn find() -> Option<Self> {
        use libloading::os::unix::{Library, RTLD_LAZY};
        let path = std::env::var_os("CUDA_DOUBLE_CUPTI")?;
        // SAFETY: loads nothing. The functions have these signatures in the double, which is never
        // closed.
        unsafe {
            let library = Library::open(Some(path), RTLD_LAZY | libc::RTLD_NOLOAD).ok()?;
            let found = Self {
                call: *library.get(b"double_driver_call\0").ok()?,
                runtime_call: *library.get(b"double_runtime_call\0").ok()?,
                kernel: *library.get(b"double_ran_kernel\0").ok()?,
                copy: *library.get(b"double_ran_copy\0").ok()?,
                fill: *library.get(b"double_ran_fill\0").ok()?,
                memory: *library.get(b"double_ran_memory\0").ok()?,
                wait: *library.get(b"double_ran_wait\0").ok()?,
            };
            std::mem::forget(library);
            Some(found)
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn find() -> Option<Self> {
        None
    }

    pub(crate) fn kernel(&self, name: &'static CStr, ran: Ran) {
        // SAFETY: the name is never freed.
        unsafe { (self.kernel)(name.as_ptr(), ran) };
    }

    pub(crate) fn copy(&self, [copied, from, to]: [u8; 3], bytes: u64, ran: Ran) {
        // SAFETY: the function takes only numbers.
        unsafe { (self.copy)(copied, from, to, bytes, ran) };
    }

    pub(crate) fn fill(&self, bytes: u64, ran: Ran) {
        // SAFETY: the function takes only numbers.
        unsafe { (self.fill)(bytes, ran) };
    }
}

thread_local! {
    /// Call of the runtime API that this thread executes.
    static OUTER: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

/// Reports a call of the driver API, by CUPTI's number. Returns its correlation id.
pub(crate) fn driver_call(function: u32) -> u32 {
    // SAFETY: the function takes only numbers.
    Reports::get().map_or(0, |reports| unsafe { (reports.call)(function, OUTER.get()) })
}

/// Reports a call of the runtime API around one of the driver API.
pub(crate) fn runtime_call(function: u32, inner: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the function takes a number.
    OUTER.set(Reports::get().map_or(0, |reports| unsafe { (reports.runtime_call)(function) }));
    let code = inner();
    OUTER.set(0);
    code
}

/// Reports memory that the function of this number allocated or freed.
pub(crate) fn memory(function: u32, operation: u32, kind: u32, address: u64, bytes: u64) {
    let correlation = driver_call(function);
    if let Some(reports) = Reports::get() {
        // SAFETY: the function takes only numbers.
        unsafe { (reports.memory)(operation, kind, address, bytes, correlation) };
    }
}

/// Reports a wait of one of CUPTI's kinds, by the function of this number.
pub(crate) fn wait(function: u32, kind: u32, stream: u32, wait: impl FnOnce()) {
    let (begin, correlation) = (unix_ns(), driver_call(function));
    wait();
    if let Some(reports) = Reports::get() {
        let ran = Ran { begin, end: unix_ns(), stream, correlation, ..Ran::default() };
        // SAFETY: the function takes only numbers.
        unsafe { (reports.wait)(kind, ran) };
    }
}
