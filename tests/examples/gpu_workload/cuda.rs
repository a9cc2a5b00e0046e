//! As much of the driver API as a small workload needs, opened at run time.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr;

use libloading::Library;
use profiler_runtime::cuda::BorrowedStream;

/// Two kernels: one that spins for a number of cycles, one with a C++ name that fills a buffer.
const PTX: &CStr = c".version 7.0
.target sm_70
.address_size 64

.visible .entry spin(.param .u64 cycles)
{
    .reg .pred %p<2>;
    .reg .b64 %rd<5>;
    ld.param.u64 %rd1, [cycles];
    mov.u64 %rd2, %clock64;
AGAIN:
    mov.u64 %rd3, %clock64;
    sub.s64 %rd4, %rd3, %rd2;
    setp.lt.u64 %p1, %rd4, %rd1;
    @%p1 bra AGAIN;
    ret;
}

.visible .entry _Z5scalePff(.param .u64 values, .param .f32 factor)
{
    .reg .b32 %r<5>;
    .reg .f32 %f<4>;
    .reg .b64 %rd<5>;
    ld.param.u64 %rd1, [values];
    ld.param.f32 %f1, [factor];
    cvta.to.global.u64 %rd2, %rd1;
    mov.u32 %r1, %ctaid.x;
    mov.u32 %r2, %ntid.x;
    mov.u32 %r3, %tid.x;
    mad.lo.s32 %r4, %r1, %r2, %r3;
    mul.wide.u32 %rd3, %r4, 4;
    add.s64 %rd4, %rd2, %rd3;
    ld.global.f32 %f2, [%rd4];
    mul.f32 %f3, %f2, %f1;
    st.global.f32 [%rd4], %f3;
    ret;
}
";

type Handle = *mut c_void;

macro_rules! driver {
    ($( $name:ident = $symbol:literal ($($type:ty),*); )*) => {
        /// The functions of the driver.
        #[derive(Debug)]
        pub(crate) struct Functions {
            $( $name: unsafe extern "C" fn($($type),*) -> c_int, )*
        }

        impl Functions {
            fn open(library: &Library) -> Self {
                // SAFETY: the signatures are those of CUDA's documentation.
                unsafe { Self { $( $name: *library.get($symbol).expect("the driver has this function"), )* } }
            }
        }
    };
}

driver! {
    init = b"cuInit\0" (c_uint);
    retain = b"cuDevicePrimaryCtxRetain\0" (*mut Handle, c_int);
    set_current = b"cuCtxSetCurrent\0" (Handle);
    synchronize = b"cuCtxSynchronize\0" ();
    load = b"cuModuleLoadData\0" (*mut Handle, *const c_char);
    function = b"cuModuleGetFunction\0" (*mut Handle, Handle, *const c_char);
    stream = b"cuStreamCreate\0" (*mut Handle, c_uint);
    stream_wait = b"cuStreamSynchronize\0" (Handle);
    launch = b"cuLaunchKernel\0" (
        Handle, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, Handle, *mut Handle, *mut Handle
    );
    allocate = b"cuMemAlloc_v2\0" (*mut u64, usize);
    free = b"cuMemFree_v2\0" (u64);
    copy_in = b"cuMemcpyHtoDAsync_v2\0" (u64, *const c_void, usize, Handle);
    copy_out = b"cuMemcpyDtoHAsync_v2\0" (*mut c_void, u64, usize, Handle);
    fill = b"cuMemsetD8Async\0" (u64, u8, usize, Handle);
    event = b"cuEventCreate\0" (*mut Handle, c_uint);
    record = b"cuEventRecord\0" (Handle, Handle);
    elapsed = b"cuEventElapsedTime\0" (*mut f32, Handle, Handle);
    capture = b"cuStreamBeginCapture_v2\0" (Handle, c_uint);
    end_capture = b"cuStreamEndCapture\0" (Handle, *mut Handle);
    instantiate = b"cuGraphInstantiateWithFlags\0" (*mut Handle, Handle, u64);
    launch_graph = b"cuGraphLaunch\0" (Handle, Handle);
}

/// Device 0, with its primary context and the two kernels.
#[derive(Debug)]
pub(crate) struct Gpu {
    functions: Functions,
    context: Handle,
    spin: Handle,
    scale: Handle,
}

