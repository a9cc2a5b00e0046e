//! Work of a stream: kernels, copies and fills, which take time, change memory and are reported to
//! the double of CUPTI.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr;
use std::sync::Mutex;

use crate::streams::{Stream, queue};
use crate::works::{Ran, Reports, driver_call, works};
use crate::{INVALID_CONTEXT, INVALID_VALUE};

const NOT_FOUND: c_int = 500;
/// The device's clock, in kHz: a cycle is a nanosecond.
pub(crate) const CLOCK_KHZ: c_int = 1_000_000;
/// Bytes that a copy or a fill moves in a nanosecond.
const BYTES_PER_NS: u64 = 32;

/// One piece of work.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// A kernel: its nanoseconds, and its effect on memory, which is to multiply floats from an
    /// address on by a factor.
    Kernel { name: &'static CStr, ns: u64, scales: Option<(usize, usize, f32)> },
    /// A copy: CUPTI's kinds, source, target, bytes.
    Copy { kinds: [u8; 3], from: usize, to: usize, bytes: usize },
    /// A fill.
    Fill { address: usize, value: u8, bytes: usize },
}

impl Work {
    fn ns(&self) -> u64 {
        match self {
            Self::Kernel { ns, .. } => *ns,
            // With a clock that the test advances, only the work of `double_work` takes time.
            _ if !works() => 0,
            Self::Copy { bytes, .. } | Self::Fill { bytes, .. } => 1000 + *bytes as u64 / BYTES_PER_NS,
        }
    }

    /// Returns CUPTI's number for the function that launches it.
    fn function(&self) -> u32 {
        match self {
            Self::Kernel { .. } => 307,
            Self::Copy { kinds: [1, ..], .. } => 277,
            Self::Copy { kinds: [2, ..], .. } => 279,
            Self::Copy { .. } => 281,
            Self::Fill { .. } => 283,
        }
    }

    /// Changes the memory, on the caller's thread and before the work seems to run.
    fn take_effect(&self) {
        if !works() {
            return;
        }
        // SAFETY: the program guarantees memory of these lengths, as for CUDA.
        unsafe {
            match *self {
                Self::Kernel { scales: Some((address, count, factor)), .. } => {
                    let values = ptr::with_exposed_provenance_mut::<f32>(address);
                    (0..count).for_each(|at| *values.add(at) *= factor);
                }
                Self::Kernel { .. } => {}
                Self::Copy { from, to, bytes, .. } => {
                    let (from, to) = (ptr::with_exposed_provenance::<u8>(from), ptr::with_exposed_provenance_mut(to));
                    ptr::copy(from, to, bytes);
                }
                Self::Fill { address, value, bytes } => {
                    ptr::write_bytes(ptr::with_exposed_provenance_mut::<u8>(address), value, bytes);
                }
            }
        }
    }

    /// Runs it now, on a stream.
    pub(crate) fn run(&self, stream: &Stream, correlation: u32, (graph, node): (u32, u32)) {
        let Some((queue, _)) = queue(stream) else { return };
        self.take_effect();
        let (begin, end) = queue.take(self.ns());
        let ran = Ran { begin, end, stream: queue.number, correlation, graph, node };
        let Some(reports) = Reports::get() else { return };
        match *self {
            Self::Kernel { name, .. } => reports.kernel(name, ran),
            Self::Copy { kinds, bytes, .. } => reports.copy(kinds, bytes as u64, ran),
            Self::Fill { bytes, .. } => reports.fill(bytes as u64, ran),
        }
    }

    /// Puts it on a stream, or into the stream's graph while that is captured.
    pub(crate) fn submit(self, stream: Stream) -> c_int {
        let Some((queue, _)) = queue(&stream) else { return INVALID_CONTEXT };
        let correlation = driver_call(self.function());
        if let Some(work) = queue.capture(self) {
            work.run(&stream, correlation, (0, 0));
        }
        0
    }
}

/// A kernel of a module.
#[derive(Debug)]
struct Function(&'static CStr);

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleLoadData(module: *mut *mut c_void, image: *const c_char) -> c_int {
    // SAFETY: the caller passes a valid pointer for the module; PTX is a string, and lives as long
    // as the program here.
    unsafe { *module = image.cast_mut().cast() };
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleGetFunction(
    function: *mut *mut c_void,
    module: *mut c_void,
    name: *const c_char,
) -> c_int {
    static KNOWN: Mutex<Vec<&'static CStr>> = Mutex::new(Vec::new());
    // SAFETY: the caller passes strings, and a valid pointer for the function.
    unsafe {
        let (image, name) = (CStr::from_ptr(module.cast()), CStr::from_ptr(name));
        if !image.to_string_lossy().contains(&format!(".entry {}(", name.to_string_lossy())) {
            return NOT_FOUND;
        }
        let Ok(mut known) = KNOWN.lock() else { return NOT_FOUND };
        let name = known.iter().copied().find(|each| *each == name).unwrap_or_else(|| {
            let new: &'static CStr = Box::leak(CString::from(name).into_boxed_c_str());
            known.push(new);
            new
        });
        *function = Box::into_raw(Box::new(Function(name))).cast();
    }
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "CUDA's own")]
pub unsafe extern "C" fn cuLaunchKernel(
    function: *mut c_void,
    grid: c_uint,
    _: c_uint,
    _: c_uint,
    block: c_uint,
    _: c_uint,
    _: c_uint,
    _: c_uint,
    stream: Stream,
    parameters: *mut *mut c_void,
    _: *mut *mut c_void,
) -> c_int {
    if function.is_null() {
        return INVALID_VALUE;
    }
    // SAFETY: a function of this double; the parameters are those of the kernel, by its name.
    let work = unsafe {
        let Function(name) = *function.cast::<Function>();
        match name.to_bytes() {
            b"spin" => Work::Kernel { name, ns: 2000 + *(*parameters).cast::<u64>(), scales: None },
            b"_Z5scalePff" => {
                let address = *(*parameters).cast::<u64>();
                let factor = *(*parameters.add(1)).cast::<f32>();
                let count = (grid as usize) * (block as usize);
                Work::Kernel { name, ns: 2000 + count as u64 / 100, scales: Some((address as usize, count, factor)) }
            }
            _ => Work::Kernel { name, ns: 1000, scales: None },
        }
    };
    work.submit(stream)
}
