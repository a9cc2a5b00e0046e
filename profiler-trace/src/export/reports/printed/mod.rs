//! The summary for a terminal: where the time went, what is missing and why, and where the
//! artifacts are.
//!
//! [`Manifest::summary`] returns it, and the runtime prints it at the end of a session. Its times
//! are those of `summary_rank*.md`, but it fits the terminal's width.

mod columns;
#[allow(unsafe_code)]
mod terminal;

use std::fmt;

use crate::export::Manifest;
use crate::export::format::json::ms;
use crate::export::kind::ArtifactKind;
use crate::export::manifest::by_reason;
use crate::export::ops::averages::{SlowestOps, marked, ns};
use crate::export::reports::stages::StageRow;
use crate::model::{GroupBy, KeyAverage};
use crate::text;

use columns::{Head, Letters, Row, push, push_sentence};

/// Default width.
const DEFAULT_WIDTH: usize = 80;
/// Minimum width; narrower output is unreadable.
const MIN_WIDTH: usize = 20;
/// Maximum number of ops in the table.
const MAX_OPS: usize = 8;

/// Printable summary of a session: the stages, the slowest ops, what is missing and why, and the
/// artifacts' paths. Its [`Display`](fmt::Display) output is for a terminal, 80 columns wide unless
/// [`width`](Self::width) is called.
///
/// ```no_run
/// # fn end(manifest: &profiler_trace::artifacts::Manifest) {
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

impl Manifest {
    /// Returns a printable summary of the session: where the time went, what is missing, and where
    /// the artifacts are. Costs a pass over the distinct rows of the operator table.
    pub fn summary(&self) -> Summary<'_> {
        Summary { manifest: self, width: DEFAULT_WIDTH, letters: Letters { unicode: true } }
    }
}

