//! Which files a configuration asks for, and which of them this version writes.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::model::{Content, ExportOptions, Memory, Trace, TraceFormat};

use super::manifest::Missing;
use super::memory::{chart, snapshot};
use super::ops::{self, workbook};
use super::output::target::Target;
use super::reports::{perf_dump, summary, timing};
use super::stacks::{flame, folded};
use super::trace::{chrome, perfetto};

/// Characters of a request's id in a trace's name: a file's name may have 255.
const LONGEST_ID: usize = 128;

/// A file to write.
pub(super) struct Plan {
    pub(super) kind: &'static str,
    pub(super) path: PathBuf,
    pub(super) gzip: bool,
    /// Second name that the file gets.
    pub(super) second: Option<PathBuf>,
    write: Writer,
}

/// Writes the contents; what is missing of the session is known by then, other than what comes after.
type Writer = Box<dyn Fn(&Trace, &[Missing], &mut dyn Write) -> io::Result<()>>;

impl Plan {
    fn new(
        kind: &'static str,
        path: PathBuf,
        write: impl Fn(&Trace, &[Missing], &mut dyn Write) -> io::Result<()> + 'static,
    ) -> Self {
        let gzip = path.extension().is_some_and(|extension| extension == "gz");
        Self { kind, path, gzip, second: None, write: Box::new(write) }
    }

    /// Writes the contents.
    pub(super) fn write(&self, trace: &Trace, missing: &[Missing], out: &mut dyn Write) -> io::Result<()> {
        (self.write)(trace, missing, out)
    }
}

/// The files to write, in order; what there is nothing to write of goes to `missing`. `folder` is the session's; empty if
/// it has none.
pub(super) fn plans(trace: &Trace, folder: &Path, missing: &mut Vec<Missing>) -> Vec<Plan> {
    let context = &trace.context;
    let (options, part) = (&context.options, context.file_part());
    let mut plans = Vec::new();
    if has_folder(options, folder) {
        if options.content == Content::Everything {
            push_traces(trace, folder, &mut plans);
            let ops = format!("ops_{part}.xlsx");
            match workbook::OFF {
                Some(reason) => missing.push(Missing::new(ops, reason)),
                None => plans.push(Plan::new("ops", folder.join(ops), |trace, _, out| workbook::write(trace, out))),
            }
            if options.torch_profiler_dump_cuda_time_total {
                let table = folder.join(format!("profiler_out_{}.txt", part.trim_start_matches("rank")));
                plans.push(Plan::new("table", table, |trace, _, out| ops::text::write(trace, out)));
            }
        }
        if options.content == Content::Everything && options.torch_profiler_with_stack {
            push_stacks(trace, folder, &mut plans, missing);
        }
        if options.content == Content::Everything && options.torch_profiler_with_memory {
            push_memory(trace, folder, &mut plans, missing);
        }
        plans.push(Plan::new("timing", folder.join(format!("timing_{part}.json")), |trace, _, out| {
            timing::write(trace, out)
        }));
    }
    if let Some(path) = &options.perf_dump_path {
        plans.push(Plan::new("perf_dump", of_rank(path, context.rank), |trace, _, out| perf_dump::write(trace, out)));
    }
    if has_folder(options, folder) {
        // The last: it tells which of the others are missing.
        plans.push(Plan::new("summary", folder.join(format!("summary_{part}.md")), summary::write));
    }
    plans
}

/// The trace, in one format or both.
fn push_traces(trace: &Trace, folder: &Path, plans: &mut Vec<Plan>) {
    let format = trace.context.options.trace_format;
    if format != TraceFormat::Perfetto {
        let path = trace_path(trace, folder, false);
        let shown = path.to_string_lossy().into_owned();
        let plan = Plan::new("trace", path, move |trace, _, out| chrome::write(trace, &shown, out));
        plans.push(Plan { second: second_path(trace, folder), ..plan });
    }
    if format != TraceFormat::Chrome {
        // A program that asks for the trace gets the only one there is.
        let kind = if format == TraceFormat::Both { "trace_perfetto" } else { "trace" };
        let path = trace_path(trace, folder, true);
        plans.push(Plan::new(kind, path, |trace, _, out| perfetto::write(trace, out)));
    }
}

/// Folded stacks of the host and of the GPU, and their pictures.
fn push_stacks(trace: &Trace, folder: &Path, plans: &mut Vec<Plan>, missing: &mut Vec<Missing>) {
    let cpu = folded::Folded::of(trace).map_err(str::to_owned);
    for (stacks, kinds, of) in [
        (cpu, ("stacks_cpu", "flame_cpu"), flame::Of::Cpu),
        (folded::Folded::of_gpu(trace), ("stacks_cuda", "flame_cuda"), flame::Of::Cuda),
    ] {
        let part = trace.context.file_part();
        let (text, picture) = (format!("{}_{part}.txt", kinds.0), format!("{}_{part}.svg", kinds.1));
        let stacks = match stacks {
            Ok(stacks) => Rc::new(stacks),
            Err(reason) => {
                missing.extend([text, picture].map(|name| Missing::new(name, reason.as_str())));
                continue;
            }
        };
        let lines = Rc::clone(&stacks);
        plans.push(Plan::new(kinds.0, folder.join(text), move |_, _, out| lines.write(out)));
        match flame::OFF {
            Some(reason) => missing.push(Missing::new(picture, reason)),
            None => plans.push(Plan::new(kinds.1, folder.join(picture), move |trace, _, out| {
                flame::write(&stacks, of, &trace.context, out)
            })),
        }
    }
}

