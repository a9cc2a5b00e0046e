//! What scenarios are written with: time that passes when they say so, and sessions.

use std::ffi::{CStr, c_void};
use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use profiler_runtime::{ExportHandle, ProfilerConfig, artifacts, config, start_profile_with, stop_profile};

/// A function of the double's.
fn function(name: &CStr) -> *mut c_void {
    // SAFETY: the name is a string of C's.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    assert!(!found.is_null(), "the double is preloaded");
    found
}

/// Lets microseconds pass.
pub(crate) fn pass(us: u64) {
    static PASS: OnceLock<extern "C" fn(u64)> = OnceLock::new();
    // SAFETY: the double's function has this type.
    let pass = PASS.get_or_init(|| unsafe { std::mem::transmute::<*mut c_void, _>(function(c"still_pass")) });
    pass(us * 1000);
}

/// Numbers the calling thread: the first is 1.
fn number_thread() {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    // SAFETY: the double's function has this type.
    let number: extern "C" fn(usize) = unsafe { std::mem::transmute(function(c"still_thread")) };
    number(LAST.fetch_add(1, Ordering::SeqCst) + 1);
}

/// Everything that a session without a GPU and without stacks can write.
pub(crate) fn everything(folder: &Path) -> ProfilerConfig {
    ProfilerConfig::torch(folder)
        .trace_format(config::TraceFormat::Both)
        .torch_profiler_record_shapes(true)
        .torch_profiler_with_flops(true)
        .torch_profiler_dump_cuda_time_total(true)
}

/// A configuration whose spool is all that is left when the process is killed.
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

/// Runs `work` in a session, and waits for its artifacts.
pub(crate) fn record(config: ProfilerConfig, work: impl FnOnce()) {
    drop(session(config, work));
}

/// The same; writes the operator table that a program can ask for, too.
pub(crate) fn record_with_table(config: ProfilerConfig, folder: &Path, group: artifacts::GroupBy, work: impl FnOnce()) {
    let table = session(config, work).key_averages(group).unwrap().sort_by(artifacts::SortBy::CpuTime);
    std::fs::write(folder.join("key_averages.txt"), table.to_string()).unwrap();
}

/// Runs `work` on another thread, to its end.
pub(crate) fn on_thread<R: Send>(name: Option<&str>, work: impl FnOnce() -> R + Send) -> R {
    let builder = std::thread::Builder::new();
    let builder = name.map_or(builder, |name| std::thread::Builder::new().name(name.to_owned()));
    let work = || {
        number_thread();
        work()
    };
    std::thread::scope(|scope| builder.spawn_scoped(scope, work).unwrap().join().unwrap())
}

/// Polls once.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// Is pending once.
pub(crate) async fn wait() {
    let mut again = false;
    poll_fn(|_| if std::mem::replace(&mut again, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}
