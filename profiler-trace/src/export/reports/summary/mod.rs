//! `summary_rank*.md`: a session on one page, for people and programs, always under [`LIMIT`]
//! bytes.
//!
//! It contains facts only; every number is also in the timing report or the operator table.

mod stages;

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use crate::export::format::json::millis;
use crate::export::format::markdown::{cell, render, share};
use crate::export::format::utc::iso8601;
use crate::export::manifest::{MissingArtifact, by_reason};
use crate::export::memory;
use crate::export::ops::averages::{KeyAverages, SlowestOps, marked, ns};
use crate::export::ops::text::{COUNTED_TWICE, flops_with_unit};
use crate::export::report_parts::gpu;
use crate::export::report_parts::losses;
use crate::export::report_parts::overhead::Overhead;
use crate::export::report_parts::spread::Spread;
use crate::export::report_parts::warnings;
use crate::model::{GroupBy, KeyAverage, Requests, Step, StepLoop, Trace};
use crate::text;

/// Size limit of the page, in bytes.
const LIMIT: usize = 4096;
/// Maximum number of rows in the stage table, if they fit.
const MAX_STAGES: usize = 24;
/// Maximum number of rows in the step table.
const MAX_LOOPS: usize = 5;
/// Number of slowest iterations listed per loop.
const MAX_SLOWEST: usize = 3;
/// Maximum number of rows in the table of ops.
const MAX_OPS: usize = 5;
/// Maximum number of sentences per section.
const MAX_SENTENCES: usize = 4;
/// Maximum number of characters in a sentence.
const MAX_SENTENCE: usize = 160;

/// Writes the page.
pub(super) fn write(trace: &Trace, missing: &[MissingArtifact], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(page(trace, missing).as_bytes())
}

/// Returns the page with as many stages as fit.
fn page(trace: &Trace, missing: &[MissingArtifact]) -> String {
    let mut page = String::new();
    for stages in (0..=MAX_STAGES).rev() {
        page = page_with(trace, missing, stages);
        if page.len() < LIMIT {
            return page;
        }
    }
    // Only names of hundreds of bytes can make this necessary.
    let end = (0..LIMIT).rev().find(|&end| page.is_char_boundary(end)).unwrap_or(0);
    page.truncate(end);
    page
}

fn page_with(trace: &Trace, missing: &[MissingArtifact], max_stages: usize) -> String {
    let context = &trace.context;
    let of = if context.is_frontend { String::new() } else { format!(" of {}", context.world_size) };
    let mut page = format!("# Profile `{}`, {}{of}\n\n", cell(&context.session), context.process_label());
    // Writing to a `String` cannot fail, here and below.
    let _ = writeln!(
        page,
        "`{}` (pid {}) on `{}`, {} to {}: {} ms; {}.",
        cell(&context.process_name),
        context.pid,
        cell(&context.host),
        iso8601(trace.begin),
        iso8601(trace.end),
        millis(trace.end - trace.begin),
        context.ended_by.sentence(),
    );
    push_sentences(&mut page, "Warnings", &warnings::all(trace));
    push_sentences(&mut page, "Notes", &warnings::notes(trace));
    stages::push(&mut page, trace, max_stages);
    push_requests(&mut page, trace);
    push_steps(&mut page, trace);
    push_ops(&mut page, trace);
    memory::report::push_section(&mut page, trace);
    push_sentences(&mut page, "Missing", &by_reason(missing).collect::<Vec<_>>());
    push_sentences(&mut page, "Losses", &losses::all(trace));
    push_profiler(&mut page, trace);
    page
}

