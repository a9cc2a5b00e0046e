//! The decoder of CUPTI's buffers into plain records.
//!
//! The records in a buffer ([`walk`](super::record::walk)) are read as prefixes
//! ([`layout`](super::layout)). Runs on the exporter's thread, one buffer at a time, each given
//! back before the next.

use std::collections::HashMap;
use std::ffi::c_char;

use crate::os::library::text;
use profiler_trace::records::gpu::{
    Api, ApiCall, CopyKind, EventRecord, GpuLog, GpuOp, Kernel, MemoryKind, MemoryOp, Overhead, OverheadKind, Wait,
    WaitKind, Work,
};

use super::api::{OUR_IDS, kind};
use super::ignored_calls::is_noise;
use super::layout::{
    self, CallRecord, CopyRecord, CudaEventRecord, FillRecord, KernelRecord, LinkRecord, MemoryRecord, OpPlaces,
    OverheadRecord, WaitRecord,
};
use super::record::Record;

/// Stream number of a wait that is for no stream.
const NO_STREAM: u32 = u32::MAX;

/// Reads records into a log.
pub(super) struct Reader<N> {
    version: u32,
    name_of_call: N,
    log: GpuLog,
    /// Names of kernels by their address: CUPTI keeps each for the process's life.
    kernels: HashMap<usize, u32>,
    calls: HashMap<(Api, u32), u32>,
}

impl<N: Fn(Api, u32) -> Option<String>> Reader<N> {
    /// Creates a reader that adds records of a libcupti of this version to `log`; `name_of_call`
    /// returns the name of a function.
    pub(super) fn new(version: u32, name_of_call: N, log: GpuLog) -> Self {
        Self { version, name_of_call, log, kernels: HashMap::new(), calls: HashMap::new() }
    }

    /// Returns the log.
    pub(super) fn finish(self) -> GpuLog {
        self.log
    }

    /// Counts a buffer whose rest could not be read.
    pub(super) fn unreadable(&mut self) {
        self.log.losses.unreadable += 1;
    }

    /// Reads one record.
    pub(super) fn record(&mut self, record: Record) {
        match record.kind() {
            kind::KERNEL | kind::CONCURRENT_KERNEL => self.kernel(record),
            kind::COPY => self.add(record, layout::COPY, copy(record, None)),
            kind::PEER_COPY => {
                let [from, to] = layout::PEERS.map(|offset| record.read(offset));
                self.add(record, layout::PEER_COPY, copy(record, Some((from, to))));
            }
            kind::FILL => {
                let FillRecord { bytes, memory } = FillRecord::read(record);
                let memory = nth(MemoryKind::ALL, memory.into());
                self.add(record, layout::FILL, Work::Fill { memory, bytes });
            }
            kind::DRIVER => self.call(Api::Driver, record),
            kind::RUNTIME => self.call(Api::Runtime, record),
            kind::EXTERNAL_CORRELATION => {
                let LinkRecord { id_kind, id, correlation } = LinkRecord::read(record);
                if id_kind == OUR_IDS {
                    self.log.links.push((correlation, id));
                }
            }
            kind::SYNCHRONIZATION => {
                let WaitRecord { wait, start, end, correlation, context, stream, event } = WaitRecord::read(record);
                if self.is_timed(start, end) {
                    let (kind, stream) = (nth(WaitKind::ALL, wait), Some(stream).filter(|stream| *stream != NO_STREAM));
                    self.log.syncs.push(Wait { kind, begin: start, end, correlation, context, stream, event });
                }
            }
            kind::CUDA_EVENT => {
                let CudaEventRecord { correlation, context, stream, event } = CudaEventRecord::read(record);
                self.log.events.push(EventRecord { correlation, context, stream, event });
            }
            kind::OVERHEAD => {
                let OverheadRecord { overhead, start, end } = OverheadRecord::read(record);
                if self.is_timed(start, end) {
                    let kind = overhead_kind(overhead);
                    self.log.overheads.push(Overhead { kind, code: overhead, begin: start, end });
                }
            }
            kind::MEMORY => self.memory(MemoryRecord::read(record)),
            _ => {}
        }
    }

    /// Counts a record without a time: a forced flush returns running work with an end of 0, and
    /// never again (pytorch#195844).
    fn is_timed(&mut self, start: u64, end: u64) -> bool {
        let timed = start != 0 && end >= start;
        self.log.losses.untimed += u64::from(!timed);
        timed
    }

    /// Adds the work of a device.
    fn add(&mut self, record: Record, places: OpPlaces, work: Work) {
        let [begin, end] = layout::OP_TIMES.map(|offset| record.read(offset));
        let [device, context, stream] = record.read(places.device);
        let (correlation, graph) =
            (record.read(places.correlation), (record.read(places.graph), record.read(places.graph_node)));
        if self.is_timed(begin, end) {
            self.log.ops.push(GpuOp { begin, end, device, context, stream, correlation, graph, work });
        }
    }

    fn kernel(&mut self, record: Record) {
        let each = KernelRecord::read(record);
        let (offset, since) = layout::PRIORITY;
        let work = Work::Kernel(Kernel {
            name: self.kernel_name(each.name),
            grid: each.grid,
            block: each.block,
            registers: u32::from(each.registers),
            shared: each.static_shared.saturating_add(each.dynamic_shared),
            queued: each.queued,
            priority: (self.version >= since).then(|| record.read(offset)),
        });
        self.add(record, layout::KERNEL, work);
    }

