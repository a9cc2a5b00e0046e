//! From CUPTI's buffers to plain records.
//!
//! libcupti walks its own buffers (`cuptiActivityGetNextRecord`), so that one build reads every version; what it points
//! at is read as a prefix ([`layout`](super::layout)). Runs on the exporter's thread, one buffer at a time, each given
//! back before the next.

use std::collections::HashMap;
use std::ffi::{CStr, c_char};
use std::ptr;

use crate::collect::gpu::{Api, ApiCall, EventRecord, GpuLog, GpuOp, Kernel, MemoryOp, Overhead, Wait, Work};

use super::api::{Cupti, DRIVER_DOMAIN, END_OF_BUFFER, OUR_IDS, RUNTIME_DOMAIN, kind};
use super::buffers::Full;
use super::layout::{
    CallRecord, CopyRecord, CudaEventRecord, FillRecord, KernelRecord, LinkRecord, MemoryRecord, OverheadRecord, PRIORITY,
    PeerCopyRecord, WaitRecord,
};
use super::noise::is_noise;

/// A record inside a buffer that CUPTI has filled.
#[derive(Clone, Copy)]
struct Record(*const u8);

impl Record {
    fn kind(self) -> u32 {
        self.read(0)
    }

    /// The value at `offset`. Private: each use names a kind whose records are long enough.
    fn read<T: Copy>(self, offset: usize) -> T {
        // SAFETY: `GetNextRecord` returns records that lie wholly inside the buffer, each at least as long as its kind
        // was in CUPTI 11.7; every `T` here is a number, or a prefix of numbers and pointers of that length.
        unsafe { self.0.add(offset).cast::<T>().read_unaligned() }
    }
}

/// Reads buffers into a log.
pub(super) struct Reader {
    cupti: &'static Cupti,
    log: GpuLog,
    /// Names of kernels by their address: CUPTI keeps each for the process's life.
    kernels: HashMap<usize, u32>,
    calls: HashMap<(Api, u32), u32>,
}

impl Reader {
    /// A reader that adds to `log`.
    pub(super) fn new(cupti: &'static Cupti, log: GpuLog) -> Self {
        Self { cupti, log, kernels: HashMap::new(), calls: HashMap::new() }
    }

    /// What was read.
    pub(super) fn finish(self) -> GpuLog {
        self.log
    }

    /// Reads one buffer.
    pub(super) fn read(&mut self, mut full: Full) {
        let (start, valid) = full.parts();
        let mut record = ptr::null_mut();
        loop {
            // SAFETY: CUPTI has written `valid` bytes of records to `start`; `record` is null or the one it returned
            // last.
            match unsafe { (self.cupti.functions.next)(start, valid, &mut record) } {
                0 => self.record(Record(record.cast_const())),
                END_OF_BUFFER => break,
                _ => {
                    self.log.losses.unreadable += 1;
                    break;
                }
            }
        }
        full.recycle();
    }

    fn record(&mut self, record: Record) {
        match record.kind() {
            kind::KERNEL | kind::CONCURRENT_KERNEL => self.kernel(record),
            kind::COPY => self.copy(record.read(0)),
            kind::PEER_COPY => self.peer_copy(record.read(0)),
            kind::FILL => self.fill(record.read(0)),
            kind::DRIVER => self.call(Api::Driver, record.read(0)),
            kind::RUNTIME => self.call(Api::Runtime, record.read(0)),
            kind::EXTERNAL_CORRELATION => {
                let LinkRecord { id_kind, id, correlation, .. } = record.read(0);
                if id_kind == OUR_IDS {
                    self.log.links.push((correlation, id));
                }
            }
            kind::SYNCHRONIZATION => {
                let WaitRecord { wait, start, end, correlation, context, stream, event, .. } = record.read(0);
                if self.is_timed(start, end) {
                    self.log.syncs.push(Wait { kind: wait, begin: start, end, correlation, context, stream, event });
                }
            }
            kind::CUDA_EVENT => {
                let CudaEventRecord { correlation, context, stream, event, .. } = record.read(0);
                self.log.events.push(EventRecord { correlation, context, stream, event });
            }
            kind::OVERHEAD => {
                let OverheadRecord { overhead, start, end, .. } = record.read(0);
                if self.is_timed(start, end) {
                    self.log.overheads.push(Overhead { kind: overhead, begin: start, end });
                }
            }
            kind::MEMORY => self.memory(record.read(0)),
            _ => {}
        }
    }

    /// A forced flush returns what still runs with an end of 0, and never again (pytorch#195844).
    fn is_timed(&mut self, start: u64, end: u64) -> bool {
        let timed = start != 0 && end >= start;
        self.log.losses.untimed += u64::from(!timed);
        timed
    }

    fn add(&mut self, op: GpuOp) {
        if self.is_timed(op.begin, op.end) {
            self.log.ops.push(op);
        }
    }

