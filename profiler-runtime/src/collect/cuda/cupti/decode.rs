//! Decodes CUPTI's buffers into plain records.
//!
//! Visits the records of a buffer ([`walk`]) and reads a prefix of each
//! ([`layout`](super::layout)). Runs on the export thread and recycles each buffer before it reads
//! the next.

use std::collections::HashMap;
use std::ffi::c_char;

use crate::os::library::text;
use profiler_trace::records::gpu::{
    Api, ApiCall, ClockSample, CopyKind, EventRecord, GpuLog, GpuLosses, GpuOp, GpuRecord, Kernel, MemoryKind,
    MemoryOp, Overhead, OverheadKind, SourceName, Wait, WaitKind, Work,
};

use super::api::{Cupti, OUR_IDS, kind};
use super::buffers::FullBuffer;
use super::ignored_calls::is_ignored;
use super::layout::{
    self, CallRecord, CopyRecord, CudaEventRecord, FillRecord, KernelRecord, LinkRecord, MemoryRecord, OpOffsets,
    OverheadRecord, WaitRecord,
};
use super::raw::RawRecords;
use super::record::{Record, walk};
use crate::collect::cuda::driver::Driver;

/// Stream number of a wait that refers to no stream.
const NO_STREAM: u32 = u32::MAX;

/// The records that CUPTI has delivered to a session, until the export thread decodes them.
#[derive(Debug)]
pub(super) struct Undecoded {
    pub(super) driver: &'static Driver,
    pub(super) cupti: &'static Cupti,
    pub(super) full: Vec<FullBuffer>,
    pub(super) clocks: [ClockSample; 2],
    pub(super) losses: GpuLosses,
}

impl Undecoded {
    /// Decodes all records. Takes about 50 ns per record.
    pub(super) fn decode(self) -> GpuRecord {
        let log = GpuLog {
            source: SourceName::CUPTI,
            version: self.cupti.version,
            driver_version: self.driver.version(),
            devices: self.driver.devices().to_vec(),
            clocks: self.clocks,
            losses: self.losses,
            ..GpuLog::default()
        };
        let cupti = self.cupti;
        let mut reader = Reader::new(cupti.version, |api, function| cupti.name_of_call(api, function), log);
        let mut raw = RawRecords::from_env(cupti);
        for mut full in self.full {
            let is_complete = walk(cupti, &mut full, |record| {
                reader.record(record);
                if let Some(raw) = &mut raw {
                    raw.add(record);
                }
            });
            if !is_complete {
                reader.count_unreadable();
            }
            full.recycle();
        }
        if let Some(raw) = raw {
            raw.write();
        }
        GpuRecord::Recorded(Box::new(reader.finish()))
    }
}

/// Decodes records into a log.
pub(super) struct Reader<N> {
    version: u32,
    name_of_call: N,
    log: GpuLog,
    /// Names of kernels by address: CUPTI keeps each name for the process's lifetime.
    kernels: HashMap<usize, u32>,
    calls: HashMap<(Api, u32), u32>,
}

impl<N: Fn(Api, u32) -> Option<String>> Reader<N> {
    /// Creates a reader that adds the records of this libcupti version to `log`. `name_of_call`
    /// returns the name of an API function.
    pub(super) fn new(version: u32, name_of_call: N, log: GpuLog) -> Self {
        Self { version, name_of_call, log, kernels: HashMap::new(), calls: HashMap::new() }
    }

    /// Returns the log.
    pub(super) fn finish(self) -> GpuLog {
        self.log
    }

    /// Counts a buffer that could not be read to its end.
    pub(super) fn count_unreadable(&mut self) {
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

    /// Returns whether a record has a time, and counts it if not: a forced flush returns running
    /// work with an end of 0, and never again (pytorch#195844).
    fn is_timed(&mut self, start: u64, end: u64) -> bool {
        let timed = start != 0 && end >= start;
        self.log.losses.untimed += u64::from(!timed);
        timed
    }

    /// Adds work of a device.
    fn add(&mut self, record: Record, offsets: OpOffsets, work: Work) {
        let [begin, end] = layout::OP_TIMES.map(|offset| record.read(offset));
        let [device, context, stream] = record.read(offsets.device);
        let (correlation, graph) =
            (record.read(offsets.correlation), (record.read(offsets.graph), record.read(offsets.graph_node)));
        if self.is_timed(begin, end) {
            self.log.ops.push(GpuOp { begin, end, device, context, stream, correlation, graph, work });
        }
    }

    fn kernel(&mut self, record: Record) {
        let fields = KernelRecord::read(record);
        let (offset, since) = layout::PRIORITY;
        let work = Work::Kernel(Kernel {
            name: self.kernel_name(fields.name),
            grid: fields.grid,
            block: fields.block,
            registers: u32::from(fields.registers),
            shared: fields.static_shared.saturating_add(fields.dynamic_shared),
            queued: fields.queued,
            priority: (self.version >= since).then(|| record.read(offset)),
        });
        self.add(record, layout::KERNEL, work);
    }

    fn call(&mut self, api: Api, record: Record) {
        let CallRecord { function, start, end, thread, correlation } = CallRecord::read(record);
        if is_ignored(api, function) || !self.is_timed(start, end) {
            return;
        }
        let name = self.call_name(api, function);
        self.log.calls.push(ApiCall { api, function, name, begin: start, end, thread, correlation });
    }

    fn memory(&mut self, record: MemoryRecord) {
        let MemoryRecord { operation, memory, correlation, address, bytes, at, device } = record;
        if at == 0 || !(1..=2).contains(&operation) {
            self.log.losses.untimed += u64::from(at == 0);
            return;
        }
        let (is_free, kind) = (operation == 2, nth(MemoryKind::ALL, memory));
        self.log.memory.push(MemoryOp { is_free, kind, address, bytes, at, device, correlation });
    }

    fn kernel_name(&mut self, name: *const c_char) -> u32 {
        let names = &mut self.log.names;
        // SAFETY: CUPTI keeps the names of kernels for the process's lifetime.
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

/// Returns the kind with this number. CUPTI numbers kinds in the order of our lists.
fn nth<K: Copy + Default>(kinds: &[K], number: u32) -> K {
    kinds.get(number as usize).copied().unwrap_or_default()
}

/// Returns the kind of overhead with this CUPTI number.
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
    // CAST: a program has fewer than 2^32 kernels and functions.
    (names.len() - 1) as u32
}

/// Demangles a C++ name; returns any other name unchanged.
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

/// Strips the version from names such as `cudaLaunchKernel_v7000`, as Kineto does: consumers look
/// for that name.
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
    fn names_are_shown_as_users_know_them() {
        assert_eq!(without_version("cudaLaunchKernel_v7000"), "cudaLaunchKernel");
        assert_eq!(without_version("cuMemcpyHtoDAsync_v2"), "cuMemcpyHtoDAsync_v2");
        assert_eq!(demangled("_Z6vecAddPfS_S_i"), "vecAdd(float*, float*, float*, int)");
        assert_eq!(demangled("_ZNot a name"), "_ZNot a name");
        assert_eq!(demangled("softmax_f32"), "softmax_f32");
    }
}
