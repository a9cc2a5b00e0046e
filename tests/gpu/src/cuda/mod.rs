//! The part of the driver API that the steps need: device 0, its streams, kernels and events.

mod functions;
mod graph;
mod memory;

use std::ffi::{CStr, CString, c_int};
use std::ptr;

use libloading::Library;
use profiler_runtime::cuda::BorrowedStream;

use functions::{Functions, Handle};

/// Kernels: `spin` for a number of cycles, `empty`, and one with a C++ name that multiplies a
/// buffer.
const PTX: &str = include_str!("kernels.ptx");
/// Variable with the path of the same kernels in compiled form, for a driver that cannot compile
/// PTX.
const COMPILED: &str = "GPU_WORKLOAD_CUBIN";

/// Device 0, with its primary context and the kernels.
#[derive(Debug)]
pub(crate) struct Gpu {
    functions: Functions,
    context: Handle,
    spin: Handle,
    empty: Handle,
    scale: Handle,
    /// Clock cycles per microsecond.
    cycles_per_us: u64,
}

// SAFETY: handles of the driver may be used on any thread.
unsafe impl Send for Gpu {}
// SAFETY: as above.
unsafe impl Sync for Gpu {}

/// A stream, which is never destroyed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream(Handle);

// SAFETY: as above.
unsafe impl Send for Stream {}
// SAFETY: as above.
unsafe impl Sync for Stream {}

impl From<Stream> for BorrowedStream<'_> {
    fn from(stream: Stream) -> Self {
        // SAFETY: streams are never destroyed.
        unsafe { Self::borrow_raw(stream.0) }
    }
}

impl Stream {
    /// Returns the handle, for other APIs.
    pub(crate) fn raw(self) -> Handle {
        self.0
    }
}

/// An event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event(Handle);

#[track_caller]
fn check(code: c_int) {
    assert_eq!(code, 0, "CUDA error {code}");
}

impl Gpu {
    /// Loads the driver, and opens its first device.
    ///
    /// # Errors
    ///
    /// The reason why there is none.
    pub(crate) fn open() -> Result<Self, String> {
        // SAFETY: the driver's constructors can run here.
        let library = unsafe { Library::new("libcuda.so.1") }
            .map_err(|_| "there is no CUDA driver (`libcuda.so.1`) on this machine".to_owned())?;
        let functions =
            Functions::open(&library).map_err(|name| format!("the CUDA driver has no `{name}`: CUDA 12 is needed"))?;
        std::mem::forget(library);
        let mut context = ptr::null_mut();
        // SAFETY: the context is written to a local variable.
        unsafe {
            match (functions.init)(0) {
                0 => {}
                100 => return Err("the CUDA driver finds no device".to_owned()),
                code => return Err(format!("`cuInit` failed with CUDA error {code}")),
            }
            check((functions.retain)(&mut context, 0));
            check((functions.set_current)(context));
        }
        let module = load(&functions)?;
        let kernel = |name: &CStr| {
            let mut kernel = ptr::null_mut();
            // SAFETY: the module holds kernels of these names.
            check(unsafe { (functions.function)(&mut kernel, module, name.as_ptr()) });
            kernel
        };
        let (spin, empty, scale) = (kernel(c"spin"), kernel(c"empty"), kernel(c"_Z5scalePff"));
        let mut gpu = Self { functions, context, spin, empty, scale, cycles_per_us: 1 };
        gpu.cycles_per_us = u64::try_from(gpu.attribute(13) / 1000).unwrap_or(1).max(1);
        Ok(gpu)
    }

    /// Returns the version of CUDA that the driver supports; 12080 is 12.8.
    pub(crate) fn version(&self) -> i32 {
        let mut version = 0;
        // SAFETY: the pointer is to a local variable.
        check(unsafe { (self.functions.version)(&mut version) });
        version
    }

