//! Allocations: the events of each while a session records memory.
//!
//! An allocation is two entries, `Memory` (time, action, device) and `Block` (address and bytes),
//! in the stream of the thread that made it, so that it counts for the range that is open there. A
//! block's release is recorded before it happens and its allocation after: another thread that gets
//! the same address records later. A thread that records ranges takes no lock and allocates
//! nothing; see `buffer::append_all` for the others.

pub use crate::ledger;
pub use crate::stream::entry::Action;

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use crate::device::Device;
use crate::stream::buffer;
use crate::stream::entry::{Entry, Tag};
use crate::{clock, gate};

/// Allocated memory at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// True if the program's allocator reports.
    pub has_allocator: bool,
    /// Size below which blocks are not reported.
    pub least_bytes: u64,
    /// Bytes per device; devices that never allocated are left out.
    pub devices: Vec<(Device, i64)>,
    /// Number of allocations and releases, since the process began, for which there was no room.
    pub lost: u64,
}

/// Largest size that an entry holds: a failed request may be larger.
const MAX_BYTES: u64 = (1 << 56) - 1;

/// Bytes per CUDA device that frameworks have reported.
static CUDA: [AtomicI64; 256] = [const { AtomicI64::new(0) }; 256];
static LEAST_BYTES: AtomicUsize = AtomicUsize::new(1);
static LOST: AtomicU64 = AtomicU64::new(0);

impl Device {
    /// Returns the device's number in entries.
    const fn number(self) -> u32 {
        match self {
            Self::Cpu => 0,
            Self::Cuda(index) => 1 + index as u32,
        }
    }

    /// Returns the device with this number in entries.
    pub const fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Cpu,
            // CAST: `number` made it from a byte.
            number => Self::Cuda((number - 1) as u8),
        }
    }
}

impl Levels {
    /// Adds each change to the bytes of the device with its number.
    pub fn shift(&mut self, changes: &[(u32, i64)]) {
        for &(number, change) in changes {
            let device = Device::from_number(number);
            match self.devices.iter_mut().find(|(known, _)| *known == device) {
                Some((_, bytes)) => *bytes = bytes.saturating_add(change),
                None => self.devices.push((device, change)),
            }
        }
    }
}

/// Reports memory that a framework's allocator has handed out: device memory, or host memory from
/// an arena of its own. Call it after the allocation.
///
/// The `[memory]` events, the memory snapshot, the chart and the stages' peaks of a session with
/// `torch_profiler_with_memory` include it. The runtime's `ProfilingAllocator` already reports host
/// memory that comes from the global allocator. Cost while nothing records: an addition and a load.
pub fn record_alloc(device: Device, address: u64, bytes: u64) {
    add(device, signed(bytes));
    note(Action::Alloc, device, address, bytes);
}

/// Reports that a framework's allocator takes memory back; see [`record_alloc`]. Call it before the
/// memory can be handed out again.
pub fn record_free(device: Device, address: u64, bytes: u64) {
    add(device, -signed(bytes));
    note(Action::Free, device, address, bytes);
}

/// Reports that a framework's allocator could not hand out `bytes` bytes.
pub fn record_out_of_memory(device: Device, bytes: u64) {
    note(Action::OutOfMemory, device, 0, bytes);
}

