//! Opens the CUDA driver: lists its devices, finds contexts, and waits for the GPU.
//!
//! The driver is opened on first use. Nothing here creates a context, so an unused device stays
//! unused.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr;
use std::sync::OnceLock;

use crate::os::library::{Library, functions};
use profiler_core::process::PerProcess;
use profiler_trace::records::gpu::Device;
use profiler_trace::records::unavailable::Unavailable;

/// A handle of a context, a stream or an event.
pub(super) type Raw = *mut c_void;

functions! {
    /// The functions of libcuda that this crate calls.
    struct Functions {
        init: "cuInit" = fn(c_uint);
        version: "cuDriverGetVersion" = fn(*mut c_int);
        device_count: "cuDeviceGetCount" = fn(*mut c_int);
        device: "cuDeviceGet" = fn(*mut c_int, c_int);
        device_name: "cuDeviceGetName" = fn(*mut c_char, c_int, c_int);
        device_memory: "cuDeviceTotalMem_v2" = fn(*mut usize, c_int);
        device_attribute: "cuDeviceGetAttribute" = fn(*mut c_int, c_int, c_int);
        primary_state: "cuDevicePrimaryCtxGetState" = fn(c_int, *mut c_uint, *mut c_int);
        primary_retain: "cuDevicePrimaryCtxRetain" = fn(*mut Raw, c_int);
        primary_release: "cuDevicePrimaryCtxRelease_v2" = fn(c_int);
        current: "cuCtxGetCurrent" = fn(*mut Raw);
        push: "cuCtxPushCurrent_v2" = fn(Raw);
        pop: "cuCtxPopCurrent_v2" = fn(*mut Raw);
        synchronize: "cuCtxSynchronize" = fn();
        profiler_start: "cuProfilerStart" = fn();
        profiler_stop: "cuProfilerStop" = fn();
        context_device: "cuCtxGetDevice" = fn(*mut c_int);
        event_create: "cuEventCreate" = fn(*mut Raw, c_uint);
        event_record: "cuEventRecord" = fn(Raw, Raw);
        event_query: "cuEventQuery" = fn(Raw);
        event_elapsed: "cuEventElapsedTime" = fn(*mut f32, Raw, Raw);
        event_destroy: "cuEventDestroy_v2" = fn(Raw);
        stream_create: "cuStreamCreate" = fn(*mut Raw, c_uint);
        stream_destroy: "cuStreamDestroy_v2" = fn(Raw);
        stream_context: "cuStreamGetCtx" = fn(Raw, *mut Raw);
        stream_capturing: "cuStreamIsCapturing" = fn(Raw, *mut c_int);
        capture_mode: "cuThreadExchangeStreamCaptureMode" = fn(*mut c_int);
    }
    optional {
        // Since 12.8.
        event_elapsed_new: "cuEventElapsedTime_v2" = fn(*mut f32, Raw, Raw);
    }
}

/// The initialized driver, with at least one device.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(super) functions: Functions,
    devices: Vec<Device>,
}

/// Error code of calls on a machine without a device.
const ERROR_NO_DEVICE: c_int = 100;
/// Reason if there is no driver.
pub(super) const NO_DRIVER: Unavailable =
    Unavailable::expected("no_driver", "no CUDA driver (`libcuda.so.1`) can be opened here");
/// Reason if the driver has no device.
pub(super) const NO_DEVICE: Unavailable = Unavailable::expected("no_device", "the CUDA driver finds no device");

#[cfg(windows)]
const LIBRARY: &str = "nvcuda.dll";
#[cfg(not(windows))]
const LIBRARY: &str = "libcuda.so.1";

/// Returns the reason for a driver that lacks a function.
fn too_old(function: &CStr) -> Unavailable {
    let function = function.to_string_lossy();
    let why = format!("the CUDA driver has no `{function}`: CUDA 11.7 or newer is needed");
    Unavailable::surprising("driver_too_old", why)
}

/// Returns the reason for a failed driver call.
pub(super) fn failed(call: &str, code: c_int) -> Unavailable {
    let why = format!("`{call}` failed with CUDA error {code}: see what `nvidia-smi` says");
    Unavailable::surprising("driver_failed", why)
}

impl Functions {
    /// Describes the device with this number.
    fn describe(&self, ordinal: c_int) -> Device {
        let (mut device, mut memory, mut name) = (0, 0, [0u8; 256]);
        // SAFETY: results are written to locals; the name fits the array with its NUL.
        unsafe {
            if (self.device)(&mut device, ordinal) != 0 {
                return Device::default();
            }
            (self.device_name)(name.as_mut_ptr().cast(), 255, device);
            (self.device_memory)(&mut memory, device);
        }
        let attribute = |number: c_int| {
            let mut value = 0;
            // SAFETY: the value is written to a local; an unknown attribute returns an error code.
            unsafe { (self.device_attribute)(&mut value, number, device) };
            u32::try_from(value).unwrap_or(0)
        };
        let length = name.iter().position(|byte| *byte == 0).unwrap_or(0);
        Device {
            name: String::from_utf8_lossy(&name[..length]).into_owned(),
            memory: memory as u64,
            major: attribute(75),
            minor: attribute(76),
            threads_per_block: attribute(1),
            threads_per_sm: attribute(39),
            blocks_per_sm: attribute(106),
            registers_per_block: attribute(12),
            registers_per_sm: attribute(82),
            warp: attribute(10),
            shared_per_block: attribute(8),
            shared_per_block_optin: attribute(97),
            shared_per_sm: attribute(81),
            shared_reserved: attribute(111),
            multiprocessors: attribute(16),
        }
    }
}