    /// Returns the name of the device.
    pub(crate) fn name(&self) -> String {
        let mut name = [0_u8; 256];
        // SAFETY: the name is at most as long as the array.
        check(unsafe { (self.functions.name)(name.as_mut_ptr().cast(), 255, 0) });
        CStr::from_bytes_until_nul(&name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Returns the size of the device's memory.
    pub(crate) fn memory(&self) -> usize {
        let mut bytes = 0;
        // SAFETY: the pointer is to a local variable.
        check(unsafe { (self.functions.total_memory)(&mut bytes, 0) });
        bytes
    }

    /// Returns an attribute of the device by CUDA's number, or 0 if it is unknown.
    pub(crate) fn attribute(&self, number: c_int) -> c_int {
        let mut value = 0;
        // SAFETY: the pointer is to a local variable.
        unsafe { (self.functions.attribute)(&mut value, number, 0) };
        value
    }

    /// Makes the context current for the calling thread.
    pub(crate) fn enter(&self) {
        // SAFETY: the context is never released.
        check(unsafe { (self.functions.set_current)(self.context) });
    }

    /// Creates a stream that does not wait for the default stream.
    pub(crate) fn stream(&self) -> Stream {
        let mut stream = ptr::null_mut();
        // SAFETY: the pointer is to a local variable.
        check(unsafe { (self.functions.stream)(&mut stream, 1) });
        Stream(stream)
    }

    /// Launches a block of one warp that is busy for about `us` microseconds.
    pub(crate) fn spin(&self, stream: Stream, us: u64) {
        let mut cycles = us * self.cycles_per_us;
        let mut arguments = [(&raw mut cycles).cast()];
        self.launch(self.spin, (1, 32), stream, &mut arguments);
    }

    /// Launches a kernel that does nothing.
    pub(crate) fn empty(&self, stream: Stream) {
        self.launch(self.empty, (1, 32), stream, &mut []);
    }

    /// Multiplies `count` floats; `count` is a multiple of 256.
    pub(crate) fn scale(&self, stream: Stream, mut values: u64, count: u32, mut factor: f32) {
        let mut arguments = [(&raw mut values).cast(), (&raw mut factor).cast()];
        self.launch(self.scale, (count / 256, 256), stream, &mut arguments);
    }

    fn launch(&self, kernel: Handle, (grid, block): (u32, u32), stream: Stream, arguments: &mut [Handle]) {
        let none = ptr::null_mut();
        // SAFETY: the arguments are those of the kernel, and are copied before the call returns.
        check(unsafe {
            (self.functions.launch)(kernel, grid, 1, 1, block, 1, 1, 0, stream.0, arguments.as_mut_ptr(), none)
        });
    }

    /// Waits for a stream.
    pub(crate) fn wait(&self, stream: Stream) {
        // SAFETY: the stream lives until the process ends.
        check(unsafe { (self.functions.stream_wait)(stream.0) });
    }

    /// Waits for all work of the device.
    pub(crate) fn synchronize(&self) {
        // SAFETY: the context is current.
        check(unsafe { (self.functions.synchronize)() });
    }

    /// Creates an event with a timestamp.
    pub(crate) fn event(&self) -> Event {
        let mut event = ptr::null_mut();
        // SAFETY: the pointer is to a local variable.
        check(unsafe { (self.functions.event)(&mut event, 0) });
        Event(event)
    }

    /// Puts an event on a stream.
    pub(crate) fn record(&self, event: Event, stream: Stream) {
        // SAFETY: both are valid.
        check(unsafe { (self.functions.record)(event.0, stream.0) });
    }

    /// Returns the milliseconds between two events that have occurred, and destroys both.
    pub(crate) fn between(&self, begin: Event, end: Event) -> f64 {
        let mut ms = 0.0;
        // SAFETY: both are valid.
        unsafe {
            check((self.functions.elapsed)(&mut ms, begin.0, end.0));
            check((self.functions.destroy_event)(begin.0));
            check((self.functions.destroy_event)(end.0));
        }
        f64::from(ms)
    }

    /// Returns the milliseconds of `work` on a stream, measured by CUDA events.
    pub(crate) fn timed(&self, stream: Stream, work: impl FnOnce()) -> f64 {
        let (begin, end) = (self.event(), self.event());
        self.record(begin, stream);
        work();
        self.record(end, stream);
        self.wait(stream);
        self.between(begin, end)
    }
}

/// Loads the module: PTX, which the driver compiles, or otherwise the compiled file.
fn load(functions: &Functions) -> Result<Handle, String> {
    let mut module = ptr::null_mut();
    let ptx = CString::new(PTX).map_err(|error| error.to_string())?.into_raw();
    // SAFETY: PTX ends with a NUL and is never freed.
    let code = unsafe { (functions.load)(&mut module, ptx) };
    if code == 0 {
        return Ok(module);
    }
    let compiled = std::env::var_os(COMPILED).and_then(|file| std::fs::read(file).ok());
    let compiled = compiled.ok_or_else(|| format!("the driver cannot compile PTX (CUDA error {code})"))?.leak();
    println!("the driver cannot compile PTX (CUDA error {code}): taking the compiled kernels");
    // SAFETY: a cubin contains its own length.
    match unsafe { (functions.load)(&mut module, compiled.as_ptr().cast()) } {
        0 => Ok(module),
        code => Err(format!("the driver cannot load the compiled kernels (CUDA error {code})")),
    }
}
