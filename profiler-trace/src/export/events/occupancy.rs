//! CUDA's occupancy rules, as far as records suffice: how much of a multiprocessor a launch fills.

use crate::records::gpu::{Device, Kernel};

/// Registers per allocation unit of a warp.
const REGISTER_UNIT: u64 = 256;
/// Bytes per allocation unit of a block's shared memory.
const SHARED_UNIT: u64 = 128;
/// Number of parts of a multiprocessor with separate registers.
const QUARTERS: u64 = 4;

/// Returns the average number of blocks, and of warps, per multiprocessor in a launch.
pub(in crate::export) fn per_multiprocessor(kernel: &Kernel, device: &Device) -> (f64, f64) {
    let blocks = product(kernel.grid) as f64 / f64::from(device.multiprocessors.max(1));
    (blocks, blocks * product(kernel.block) as f64 / f64::from(device.warp.max(1)))
}

/// Returns the occupancy of a launch: its concurrently running threads in percent of the maximum,
/// rounded.
pub(in crate::export) fn percent(kernel: &Kernel, device: &Device) -> u64 {
    let threads = product(kernel.block).max(1);
    let resident = active_blocks(kernel, device, threads) as f64;
    let (launched, _) = per_multiprocessor(kernel, device);
    let share = resident.min(launched) * threads as f64 / f64::from(device.threads_per_sm.max(1));
    // CAST: a percentage.
    (share * 100.0).round().clamp(0.0, 100.0) as u64
}

/// Returns the number of blocks that fit on a multiprocessor at the same time.
fn active_blocks(kernel: &Kernel, device: &Device, threads: u64) -> u64 {
    let warp = u64::from(device.warp.max(1));
    let warps = threads.div_ceil(warp);
    let by_threads = u64::from(device.threads_per_sm) / warp / warps;
    let per_warp = (u64::from(kernel.registers) * warp).next_multiple_of(REGISTER_UNIT);
    let by_registers = match per_warp {
        0 => u64::MAX,
        _ => u64::from(device.registers_per_sm) / QUARTERS / per_warp * QUARTERS / warps,
    };
    let shared = (u64::from(kernel.shared) + u64::from(device.shared_reserved)).next_multiple_of(SHARED_UNIT);
    let by_shared = u64::from(device.shared_per_sm).checked_div(shared).unwrap_or(u64::MAX);
    let by_blocks = if device.blocks_per_sm == 0 { u64::MAX } else { u64::from(device.blocks_per_sm) };
    by_threads.min(by_registers).min(by_shared).min(by_blocks)
}

fn product(numbers: [u32; 3]) -> u64 {
    numbers.into_iter().map(u64::from).fold(1, u64::saturating_mul)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn h100() -> Device {
        Device {
            threads_per_sm: 2048,
            blocks_per_sm: 32,
            registers_per_sm: 65_536,
            warp: 32,
            shared_per_sm: 233_472,
            shared_reserved: 1024,
            multiprocessors: 132,
            ..Device::default()
        }
    }

    fn percent(grid: u32, block: u32, registers: u32, shared: u32) -> u64 {
        let kernel = Kernel { grid: [grid, 1, 1], block: [block, 1, 1], registers, shared, ..Kernel::default() };
        super::percent(&kernel, &h100())
    }

    #[test]
    fn occupancy_is_what_nvidias_calculator_says() {
        assert_eq!(percent(100_000, 256, 32, 0), 100);
        assert_eq!(percent(100_000, 256, 64, 0), 50, "registers");
        assert_eq!(percent(100_000, 128, 255, 0), 13, "two blocks of four warps");
        assert_eq!(percent(100_000, 1024, 32, 100 << 10), 100, "two blocks of half the shared memory");
        assert_eq!(percent(100_000, 32, 16, 0), 50, "32 blocks of one warp");
        assert_eq!(percent(66, 1024, 32, 0), 25, "half a block for each multiprocessor");
        assert_eq!(super::percent(&Kernel::default(), &Device::default()), 0, "an unknown device");
    }
}