// SAFETY: handles of the driver may be used on any thread.
unsafe impl Send for Gpu {}
// SAFETY: as above.
unsafe impl Sync for Gpu {}

/// A stream.
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

fn check(code: c_int) {
    assert_eq!(code, 0, "CUDA error {code}");
}

impl Gpu {
    /// `None` without a driver or a device.
    pub(crate) fn open() -> Option<Self> {
        // SAFETY: the driver's constructors may run here.
        let library = unsafe { Library::new("libcuda.so.1") }.ok()?;
        let functions = Functions::open(&library);
        std::mem::forget(library);
        let (mut context, mut module) = (ptr::null_mut(), ptr::null_mut());
        let (mut spin, mut scale) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: every place is a local; names and PTX end with a NUL.
        unsafe {
            if (functions.init)(0) != 0 {
                return None;
            }
            check((functions.retain)(&mut context, 0));
            check((functions.set_current)(context));
            check((functions.load)(&mut module, PTX.as_ptr()));
            check((functions.function)(&mut spin, module, c"spin".as_ptr()));
            check((functions.function)(&mut scale, module, c"_Z5scalePff".as_ptr()));
        }
        Some(Self { functions, context, spin, scale })
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

    /// One block of one warp that spins.
    pub(crate) fn spin(&self, stream: Stream, mut cycles: u64) {
        let mut arguments = [(&raw mut cycles).cast()];
        self.launch(self.spin, (1, 32), stream, &mut arguments);
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

    /// Bytes on the device.
    pub(crate) fn allocate(&self, bytes: usize) -> u64 {
        let mut address = 0;
        // SAFETY: the place is a local.
        check(unsafe { (self.functions.allocate)(&mut address, bytes) });
        address
    }

    /// Gives them back.
    pub(crate) fn free(&self, address: u64) {
        // SAFETY: the address came from `allocate`.
        check(unsafe { (self.functions.free)(address) });
    }

    /// Host to device, filled, scaled, and back; waits.
    pub(crate) fn round_trip(&self, stream: Stream, values: &mut [f32]) {
        let bytes = size_of_val(values);
        let (device, count) = (self.allocate(bytes), u32::try_from(values.len()).expect("few values"));
        // SAFETY: device and host memory are `bytes` long and live until the stream is waited for.
        unsafe {
            check((self.functions.fill)(device, 0, bytes, stream.0));
            check((self.functions.copy_in)(device, values.as_ptr().cast(), bytes, stream.0));
            self.scale(stream, device, count, 2.0);
            check((self.functions.copy_out)(values.as_mut_ptr().cast(), device, bytes, stream.0));
        }
        self.wait(stream);
        self.free(device);
    }

    /// A graph of `kernels` spins.
    pub(crate) fn graph(&self, stream: Stream, kernels: usize, cycles: u64) -> Graph {
        let (mut graph, mut executable) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the places are locals; the stream is being captured in between.
        unsafe {
            check((self.functions.capture)(stream.0, 1));
            (0..kernels).for_each(|_| self.spin(stream, cycles));
            check((self.functions.end_capture)(stream.0, &mut graph));
            check((self.functions.instantiate)(&mut executable, graph, 0));
        }
        Graph(executable)
    }

    /// Launches a graph.
    pub(crate) fn run(&self, graph: &Graph, stream: Stream) {
        // SAFETY: both live for ever.
        check(unsafe { (self.functions.launch_graph)(graph.0, stream.0) });
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

    /// Milliseconds of `work` on a stream, by CUDA's own events.
    pub(crate) fn timed(&self, stream: Stream, work: impl FnOnce()) -> f64 {
        let (mut begin, mut end, mut ms) = (ptr::null_mut(), ptr::null_mut(), 0.0);
        // SAFETY: the places are locals, the events are recorded before they are compared.
        unsafe {
            check((self.functions.event)(&mut begin, 0));
            check((self.functions.event)(&mut end, 0));
            check((self.functions.record)(begin, stream.0));
            work();
            check((self.functions.record)(end, stream.0));
            self.wait(stream);
            check((self.functions.elapsed)(&mut ms, begin, end));
        }
        f64::from(ms)
    }
}

/// An executable graph.
#[derive(Debug)]
pub(crate) struct Graph(Handle);