fn add(device: Device, bytes: i64) {
    match device {
        Device::Cpu => ledger::add(bytes),
        Device::Cuda(index) => {
            // ORDERING: a counter.
            CUDA[usize::from(index)].fetch_add(bytes, Ordering::Relaxed);
        }
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Reports that the program's allocator has handed out a block of the host's memory.
#[inline(always)]
pub fn allocated(address: usize, bytes: usize) {
    // CAST: no layout is larger than `isize::MAX`.
    ledger::add(bytes as i64);
    note(Action::Alloc, Device::Cpu, address as u64, bytes as u64);
}

/// Reports that the program's allocator takes a block back.
#[inline(always)]
pub fn freed(address: usize, bytes: usize) {
    // CAST: see `allocated`.
    ledger::add(-(bytes as i64));
    note(Action::Free, Device::Cpu, address as u64, bytes as u64);
}

/// Returns the time at which a reallocation begins, for [`moved`]; 0 while memory is not recorded.
#[inline(always)]
pub fn moment() -> u64 {
    let gate = gate::load();
    if gate & gate::MEMORY != 0 { ticks(gate) } else { 0 }
}

/// Reports that the program's allocator has turned one block, as `(address, bytes)`, into another
/// since `began`.
#[inline(always)]
pub fn moved(began: u64, from: (usize, usize), to: (usize, usize)) {
    // CAST: see `allocated`.
    ledger::add(to.1 as i64 - from.1 as i64);
    let gate = gate::load();
    if gate & gate::MEMORY != 0 {
        record_move(gate, began, from, to);
    }
}

/// Reports that the program's allocator had no memory left for `bytes` bytes.
#[cold]
pub fn out_of_memory(bytes: usize) {
    note(Action::OutOfMemory, Device::Cpu, 0, bytes as u64);
}

/// Sets, while memory is recorded, the size below which the program's allocator does not report
/// blocks.
#[inline(always)]
pub fn least(bytes: usize) {
    // ORDERING: a fact for the report. Read first: it is written once, and read by all threads.
    if gate::load() & gate::MEMORY != 0 && LEAST_BYTES.load(Ordering::Relaxed) != bytes {
        LEAST_BYTES.store(bytes, Ordering::Relaxed);
    }
}

#[inline(always)]
fn note(action: Action, device: Device, address: u64, bytes: u64) {
    let gate = gate::load();
    if gate & gate::MEMORY != 0 {
        record(gate, action, device, address, bytes);
    }
}

#[inline(never)]
fn record(gate: u32, action: Action, device: Device, address: u64, bytes: u64) {
    if !ledger::is_own() && !buffer::append_all(|| entries(action, device, ticks(gate), (address, bytes))) {
        count_loss();
    }
}

/// Records a move. Another thread may get the old block before the new one is known: the old one
/// ends when the call began. Totals count the difference when the call ended, because one of the
/// two existed all the time.
#[inline(never)]
fn record_move(gate: u32, began: u64, from: (usize, usize), to: (usize, usize)) {
    let block = |(address, bytes)| (address as u64, bytes as u64);
    let all = || {
        let [from_when, from_which] = entries(Action::MovedFrom, Device::Cpu, began, block(from));
        let [to_when, to_which] = entries(Action::MovedTo, Device::Cpu, ticks(gate), block(to));
        [from_when, from_which, to_when, to_which]
    };
    if !ledger::is_own() && !buffer::append_all(all) {
        count_loss();
    }
}

/// Returns the two entries of an allocation or release.
#[inline(always)]
pub(crate) fn entries(action: Action, device: Device, ticks: u64, (address, bytes): (u64, u64)) -> [Entry; 2] {
    let when = Entry::new(Tag::Memory, device.number(), ticks).with_argument(action as u32);
    [when, Entry::pair(Tag::Block, address, bytes.min(MAX_BYTES))]
}

#[inline(always)]
fn ticks(gate: u32) -> u64 {
    if gate & gate::SLOW_CLOCK != 0 { clock::ticks() } else { clock::fast_ticks() }
}

#[cold]
fn count_loss() {
    // ORDERING: a statistic.
    LOST.fetch_add(1, Ordering::Relaxed);
}

impl Levels {
    /// Reads the levels now.
    pub fn now() -> Self {
        // ORDERING: counters of threads that go on; each is right by itself.
        let cuda =
            CUDA.iter().zip(0..=u8::MAX).map(|(bytes, index)| (Device::Cuda(index), bytes.load(Ordering::Relaxed)));
        let host = ledger::is_used().then(|| (Device::Cpu, ledger::live()));
        Self {
            has_allocator: ledger::is_used(),
            // ORDERING: see `least` and `record`.
            least_bytes: LEAST_BYTES.load(Ordering::Relaxed) as u64,
            devices: host.into_iter().chain(cuda.filter(|(_, bytes)| *bytes != 0)).collect(),
            lost: LOST.load(Ordering::Relaxed),
        }
    }
}
