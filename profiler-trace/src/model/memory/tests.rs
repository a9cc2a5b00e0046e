//! Memory against recordings made by hand.

use crate::model::gpu::tests as gpu;
use crate::model::testing::{EPOCH, Script};
use crate::model::{DeviceMemory, Trace};
use crate::records::gpu::{GpuRecord, MemoryKind, MemoryOp};
use profiler_core::memory::Levels;
use profiler_core::memory::{Action, Device};
use profiler_core::site::Kind;
use profiler_core::stream::entry::{COMPLETED, FIRST_POLL, Tag};

use super::{MemoryEvent, MemoryLog, Reporter, StageMemory};

const CPU: u32 = 0;

/// Builds the trace with this many bytes of host memory before and after.
fn recorded(mut script: Script, begin: i64, end: i64) -> Trace {
    let levels = |bytes| Levels { devices: vec![(Device::Cpu, bytes)], has_allocator: true, ..Levels::default() };
    script.memory = Some(MemoryLog { begin: levels(begin), end: levels(end) });
    Trace::build(script.finish())
}

fn host(trace: &Trace) -> &DeviceMemory {
    &trace.memory.as_ref().unwrap().devices[0]
}

fn stage(trace: &Trace, name: &str) -> StageMemory {
    let (id, _) = trace.stages.in_order().into_iter().find(|(_, node)| node.name() == name).unwrap();
    host(trace).stage(id)
}

#[test]
fn a_stages_peak_is_of_the_process_its_usage_of_its_thread() {
    let mut script = Script::new();
    let (outer, inner, op) =
        (script.site(Kind::Stage, "outer"), script.site(Kind::Stage, "inner"), script.site(Kind::Op, "op"));
    script.begin(outer, 0).memory(Action::Alloc, CPU, 10, (0x100, 100));
    script.begin(inner, 20).begin(op, 21).memory(Action::Alloc, CPU, 30, (0x200, 50)).end(op, 31);
    script.memory(Action::Free, CPU, 60, (0x200, 50)).end(inner, 70).end(outer, 100).thread("main");
    // Another thread: between the inner stage's allocation and its release, and after it.
    script.memory(Action::Alloc, CPU, 40, (0x300, 1000)).memory(Action::Free, CPU, 50, (0x300, 1000));
    script.memory(Action::Alloc, CPU, 80, (0x400, 1100)).thread("other");
    let trace = recorded(script, 7, 1207);
    let (inner, outer) = (stage(&trace, "inner"), stage(&trace, "outer"));
    assert_eq!((inner.peak, inner.growth), (1157, 1050), "the other thread's 1,000 are in it");
    assert_eq!((inner.usage.allocs, inner.usage.net()), (1, 0), "its own thread's only, the op's included");
    assert_eq!((outer.peak, outer.growth), (1207, 1200));
    assert_eq!((outer.usage.allocs, outer.usage.frees, outer.usage.allocated), (2, 1, 150), "stages inside included");
    let host = host(&trace);
    assert_eq!((host.at_begin, host.at_end, host.peak, host.peak_at), (7, 1207, 1207, EPOCH + 80));
    assert_eq!((host.usage.allocs, host.unexplained), (4, 0));
}

#[test]
fn an_op_has_its_own_bytes_and_those_of_ops_inside_it() {
    let mut script = Script::new();
    let (outer, inner) = (script.site(Kind::Op, "outer"), script.site(Kind::Op, "inner"));
    script.begin(outer, 0).memory(Action::Alloc, CPU, 1, (0x100, 100)).memory(Action::Alloc, 1, 2, (0x900, 5));
    script.begin(inner, 10).memory(Action::Free, CPU, 11, (0x100, 100)).end(inner, 20).end(outer, 30).thread("main");
    let trace = recorded(script, 0, 0);
    let mut seen = Vec::new();
    trace.walk(0, |slice| {
        seen.push((slice.site.name(), slice.cpu_memory.own, slice.cpu_memory.total, slice.device_memory.total))
    });
    assert_eq!(seen, [("inner", -100, -100, 0), ("outer", 100, 0, 5)]);
}

#[test]
fn frees_of_what_nobody_knew_of_raise_the_begin() {
    let mut script = Script::new();
    script.memory(Action::Free, 3, 5, (0x100, 300)).memory(Action::Alloc, 3, 9, (0x100, 100)).thread("main");
    let trace = recorded(script, 0, 0);
    let device = &trace.memory.as_ref().unwrap().devices[1];
    assert_eq!(device.device, Device::Cuda(2));
    assert_eq!((device.at_begin, device.peak, device.at_end), (300, 300, 100));
}

#[test]
fn a_block_that_grows_is_never_gone() {
    let mut script = Script::new();
    let stage_site = script.site(Kind::Stage, "grow");
    script.begin(stage_site, 0).memory(Action::Alloc, CPU, 1, (0x100, 100));
    script.memory(Action::MovedFrom, CPU, 10, (0x100, 100)).memory(Action::MovedTo, CPU, 50, (0x900, 250));
    script.memory(Action::Free, CPU, 60, (0x900, 250)).end(stage_site, 70).thread("main");
    let trace = recorded(script, 0, 0);
    let mut totals = trace.memory.as_ref().unwrap().totals();
    let mut seen = Vec::new();
    trace.walk_memory(|_, moment| {
        if let MemoryEvent::Allocation { allocation, .. } = moment {
            seen.push(totals.after(allocation));
        }
    });
    assert_eq!(seen, [100, 100, 250, 0]);
    assert_eq!((stage(&trace, "grow").growth, stage(&trace, "grow").usage.net()), (250, 0));
}

