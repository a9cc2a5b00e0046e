//! The summary as a terminal shows it: where the time went, what is missing and why, and where the artifacts are.
//!
//! For people who have just run the program. [`Manifest::summary`] returns it, and the runtime prints it at the end
//! of a session. Its times are those of `summary_rank*.md`; here they fit the terminal's width.

mod columns;
#[allow(unsafe_code)]
mod terminal;

use std::fmt;

use crate::export::Manifest;
use crate::export::format::json::ms;
use crate::export::manifest::by_reason;
use crate::export::ops::averages::SortBy;
use crate::export::report_parts::{gpu, losses, rest_name};
use crate::export::reports::stages::longest;
use crate::model::{GpuTimes, GroupBy, StageNode, Trace};
use crate::text;

use columns::{Head, Letters, Row, push, push_sentence};

/// Width unless somebody says otherwise.
const USUAL_WIDTH: usize = 80;
/// Narrower than this nothing can be read.
const LEAST_WIDTH: usize = 20;
/// Rows of the table of stages.
const MAX_STAGES: usize = 20;
/// Rows of the table of ops.
const MAX_OPS: usize = 8;

/// The page of a session at its end: the stages, the slowest ops, what is missing and why, and the artifacts' paths. Its
/// [`Display`](fmt::Display) is text for a terminal, 80 columns wide unless [`width`](Self::width) is called.
///
/// ```no_run
/// # fn end(manifest: &profiler_trace::Manifest) {
/// println!("{}", manifest.summary().width(100));
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "it is text to print"]
pub struct Summary<'a> {
    manifest: &'a Manifest,
    width: usize,
    letters: Letters,
}

/// Times of a trace, which is gone when the summary is printed.
#[derive(Clone, Debug)]
pub(in crate::export) struct Times {
    whole_ns: u64,
    unaccounted_ns: u64,
    /// Its name.
    rest_name: &'static str,
    stages: Vec<Stage>,
    stages_left_out: usize,
    /// Head of the GPU's column, and the work that no stage launched.
    gpu: Option<(&'static str, String)>,
    /// A sentence about the GPU.
    gpu_sentence: String,
    losses: Vec<String>,
}

#[derive(Clone, Debug)]
struct Stage {
    name: String,
    calls: u64,
    sum_ns: u64,
    self_ns: u64,
    /// Time without the waiting of its futures, of an async stage.
    busy_ns: Option<u64>,
    gpu: Option<String>,
}

impl Times {
    pub(in crate::export) fn of(trace: &Trace) -> Self {
        let known = trace.gpu.as_ref().ok();
        let cell = |times: GpuTimes| known.map(|known| gpu::cell(known, times));
        let (nodes, stages_left_out) = longest(trace, MAX_STAGES);
        let stage = |node: &StageNode| Stage {
            name: format!(
                "{}{}{}",
                "  ".repeat(node.depth.min(8) as usize),
                node.name(),
                if node.lives > 0 { " (async)" } else { "" }
            ),
            calls: node.calls,
            sum_ns: node.sum_ns,
            self_ns: node.self_ns(),
            busy_ns: (node.lives > 0).then_some(node.busy_ns),
            gpu: cell(node.gpu),
        };
        Self {
            whole_ns: trace.end - trace.begin,
            unaccounted_ns: trace.unaccounted_ns,
            rest_name: rest_name(trace),
            stages: nodes.into_iter().map(stage).collect(),
            stages_left_out,
            gpu: known.map(|known| (gpu::column(known), gpu::cell(known, known.unattributed))),
            gpu_sentence: gpu::sentence(trace),
            losses: losses::all(trace),
        }
    }
}

impl Manifest {
    /// Returns what the session says at its end, to be printed: where the time went, what is missing, and where the
    /// artifacts are. Costs a pass over the distinct rows of the operator table.
    pub fn summary(&self) -> Summary<'_> {
        Summary { manifest: self, width: USUAL_WIDTH, letters: Letters { unicode: true } }
    }
}

