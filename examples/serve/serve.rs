//! An HTTP server for the Wan pipeline, with one process per rank, profiled while it serves.
//!
//! ```text
//! cargo run --release --example serve
//! cargo run --release --example serve -- --workers 2 --port 8091 \
//!     --profiler-config '{"profiler":"torch","torch_profiler_dir":"./perf"}'
//! curl -X POST http://127.0.0.1:8091/start_profile
//! curl http://127.0.0.1:8091/v1/videos/sync -F prompt='A cat playing with yarn' -F image=@in.png -o out.mp4
//! curl -X POST http://127.0.0.1:8091/stop_profile
//! ```
//!
//! The implementation is in this package's library.

use std::process::ExitCode;

use profiler_runtime::memory::ProfilingAllocator;

/// Records allocations for `torch_profiler_with_memory`, as in `wan_i2v`.
#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::new().at_least(1024);

#[cfg(unix)]
fn main() -> ExitCode {
    use std::io::{self, Write};

    use clap::Parser;
    use profiler_examples::{chain, profiling};
    use profiler_serve::{Cli, run};

    profiling::show_warnings();
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// Fails, because the processes communicate through Unix sockets.
#[cfg(not(unix))]
fn main() -> ExitCode {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), b"error: the server needs Linux or macOS\n");
    ExitCode::FAILURE
}
