//! `summary_rank*.md`: what happened, for people (and programs) that read one page. Always under [`LIMIT`] bytes.
//!
//! Facts only: every number is in the timing report or the operator table too.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::export::facts::gpu;
use crate::export::facts::losses;
use crate::export::facts::overhead::Overhead;
use crate::export::facts::spread::Spread;
use crate::export::facts::warnings;
use crate::export::format::json::ms;
use crate::export::format::markdown::{cell, render};
use crate::export::format::utc::iso8601;
use crate::export::memory;
use crate::export::ops::averages::KeyAverages;
use crate::export::ops::text::flops_with_unit;
use crate::model::{GroupBy, KeyAverage, StageNode, StageTree, Trace};

/// The page is smaller than this.
const LIMIT: usize = 4096;
/// Rows of the stage table, if they fit.
const MAX_STAGES: usize = 24;
/// Rows of the step table.
const MAX_LOOPS: usize = 5;
/// Rows of the table of ops.
const MAX_OPS: usize = 5;
/// Sentences of warnings, and of losses.
const MAX_SENTENCES: usize = 4;
/// Characters of a sentence.
const MAX_SENTENCE: usize = 160;

/// Writes the page.
pub(in crate::export) fn write(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(page(trace).as_bytes())
}

/// The page with as many stages as fit.
fn page(trace: &Trace) -> String {
    let mut page = String::new();
    for stages in (0..=MAX_STAGES).rev() {
        page = page_with(trace, stages);
        if page.len() < LIMIT {
            return page;
        }
    }
    // Only names of hundreds of bytes can lead here.
    let end = (0..LIMIT).rev().find(|&end| page.is_char_boundary(end)).unwrap_or(0);
    page.truncate(end);
    page
}

fn page_with(trace: &Trace, stages: usize) -> String {
    let context = &trace.context;
    let mut page =
        format!("# Profile `{}`, rank {} of {}\n\n", cell(&context.session), context.rank, context.world_size);
    // Writing to a `String` cannot fail, here and below.
    let _ = writeln!(
        page,
        "`{}` (pid {}) on `{}`, {} to {}: {} ms, ended by {}.",
        cell(&context.process_name),
        context.pid,
        cell(&context.host),
        iso8601(trace.begin),
        iso8601(trace.end),
        millis(trace.end - trace.begin),
        context.ended_by.as_str(),
    );
    push_sentences(&mut page, "Warnings", &warnings::all(trace));
    push_stages(&mut page, trace, stages);
    push_steps(&mut page, trace);
    push_ops(&mut page, trace);
    memory::report::push_section(&mut page, trace);
    let losses: Vec<String> = losses::sentences(&trace.losses).into_iter().chain(gpu::loss_sentences(trace)).collect();
    push_sentences(&mut page, "Losses", &losses);
    push_profiler(&mut page, trace);
    page
}

/// What the shares are shares of: the only request, or the session.
struct Whole<'a> {
    name: String,
    duration: u64,
    stages: &'a StageTree,
    unaccounted: u64,
}

impl<'a> Whole<'a> {
    fn of(trace: &'a Trace) -> Self {
        match trace.requests.as_slice() {
            [request] => Self {
                name: format!("request `{}`", cell(&request.id)),
                duration: request.duration(),
                stages: &request.stages,
                unaccounted: request.unaccounted_ns,
            },
            _ => Self {
                name: "the session".to_owned(),
                duration: trace.end - trace.begin,
                stages: &trace.stages,
                unaccounted: trace.unaccounted_ns,
            },
        }
    }

    fn share(&self, ns: u64) -> String {
        format!("{:.1} %", ns as f64 * 100.0 / self.duration.max(1) as f64)
    }
}

fn push_stages(page: &mut String, trace: &Trace, most: usize) {
    let whole = Whole::of(trace);
    let nodes = whole.stages.in_order();
    let mut sums: Vec<u64> = nodes.iter().map(|(_, node)| node.sum_ns).collect();
    sums.sort_unstable_by(|a, b| b.cmp(a));
    // The longest stages stay; a stage is never longer than the one around it, unless it is async.
    let least = if most == 0 { u64::MAX } else { sums.get(most - 1).copied().unwrap_or(0) };
    let kept = nodes.iter().filter(|(_, node)| node.sum_ns >= least).take(most);
    let mut rows: Vec<[String; 7]> = kept.clone().map(|(_, node)| stage_row(node, &whole)).collect();
    let left_out = nodes.len() - rows.len();
    rows.push(summed_row("(unaccounted)", whole.unaccounted, &whole));
    let _ = writeln!(page, "\n## Stages\n\nShare of {}, {} ms. Times in ms.\n", whole.name, millis(whole.duration));
    let header = ["stage", "calls", "sum", "self", "min", "max", "share"];
    if let Ok(gpu) = &trace.gpu {
        let times = kept.map(|(_, node)| node.gpu).chain([gpu.unattributed]);
        let rows: Vec<[String; 8]> =
            rows.iter().zip(times).map(|(row, times)| with_gpu(row, gpu::cell(gpu, times))).collect();
        let [stage, calls, sum, own, min, max, share] = header;
        page.push_str(&render([stage, calls, sum, own, min, max, share, gpu::column(gpu)], &rows));
    } else {
        page.push_str(&render(header, &rows));
    }
    if left_out > 0 {
        let _ = writeln!(page, "\n{left_out} shorter stages are left out; the timing report has them.");
    }
}

