//! What stands around the events: the trace's own facts before them, the window's marks after them.

use std::io;

use crate::export::format::json::write_indented;
use crate::export::trace::head::head;
use crate::export::trace::page::Page;
use crate::model::Trace;

use super::escape::push_string;
use super::number::push_micros;

/// Opens the file: everything up to the bracket of `traceEvents`.
pub(super) fn open(page: &mut Page<'_>, trace: &Trace, base: u64) -> io::Result<()> {
    let mut text = Vec::new();
    write_indented(&mut text, &head(trace, base))?;
    // The object stays open: the events are its next member.
    page.text.extend_from_slice(text.strip_suffix(b"\n}\n").unwrap_or(&text));
    page.text.extend_from_slice(b",\n  \"traceEvents\": [\n");
    Ok(())
}

/// Closes the file: the span and the marks of the window, in nanoseconds since the base, and `traceName`.
pub(super) fn close(page: &mut Page<'_>, (begin, end): (u64, u64), name: &str) {
    let out = &mut page.text;
    out.extend_from_slice(b"{\"ph\":\"X\",\"cat\":\"Trace\",\"name\":\"PyTorch Profiler (0)\",\"pid\":\"Spans\",\"tid\":\"PyTorch Profiler\",\"ts\":");
    push_micros(out, begin);
    out.extend_from_slice(b",\"dur\":");
    push_micros(out, end - begin);
    out.extend_from_slice(b",\"args\":{\"Op count\":0}},\n");
    out.extend_from_slice(b"{\"ph\":\"M\",\"name\":\"process_sort_index\",\"ts\":");
    push_micros(out, begin);
    out.extend_from_slice(b",\"pid\":\"Spans\",\"tid\":0,\"args\":{\"sort_index\":536870912}},\n");
    out.extend_from_slice(b"{\"ph\":\"i\",\"s\":\"g\",\"name\":\"Iteration Start: PyTorch Profiler\",\"pid\":\"Traces\",\"tid\":\"Trace PyTorch Profiler\",\"ts\":");
    push_micros(out, begin);
    out.extend_from_slice(
        b"},\n{\"ph\":\"i\",\"s\":\"g\",\"name\":\"Record Window End\",\"pid\":\"\",\"tid\":\"\",\"ts\":",
    );
    push_micros(out, end);
    out.extend_from_slice(b"}\n  ],\n  \"traceName\": ");
    push_string(out, name);
    out.extend_from_slice(b"\n}\n");
}
