//! Building blocks of scenarios: time that passes on request, and sessions.

use std::ffi::{CStr, c_void};
use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use profiler_runtime::{ExportHandle, ProfilerConfig, artifacts, config, start_profile_with, stop_profile};

/// Returns a function of the double.
fn function(name: &CStr) -> *mut c_void {
    // SAFETY: the name is a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    assert!(!found.is_null(), "the double is preloaded");
    found
}

/// Advances the clock by `us` microseconds.
pub(crate) fn pass(us: u64) {
    static PASS: OnceLock<extern "C" fn(u64)> = OnceLock::new();
    // SAFETY: the double's function has this type.
    let pass = PASS.get_or_init(|| unsafe { std::mem::transmute::<*mut c_void, _>(function(c"still_pass")) });
    pass(us * 1000);
}

/// Gives the calling thread its number, from 1.
fn number_thread() {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    // SAFETY: the double's function has this type.
    let number: extern "C" fn(usize) = unsafe { std::mem::transmute(function(c"still_thread")) };
    number(LAST.fetch_add(1, Ordering::SeqCst) + 1);
}

/// Returns a configuration that writes everything but GPU activities and stacks.
pub(crate) fn everything(folder: &Path) -> ProfilerConfig {
    ProfilerConfig::torch(folder)
        .trace_format(config::TraceFormat::Both)
        .torch_profiler_record_shapes(true)
        .torch_profiler_with_flops(true)
        .torch_profiler_dump_cuda_time_total(true)
}

/// Returns a configuration that leaves only its spool when the process is killed.
pub(crate) fn spooled(config: ProfilerConfig) -> ProfilerConfig {
    let mut config = config.spool(true);
    (config.write_on_exit, config.write_on_signal, config.write_on_crash) = (false, false, false);
    config
}

fn session(config: ProfilerConfig, work: impl FnOnce()) -> ExportHandle {
    start_profile_with(config).unwrap();
    pass(10);
    work();
    pass(10);
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    stopped
}

/// Runs `work` in a session and waits for its artifacts.
pub(crate) fn record(config: ProfilerConfig, work: impl FnOnce()) {
    drop(session(config, work));
}

/// Runs `work` in a session, and also writes the operator table of `key_averages`.
pub(crate) fn record_with_table(config: ProfilerConfig, folder: &Path, group: artifacts::GroupBy, work: impl FnOnce()) {
    let table = session(config, work).key_averages(group).unwrap().sort_by(artifacts::SortBy::CpuTime);
    std::fs::write(folder.join("key_averages.txt"), table.to_string()).unwrap();
}

/// Runs `work` on another thread and waits for its result.
pub(crate) fn on_thread<R: Send>(name: Option<&str>, work: impl FnOnce() -> R + Send) -> R {
    let builder = std::thread::Builder::new();
    let builder = name.map_or(builder, |name| std::thread::Builder::new().name(name.to_owned()));
    let work = || {
        number_thread();
        work()
    };
    std::thread::scope(|scope| builder.spawn_scoped(scope, work).unwrap().join().unwrap())
}

/// Polls a future once; returns whether it is ready.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// Returns pending once, then completes.
pub(crate) async fn wait() {
    let mut again = false;
    poll_fn(|_| if std::mem::replace(&mut again, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}
