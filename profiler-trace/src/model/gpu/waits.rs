//! Look-up of the event record that a wait refers to: the last one before the wait.
//!
//! A program records an event on one stream and lets another stream, or the host, wait for it; it
//! may record the same event again. Calls are numbered in the order in which they are made. So of
//! the records before a wait, the one with the highest number applies, in whatever order the
//! source's buffers arrive.

use crate::records::gpu::{EventRecord, Wait};

/// Event records, for look-ups by wait.
#[derive(Debug, Default)]
pub(crate) struct EventRecords(Vec<EventRecord>);

impl EventRecords {
    /// Creates the table from records in any order.
    pub(super) fn new(records: impl Iterator<Item = EventRecord>) -> Self {
        let mut records: Vec<_> = records.collect();
        records.sort_unstable_by_key(key);
        Self(records)
    }

    /// Returns the record that `wait` refers to; `None` if it does not wait for an event, or the
    /// event was recorded before the window.
    pub(crate) fn awaited(&self, wait: &Wait) -> Option<&EventRecord> {
        let place = (wait.context, wait.event, wait.correlation);
        let next = self.0.partition_point(|record| key(record) < place);
        let last = self.0[..next].last().filter(|last| (last.context, last.event) == (wait.context, wait.event));
        last.filter(|_| wait.kind.is_for_event())
    }
}

const fn key(record: &EventRecord) -> (u32, u32, u32) {
    (record.context, record.event, record.correlation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::gpu::WaitKind::{self, Event, Stream, StreamForEvent};

    fn record(event: u32, stream: u32, correlation: u32) -> EventRecord {
        EventRecord { correlation, context: 1, stream, event }
    }

    fn wait(kind: WaitKind, event: u32, correlation: u32) -> Wait {
        Wait { kind, begin: 0, end: 1, correlation, context: 1, stream: Some(20), event }
    }

    #[test]
    fn a_wait_is_for_the_last_record_before_it() {
        let records = [record(5, 7, 30), record(5, 9, 10), record(6, 8, 20)];
        let records = EventRecords::new(records.into_iter());
        let stream = |wait: Wait| records.awaited(&wait).map(|record| (record.stream, record.correlation));
        assert_eq!(stream(wait(StreamForEvent, 5, 15)), Some((9, 10)));
        assert_eq!(stream(wait(Event, 5, 40)), Some((7, 30)));
        assert_eq!(stream(wait(Event, 6, 40)), Some((8, 20)));
        assert_eq!(stream(wait(Event, 5, 5)), None, "it was recorded before the window");
        assert_eq!(stream(wait(Stream, 5, 40)), None, "a wait for a stream");
        assert_eq!(stream(Wait { context: 2, ..wait(StreamForEvent, 5, 40) }), None, "an event of another context");
    }
}
