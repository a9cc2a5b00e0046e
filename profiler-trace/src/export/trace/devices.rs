//! `deviceProperties`: the machine's devices, with Kineto's keys. TensorBoard computes efficiency from them.

use serde::Serialize;

use crate::model::Trace;
use crate::records::gpu::Device;

/// One device.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceProperties<'a> {
    id: usize,
    name: &'a str,
    total_global_mem: u64,
    compute_major: u32,
    compute_minor: u32,
    max_threads_per_block: u32,
    max_threads_per_multiprocessor: u32,
    regs_per_block: u32,
    warp_size: u32,
    shared_mem_per_block: u32,
    num_sms: u32,
    regs_per_multiprocessor: u32,
    shared_mem_per_block_optin: u32,
    shared_mem_per_multiprocessor: u32,
}

/// Every device of the machine; none if the GPU was not recorded.
pub(super) fn properties(trace: &Trace) -> Vec<DeviceProperties<'_>> {
    let devices = trace.gpu.as_ref().map_or(&[][..], |gpu| &gpu.devices);
    devices.iter().enumerate().map(|(id, device)| of(id, device)).collect()
}

fn of(id: usize, device: &Device) -> DeviceProperties<'_> {
    DeviceProperties {
        id,
        name: &device.name,
        total_global_mem: device.memory,
        compute_major: device.major,
        compute_minor: device.minor,
        max_threads_per_block: device.threads_per_block,
        max_threads_per_multiprocessor: device.threads_per_sm,
        regs_per_block: device.registers_per_block,
        warp_size: device.warp,
        shared_mem_per_block: device.shared_per_block,
        num_sms: device.multiprocessors,
        regs_per_multiprocessor: device.registers_per_sm,
        shared_mem_per_block_optin: device.shared_per_block_optin,
        shared_mem_per_multiprocessor: device.shared_per_sm,
    }
}
