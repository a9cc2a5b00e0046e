//! What scenarios are written with: time that passes when they say so, and sessions.

use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use profiler_runtime::{ProfilerConfig, TraceFormat, start_profile_with, stop_profile};

/// Lets microseconds pass.
pub(crate) fn pass(us: u64) {
    static PASS: OnceLock<extern "C" fn(u64)> = OnceLock::new();
    let pass = PASS.get_or_init(|| {
        // SAFETY: the name is a string of C's.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"still_pass".as_ptr()) };
        assert!(!found.is_null(), "the double is preloaded");
        // SAFETY: the double's function has this type.
        unsafe { std::mem::transmute::<*mut libc::c_void, extern "C" fn(u64)>(found) }
    });
    pass(us * 1000);
}

/// Everything that a session without a GPU and without stacks can write.
pub(crate) fn everything(folder: &Path) -> ProfilerConfig {
    ProfilerConfig::torch(folder)
        .trace_format(TraceFormat::Both)
        .torch_profiler_record_shapes(true)
        .torch_profiler_with_flops(true)
        .torch_profiler_dump_cuda_time_total(true)
}

/// Runs `work` in a session, and waits for its artifacts.
pub(crate) fn record(config: ProfilerConfig, work: impl FnOnce()) {
    start_profile_with(config).unwrap();
    pass(10);
    work();
    pass(10);
    stop_profile().unwrap().wait().unwrap();
}

/// Runs `work` on another thread, to its end.
pub(crate) fn on_thread<R: Send>(name: Option<&str>, work: impl FnOnce() -> R + Send) -> R {
    let builder = std::thread::Builder::new();
    let builder = name.map_or(builder, |name| std::thread::Builder::new().name(name.to_owned()));
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