impl Driver {
    /// Returns the driver of this machine.
    ///
    /// # Errors
    ///
    /// Returns the reason if there is no driver or no device. The result is cached.
    pub(crate) fn get() -> Result<&'static Self, Unavailable> {
        static DRIVER: PerProcess<OnceLock<Result<Driver, Unavailable>>> = PerProcess::new(|_| OnceLock::new());
        DRIVER.get_or_init(Self::open).as_ref().map_err(Clone::clone)
    }

    fn open() -> Result<Self, Unavailable> {
        let library = Library::open(LIBRARY).map_err(|_| NO_DRIVER)?;
        let functions = Functions::load(&library).map_err(too_old)?;
        let mut devices = 0;
        // SAFETY: `cuInit` may be called at any time and repeatedly; the count is written to a
        // local.
        let (init, count) = unsafe { ((functions.init)(0), (functions.device_count)(&mut devices)) };
        match (init, count) {
            (0, 0) if devices > 0 => {
                Ok(Self { functions, devices: (0..devices).map(|ordinal| functions.describe(ordinal)).collect() })
            }
            (0 | ERROR_NO_DEVICE, 0 | ERROR_NO_DEVICE) | (ERROR_NO_DEVICE, _) => Err(NO_DEVICE),
            (0, code) => Err(failed("cuDeviceGetCount", code)),
            (code, _) => Err(failed("cuInit", code)),
        }
    }

    /// Returns the version of CUDA that the driver supports: 12080 is 12.8.
    pub(crate) fn version(&self) -> u32 {
        let mut version = 0;
        // SAFETY: the version is written to a local.
        unsafe { (self.functions.version)(&mut version) };
        u32::try_from(version).unwrap_or(0)
    }

    /// Returns the devices in the order of their numbers.
    pub(crate) fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// Returns whether the calling thread or a device has a context.
    pub(crate) fn has_context(&self) -> bool {
        !self.current_context().is_null() || self.active_devices().next().is_some()
    }

    /// Waits for the work of the calling thread's context and of every active primary context.
    /// Ignores errors, because the program gets them at its next call.
    pub(crate) fn synchronize(&self) {
        if !self.current_context().is_null() {
            // SAFETY: waits for the current context.
            unsafe { (self.functions.synchronize)() };
        }
        for device in self.active_devices() {
            // SAFETY: waits for the context that `in_primary_context` has made current.
            self.in_primary_context(device, || unsafe { (self.functions.synchronize)() });
        }
    }

    /// Calls `cuProfilerStart` in any available context.
    ///
    /// # Errors
    ///
    /// Returns CUDA's error code, or `None` if there is no context.
    pub(crate) fn start_range(&self) -> Result<(), Option<i32>> {
        self.in_any_context(self.functions.profiler_start)
    }

    /// Calls `cuProfilerStop` in any available context.
    ///
    /// # Errors
    ///
    /// Returns the same error as [`start_range`](Self::start_range).
    pub(crate) fn stop_range(&self) -> Result<(), Option<i32>> {
        self.in_any_context(self.functions.profiler_stop)
    }

    fn in_any_context(&self, function: unsafe extern "C" fn() -> i32) -> Result<(), Option<i32>> {
        // SAFETY: the two functions passed here take no argument and use the current context.
        let call = || unsafe { function() };
        let code = if self.current_context().is_null() {
            let device = self.active_devices().next().ok_or(None)?;
            self.in_primary_context(device, call).ok_or(None)?
        } else {
            call()
        };
        if code == 0 { Ok(()) } else { Err(Some(code)) }
    }

    /// Runs `work` with a device's primary context current, then restores the previous one.
    fn in_primary_context<R>(&self, device: c_int, work: impl FnOnce() -> R) -> Option<R> {
        let mut context = ptr::null_mut();
        // SAFETY: the primary context is retained while it is current, and released once; push and
        // pop are paired on this thread.
        unsafe {
            if (self.functions.primary_retain)(&mut context, device) != 0 {
                return None;
            }
            let pushed = (self.functions.push)(context) == 0;
            let result = pushed.then(work);
            if pushed {
                (self.functions.pop)(&mut context);
            }
            (self.functions.primary_release)(device);
            result
        }
    }

    fn current_context(&self) -> Raw {
        let mut context = ptr::null_mut();
        // SAFETY: the context is written to a local.
        unsafe { (self.functions.current)(&mut context) };
        context
    }

    /// Returns the devices whose primary context exists.
    fn active_devices(&self) -> impl Iterator<Item = c_int> + '_ {
        // CAST: the driver counts devices in an `int`.
        (0..self.devices.len() as c_int).filter(|&device| {
            let (mut flags, mut active) = (0, 0);
            // SAFETY: results are written to locals.
            let code = unsafe { (self.functions.primary_state)(device, &mut flags, &mut active) };
            code == 0 && active != 0
        })
    }
}