impl Summary<'_> {
    /// Limits the width to the given number of columns, at least 20. Less important columns are
    /// left out; paths are never shortened.
    pub fn width(mut self, columns: usize) -> Self {
        self.width = columns.max(MIN_WIDTH);
        self
    }

    /// Draws bars with `#` instead of Unicode blocks. Names are not changed.
    pub fn ascii(mut self) -> Self {
        self.letters.unicode = false;
        self
    }

    /// Adapts the width to the terminal behind standard error, and the characters to the locale
    /// (`LC_ALL`, `LC_CTYPE`, `LANG`).
    pub fn for_terminal(self) -> Self {
        let fitted = terminal::columns().map_or(self, |columns| self.width(columns));
        if terminal::is_unicode() { fitted } else { fitted.ascii() }
    }

    fn push_stages(&self, text: &mut String) {
        let table = &self.manifest.digest.stages;
        type Column = (Head, fn(&StageRow) -> String);
        let head = |title, rank| Head { title, rank };
        let mut columns: Vec<Column> = vec![
            (head("calls", 2), |row| row.times_cell(|times| Some(times.calls.to_string()))),
            (head("total", 0), |row| millis(row.sum_ns)),
            (head("self", 5), |row| row.times_cell(|times| Some(millis(times.self_ns)))),
        ];
        if table.has_busy {
            columns.push((head("busy", 4), |row| row.busy_ns().map(millis).unwrap_or_default()));
        }
        columns.push((head("share", 1), |row| percent(share(row.sum_ns, row.whole_ns))));
        if let Some(title) = table.gpu {
            columns.push((head(title, 3), StageRow::gpu_cell));
        }
        let (heads, cells): (Vec<Head>, Vec<_>) = columns.into_iter().unzip();
        let row = |row: &StageRow| Row {
            name: "  ".repeat(row.depth.min(8) as usize) + &row.marked(&plain(row.name)),
            cells: cells.iter().map(|cell| cell(row)).collect(),
            share: share(row.sum_ns, row.whole_ns),
        };
        let rows: Vec<Row> = table.rows.iter().map(row).collect();
        push(text, "stage", &heads, &rows, self.width, self.letters);
        if table.has_busy {
            push_sentence(text, "busy: without the waiting of futures", self.width);
        }
        if table.left_out > 0 {
            push_sentence(text, &format!("{} shorter stages are in the timing report", table.left_out), self.width);
        }
    }

    /// Appends the ops that took longest: on the GPU if it was recorded, otherwise on the CPU.
    fn push_ops(&self, text: &mut String) {
        let Some(slowest) = SlowestOps::new(self.manifest.key_averages(GroupBy::Name), MAX_OPS) else { return };
        let has_cuda = slowest.cuda_ns.is_some();
        let mut heads = vec![
            Head { title: "calls", rank: 2 },
            Head { title: "CPU total", rank: 4 },
            Head { title: "self CPU", rank: u8::from(has_cuda) * 3 },
        ];
        heads.extend(has_cuda.then_some(Head { title: "self CUDA", rank: 0 }));
        heads.push(Head { title: "share", rank: 1 });
        let row = |op: &KeyAverage| {
            let own = op.self_cuda_time.filter(|_| has_cuda);
            let share = share(ns(own.unwrap_or(op.self_cpu_time)), slowest.whole_ns);
            let time = |time| millis(ns(time));
            let mut cells = vec![op.count.to_string(), time(op.cpu_time), time(op.self_cpu_time)];
            cells.extend(has_cuda.then(|| own.map_or("n/a".to_owned(), time)));
            cells.push(percent(share));
            Row { name: marked(op, &plain(&op.name)), cells, share }
        };
        let rows: Vec<Row> = slowest.rows.iter().map(row).collect();
        text.push('\n');
        push(text, "op", &heads, &rows, self.width, self.letters);
        if slowest.left_out > 0 {
            push_sentence(text, &format!("{} more ops are in the operator table", slowest.left_out), self.width);
        }
    }

    /// Appends the missing files with reasons, then the warnings and notes.
    fn push_sentences(&self, text: &mut String) {
        let Manifest { missing, warnings, notes, digest, .. } = self.manifest;
        let missing = by_reason(missing).chain(digest.losses.iter().cloned());
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
        push_sentence(text, &digest.gpu, self.width);
    }

    /// Appends one line for the folder and one per file. Paths are never shortened.
    fn push_artifacts(&self, text: &mut String) {
        let artifacts = &self.manifest.artifacts;
        let folder =
            artifacts.iter().find(|each| each.kind == ArtifactKind::Manifest).and_then(|each| each.path.parent());
        if let Some(folder) = folder {
            text.push_str(&format!("\nartifacts in {}\n", folder.display()));
        }
        let widest = artifacts.iter().map(|each| each.kind.as_str().len()).max().unwrap_or(0);
        for artifact in artifacts {
            text.push_str(&format!("  {:<widest$}  {}\n", artifact.kind, artifact.name));
        }
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Manifest { session, rank, digest, .. } = self.manifest;
        let mut text = String::new();
        let head = format!("profile {session}, rank {rank}: {} ms; all times in ms", millis(digest.whole_ns));
        push_sentence(&mut text, &head, self.width);
        text.push('\n');
        self.push_stages(&mut text);
        self.push_ops(&mut text);
        self.push_sentences(&mut text);
        self.push_artifacts(&mut text);
        f.write_str(text.trim_start().trim_end_matches('\n'))
    }
}

/// Formats milliseconds in at most ten characters for times up to a day.
fn millis(ns: u64) -> String {
    let ms = ms(ns);
    if ms < 1e5 { format!("{ms:.3}") } else { format!("{ms:.0}") }
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Formats a share in percent; a share above 100 % is of concurrent work.
fn percent(share: f64) -> String {
    format!("{}{:.1}%", if share > 1.0 { "concurrent " } else { "" }, share * 100.0)
}

/// Returns a name on one line, without control characters.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if text::acts(letter) { ' ' } else { letter }).collect()
}