#[test]
fn an_async_stage_peaks_over_its_life_not_only_in_its_polls() {
    let mut script = Script::new();
    let site = script.site(Kind::Stage, "decode");
    let poll = |script: &mut Script, flags, begin, end| {
        script.entry(Tag::Task, flags, site, 9).begin(site, begin);
        script.memory(Action::Alloc, CPU, begin + 1, (begin << 12, 10)).end(site, end);
    };
    poll(&mut script, FIRST_POLL, 100, 110);
    poll(&mut script, 0, 500, 510);
    script.entry(Tag::Task, 0, site, 9).entry(Tag::TaskEnd, COMPLETED, site, 511);
    script.thread("runtime");
    script.memory(Action::Alloc, CPU, 300, (0x1, 4000)).memory(Action::Free, CPU, 310, (0x1, 4000)).thread("other");
    let trace = recorded(script, 0, 20);
    let decode = stage(&trace, "decode");
    assert_eq!((decode.peak, decode.growth, decode.usage.allocated), (4010, 4010, 20));
}

#[test]
fn half_an_allocation_is_counted_as_unreadable() {
    let mut script = Script::new();
    script.entry(Tag::Block, 0, 0, 7).memory(Action::Alloc, CPU, 5, (0x10, 1)).thread("main");
    let trace = recorded(script, 0, 1);
    assert_eq!((trace.losses.unreadable, host(&trace).usage.allocs), (1, 1));
}

/// A memory operation of device 0 as CUPTI reports it.
fn memory_op(correlation: u32, is_free: bool, (address, bytes): (u64, u64), at: u64) -> MemoryOp {
    MemoryOp { is_free, kind: MemoryKind::Device, address, bytes, at: EPOCH + at, device: 0, correlation }
}

/// A13: CUDA memory that CUPTI reported has its peaks per stage and session, next to the host's and
/// separate from the program's reports.
#[test]
fn memory_taken_from_cuda_has_peaks_per_stage() {
    let mut script = Script::new();
    let (outer, inner, op) =
        (script.site(Kind::Stage, "outer"), script.site(Kind::Stage, "inner"), script.site(Kind::Op, "op"));
    // Positions: 0 outer, 1 inner, 2 op; then an allocation of the host and one of a framework.
    script.begin(outer, 0).begin(inner, 20).begin(op, 30).end(op, 40).end(inner, 60);
    script.memory(Action::Alloc, CPU, 65, (0x100, 7)).memory(Action::Alloc, 1, 66, (0x200, 5));
    script.end(outer, 100).thread("main");
    let mut device = gpu::Device::new();
    let [in_op, in_outer, back] =
        [((31, 33), 2), ((61, 63), 0), ((70, 71), 0)].map(|(time, position)| device.call(time, Some(position)));
    device.0.memory = vec![
        // CUPTI's clock puts it before its range, but its call is inside.
        memory_op(in_op, false, (0x1000, 1000), 29),
        memory_op(in_outer, false, (0x2000, 50), 61),
        memory_op(back, true, (0x1000, 0), 70),
        // Allocated before the recording; pinned host memory; a call without a record.
        memory_op(back, true, (0x9000, 64), 70),
        MemoryOp { kind: MemoryKind::Pinned, ..memory_op(back, false, (0xa000, 1 << 20), 70) },
        memory_op(999, false, (0x3000, 30), 80),
    ];
    script.gpu = GpuRecord::Recorded(Box::new(device.0));
    let trace = recorded(script, 0, 7);
    let memory = trace.memory.as_ref().unwrap();
    assert_eq!(memory.devices.iter().map(|each| each.peak).collect::<Vec<_>>(), [7, 5], "the program's own reports");
    assert_eq!(memory.cuda_devices.len(), 1);
    let cuda = &memory.cuda_devices[0];
    assert_eq!((cuda.device, cuda.at_begin, cuda.at_end), (Device::Cuda(0), 0, 80));
    assert_eq!((cuda.peak, cuda.peak_at, cuda.unexplained), (1050, EPOCH + 61, 0));
    assert_eq!((cuda.usage.allocs, cuda.usage.frees), (3, 1));
    let stage = |name: &str| {
        let (id, _) = trace.stages.in_order().into_iter().find(|(_, node)| node.name() == name).unwrap();
        let StageMemory { peak, growth, usage } = cuda.stage(id);
        (peak, growth, usage.net())
    };
    assert_eq!((stage("inner"), stage("outer")), ((1000, 1000, 1000), (1050, 1050, 50)));
    let mut around = Vec::new();
    trace.walk_memory(|paths, moment| {
        if let MemoryEvent::Allocation { allocation, .. } = moment
            && allocation.reporter == Reporter::Cuda
        {
            around.push(paths.sites(allocation.node).map(|site| site.name()).collect::<Vec<_>>());
        }
    });
    assert_eq!(around, [vec!["op", "inner", "outer"], vec!["outer"], vec!["outer"], vec![]]);
}
