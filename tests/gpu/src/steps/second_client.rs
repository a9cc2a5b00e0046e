//! Another client of CUPTI in the process, before and during a session.

use std::ffi::c_void;
use std::ptr;

use libloading::Library;
use profiler_runtime::stage;

use crate::bench::{Bench, Recorded};
use crate::findings::{Findings, Outcome};

use super::versions::loaded;

type Subscribe = unsafe extern "C" fn(*mut *mut c_void, unsafe extern "C" fn(), *mut c_void) -> i32;
type Unsubscribe = unsafe extern "C" fn(*mut c_void) -> i32;

unsafe extern "C" fn ignore() {}

/// The other client.
#[derive(Debug)]
struct Other {
    subscribe: Subscribe,
    unsubscribe: Unsubscribe,
}

impl Other {
    /// Uses the libcupti that this process has loaded.
    fn open() -> Result<Self, String> {
        let path = loaded("libcupti").ok_or("no libcupti is loaded")?;
        // SAFETY: the library is loaded already and never closed, and the functions have these
        // signatures.
        unsafe {
            let library = Library::new(path).map_err(|error| error.to_string())?;
            let subscribe = *library.get::<Subscribe>(b"cuptiSubscribe\0").map_err(|error| error.to_string())?;
            let unsubscribe = *library.get::<Unsubscribe>(b"cuptiUnsubscribe\0").map_err(|error| error.to_string())?;
            std::mem::forget(library);
            Ok(Self { subscribe, unsubscribe })
        }
    }

    /// Runs `work` while this client is subscribed. Returns CUPTI's code for the subscription.
    fn meanwhile(&self, work: impl FnOnce()) -> i32 {
        let mut handle = ptr::null_mut();
        // SAFETY: the pointer is to a local variable, and no callback is enabled.
        let code = unsafe { (self.subscribe)(&mut handle, ignore, ptr::null_mut()) };
        work();
        if code == 0 {
            // SAFETY: the handle is that of the subscription.
            unsafe { (self.unsubscribe)(handle) };
        }
        code
    }
}

pub(super) fn run(bench: &Bench) -> Outcome {
    let (gpu, stream) = (&bench.gpu, bench.stream);
    let work = || {
        let _stage = stage!("work");
        (0..3).for_each(|_| gpu.spin(stream, 20));
    };
    // Loads libcupti.
    bench.record(bench.config(), work)?;
    let other = Other::open()?;
    let mut found = Findings::default();
    let mut during = 0;
    let recorded = bench.record(bench.config(), || during = other.meanwhile(work))?;
    found.demand("error of a client that comes during a session", during, "", ("not 0", during != 0));
    found.demand_count("kernels of that session", recorded.ops("work"), 3);
    let mut refused = None;
    let before = other.meanwhile(|| refused = Some(Recorded::of(bench.config(), work)));
    found.demand_count("error of a client that comes before one", before, 0);
    let gpu = refused.map(|refused| refused.manifest["gpu"].clone()).unwrap_or_default();
    found.demand("source of the session then", gpu["source"].clone(), "", ("none or events", gpu["source"] != "cupti"));
    found.demand("its reason", gpu["reason_code"].clone(), "", ("occupied", gpu["reason_code"] == "occupied"));
    let again = bench.record(bench.config(), work)?;
    found.demand_count("kernels of the next session", again.ops("work"), 3);
    Ok(found)
}
