//! `[memory]` events: every allocation and release, with the device's total after it, in the order of time.
//!
//! TensorBoard's memory view wants them in that order and the totals without a gap; both are facts of the walk, not of
//! a sort.

use crate::export::events::memory::{MemoryChange, walk_reported};
use crate::model::Trace;

use super::event::{Events, push_key, push_number};
use super::number::{push_integer, push_micros, push_signed};
use super::rows::{Row, Rows};

/// Writes what was reported; nothing if memory was not recorded.
pub(super) fn write(events: &mut Events<'_>, rows: &mut Rows, trace: &Trace) {
    walk_reported(trace, |thread, change| {
        let tid = rows.tid(&mut events.page, Row::Thread(thread, 0), None, "");
        push_event(events, (u64::from(events.pid), tid), change);
    });
}

/// Writes one.
pub(super) fn push_event(events: &mut Events<'_>, (pid, tid): (u64, u64), change: &MemoryChange) {
    let at = events.relative(change.at);
    let out = &mut events.page.text;
    out.extend_from_slice(b"{\"ph\":\"i\",\"cat\":\"cpu_instant_event\",\"s\":\"t\",\"name\":\"");
    out.extend_from_slice(change.name().as_bytes());
    out.extend_from_slice(b"\",\"pid\":");
    push_integer(out, pid);
    out.extend_from_slice(b",\"tid\":");
    push_integer(out, tid);
    out.extend_from_slice(b",\"ts\":");
    push_micros(out, at);
    out.extend_from_slice(b",\"args\":{\"Total Reserved\":0");
    push_number(out, "Total Allocated", change.total);
    let (id, kind) = change.device_numbers();
    push_key(out, "Device Id");
    push_signed(out, id);
    push_number(out, "Device Type", kind);
    push_key(out, "Bytes");
    push_signed(out, change.bytes);
    if !change.failed {
        push_number(out, "Addr", change.address);
    }
    events.close();
}
