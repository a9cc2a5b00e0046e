//! `[memory]` events: every allocation and release, with the device's total after it, in the order of time.
//!
//! TensorBoard's memory view wants them in that order and the totals without a gap; both are facts of the walk, not of
//! a sort.

use crate::model::{Moment, Trace};
use crate::record::{Action, Device};

use super::event::Events;
use super::number::{push_integer, push_micros};
use super::rows::{Row, Rows};

/// Writes them all; nothing if memory was not recorded.
pub(super) fn write(events: &mut Events<'_, '_>, rows: &mut Rows, trace: &Trace) {
    let Some(memory) = &trace.memory else { return };
    let mut totals = memory.totals();
    trace.walk_memory(|_, moment| {
        let Moment::Allocation { thread, allocation } = moment else { return };
        let tid = rows.tid(&mut events.page, Row::Thread(*thread, 0), None, "");
        let total = totals.after(allocation);
        let mut push = |action, block, total| {
            push_event(events, tid, (allocation.at, allocation.device), (action, block), total);
        };
        let block = (allocation.address, allocation.bytes);
        match allocation.action {
            Action::MovedFrom => {}
            Action::MovedTo => {
                push(Action::Free, allocation.before, total.saturating_sub(allocation.bytes));
                push(Action::Alloc, block, total);
            }
            action => push(action, block, total),
        }
    });
}

fn push_event(
    events: &mut Events<'_, '_>,
    tid: u64,
    (at, device): (u64, Device),
    (action, (address, bytes)): (Action, (u64, u64)),
    total: u64,
) {
    let (at, pid) = (events.relative(at), events.pid);
    let out = &mut events.page.text;
    let failed = action == Action::OutOfMemory;
    out.extend_from_slice(b"{\"ph\":\"i\",\"cat\":\"cpu_instant_event\",\"s\":\"t\",\"name\":\"");
    out.extend_from_slice(if failed { b"[OutOfMemory]" } else { b"[memory]" });
    out.extend_from_slice(b"\",\"pid\":");
    push_integer(out, u64::from(pid));
    out.extend_from_slice(b",\"tid\":");
    push_integer(out, tid);
    out.extend_from_slice(b",\"ts\":");
    push_micros(out, at);
    out.extend_from_slice(b",\"args\":{\"Total Reserved\":0,\"Total Allocated\":");
    push_integer(out, total);
    // PyTorch's numbers: type 0 with id -1 is the host, type 1 is CUDA.
    match device {
        Device::Cpu => out.extend_from_slice(b",\"Device Id\":-1,\"Device Type\":0"),
        Device::Cuda(index) => {
            out.extend_from_slice(b",\"Device Id\":");
            push_integer(out, u64::from(index));
            out.extend_from_slice(b",\"Device Type\":1");
        }
    }
    out.extend_from_slice(if action == Action::Free { b",\"Bytes\":-" } else { b",\"Bytes\":" });
    push_integer(out, bytes);
    if !failed {
        out.extend_from_slice(b",\"Addr\":");
        push_integer(out, address);
    }
    out.extend_from_slice(b"}},\n");
    events.page.pause();
}
