//! Allocations and releases of memory, reported by allocators and frameworks.
//!
//! A framework reports its device memory with [`record_alloc`], [`record_free`] and
//! [`record_out_of_memory`]. An allocation is attributed to the range that is open on the
//! allocating thread. Nothing is recorded unless a session records memory.

// An allocation is two entries, `Memory` (time, action, device) and `Block` (address, bytes), in
// the stream of the allocating thread. A release is recorded before it happens and an allocation
// after it, so another thread that gets the same address always records later. A thread that
// records ranges takes no lock and allocates nothing; for other threads see `buffer::append_all`.

pub use crate::device::Device;
#[doc(hidden)]
pub use crate::ledger;
#[doc(hidden)]
pub use crate::stream::entry::Action;

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use crate::stream::buffer;
use crate::stream::entry::{Entry, Tag};
use crate::{clock, gate};

/// Allocated bytes per device at one moment.
#[doc(hidden)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// True if the program's allocator reports to the profiler.
    pub has_allocator: bool,
    /// Size in bytes below which blocks are not reported.
    pub least_bytes: u64,
    /// Bytes per device; devices that never allocated are absent.
    pub devices: Vec<(Device, i64)>,
    /// Number of allocations and releases since the process began that found no room in a buffer.
    pub lost: u64,
}

/// Largest size that fits an entry; a failed request may ask for more.
const MAX_BYTES: u64 = (1 << 56) - 1;

/// Bytes per CUDA device, as reported by frameworks.
static CUDA: [AtomicI64; 256] = [const { AtomicI64::new(0) }; 256];
static LEAST_BYTES: AtomicUsize = AtomicUsize::new(1);
static LOST: AtomicU64 = AtomicU64::new(0);

impl Device {
    /// Returns the number that stands for the device in entries.
    const fn number(self) -> u32 {
        match self {
            Self::Cpu => 0,
            Self::Cuda(index) => 1 + index as u32,
        }
    }

    /// Returns the device with this number in entries.
    #[doc(hidden)]
    pub const fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Cpu,
            // CAST: `number` computed it from a byte.
            number => Self::Cuda((number - 1) as u8),
        }
    }
}

impl Levels {
    /// Applies changes in bytes, each to the device with the given number.
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

/// Reports a block that a framework's allocator has handed out: device memory, or host memory from
/// the framework's own arena. Call it after the allocation.
///
/// With `torch_profiler_with_memory`, the block appears in the `[memory]` events, the memory
/// snapshot, the chart and the peaks of stages. Host memory from the global allocator is already
/// reported by the runtime's `ProfilingAllocator`. Costs an addition and a load while nothing
/// records.
pub fn record_alloc(device: Device, address: u64, bytes: u64) {
    add(device, signed(bytes));
    record_if_enabled(Action::Alloc, device, address, bytes);
}

/// Reports a block that a framework's allocator takes back; see [`record_alloc`]. Call it before
/// the block can be handed out again.
pub fn record_free(device: Device, address: u64, bytes: u64) {
    add(device, -signed(bytes));
    record_if_enabled(Action::Free, device, address, bytes);
}

/// Reports that a framework's allocator could not hand out `bytes` bytes.
pub fn record_out_of_memory(device: Device, bytes: u64) {
    record_if_enabled(Action::OutOfMemory, device, 0, bytes);
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

/// Reports a block of host memory that the program's allocator has handed out.
#[doc(hidden)]
#[inline(always)]
pub fn allocated(address: usize, bytes: usize) {
    // CAST: no layout is larger than `isize::MAX`.
    ledger::add(bytes as i64);
    record_if_enabled(Action::Alloc, Device::Cpu, address as u64, bytes as u64);
}

/// Reports a block that the program's allocator takes back.
#[doc(hidden)]
#[inline(always)]
pub fn freed(address: usize, bytes: usize) {
    // CAST: see `allocated`.
    ledger::add(-(bytes as i64));
    record_if_enabled(Action::Free, Device::Cpu, address as u64, bytes as u64);
}

/// Returns the begin time of a reallocation, for [`moved`]; 0 while memory is not recorded.
#[doc(hidden)]
#[inline(always)]
pub fn moment() -> u64 {
    let gate = gate::load();
    if gate & gate::MEMORY != 0 { ticks(gate) } else { 0 }
}

/// Reports that the program's allocator has reallocated a block since `began`. Blocks are
/// `(address, bytes)`.
#[doc(hidden)]
#[inline(always)]
pub fn moved(began: u64, from: (usize, usize), to: (usize, usize)) {
    // CAST: see `allocated`.
    ledger::add(to.1 as i64 - from.1 as i64);
    let gate = gate::load();
    if gate & gate::MEMORY != 0 {
        record_move(gate, began, from, to);
    }
}

/// Reports that the program's allocator could not allocate `bytes` bytes.
#[doc(hidden)]
#[cold]
pub fn out_of_memory(bytes: usize) {
    record_if_enabled(Action::OutOfMemory, Device::Cpu, 0, bytes as u64);
}

/// Stores the size in bytes below which the program's allocator does not report blocks; does
/// nothing while memory is not recorded.
#[doc(hidden)]
#[inline(always)]
pub fn least(bytes: usize) {
    // ORDERING: a value for the report. It is read before the write, because it changes once and
    // every thread comes here.
    if gate::load() & gate::MEMORY != 0 && LEAST_BYTES.load(Ordering::Relaxed) != bytes {
        LEAST_BYTES.store(bytes, Ordering::Relaxed);
    }
}

#[inline(always)]
fn record_if_enabled(action: Action, device: Device, address: u64, bytes: u64) {
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

/// Records a reallocation. Another thread may get the old block's address before the call returns,
/// so the old block ends when the call began. Totals change when the call ends, because one of the
/// two blocks existed throughout.
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

/// Returns the two entries that record an allocation or release.
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
    /// Reads the current levels.
    pub fn now() -> Self {
        // ORDERING: counters of running threads; each is exact by itself.
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