    fn kernel(&mut self, record: Record) {
        let each: KernelRecord = record.read(0);
        let (offset, since) = PRIORITY;
        let work = Work::Kernel(Kernel {
            name: self.kernel_name(each.name),
            grid: each.grid,
            block: each.block,
            registers: u32::from(each.registers),
            shared: each.static_shared.saturating_add(each.dynamic_shared),
            queued: each.queued,
            priority: (self.cupti.version >= since).then(|| record.read(offset)),
        });
        let KernelRecord { start, end, device, context, stream, correlation, graph, graph_node, .. } = each;
        self.add(GpuOp { begin: start, end, device, context, stream, correlation, graph: (graph, graph_node), work });
    }

    fn copy(&mut self, each: CopyRecord) {
        let CopyRecord { copy, from, to, bytes, start, end, device, context, stream, correlation, .. } = each;
        let work = Work::Copy { kind: copy, from, to, bytes, peers: None };
        let graph = (each.graph, each.graph_node);
        self.add(GpuOp { begin: start, end, device, context, stream, correlation, graph, work });
    }

    fn peer_copy(&mut self, each: PeerCopyRecord) {
        let PeerCopyRecord { copy, from, to, bytes, start, end, device, context, stream, correlation, .. } = each;
        let work = Work::Copy { kind: copy, from, to, bytes, peers: Some((each.source_device, each.target_device)) };
        let graph = (each.graph, each.graph_node);
        self.add(GpuOp { begin: start, end, device, context, stream, correlation, graph, work });
    }

    fn fill(&mut self, each: FillRecord) {
        let FillRecord { memory, bytes, start, end, device, context, stream, correlation, .. } = each;
        let graph = (each.graph, each.graph_node);
        let work = Work::Fill { memory, bytes };
        self.add(GpuOp { begin: start, end, device, context, stream, correlation, graph, work });
    }

    fn call(&mut self, api: Api, each: CallRecord) {
        let CallRecord { function, start, end, thread, correlation, .. } = each;
        if is_noise(api, function) || !self.is_timed(start, end) {
            return;
        }
        let name = self.call_name(api, function);
        self.log.calls.push(ApiCall { api, function, name, begin: start, end, thread, correlation });
    }

    fn memory(&mut self, each: MemoryRecord) {
        let MemoryRecord { operation, memory, correlation, address, bytes, at, device, .. } = each;
        if at == 0 || !(1..=2).contains(&operation) {
            self.log.losses.untimed += u64::from(at == 0);
            return;
        }
        let is_free = operation == 2;
        self.log.memory.push(MemoryOp { is_free, kind: memory, address, bytes, at, device, correlation });
    }

    fn kernel_name(&mut self, name: *const c_char) -> u32 {
        let names = &mut self.log.names;
        // SAFETY: CUPTI keeps the names of kernels for the process's life.
        *self.kernels.entry(name.addr()).or_insert_with(|| intern(names, demangled(&unsafe { text(name) })))
    }

    fn call_name(&mut self, api: Api, function: u32) -> u32 {
        let (cupti, names) = (self.cupti, &mut self.log.names);
        *self.calls.entry((api, function)).or_insert_with(|| {
            let domain = if api == Api::Driver { DRIVER_DOMAIN } else { RUNTIME_DOMAIN };
            let mut name = ptr::null();
            // SAFETY: the name is written to a local; it points to static text.
            let code = unsafe { (cupti.functions.callback_name)(domain, function, &mut name) };
            if code != 0 {
                name = ptr::null();
            }
            // SAFETY: null or a static text.
            let text = unsafe { text(name) };
            let text = if text.is_empty() { format!("{} {function}", api.word()) } else { text };
            intern(names, without_version(&text).to_owned())
        })
    }
}

/// A C string's text; empty for null.
///
/// # Safety
///
/// `name` is null or points to a string that ends with a NUL.
unsafe fn text(name: *const c_char) -> String {
    if name.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
}

fn intern(names: &mut Vec<String>, name: String) -> u32 {
    names.push(name);
    // CAST: a program has fewer kernels than 2^32.
    (names.len() - 1) as u32
}

/// A C++ name as people write it; any other as it is.
fn demangled(name: &str) -> String {
    if name.is_empty() {
        return "(kernel without a name)".to_owned();
    }
    if !name.starts_with("_Z") {
        return name.to_owned();
    }
    let symbol = cpp_demangle::Symbol::new(name).ok();
    symbol.and_then(|symbol| symbol.demangle().ok()).unwrap_or_else(|| name.to_owned())
}

/// `cudaLaunchKernel_v7000` without the version: Kineto's name, which consumers look for.
fn without_version(name: &str) -> &str {
    match name.rsplit_once("_v") {
        Some((plain, version)) if version.len() >= 4 && version.bytes().all(|byte| byte.is_ascii_digit()) => plain,
        _ => name,
    }
}

impl Api {
    const fn word(self) -> &'static str {
        match self {
            Self::Driver => "driver call",
            Self::Runtime => "runtime call",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_people_know() {
        assert_eq!(without_version("cudaLaunchKernel_v7000"), "cudaLaunchKernel");
        assert_eq!(without_version("cuMemcpyHtoDAsync_v2"), "cuMemcpyHtoDAsync_v2");
        assert_eq!(demangled("_Z6vecAddPfS_S_i"), "vecAdd(float*, float*, float*, int)");
        assert_eq!(demangled("_ZNot a name"), "_ZNot a name");
        assert_eq!(demangled("softmax_f32"), "softmax_f32");
    }
}