fn stage_row(node: &StageNode, whole: &Whole<'_>) -> [String; 7] {
    let indent = "· ".repeat(node.depth.min(8) as usize);
    let wait = if node.polls > 0 { " (async)" } else { "" };
    let concurrent = if node.is_concurrent(whole.duration) { " concurrent" } else { "" };
    [
        format!("{indent}{}{wait}", cell(node.name())),
        node.calls.to_string(),
        millis(node.sum_ns),
        millis(node.self_ns()),
        millis(if node.calls == 0 { 0 } else { node.min_ns }),
        millis(node.max_ns),
        format!("{}{concurrent}", whole.share(node.sum_ns)),
    ]
}

/// The row with the GPU's time: of a stage, or of what no stage launched.
fn with_gpu(row: &[String; 7], gpu: String) -> [String; 8] {
    let [stage, calls, sum, own, min, max, share] = row.clone();
    [stage, calls, sum, own, min, max, share, gpu]
}

fn summed_row(name: &str, ns: u64, whole: &Whole<'_>) -> [String; 7] {
    let none = String::new;
    [name.to_owned(), none(), millis(ns), none(), none(), none(), whole.share(ns)]
}

fn push_steps(page: &mut String, trace: &Trace) {
    let durations = trace.requests.iter().map(|request| request.duration());
    let requests = (trace.requests.len() > 1).then(|| ("(requests)".to_owned(), Spread::of(durations)));
    let loops = trace.loops.iter().map(|each| {
        let mark = if each.drives { " (ProfilerStep)" } else { "" };
        (format!("{}{mark}", cell(each.name())), Spread::of(each.steps.iter().map(|step| step.end - step.begin)))
    });
    let all: Vec<_> = requests.into_iter().chain(loops).collect();
    if all.is_empty() {
        return;
    }
    let row = |(name, spread): &(String, Spread)| {
        let ms = |ms: f64| format!("{ms:.3}");
        let Spread { count, mean_ms, min_ms, p50_ms, p95_ms, max_ms } = *spread;
        [name.clone(), count.to_string(), ms(mean_ms), ms(min_ms), ms(p50_ms), ms(p95_ms), ms(max_ms)]
    };
    let rows: Vec<[String; 7]> = all.iter().take(MAX_LOOPS).map(row).collect();
    page.push_str("\n## Steps\n\nTimes in ms.\n\n");
    page.push_str(&render(["loop", "steps", "mean", "min", "p50", "p95", "max"], &rows));
    if all.len() > MAX_LOOPS {
        let _ = writeln!(page, "\n{} more loops are in the timing report.", all.len() - MAX_LOOPS);
    }
}

/// The ops that took longest, and what is known of their FLOPs.
fn push_ops(page: &mut String, trace: &Trace) {
    let table = KeyAverages::of(trace, GroupBy::Name);
    let ops: Vec<&KeyAverage> = table.rows().iter().filter(|row| row.is_op).collect();
    if ops.is_empty() {
        return;
    }
    let total = trace.ops.self_ns();
    let row = |row: &&KeyAverage| {
        let wait = if row.is_async { " (async)" } else { "" };
        let own = row.self_cpu_time.as_nanos() as f64;
        [
            format!("{}{wait}", cell(&row.name)),
            row.count.to_string(),
            format!("{:.3}", own / 1e6),
            format!("{:.3}", row.cpu_time.as_nanos() as f64 / 1e6),
            format!("{:.1} %", own * 100.0 / total.max(1) as f64),
        ]
    };
    let rows: Vec<[String; 5]> = ops.iter().take(MAX_OPS).map(row).collect();
    let _ = writeln!(page, "\n## Ops\n\nShare of the self CPU time total, {} ms. Times in ms.\n", millis(total));
    page.push_str(&render(["op", "calls", "self", "total", "share"], &rows));
    if ops.len() > MAX_OPS {
        let _ = writeln!(page, "\n{} more ops are in the operator table.", ops.len() - MAX_OPS);
    }
    if trace.context.config.torch_profiler_with_flops {
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
    let overhead = Overhead::of(trace);
    let lost = if trace.losses.missing() == 0 { "nothing lost" } else { "see the losses" };
    // Streams that threads share have no id.
    let threads = trace.threads.iter().filter(|thread| thread.identity.os_id != 0).count();
    let not_included = match &overhead.not_included[..] {
        [] => String::new(),
        costs => format!(" Not in it: {}.", costs.join("; ")),
    };
    let _ = writeln!(
        page,
        "\n## The profiler itself\n\n{} ranges on {threads} thread(s), {lost}. Estimated cost: {}; {} ms in all, {:.3} % of \
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
        let line: String = sentence.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        let short: String = line.chars().take(MAX_SENTENCE).collect();
        let _ = writeln!(page, "- {short}{}", if short.len() < line.len() { "…" } else { "" });
    }
    if sentences.len() > MAX_SENTENCES {
        let _ = writeln!(page, "- {} more in the manifest", sentences.len() - MAX_SENTENCES);
    }
}

fn millis(ns: u64) -> String {
    format!("{:.3}", ms(ns))
}
