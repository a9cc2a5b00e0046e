//! Streams of the libcuda double, whose clock the test advances.

use std::ffi::c_void;

use libloading::{Library, Symbol};
use profiler_runtime::cuda::BorrowedStream;

/// The driver.
#[derive(Debug)]
pub struct Cuda(Library);

/// A stream that is never destroyed.
#[derive(Clone, Copy, Debug)]
pub struct Stream(
    /// Its handle.
    pub *mut c_void,
);

// SAFETY: the double's streams may be used on any thread.
unsafe impl Send for Stream {}
// SAFETY: as above.
unsafe impl Sync for Stream {}

impl From<Stream> for BorrowedStream<'_> {
    fn from(stream: Stream) -> Self {
        // SAFETY: the stream is never destroyed.
        unsafe { Self::borrow_raw(stream.0) }
    }
}

macro_rules! functions {
    ($( $(#[$about:meta])* $method:ident($($argument:ident: $type:ty),*) -> $result:ty = $symbol:literal; )*) => {
        $( $(#[$about])* pub fn $method(&self, $($argument: $type),*) -> $result {
            // SAFETY: the double's function has this signature; streams are never destroyed, and
            // results are written to locals.
            unsafe {
                let function: Symbol<'_, unsafe extern "C" fn($($type),*) -> $result> = self.0.get($symbol).unwrap();
                function($($argument),*)
            }
        } )*
    };
}

impl Cuda {
    /// Opens the driver and makes device 0's primary context current on this thread.
    pub fn open() -> Self {
        // SAFETY: the double's constructors do nothing.
        let cuda = Self(unsafe { Library::new("libcuda.so.1") }.unwrap());
        assert_eq!(cuda.init(0), 0);
        cuda.enter(0);
        cuda
    }

    /// Retains a device's primary context and makes it current on this thread.
    pub fn enter(&self, device: i32) {
        let mut context = std::ptr::null_mut();
        assert_eq!(self.retain(&mut context, device), 0);
        assert_eq!(self.set_current(context), 0);
    }

    /// Creates a stream in the current context.
    pub fn stream(&self) -> Stream {
        let mut stream = std::ptr::null_mut();
        assert_eq!(self.create_stream(&mut stream, 1), 0);
        Stream(stream)
    }

    /// Launches work of `us` microseconds and lets that much time pass on the device.
    pub fn work(&self, stream: Stream, us: u64) {
        self.launch(stream, us);
        self.pass(us * 1000);
    }

    /// Launches work of `us` microseconds, which the device does as time passes.
    pub fn launch(&self, stream: Stream, us: u64) {
        self.enqueue(stream.0, us * 1000);
    }

    functions! {
        /// `cuInit`.
        init(flags: u32) -> i32 = b"cuInit\0";
        /// `cuDevicePrimaryCtxRetain`.
        retain(context: *mut *mut c_void, device: i32) -> i32 = b"cuDevicePrimaryCtxRetain\0";
        /// `cuCtxSetCurrent`.
        set_current(context: *mut c_void) -> i32 = b"cuCtxSetCurrent\0";
        /// `cuCtxCreate`: creates a context that is not the device's primary one.
        other_context(context: *mut *mut c_void, flags: u32, device: i32) -> i32 = b"cuCtxCreate_v2\0";
        /// `cuStreamCreate`.
        create_stream(stream: *mut *mut c_void, flags: u32) -> i32 = b"cuStreamCreate\0";
        /// `cuStreamDestroy`.
        destroy(stream: *mut c_void) -> i32 = b"cuStreamDestroy_v2\0";
        /// `cuStreamBeginCapture`.
        capture(stream: *mut c_void, mode: i32) -> i32 = b"cuStreamBeginCapture_v2\0";
        /// Gives the device work, in nanoseconds.
        enqueue(stream: *mut c_void, ns: u64) -> () = b"double_work\0";
        /// Lets time pass on the device, in nanoseconds.
        pass(ns: u64) -> () = b"double_pass\0";
        /// Number of events.
        events() -> i64 = b"double_events\0";
        /// Number of streams.
        streams() -> i64 = b"double_streams\0";
        /// Number of times that a device's primary context is retained.
        users(device: i32) -> i32 = b"double_users\0";
    }
}