/// The memory snapshot and the chart.
fn push_memory(trace: &Trace, folder: &Path, plans: &mut Vec<Plan>, missing: &mut Vec<Missing>) {
    let part = trace.context.file_part();
    let (snapshot, chart) = (format!("memory_snapshot_{part}.pickle"), format!("memory_{part}.svg"));
    let reason = match &trace.memory {
        None => "nothing was recorded".to_owned(),
        Some(memory) if memory.all().next().is_none() => no_allocation(memory),
        Some(_) => {
            let snapshot = folder.join(snapshot);
            plans.push(Plan::new("memory_snapshot", snapshot, |trace, _, out| snapshot::write(trace, out)));
            match chart::OFF {
                Some(reason) => missing.push(Missing::new(chart, reason)),
                None => {
                    plans.push(Plan::new("memory_chart", folder.join(chart), |trace, _, out| chart::write(trace, out)))
                }
            }
            return;
        }
    };
    missing.extend([snapshot, chart].map(|name| Missing::new(name, reason.as_str())));
}

/// Returns why there is nothing to show, as far as that is known.
fn no_allocation(memory: &Memory) -> String {
    if memory.has_allocator {
        let least = memory.least_bytes;
        format!(
            "no block of {least} bytes or more was allocated or freed: lower `ProfilingAllocator::at_least` to see others"
        )
    } else {
        NO_ALLOCATOR.to_owned()
    }
}

/// How to get what is missing where nothing reports.
const NO_ALLOCATOR: &str = "no allocation was reported: put `#[global_allocator] static ALLOCATOR: \
                            profiler_runtime::ProfilingAllocator = profiler_runtime::ProfilingAllocator::new();` into \
                            the program, or report a framework's memory with `profiler_runtime::record_alloc`";

/// Returns which paths that the configuration spells out cannot be written to, as far as that shows before the session.
pub fn obstacles(options: &ExportOptions, rank: u32) -> Vec<String> {
    let dump = options.perf_dump_path.as_ref().map(|path| ("perf_dump_path", of_rank(path, rank)));
    let folder = options.torch_profiler_dir.as_ref().filter(|_| options.content == Content::Everything);
    let trace = folder.zip(options.trace_file.as_ref().filter(|name| !name.contains('{')));
    let trace = trace.map(|(folder, name)| ("trace_file", folder.join(name)));
    let refused = |(field, path): (&str, PathBuf)| {
        let error = Target::of(&path).err()?;
        Some(format!("{field}: cannot write `{}`: {error}", path.display()))
    };
    dump.into_iter().chain(trace).filter_map(refused).collect()
}

/// Where the manifest goes, if anywhere.
pub(super) fn manifest_path(trace: &Trace, folder: &Path) -> Option<PathBuf> {
    let context = &trace.context;
    has_folder(&context.options, folder).then(|| folder.join(format!("manifest_{}.json", context.file_part())))
}

fn has_folder(options: &ExportOptions, folder: &Path) -> bool {
    options.content != Content::Nothing && folder != Path::new("")
}

/// A name of the user's lies in the configured folder itself: it need not be searched in a session's. One that the program's
/// request completes is nobody's choice, so it is not used twice: the id gets a number.
fn trace_path(trace: &Trace, folder: &Path, perfetto: bool) -> PathBuf {
    let context = &trace.context;
    let request = trace.requests.first_id.as_ref().or(context.last_request.as_ref()).unwrap_or(&context.session);
    let request: &str = &request.chars().take(LONGEST_ID).collect::<String>();
    if context.is_frontend {
        let name = context.options.trace_name(perfetto, context.rank, request);
        return folder.join(name.replace(&format!("rank{}", context.rank), &context.file_part()));
    }
    let name = |request: &str| context.options.trace_name(perfetto, context.rank, request);
    let (Some(pattern), Some(configured)) = (&context.options.trace_file, &context.options.torch_profiler_dir) else {
        return folder.join(name(request));
    };
    let first = configured.join(name(request));
    if !pattern.contains("{request_id}") || !first.exists() {
        return first;
    }
    let mut others = (2..u32::MAX).map(|number| configured.join(name(&format!("{request}-{number}"))));
    others.find(|path| !path.exists()).unwrap_or(first)
}

/// Returns the trace's name for tools that are pointed at a folder of traces. A name of the user's is the only one.
fn second_path(trace: &Trace, folder: &Path) -> Option<PathBuf> {
    let options = &trace.context.options;
    let suffix = if options.torch_profiler_use_gzip { ".gz" } else { "" };
    let name = format!("rank{}.pt.trace.json{suffix}", trace.context.rank);
    // Whoever reads that folder takes every file in it for a rank's.
    let is_alone = options.trace_file.is_none() && !trace.context.is_frontend;
    is_alone.then(|| folder.join("traces").join(name))
}

/// Rank 0 writes the path as configured; others, which would overwrite it, add their number: `perf_rank1.json`.
fn of_rank(path: &Path, rank: u32) -> PathBuf {
    if rank == 0 {
        return path.to_owned();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("_rank{rank}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}
