//! Machines with the tests' doubles in place of NVIDIA's libraries. The doubles' own instructions
//! are not counted.

use libloading::{Library, Symbol};
use profiler_benches::Result;
use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, ptr};

/// Tools and libraries available to a child.
#[derive(Clone, Copy)]
pub(super) enum Machine {
    /// None.
    Plain,
    /// A tool attached through NVTX.
    Nvtx,
    /// A driver and CUPTI.
    Cupti,
    /// A driver without CUPTI.
    Events,
}

/// File name of libcuda's double.
const DRIVER: &str = "libcuda.so.1";

impl Machine {
    /// Makes the doubles available to `child`; `folder` exists until it exits.
    pub(super) fn prepare(self, child: &mut Command, folder: &Path) -> Result<()> {
        match self {
            Self::Plain => {}
            Self::Nvtx => {
                child.env("NVTX_INJECTION64_PATH", double("nvtx_tool")?);
            }
            Self::Cupti | Self::Events => {
                fs::copy(double("cuda_double")?, folder.join(DRIVER))?;
                child.env("LD_LIBRARY_PATH", folder).env("CUDA_DOUBLE_CONTEXT", "1");
            }
        }
        if let Self::Cupti = self {
            child.env("PROFILER_CUPTI_LIB", double("cupti_double")?);
        }
        Ok(())
    }
}

/// Returns the path of a double, which Cargo builds in this program's folder.
fn double(name: &str) -> Result<PathBuf> {
    use env::consts::{DLL_PREFIX, DLL_SUFFIX};
    let path = env::current_exe()?.with_file_name(format!("{DLL_PREFIX}{name}{DLL_SUFFIX}"));
    if path.exists() { Ok(path) } else { Err(format!("`{}` is not built", path.display()).into()) }
}

/// Creates a stream in the device's primary context, which becomes current on this thread; null if
/// there is no device.
pub(super) fn stream() -> *mut c_void {
    try_stream().unwrap_or(ptr::null_mut())
}

fn try_stream() -> Option<*mut c_void> {
    let (mut context, mut stream) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the functions have CUDA's signatures, and the pointers are to locals.
    unsafe {
        let driver = Library::new(DRIVER).ok()?;
        let init: Symbol<'_, unsafe extern "C" fn(u32) -> i32> = driver.get(b"cuInit\0").ok()?;
        let retain: Symbol<'_, unsafe extern "C" fn(*mut *mut c_void, i32) -> i32> =
            driver.get(b"cuDevicePrimaryCtxRetain\0").ok()?;
        let enter: Symbol<'_, unsafe extern "C" fn(*mut c_void) -> i32> = driver.get(b"cuCtxSetCurrent\0").ok()?;
        let create: Symbol<'_, unsafe extern "C" fn(*mut *mut c_void, u32) -> i32> =
            driver.get(b"cuStreamCreate\0").ok()?;
        let codes = [init(0), retain(&mut context, 0), enter(context), create(&mut stream, 1)];
        std::mem::forget(driver);
        (codes == [0; 4]).then_some(stream)
    }
}
