//! Recordings of many threads, and a full disk, for the tests of both formats.

use std::io;

use crate::model::Trace;
use crate::model::testing::Script;
use profiler_core::site::Kind;
use profiler_core::stream::key::Key;
use profiler_core::stream::registry::{ThreadIdentity, ThreadLog};

/// Returns a recording of seven threads: without ranges, with pages of them, with lanes, with
/// texts, and with named steps.
pub(super) fn mixed_threads() -> Trace {
    let mut script = Script::new();
    let (stage, other) = (script.site(Kind::Stage, "stage"), script.site(Kind::Stage, "a much longer name"));
    let step = script.site(Kind::Step, "step");
    script.context.step_site = Some(step);
    for (thread, ranges) in [3_000, 0, 1, 2_500, 1_200, 7, 4_000].into_iter().enumerate() {
        for at in (0..ranges).map(|each| each * 20) {
            match thread {
                3 => script.begin(stage, at).begin(other, at + 5).end(stage, at + 10).end(other, at + 15),
                4 => script.number(Key::INDEX, step, at).begin(step, at).end(step, at + 10),
                _ => script.begin(other, at).begin(stage, at + 1).end(stage, at + 2).end(other, at + 9),
            };
        }
        script.thread(&format!("thread {thread}"));
    }
    Trace::build(script.finish())
}

/// Returns a recording of threads with the same three ranges each.
pub(super) fn equal_threads(threads: u32) -> Trace {
    let mut script = Script::new();
    let (outer, inner) = (script.site(Kind::Stage, "outer"), script.site(Kind::Op, "inner"));
    script.begin(outer, 10).begin(inner, 20).end(inner, 30).begin(inner, 40).end(inner, 50).end(outer, 60);
    script.thread("worker");
    let mut recording = script.finish();
    let runs = recording.log.threads[0].runs.clone();
    recording.log.threads.extend((2..=threads).map(|ordinal| {
        let thread = ThreadIdentity { ordinal, os_id: 4000 + u64::from(ordinal), name: "worker".to_owned() };
        ThreadLog { thread: thread.into(), runs: runs.clone(), carry: None, lost: 0 }
    }));
    Trace::build(recording)
}

/// A disk that is full after a number of bytes.
pub(super) struct Disk(pub(super) usize);

impl io::Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
