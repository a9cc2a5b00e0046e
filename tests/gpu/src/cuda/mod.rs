//! As much of the driver API as the steps need: device 0, its streams, kernels and events.

mod functions;
mod graph;
mod memory;

use std::ffi::{CStr, CString, c_int};
use std::ptr;

use libloading::Library;
use profiler_runtime::cuda::BorrowedStream;

use functions::{Functions, Handle};

/// `spin` for a number of cycles, `empty`, and one with a C++ name that multiplies a buffer.
const PTX: &str = include_str!("kernels.ptx");
/// Names a file with the same kernels, compiled, for a driver that cannot compile PTX.
const COMPILED: &str = "GPU_WORKLOAD_CUBIN";

/// Device 0, with its primary context and the kernels.
#[derive(Debug)]
pub(crate) struct Gpu {
    functions: Functions,
    context: Handle,
    spin: Handle,
    empty: Handle,
    scale: Handle,
    /// Cycles of the clock in a microsecond.
    cycles_per_us: u64,
}

// SAFETY: handles of the driver may be used on any thread.
unsafe impl Send for Gpu {}
// SAFETY: as above.
unsafe impl Sync for Gpu {}

/// A stream that lives for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream(Handle);

// SAFETY: as above.
unsafe impl Send for Stream {}
// SAFETY: as above.
unsafe impl Sync for Stream {}

impl From<Stream> for BorrowedStream<'_> {
    fn from(stream: Stream) -> Self {
        // SAFETY: streams live for ever.
        unsafe { Self::borrow_raw(stream.0) }
    }
}

impl Stream {
    /// The handle, for other APIs.
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
    /// Opens the driver and its first device.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub(crate) fn open() -> Result<Self, String> {
        // SAFETY: the driver's constructors may run here.
        let library = unsafe { Library::new("libcuda.so.1") }
            .map_err(|_| "there is no CUDA driver (`libcuda.so.1`) on this machine".to_owned())?;
        let functions =
            Functions::open(&library).map_err(|name| format!("the CUDA driver has no `{name}`: CUDA 12 is needed"))?;
        std::mem::forget(library);
        let mut context = ptr::null_mut();
        // SAFETY: the context is written to a local.
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

    /// Version of CUDA that the driver supports: 12080 is 12.8.
    pub(crate) fn version(&self) -> i32 {
        let mut version = 0;
        // SAFETY: the place is a local.
        check(unsafe { (self.functions.version)(&mut version) });
        version
    }

    /// Name of the device.
    pub(crate) fn name(&self) -> String {
        let mut name = [0_u8; 256];
        // SAFETY: the name is at most as long as the array.
        check(unsafe { (self.functions.name)(name.as_mut_ptr().cast(), 255, 0) });
        CStr::from_bytes_until_nul(&name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Bytes of the device.
    pub(crate) fn memory(&self) -> usize {
        let mut bytes = 0;
        // SAFETY: the place is a local.
        check(unsafe { (self.functions.total_memory)(&mut bytes, 0) });
        bytes
    }

    /// An attribute of the device by CUDA's number; 0 if it is not known.
    pub(crate) fn attribute(&self, number: c_int) -> c_int {
        let mut value = 0;
        // SAFETY: the place is a local.
        unsafe { (self.functions.attribute)(&mut value, number, 0) };
        value
    }

    /// The calling thread works in the context from now on.
    pub(crate) fn enter(&self) {
        // SAFETY: the context is retained for ever.
        check(unsafe { (self.functions.set_current)(self.context) });
    }

    /// A stream that does not wait for the default one.
    pub(crate) fn stream(&self) -> Stream {
        let mut stream = ptr::null_mut();
        // SAFETY: the place is a local.
        check(unsafe { (self.functions.stream)(&mut stream, 1) });
        Stream(stream)
    }

    /// One block of one warp that is busy for about so many microseconds.
    pub(crate) fn spin(&self, stream: Stream, us: u64) {
        let mut cycles = us * self.cycles_per_us;
        let mut arguments = [(&raw mut cycles).cast()];
        self.launch(self.spin, (1, 32), stream, &mut arguments);
    }

    /// A kernel that does nothing.
    pub(crate) fn empty(&self, stream: Stream) {
        self.launch(self.empty, (1, 32), stream, &mut []);
    }

    /// Multiplies `count` floats, a multiple of 256.
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
        // SAFETY: the stream lives for ever.
        check(unsafe { (self.functions.stream_wait)(stream.0) });
    }

    /// Waits for everything.
    pub(crate) fn synchronize(&self) {
        // SAFETY: the context is current.
        check(unsafe { (self.functions.synchronize)() });
    }

    /// An event that takes the time.
    pub(crate) fn event(&self) -> Event {
        let mut event = ptr::null_mut();
        // SAFETY: the place is a local.
        check(unsafe { (self.functions.event)(&mut event, 0) });
        Event(event)
    }

    /// Puts an event on a stream.
    pub(crate) fn record(&self, event: Event, stream: Stream) {
        // SAFETY: both live.
        check(unsafe { (self.functions.record)(event.0, stream.0) });
    }

    /// Milliseconds from one event to another, which have both happened; the events are gone then.
    pub(crate) fn between(&self, begin: Event, end: Event) -> f64 {
        let mut ms = 0.0;
        // SAFETY: both live, and are used no more.
        unsafe {
            check((self.functions.elapsed)(&mut ms, begin.0, end.0));
            check((self.functions.destroy_event)(begin.0));
            check((self.functions.destroy_event)(end.0));
        }
        f64::from(ms)
    }

    /// Milliseconds of `work` on a stream, by CUDA's own events.
    pub(crate) fn timed(&self, stream: Stream, work: impl FnOnce()) -> f64 {
        let (begin, end) = (self.event(), self.event());
        self.record(begin, stream);
        work();
        self.record(end, stream);
        self.wait(stream);
        self.between(begin, end)
    }
}

/// The module: PTX, which the driver compiles, or else the compiled file that was brought along.
fn load(functions: &Functions) -> Result<Handle, String> {
    let mut module = ptr::null_mut();
    let ptx = CString::new(PTX).map_err(|error| error.to_string())?.into_raw();
    // SAFETY: PTX ends with a NUL and is never given back.
    let code = unsafe { (functions.load)(&mut module, ptx) };
    if code == 0 {
        return Ok(module);
    }
    let compiled = std::env::var_os(COMPILED).and_then(|file| std::fs::read(file).ok());
    let compiled = compiled.ok_or_else(|| format!("the driver cannot compile PTX (CUDA error {code})"))?.leak();
    println!("the driver cannot compile PTX (CUDA error {code}): taking the compiled kernels");
    // SAFETY: a cubin is as long as it says itself.
    match unsafe { (functions.load)(&mut module, compiled.as_ptr().cast()) } {
        0 => Ok(module),
        code => Err(format!("the driver cannot load the compiled kernels (CUDA error {code})")),
    }
}
