//! Loads libcupti's functions and constants and explains its error codes.
//!
//! Only the activity API is used. One table serves CUPTI 11.7 to 13.5, because none of these
//! functions has changed.

use std::ffi::{CStr, OsString, c_char, c_void};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::OnceLock;

use crate::collect::cuda::driver::Driver;
use crate::os::library::{Library, functions, text};
use profiler_core::process::PerProcess;
use profiler_trace::records::gpu::Api;
use profiler_trace::records::unavailable::Unavailable;

use super::search;

/// Callback by which CUPTI requests a buffer: buffer, its size, maximum number of records (0: no
/// limit).
pub(super) type Requested = unsafe extern "C" fn(*mut *mut u8, *mut usize, *mut usize);
/// Callback by which CUPTI returns a buffer: context, stream, buffer, its size, bytes that hold
/// records.
pub(super) type Completed = unsafe extern "C" fn(*mut c_void, u32, *mut u8, usize, usize);
/// Callback for the events that a subscriber has enabled: here none.
pub(super) type Notified = unsafe extern "C" fn(*mut c_void, u32, u32, *const c_void);

functions! {
    /// The functions of libcupti that this crate calls.
    struct Functions {
        version: "cuptiGetVersion" = fn(*mut u32);
        timestamp: "cuptiGetTimestamp" = fn(*mut u64);
        subscribe: "cuptiSubscribe" = fn(*mut *mut c_void, Notified, *mut c_void);
        unsubscribe: "cuptiUnsubscribe" = fn(*mut c_void);
        thread_ids: "cuptiSetThreadIdType" = fn(u32);
        register: "cuptiActivityRegisterCallbacks" = fn(Requested, Completed);
        enable: "cuptiActivityEnable" = fn(u32);
        disable: "cuptiActivityDisable" = fn(u32);
        flush: "cuptiActivityFlushAll" = fn(u32);
        next: "cuptiActivityGetNextRecord" = fn(*mut u8, usize, *mut *mut u8);
        dropped: "cuptiActivityGetNumDroppedRecords" = fn(*mut c_void, u32, *mut usize);
        push: "cuptiActivityPushExternalCorrelationId" = fn(u32, u64);
        pop: "cuptiActivityPopExternalCorrelationId" = fn(u32, *mut u64);
        callback_name: "cuptiGetCallbackName" = fn(u32, u32, *mut *const c_char);
    }
    optional {
        enable_runtime: "cuptiActivityEnableRuntimeApi" = fn(u32, u8);
        enable_driver: "cuptiActivityEnableDriverApi" = fn(u32, u8);
    }
}

/// Kinds of records.
pub(super) mod kind {
    pub(crate) const COPY: u32 = 1;
    pub(crate) const FILL: u32 = 2;
    pub(crate) const KERNEL: u32 = 3;
    pub(crate) const DRIVER: u32 = 4;
    pub(crate) const RUNTIME: u32 = 5;
    pub(crate) const CONCURRENT_KERNEL: u32 = 10;
    pub(crate) const OVERHEAD: u32 = 17;
    pub(crate) const PEER_COPY: u32 = 22;
    pub(crate) const CUDA_EVENT: u32 = 36;
    pub(crate) const SYNCHRONIZATION: u32 = 38;
    pub(crate) const EXTERNAL_CORRELATION: u32 = 39;
    pub(crate) const MEMORY: u32 = 49;
}

/// Kind of our external correlation ids: the first that CUPTI reserves for tools.
pub(super) const OUR_IDS: u32 = 3;
/// Callback domain of the driver API.
const DRIVER_DOMAIN: u32 = 1;
/// Callback domain of the runtime API.
const RUNTIME_DOMAIN: u32 = 2;
/// Argument of `thread_ids`: the operating system's thread ids.
pub(super) const SYSTEM_THREAD_IDS: u32 = 1;
/// Flag of `flush`: also return buffers that are not full.
pub(super) const FORCED: u32 = 1;
/// Code that `next` returns at the buffer's end.
pub(super) const END_OF_BUFFER: i32 = 12;

/// Oldest supported version: CUDA 11.7.
const OLDEST: u32 = 17;

/// Toolkits by CUPTI version, for versions whose number does not contain the toolkit's.
const TOOLKITS: [(u32, &str); 8] = [
    (17, "11.7"),
    (18, "11.8 to 12.1"),
    (20, "12.2"),
    (21, "12.3"),
    (22, "12.4"),
    (24, "12.6"),
    (26, "12.8"),
    (28, "12.9"),
];

/// An open libcupti.
#[derive(Debug)]
pub(crate) struct Cupti {
    pub(super) functions: Functions,
    /// Version as `cuptiGetVersion` reports it: 18 is CUDA 11.8, 130001 is 13.0.
    pub(crate) version: u32,
    /// Path of the library.
    pub(crate) path: PathBuf,
}

static CUPTI: PerProcess<OnceLock<Result<Cupti, Unavailable>>> = PerProcess::new(|_| OnceLock::new());