    fn call(&mut self, api: Api, record: Record) {
        let CallRecord { function, start, end, thread, correlation } = CallRecord::read(record);
        if is_noise(api, function) || !self.is_timed(start, end) {
            return;
        }
        let name = self.call_name(api, function);
        self.log.calls.push(ApiCall { api, function, name, begin: start, end, thread, correlation });
    }

    fn memory(&mut self, each: MemoryRecord) {
        let MemoryRecord { operation, memory, correlation, address, bytes, at, device } = each;
        if at == 0 || !(1..=2).contains(&operation) {
            self.log.losses.untimed += u64::from(at == 0);
            return;
        }
        let (is_free, kind) = (operation == 2, nth(MemoryKind::ALL, memory));
        self.log.memory.push(MemoryOp { is_free, kind, address, bytes, at, device, correlation });
    }

    fn kernel_name(&mut self, name: *const c_char) -> u32 {
        let names = &mut self.log.names;
        // SAFETY: CUPTI keeps the names of kernels for the process's life.
        *self.kernels.entry(name.addr()).or_insert_with(|| intern(names, demangled(&unsafe { text(name) })))
    }

    fn call_name(&mut self, api: Api, function: u32) -> u32 {
        let (name_of_call, names) = (&self.name_of_call, &mut self.log.names);
        *self.calls.entry((api, function)).or_insert_with(|| {
            let text = name_of_call(api, function).unwrap_or_else(|| format!("{} {function}", word(api)));
            intern(names, without_version(&text).to_owned())
        })
    }
}

/// Returns the kind with this number: CUPTI numbers them in our order.
fn nth<K: Copy + Default>(kinds: &[K], number: u32) -> K {
    kinds.get(number as usize).copied().unwrap_or_default()
}

/// Returns the kind of an overhead that has this number in CUPTI.
const fn overhead_kind(number: u32) -> OverheadKind {
    match number {
        1 => OverheadKind::DriverCompiler,
        0x1_0000 => OverheadKind::BufferFlush,
        0x2_0000 => OverheadKind::Instrumentation,
        0x3_0000 => OverheadKind::Resource,
        0x4_0000 => OverheadKind::ModuleLoading,
        0x5_0000 => OverheadKind::FunctionLoading,
        0x6_0000 => OverheadKind::CommandBufferFull,
        0x7_0000 => OverheadKind::BufferRequest,
        _ => OverheadKind::Unknown,
    }
}

fn copy(record: Record, peers: Option<(u32, u32)>) -> Work {
    let CopyRecord { copy, from, to, bytes } = CopyRecord::read(record);
    let [from, to] = [from, to].map(|memory| nth(MemoryKind::ALL, memory.into()));
    Work::Copy { kind: nth(CopyKind::ALL, copy.into()), from, to, bytes, peers }
}

fn intern(names: &mut Vec<String>, name: String) -> u32 {
    names.push(name);
    // CAST: a program has fewer kernels than 2^32.
    (names.len() - 1) as u32
}

/// Returns a C++ name as people write it; any other as it is.
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

/// Returns `cudaLaunchKernel_v7000` without the version: Kineto's name, which consumers look for.
fn without_version(name: &str) -> &str {
    match name.rsplit_once("_v") {
        Some((plain, version)) if version.len() >= 4 && version.bytes().all(|byte| byte.is_ascii_digit()) => plain,
        _ => name,
    }
}

const fn word(api: Api) -> &'static str {
    match api {
        Api::Driver => "driver call",
        Api::Runtime => "runtime call",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_the_numbers_of_cupti() {
        let names = [1, 2, 8, 9, 10, 11].map(|number| nth(CopyKind::ALL, number).name());
        assert_eq!(names, ["HtoD", "DtoH", "DtoD", "HtoH", "PtoP", "Unknown"]);
        let names = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(|number| nth(MemoryKind::ALL, number).name());
        assert_eq!(names[..5], ["Unknown", "Pageable", "Pinned", "Device", "Array"]);
        assert_eq!(names[5..], ["Managed", "Device Static", "Managed Static", "Unknown"]);
        let names = [1, 2, 3, 4, 5].map(|number| nth(WaitKind::ALL, number).name());
        assert_eq!(names, ["Event Sync", "Stream Wait Event", "Stream Sync", "Context Sync", "Unknown Sync"]);
        assert_eq!(overhead_kind(0x4_0000).name(), "Runtime Triggered Module Loading");
    }

    #[test]
    fn names_are_those_that_people_know() {
        assert_eq!(without_version("cudaLaunchKernel_v7000"), "cudaLaunchKernel");
        assert_eq!(without_version("cuMemcpyHtoDAsync_v2"), "cuMemcpyHtoDAsync_v2");
        assert_eq!(demangled("_Z6vecAddPfS_S_i"), "vecAdd(float*, float*, float*, int)");
        assert_eq!(demangled("_ZNot a name"), "_ZNot a name");
        assert_eq!(demangled("softmax_f32"), "softmax_f32");
    }
}