/// Appends how long requests took, and how many of them are incomplete.
fn push_requests(page: &mut String, trace: &Trace) {
    let Requests { durations, cancelled, clipped, unfinished, kept, .. } = &trace.requests;
    if durations.count == 0 {
        return;
    }
    let spread = Spread::from_sketch(durations);
    let Spread { count, p50_ns, p90_ns, p99_ns, max_ns, .. } = spread;
    let times = [spread.mean_ns(), p50_ns, p90_ns, p99_ns, max_ns].map(millis);
    let row: Vec<String> = std::iter::once(count.to_string()).chain(times).collect();
    page.push_str("\n## Requests\n\nAll of them; times in ms, quantiles within 1 %.\n\n");
    page.push_str(&render(&["requests", "mean", "p50", "p90", "p99", "max"], &[row]));
    let parts: Vec<String> = [
        (*cancelled, "cancelled"),
        (*clipped, "begun before the recording"),
        (*unfinished, "still running when the recording ended"),
        (if kept.len() as u64 == count { 0 } else { kept.len() as u64 }, "kept one by one in the timing report"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if !parts.is_empty() {
        let _ = writeln!(page, "\nOf these requests: {}.", parts.join(", "));
    }
}

fn push_steps(page: &mut String, trace: &Trace) {
    if trace.loops.is_empty() {
        return;
    }
    let row = |each: &StepLoop| {
        let mark = if each.drives { " (ProfilerStep)" } else { "" };
        let spread = Spread::exact(each.steps.iter().map(|step| step.end - step.begin));
        let Spread { count, min_ns, p50_ns, p90_ns, p99_ns, max_ns, .. } = spread;
        let times = [spread.mean_ns(), min_ns, p50_ns, p90_ns, p99_ns, max_ns].map(millis);
        let name = format!("{}{mark}", cell(each.name()));
        [name, count.to_string()].into_iter().chain(times).chain([slowest(each)]).collect()
    };
    let rows: Vec<Vec<String>> = trace.loops.iter().take(MAX_LOOPS).map(row).collect();
    page.push_str("\n## Steps\n\nTimes in ms; `slowest`: which iterations took longest, and how long.\n\n");
    page.push_str(&render(&["loop", "steps", "mean", "min", "p50", "p90", "p99", "max", "slowest"], &rows));
    if trace.loops.len() > MAX_LOOPS {
        let _ = writeln!(page, "\n{} more loops are in the timing report.", trace.loops.len() - MAX_LOOPS);
    }
}

/// Returns the slowest iterations of a loop: the user's index of each, otherwise its number, and
/// its time.
fn slowest(each: &StepLoop) -> String {
    let mut steps: Vec<&Step> = each.steps.iter().collect();
    steps.sort_by_key(|step| (Reverse(step.end - step.begin), step.begin));
    let shown = steps.iter().take(MAX_SLOWEST).map(|step| {
        let name = step.index.map_or_else(|| format!("#{}", step.number), |index| format!("index {index}"));
        format!("{name}: {}", millis(step.end - step.begin))
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// Appends the ops that took longest (on the GPU, if it was recorded), and the counted FLOPs.
fn push_ops(page: &mut String, trace: &Trace) {
    let table = KeyAverages::new(trace, GroupBy::Name);
    let ops: Vec<KeyAverage> = table.rows().iter().filter(|row| row.is_op).cloned().collect();
    let Some(slowest) = SlowestOps::new(table, MAX_OPS) else { return };
    let row = |row: &KeyAverage| {
        let share = |part: u64| share(part, slowest.whole_ns, part > slowest.whole_ns);
        let known = |of: &dyn Fn(u64) -> String| row.self_cuda_time.map_or("n/a".to_owned(), |time| of(ns(time)));
        let (own, total) = (ns(row.self_cpu_time), ns(row.cpu_time));
        let mut cells = vec![marked(row, &cell(&row.name)), row.count.to_string(), millis(own), millis(total)];
        match slowest.cuda_ns {
            Some(_) => cells.extend([known(&millis), known(&share)]),
            None => cells.push(share(own)),
        }
        cells
    };
    let rows: Vec<Vec<String>> = slowest.rows.iter().map(row).collect();
    let (of, gpu) = if slowest.cuda_ns.is_some() { ("CUDA", Some("self CUDA")) } else { ("CPU", None) };
    let _ = writeln!(
        page,
        "\n## Ops\n\nShare of the self {of} time total, {} ms. Times in ms; `self CPU`: in nothing else recorded.\n",
        millis(slowest.whole_ns)
    );
    let header: Vec<&str> = ["op", "calls", "self CPU", "CPU total"].into_iter().chain(gpu).chain(["share"]).collect();
    page.push_str(&render(&header, &rows));
    if slowest.left_out > 0 {
        let _ = writeln!(page, "\n{} more ops are in the operator table.", slowest.left_out);
    }
    if trace.ops.nested_ops || ops.iter().any(|row| row.cpu_time > Duration::from_nanos(trace.ops.busy_ns)) {
        let _ = writeln!(page, "\n{COUNTED_TWICE}");
    }
    if trace.context.options.torch_profiler_with_flops {
        let flops = ops.iter().fold(0_u64, |sum, row| sum.saturating_add(row.flops.unwrap_or(0)));
        let with: u64 = ops.iter().map(|row| row.calls_with_flops).sum();
        let without: u64 = ops.iter().map(|row| row.calls_without_flops).sum();
        let _ = writeln!(
            page,
            "\nFLOPs: {} in {with} calls; {without} calls of ops gave no formula and are not counted.",
            flops_with_unit(flops)
        );
    }
}

fn push_profiler(page: &mut String, trace: &Trace) {
    let overhead = Overhead::new(trace);
    let lost = if trace.ranges_lost() == 0 { "nothing lost" } else { "see the losses" };
    // Rows that threads share have no id.
    let threads = trace.threads.iter().filter(|thread| thread.identity.os_id != 0).count();
    let plural = if threads == 1 { "" } else { "s" };
    let not_included = match &overhead.not_included[..] {
        [] => String::new(),
        costs => format!(" Not in it: {}.", costs.join("; ")),
    };
    let _ = writeln!(
        page,
        "\n## The profiler itself\n\n{} ranges on {threads} thread{plural}, {lost}. Estimated cost: {}; {} ms in all, {:.3} % of \
         the recording.{not_included} {}",
        overhead.ranges,
        overhead.parts(),
        millis(overhead.estimated_ns),
        overhead.percent,
        gpu::sentence(trace)
    );
}

fn push_sentences(page: &mut String, title: &str, sentences: &[String]) {
    if sentences.is_empty() {
        return;
    }
    let _ = writeln!(page, "\n## {title}\n");
    for sentence in sentences.iter().take(MAX_SENTENCES) {
        let line: String = sentence.chars().map(|letter| if text::acts(letter) { ' ' } else { letter }).collect();
        let short: String = line.chars().take(MAX_SENTENCE).collect();
        let _ = writeln!(page, "- {short}{}", if short.len() < line.len() { "…" } else { "" });
    }
    if sentences.len() > MAX_SENTENCES {
        let _ = writeln!(page, "- {} more in the manifest", sentences.len() - MAX_SENTENCES);
    }
}