impl Cupti {
    /// Returns the libcupti that fits the driver. The search runs once per process.
    ///
    /// # Errors
    ///
    /// Returns the reason if no libcupti can be used.
    pub(crate) fn get(driver: &Driver) -> Result<&'static Self, Unavailable> {
        let found = CUPTI.get_or_init(|| Self::open(driver.version(), |name| std::env::var_os(name)));
        found.as_ref().map_err(Clone::clone)
    }

    /// Returns the loaded libcupti, if any.
    #[inline]
    pub(super) fn in_use() -> Option<&'static Self> {
        CUPTI.get()?.as_ref().ok()
    }

    fn open(driver: u32, env: impl Fn(&str) -> Option<OsString>) -> Result<Self, Unavailable> {
        // An empty path would open the program itself.
        if let Some(path) = env("PROFILER_CUPTI_LIB").filter(|path| !path.is_empty()) {
            let path = PathBuf::from(path);
            let library = Library::open(&path).map_err(|error| unusable(&path, error))?;
            return Self::load(&library, &path);
        }
        // Two libcuptis in one process interfere with each other (triton#9793).
        for name in search::loaded_names() {
            if let Some(library) = Library::loaded(name) {
                return Self::load(&library, Path::new(name));
            }
        }
        let mut reason = not_found(driver);
        for path in search::candidates(driver, env) {
            match Library::open(&path) {
                Ok(library) => match Self::load(&library, &path) {
                    Ok(cupti) => return Ok(cupti),
                    Err(why) => reason = why,
                },
                // For a bare name the linker only reports that it was not found.
                Err(error) if path.is_absolute() => reason = unusable(&path, error),
                Err(_) => {}
            }
        }
        Err(reason)
    }

    fn load(library: &Library, path: &Path) -> Result<Self, Unavailable> {
        let lacking = |name: &CStr| unusable(path, format!("it has no function `{}`", name.to_string_lossy()));
        let functions = Functions::load(library).map_err(lacking)?;
        let mut version = 0;
        // SAFETY: the version is written to a local; the call needs neither driver nor device.
        unsafe { (functions.version)(&mut version) };
        if version < OLDEST {
            let path = path.display();
            return Err(Unavailable::surprising(
                "cupti_too_old",
                format!("`{path}` has API {version}, older than CUDA 11.7's (API 17): install a newer libcupti"),
            ));
        }
        Ok(Self { functions, version, path: path.to_owned() })
    }

    /// Returns the name of an API function, if CUPTI knows it.
    pub(super) fn name_of_call(&self, api: Api, function: u32) -> Option<String> {
        let domain = if api == Api::Driver { DRIVER_DOMAIN } else { RUNTIME_DOMAIN };
        let mut name = ptr::null();
        // SAFETY: the pointer is written to a local; it points to static text.
        let code = unsafe { (self.functions.callback_name)(domain, function, &mut name) };
        if code != 0 {
            return None;
        }
        // SAFETY: null or static text.
        let text = unsafe { text(name) };
        Some(text).filter(|text| !text.is_empty())
    }

    /// Returns whether CUPTI survives a refused buffer. Before CUDA 12.9 it crashes (kineto#1534).
    pub(super) const fn survives_refused_buffers(&self) -> bool {
        self.version >= 27
    }
}

/// Returns the toolkit's name for a CUPTI version: "CUDA 12.8's CUPTI (API 26)".
pub(crate) fn toolkit(version: u32) -> String {
    let cuda = match TOOLKITS.iter().find(|(api, _)| *api == version) {
        Some((_, cuda)) => (*cuda).to_owned(),
        // Since CUDA 13.0 the number contains the toolkit's version: 130001.
        None if version >= 100_000 => format!("{}.{}", version / 10_000, version % 10_000 / 100),
        None => return format!("a CUPTI with API {version}"),
    };
    format!("CUDA {cuda}'s CUPTI (API {version})")
}

/// Returns the reason for a missing libcupti; `driver` is the CUDA version that the driver
/// supports.
fn not_found(driver: u32) -> Unavailable {
    let (major, minor) = (driver / 1000, driver % 1000 / 10);
    Unavailable::surprising(
        "no_cupti",
        format!(
            "libcupti is not found: install the one of CUDA {major} (the driver supports {major}.{minor}), or set \
             `PROFILER_CUPTI_LIB` to its path"
        ),
    )
}

/// Returns the reason for a library at `path` that cannot be used.
fn unusable(path: &Path, why: impl Display) -> Unavailable {
    let path = path.display();
    Unavailable::surprising(
        "cupti_unusable",
        format!(
            "`{path}` cannot be used: {why}; set `PROFILER_CUPTI_LIB` to the libcupti of a CUDA toolkit, or unset it to \
             have it searched for"
        ),
    )
}

/// Translates the error code of a CUPTI call.
pub(super) fn failed(call: &str, code: i32) -> Unavailable {
    match code {
        12 | 39 => Unavailable::surprising(
            "occupied",
            "CUPTI serves another tool (nsys, ncu, a debugger, DCGM): detach it to record kernels",
        ),
        35 => Unavailable::surprising(
            "not_permitted",
            "this user may not trace the GPU: load the NVIDIA kernel module with \
             `NVreg_RestrictProfilingToAdminUsers=0`, or give the container the capability `SYS_ADMIN`",
        ),
        27 | 33 | 40 | 41 | 43 | 45 => Unavailable::surprising(
            "unsupported",
            format!("CUPTI cannot trace this GPU (error {code}): virtual GPUs and confidential computing forbid it"),
        ),
        _ => Unavailable::surprising("cupti_failed", format!("`{call}` failed with CUPTI error {code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E14: users know the toolkit's version, not CUPTI's.
    #[test]
    fn a_version_is_shown_as_its_toolkit() {
        for (version, shown) in [
            (18, "CUDA 11.8 to 12.1's CUPTI (API 18)"),
            (26, "CUDA 12.8's CUPTI (API 26)"),
            (130_500, "CUDA 13.5's CUPTI (API 130500)"),
            (27, "a CUPTI with API 27"),
        ] {
            assert_eq!(toolkit(version), shown);
        }
    }
}