impl Summary<'_> {
    /// Makes it fit into so many columns, at least 20. Columns that matter less are left out; of paths, none is cut.
    pub fn width(mut self, columns: usize) -> Self {
        self.width = columns.max(LEAST_WIDTH);
        self
    }

    /// Draws bars with `#` instead of Unicode's blocks. Names stay what they are.
    pub fn ascii(mut self) -> Self {
        self.letters.unicode = false;
        self
    }

    /// Makes it fit the terminal behind standard error, and its letters the locale (`LC_ALL`, `LC_CTYPE`, `LANG`).
    pub fn for_terminal(self) -> Self {
        let fitting = terminal::columns().map_or(self, |columns| self.width(columns));
        if terminal::is_unicode() { fitting } else { fitting.ascii() }
    }

    fn push_stages(&self, text: &mut String) {
        let times = &self.manifest.times;
        let mut heads =
            vec![Head { title: "calls", rank: 2 }, Head { title: "total", rank: 0 }, Head { title: "self", rank: 5 }];
        let has_busy = times.stages.iter().any(|stage| stage.busy_ns.is_some());
        heads.extend(has_busy.then_some(Head { title: "busy", rank: 4 }));
        heads.push(Head { title: "share", rank: 1 });
        heads.extend(times.gpu.as_ref().map(|(title, _)| Head { title, rank: 3 }));
        let whole = times.whole_ns.max(1) as f64;
        let row = |name: &str, ns: u64, [calls, own, busy]: [String; 3], gpu: Option<&String>| {
            let share = ns as f64 / whole;
            let mut cells = vec![calls, millis(ns), own];
            cells.extend(has_busy.then_some(busy));
            cells.push(percent(share));
            cells.extend(gpu.cloned());
            Row { name: plain(name), cells, share }
        };
        let stage = |each: &Stage| {
            let busy = each.busy_ns.map(millis).unwrap_or_default();
            row(&each.name, each.sum_ns, [each.calls.to_string(), millis(each.self_ns), busy], each.gpu.as_ref())
        };
        let mut rows: Vec<Row> = times.stages.iter().map(stage).collect();
        let gpu_rest = times.gpu.as_ref().map(|(_, cell)| cell);
        rows.push(row(times.rest_name, times.unaccounted_ns, Default::default(), gpu_rest));
        push(text, "stage", &heads, &rows, self.width, self.letters);
        if has_busy {
            push_sentence(text, "busy: without the waiting of futures", self.width);
        }
        if times.stages_left_out > 0 {
            push_sentence(
                text,
                &format!("{} shorter stages are in the timing report", times.stages_left_out),
                self.width,
            );
        }
    }

    /// The ops that took longest: on the GPU where that was recorded, else on the CPU.
    fn push_ops(&self, text: &mut String) {
        let table = self.manifest.key_averages(GroupBy::Name).sort_by(SortBy::SelfCudaTime);
        let ops: Vec<_> = table.rows().iter().filter(|row| row.is_op).collect();
        if ops.is_empty() {
            return;
        }
        let cuda = table.self_cuda_time_total();
        let whole = cuda.unwrap_or_else(|| table.self_cpu_time_total()).as_secs_f64();
        let mut heads = vec![
            Head { title: "calls", rank: 2 },
            Head { title: "CPU total", rank: 4 },
            Head { title: "self CPU", rank: u8::from(cuda.is_some()) * 3 },
        ];
        heads.extend(cuda.map(|_| Head { title: "self CUDA", rank: 0 }));
        heads.push(Head { title: "share", rank: 1 });
        let row = |op: &&crate::model::KeyAverage| {
            // CAST: times of less than 584 years.
            let ns = |time: std::time::Duration| millis(time.as_nanos() as u64);
            let own = op.self_cuda_time.filter(|_| cuda.is_some()).unwrap_or(op.self_cpu_time);
            let share = if whole > 0.0 { own.as_secs_f64() / whole } else { 0.0 };
            let mut cells = vec![op.count.to_string(), ns(op.cpu_time), ns(op.self_cpu_time)];
            cells.extend(cuda.map(|_| op.self_cuda_time.map_or("n/a".to_owned(), ns)));
            cells.push(percent(share));
            Row { name: plain(&op.name) + if op.is_async { " (async)" } else { "" }, cells, share }
        };
        let rows: Vec<Row> = ops.iter().take(MAX_OPS).map(row).collect();
        text.push('\n');
        push(text, "op", &heads, &rows, self.width, self.letters);
        if ops.len() > MAX_OPS {
            push_sentence(text, &format!("{} more ops are in the operator table", ops.len() - MAX_OPS), self.width);
        }
    }

    /// Appends what is missing and why, then what else its user should know.
    fn push_sentences(&self, text: &mut String) {
        let Manifest { missing, warnings, notes, times, .. } = self.manifest;
        let missing = by_reason(missing).chain(times.losses.iter().cloned());
        for (title, sentences) in
            [("missing", missing.collect()), ("warnings", warnings.clone()), ("notes", notes.clone())]
        {
            let sentences: Vec<String> = sentences;
            if !sentences.is_empty() {
                text.push_str(&format!("\n{title}\n"));
                sentences.iter().for_each(|sentence| push_sentence(text, &plain(sentence), self.width));
            }
        }
        text.push('\n');
        push_sentence(text, &times.gpu_sentence, self.width);
    }

    /// One line for the folder, and one for each file in it: a path is never cut.
    fn push_artifacts(&self, text: &mut String) {
        let artifacts = self.manifest.artifacts();
        let folder = artifacts.iter().find(|each| each.kind == "manifest").and_then(|each| each.path.parent());
        if let Some(folder) = folder {
            text.push_str(&format!("\nartifacts in {}\n", folder.display()));
        }
        let widest = artifacts.iter().map(|each| each.kind.len()).max().unwrap_or(0);
        for artifact in artifacts {
            text.push_str(&format!("  {:<widest$}  {}\n", artifact.kind, artifact.name));
        }
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Manifest { session, rank, times, .. } = self.manifest;
        let mut text = String::new();
        let head = format!("profile {session}, rank {rank}: {} ms; all times in ms", millis(times.whole_ns));
        push_sentence(&mut text, &head, self.width);
        text.push('\n');
        self.push_stages(&mut text);
        self.push_ops(&mut text);
        self.push_sentences(&mut text);
        self.push_artifacts(&mut text);
        f.write_str(text.trim_start().trim_end_matches('\n'))
    }
}

/// Returns milliseconds in at most ten letters for a day.
fn millis(ns: u64) -> String {
    let ms = ms(ns);
    if ms < 1e5 { format!("{ms:.3}") } else { format!("{ms:.0}") }
}

/// Returns a share in percent; more than the whole is the time of what ran at the same time.
fn percent(share: f64) -> String {
    format!("{}{:.1}%", if share > 1.0 { "concurrent " } else { "" }, share * 100.0)
}

/// A name on one line, that sends the terminal no command.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if text::acts(letter) { ' ' } else { letter }).collect()
}
