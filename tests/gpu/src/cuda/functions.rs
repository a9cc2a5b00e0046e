//! The driver's functions, which are loaded at run time, so that the build does not need CUDA.

use std::ffi::{c_char, c_int, c_uint, c_void};

use libloading::Library;

pub(crate) type Handle = *mut c_void;

macro_rules! driver {
    ($( $name:ident = $symbol:literal ($($type:ty),*); )*) => {
        /// Functions of the driver.
        #[derive(Debug)]
        pub(crate) struct Functions {
            $( pub(crate) $name: unsafe extern "C" fn($($type),*) -> c_int, )*
        }

        impl Functions {
            /// Loads every function. Returns the name of the first missing one as the error.
            pub(crate) fn open(library: &Library) -> Result<Self, &'static str> {
                // SAFETY: the signatures are those of CUDA's documentation.
                unsafe {
                    Ok(Self { $( $name: *library.get(concat!($symbol, "\0").as_bytes()).map_err(|_| $symbol)?, )* })
                }
            }
        }
    };
}

driver! {
    init = "cuInit" (c_uint);
    version = "cuDriverGetVersion" (*mut c_int);
    name = "cuDeviceGetName" (*mut c_char, c_int, c_int);
    attribute = "cuDeviceGetAttribute" (*mut c_int, c_int, c_int);
    total_memory = "cuDeviceTotalMem_v2" (*mut usize, c_int);
    retain = "cuDevicePrimaryCtxRetain" (*mut Handle, c_int);
    set_current = "cuCtxSetCurrent" (Handle);
    synchronize = "cuCtxSynchronize" ();
    load = "cuModuleLoadData" (*mut Handle, *const c_char);
    function = "cuModuleGetFunction" (*mut Handle, Handle, *const c_char);
    stream = "cuStreamCreate" (*mut Handle, c_uint);
    stream_wait = "cuStreamSynchronize" (Handle);
    launch = "cuLaunchKernel" (
        Handle, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, Handle, *mut Handle, *mut Handle
    );
    allocate = "cuMemAlloc_v2" (*mut u64, usize);
    free = "cuMemFree_v2" (u64);
    allocate_async = "cuMemAllocAsync" (*mut u64, usize, Handle);
    free_async = "cuMemFreeAsync" (u64, Handle);
    allocate_host = "cuMemAllocHost_v2" (*mut Handle, usize);
    free_host = "cuMemFreeHost" (Handle);
    allocate_managed = "cuMemAllocManaged" (*mut u64, usize, c_uint);
    copy_in = "cuMemcpyHtoDAsync_v2" (u64, *const c_void, usize, Handle);
    copy_out = "cuMemcpyDtoHAsync_v2" (*mut c_void, u64, usize, Handle);
    copy_on = "cuMemcpyDtoDAsync_v2" (u64, u64, usize, Handle);
    fill = "cuMemsetD8Async" (u64, u8, usize, Handle);
    event = "cuEventCreate" (*mut Handle, c_uint);
    destroy_event = "cuEventDestroy_v2" (Handle);
    record = "cuEventRecord" (Handle, Handle);
    elapsed = "cuEventElapsedTime" (*mut f32, Handle, Handle);
    capture = "cuStreamBeginCapture_v2" (Handle, c_uint);
    end_capture = "cuStreamEndCapture" (Handle, *mut Handle);
    instantiate = "cuGraphInstantiateWithFlags" (*mut Handle, Handle, u64);
    clone_graph = "cuGraphClone" (*mut Handle, Handle);
    update = "cuGraphExecUpdate_v2" (Handle, Handle, *mut UpdateResult);
    launch_graph = "cuGraphLaunch" (Handle, Handle);
    destroy_graph = "cuGraphDestroy" (Handle);
    destroy_executable = "cuGraphExecDestroy" (Handle);
}

/// Result of `cuGraphExecUpdate_v2` for a graph that does not fit.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct UpdateResult {
    pub(crate) result: c_uint,
    pub(crate) node: Handle,
    pub(crate) from: Handle,
}
