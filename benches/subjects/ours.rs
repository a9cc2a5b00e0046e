//! This product, with the attributes and the session that its users write.

use super::packet_file::PacketFile;
use super::trace_file::TraceFile;
use profiler_benches::Result;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::{Kept, Recording, Subject};
use profiler_benches::workload::{self, work};
use profiler_runtime::config::TraceFormat;
use profiler_runtime::shape::{Dtype, ShapeWriter, Shaped};
use profiler_runtime::{ProfilerConfig, profiled_op, profiled_stage, stage};
use std::fs;
use std::hint::black_box;
use std::thread;
use tempfile::TempDir;

/// This product. When off, it is linked with its feature `enable`, without a session.
pub(crate) struct Ours;

impl Subject for Ours {
    fn name(&self) -> &'static str {
        super::OURS
    }

    fn title(&self) -> &'static str {
        "**ours**"
    }

    fn work(&self, scenario: Scenario) -> Option<fn(u64)> {
        Some(work_of(scenario))
    }

    fn start(&self, scenario: Scenario, spans: u64) -> Result<Box<dyn Recording>> {
        Ok(Box::new(Session::start(scenario, spans)?))
    }
}

/// This product in a process that has had a session before. Its memory is already allocated, so no
/// page is touched for the first time, as in long or repeated recordings.
pub(crate) struct OursAgain;

impl Subject for OursAgain {
    fn name(&self) -> &'static str {
        "ours-again"
    }

    fn title(&self) -> &'static str {
        "**ours**, second session"
    }

    fn work(&self, scenario: Scenario) -> Option<fn(u64)> {
        let recorded = matches!(scenario, Scenario::On | Scenario::Nested | Scenario::Shapes | Scenario::TwoThreads);
        recorded.then(|| work_of(scenario))
    }

    fn start(&self, scenario: Scenario, spans: u64) -> Result<Box<dyn Recording>> {
        let first = Session::start(scenario, spans)?;
        // On a separate thread, like the measured session.
        thread::spawn(move || work_of(scenario)(spans)).join().map_err(|_| "the first session's thread panicked")?;
        Box::new(first).finish()?;
        Ok(Box::new(Session::start(scenario, spans)?))
    }
}

pub(super) fn work_of(scenario: Scenario) -> fn(u64) {
    match scenario {
        Scenario::Nested => deep,
        Scenario::Block => blocks,
        Scenario::Shapes | Scenario::ExportShapes | Scenario::ExportPerfettoShapes => with_shapes,
        _ => flat,
    }
}

/// Size of the begin and end entries of a span.
const BYTES_PER_SPAN: u64 = 32;
/// Size of the entries of a span with shapes: one more per input, and one per two of its
/// dimensions.
const BYTES_WITH_SHAPES: u64 = BYTES_PER_SPAN + 5 * 16;

/// Text that occurs in each slice of this bench's traces, and nowhere else.
pub(crate) const MARK: &str = "\"bench.";

/// A recording session.
pub(crate) struct Session {
    dir: TempDir,
    mark: &'static str,
}

impl Session {
    fn start(scenario: Scenario, spans: u64) -> Result<Self> {
        Self::start_with(scenario, spans, |config, _| config)
    }

    /// Starts a session with a configuration changed by `change`, which also gets the size of all
    /// entries in bytes.
    pub(crate) fn start_with(
        scenario: Scenario,
        spans: u64,
        change: impl FnOnce(ProfilerConfig, u64) -> ProfilerConfig,
    ) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let shapes = matches!(scenario, Scenario::Shapes | Scenario::ExportShapes | Scenario::ExportPerfettoShapes);
        let gzip = matches!(scenario, Scenario::ExportGzip | Scenario::ExportPerfettoGzip);
        let format = if scenario.is_perfetto() { TraceFormat::Perfetto } else { TraceFormat::Chrome };
        let bytes = spans * if shapes { BYTES_WITH_SHAPES } else { BYTES_PER_SPAN };
        let config = ProfilerConfig::torch(dir.path())
            .torch_profiler_record_shapes(shapes)
            .torch_profiler_use_gzip(gzip)
            .trace_format(format)
            // The default of 256 is enough for all but the largest exports.
            .max_buffer_mb((bytes >> 20).max(192) + 64);
        profiler_runtime::start_profile_with(change(config, bytes))?;
        Ok(Self { dir, mark: MARK })
    }

    /// Returns the session with another text that occurs once per span in its trace.
    #[allow(dead_code, reason = "not every bench that has these subjects needs it")]
    pub(crate) fn marked(self, mark: &'static str) -> Self {
        Self { mark, ..self }
    }
}

impl Recording for Session {
    fn finish(self: Box<Self>) -> Result<Box<dyn Kept>> {
        let stopped = profiler_runtime::stop_profile()?;
        stopped.wait()?;
        let folder = stopped.folder().ok_or("the session has no folder")?;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("trace_rank")) {
                let is_packets = path.to_string_lossy().contains(".pftrace");
                return Ok(if is_packets {
                    Box::new(PacketFile { dir: self.dir, path })
                } else {
                    Box::new(TraceFile { dir: self.dir, path, mark: self.mark })
                });
            }
        }
        Err(format!("no trace in `{}`", folder.display()).into())
    }
}

#[profiled_stage("bench.span")]
#[inline(never)]
fn span(x: u64) -> u64 {
    work(x)
}

#[profiled_stage("bench.nested")]
#[inline(never)]
fn nested(depth: u32, x: u64) -> u64 {
    if depth <= 1 { work(x) } else { nested(depth - 1, x) }
}

#[inline(never)]
fn block(x: u64) -> u64 {
    let _block = stage!("bench.block");
    work(x)
}

/// A tensor, as an operator sees it.
struct Tensor {
    dims: &'static [usize],
}

impl Shaped for Tensor {
    fn write_shape(&self, out: &mut ShapeWriter) {
        out.tensor(Dtype::F32, self.dims);
    }
}

#[profiled_op("bench.linear", shapes(input, weight))]
#[inline(never)]
fn linear(input: &Tensor, weight: &Tensor, x: u64) -> u64 {
    black_box((input.dims, weight.dims));
    work(x)
}

fn flat(spans: u64) {
    workload::in_units(spans, |unit| workload::flat(unit, span));
}

fn deep(spans: u64) {
    workload::in_units(spans, |unit| workload::nested(unit, nested));
}

fn blocks(spans: u64) {
    workload::in_units(spans, |unit| workload::flat(unit, block));
}

fn with_shapes(spans: u64) {
    let input = Tensor { dims: &[1, 4096, 1536] };
    let weight = Tensor { dims: &[1536, 1536] };
    workload::in_units(spans, |unit| workload::flat(unit, |x| linear(&input, &weight, x)));
}
