//! The file around the events: metadata before them, the window's marks after them.

use std::io;

use serde::Serialize;

use crate::export::events::{Category, processes};
use crate::export::format::json::write_indented;
use crate::export::report_parts::clock::Jump;
use crate::model::Trace;

use super::escape::push_string;
use super::formatter::push_times;
use super::number::push_micros;
use super::text_cache::{push_prefix, push_row_id};
use super::writer::Events;

/// Appends everything up to the bracket of `traceEvents`. The metadata object stays open; the
/// events are its next member.
pub(in crate::export::trace) fn open(out: &mut Vec<u8>, metadata: &impl Serialize) -> io::Result<()> {
    write_indented(out, metadata)?;
    let end = out.strip_suffix(b"\n}\n").map_or(out.len(), <[u8]>::len);
    out.truncate(end);
    out.extend_from_slice(b",\n  \"traceEvents\": [\n");
    Ok(())
}

/// Appends everything after the last event.
pub(in crate::export::trace) fn close(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b"\n  ],\n  \"traceName\": ");
    push_string(out, name);
    out.extend_from_slice(b"\n}\n");
}

/// Writes the last events, which are the window's span and marks, and closes the file.
pub(super) fn end(Events { page, rows, format }: &mut Events<'_, '_>, trace: &Trace, name: &str) {
    // In Kineto's traces the corresponding processes are the words `Spans`, `Traces` and an empty
    // one.
    for (pid, what) in [(processes::SPANS, "spans"), (processes::TRACES, "begin"), (processes::WINDOW, "end")] {
        rows.introduce(page, (pid, 0), ("process", &processes::rank_process(trace, what), None), pid);
    }
    let (begin, end) = (format.relative(trace.begin), format.relative(trace.shown_end()));
    let out = &mut page.text;
    push_prefix(out, Category::Trace, "PyTorch Profiler (0)", (processes::SPANS, 0));
    push_times(out, begin, end - begin);
    out.extend_from_slice(b",\"args\":{\"Op count\":0}},\n");
    for jump in Jump::all(trace) {
        let at = jump.at_unix_ns.saturating_sub(trace.begin) + begin;
        push_mark(out, Jump::MARK, format.pid, at);
        out.extend_from_slice(b",\"args\":");
        out.extend(serde_json::to_vec(&jump).unwrap_or_else(|_| b"{}".to_vec()));
        out.extend_from_slice(b"},\n");
    }
    push_mark(out, "Iteration Start: PyTorch Profiler", processes::TRACES, begin);
    out.extend_from_slice(b"},\n");
    push_mark(out, "Record Window End", processes::WINDOW, end);
    out.push(b'}');
    close(out, name);
}

/// Appends a mark across the whole trace, except for its arguments and its end.
fn push_mark(out: &mut Vec<u8>, name: &str, pid: u64, at: u64) {
    out.extend_from_slice(b"{\"ph\":\"i\",\"s\":\"g\",\"name\":");
    push_string(out, name);
    push_row_id(out, (pid, 0));
    push_micros(out, at);
}
