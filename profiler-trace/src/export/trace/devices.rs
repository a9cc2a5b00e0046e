//! `deviceProperties`: the machine's devices, with Kineto's keys. TensorBoard computes efficiency
//! from them.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::export::format::json::Line;
use crate::model::Trace;
use crate::records::gpu::Device;

/// A device and its number.
#[derive(Clone, Debug)]
pub(super) struct DeviceProperties<'a>(usize, &'a Device);

/// Returns every device of the machine; none if the GPU was not recorded.
pub(super) fn properties(trace: &Trace) -> Vec<Line<DeviceProperties<'_>>> {
    let devices = trace.gpu.as_ref().map_or(&[][..], |gpu| &gpu.devices);
    devices.iter().enumerate().map(|(id, device)| Line(DeviceProperties(id, device))).collect()
}

impl Serialize for DeviceProperties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(id, device) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", id)?;
        map.serialize_entry("name", &device.name)?;
        map.serialize_entry("totalGlobalMem", &device.memory)?;
        for (key, number) in [
            ("computeMajor", device.major),
            ("computeMinor", device.minor),
            ("maxThreadsPerBlock", device.threads_per_block),
            ("maxThreadsPerMultiprocessor", device.threads_per_sm),
            ("regsPerBlock", device.registers_per_block),
            ("warpSize", device.warp),
            ("sharedMemPerBlock", device.shared_per_block),
            ("numSms", device.multiprocessors),
            ("regsPerMultiprocessor", device.registers_per_sm),
            ("sharedMemPerBlockOptin", device.shared_per_block_optin),
            ("sharedMemPerMultiprocessor", device.shared_per_sm),
        ] {
            map.serialize_entry(key, &number)?;
        }
        map.end()
    }
}
