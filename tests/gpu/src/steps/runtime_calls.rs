//! Calls of the runtime API: checks whether each contains a record of the driver API with the same
//! correlation id.

use std::collections::HashMap;
use std::ffi::{c_int, c_void};

use libloading::Library;
use profiler_runtime::stage;

use crate::artifacts::Trace;
use crate::bench::{Bench, slices, succeeded};
use crate::findings::{Findings, Outcome};
use crate::fixture::{Recording, kind};

/// Variable with the path of a libcudart.
const LIBRARY: &str = "GPU_CUDART";
const BYTES: usize = 1 << 16;
/// Number of calls that put work on a stream.
const CALLS: u64 = 6;

type Fill = unsafe extern "C" fn(*mut c_void, c_int, usize, *mut c_void) -> c_int;
type Copy = unsafe extern "C" fn(*mut c_void, *const c_void, usize, c_int, *mut c_void) -> c_int;
type Wait = unsafe extern "C" fn(*mut c_void) -> c_int;

fn library() -> Option<Library> {
    let named = std::env::var_os(LIBRARY).into_iter();
    let others = ["libcudart.so.13", "libcudart.so.12", "libcudart.so"].map(Into::into);
    // SAFETY: NVIDIA's library can run its constructors.
    named.chain(others).find_map(|name| unsafe { Library::new(name) }.ok())
}

/// Returns a function that fills and copies by the runtime API, or does nothing without one.
pub(super) fn calls(bench: &Bench) -> impl FnOnce() {
    move || {
        let Some(library) = library() else { return };
        let (device, stream) = (bench.gpu.allocate(BYTES), bench.stream.raw());
        let start = std::ptr::with_exposed_provenance_mut(device as usize);
        let mut values = vec![0_u8; BYTES];
        let _stage = stage!("runtime");
        // SAFETY: the functions have these signatures; the memory is `BYTES` long and lives until
        // the stream is done.
        unsafe {
            let fill: Fill = *library.get(b"cudaMemsetAsync\0").unwrap();
            let copy: Copy = *library.get(b"cudaMemcpyAsync\0").unwrap();
            let wait: Wait = *library.get(b"cudaStreamSynchronize\0").unwrap();
            for _ in 0..CALLS / 3 {
                assert_eq!(fill(start, 7, BYTES, stream), 0);
                assert_eq!(copy(values.as_mut_ptr().cast(), start, BYTES, 2, stream), 0);
                assert_eq!(copy(start, values.as_ptr().cast(), BYTES, 1, stream), 0);
            }
            assert_eq!(wait(stream), 0);
            std::mem::forget(library);
        }
        assert!(values.iter().all(|value| *value == 7), "the GPU fills");
        bench.gpu.free(device);
    }
}

pub(super) fn run(bench: &Bench) -> Outcome {
    if library().is_none() {
        return Err(format!("there is no libcudart, and `{LIBRARY}` names none"));
    }
    let (file, folder) = (bench.place("runtime.records"), bench.place("runtime"));
    let mut part = bench.part("runtime", &folder);
    succeeded(part.env("PROFILER_CUPTI_RECORDS", &file).env("PROFILER_CUPTI_RECORDS_EACH", "1000"))?;
    let recording = Recording::read(&file)?;
    let calls = |api: u32| {
        let all = recording.records.iter().filter(move |record| record.kind() == api);
        all.map(|record| (record.u32(32), record.name.as_str())).collect::<Vec<_>>()
    };
    let (outer, inner) = (calls(kind::RUNTIME), calls(kind::DRIVER));
    let inside: HashMap<u32, &str> = inner.into_iter().collect();
    let launches = outer.iter().filter(|(_, name)| name.contains("Async"));
    let launches: Vec<_> = launches.collect();
    let with = launches.iter().filter(|(id, _)| inside.contains_key(id)).count();
    let mut found = Findings::default();
    found.demand_count("calls of the runtime API", launches.len(), CALLS);
    found.note("of them with a driver record of the same id", with, "");
    let mut pairs = launches.iter().filter_map(|(id, name)| Some(format!("{name} has {}", inside.get(id)?)));
    found.note("for example", pairs.next_back().unwrap_or_else(|| "none has one".to_owned()), "");
    shown(&folder, &mut found)?;
    Ok(found)
}

/// Checks that the trace has one launch per call in either case.
fn shown(folder: &std::path::Path, found: &mut Findings) -> Result<(), String> {
    let session = std::fs::read_dir(folder).into_iter().flatten().flatten().next();
    let trace = Trace::read(&session.ok_or("the program wrote nothing")?.path());
    let work: Vec<_> = slices(&trace, "gpu_memcpy").into_iter().chain(slices(&trace, "gpu_memset")).collect();
    found.demand_count("copies and fills", work.len(), CALLS);
    let calls: Vec<_> = slices(&trace, "cuda_driver").into_iter().chain(slices(&trace, "cuda_runtime")).collect();
    let launches = |id| calls.iter().filter(|call| call["args"]["correlation"] == id).count();
    let once = work.iter().filter(|each| launches(each["args"]["correlation"].clone()) == 1).count();
    found.demand_count("of them with exactly one call in the trace", once, CALLS);
    Ok(())
}
