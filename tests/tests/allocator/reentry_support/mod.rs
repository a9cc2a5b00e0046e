//! Signals after every instruction or as fast as possible, an annotated allocator, and a limit of
//! time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use profiler_runtime::profiled_op;
use profiler_tests::child_of;

/// Runs the `#[ignore]`d test as a separate program, and asserts that it succeeds in time.
pub(super) fn ends(program: &str) {
    let mut child = child_of(program).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(100);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("`{program}` hangs");
        }
        thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "`{program}`: {status}");
}

/// Sets a signal's handler.
pub(super) fn handle(signal: i32, handler: extern "C" fn(i32)) {
    // SAFETY: zero is a valid `sigaction`, and the handler is one.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        assert_eq!(libc::sigaction(signal, &raw const action, std::ptr::null_mut()), 0);
    }
}

/// Runs `work` with SIGTRAP after each of its instructions.
#[cfg(target_arch = "x86_64")]
pub(super) fn trapped(work: impl FnOnce()) {
    // SAFETY: sets and clears the trap flag; the signal has a handler. The red zone is left alone.
    unsafe {
        std::arch::asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq");
    }
    work();
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("pushfq", "and qword ptr [rsp], -257", "popfq");
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn trapped(work: impl FnOnce()) {
    work();
}

/// Thread that sends a signal to another thread again and again.
pub(super) struct Storm(Arc<AtomicBool>, Option<JoinHandle<()>>);

impl Storm {
    /// Starts to send the signal, until the storm is dropped.
    pub(super) fn on(thread: libc::pthread_t, signal: i32) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let send = move || {
            while !seen.load(Ordering::Relaxed) {
                // SAFETY: the thread waits for this one.
                unsafe { libc::pthread_kill(thread, signal) };
                thread::sleep(Duration::from_micros(50));
            }
        };
        Self(over, Some(thread::spawn(send)))
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.take().unwrap().join().unwrap();
    }
}

/// True if the allocator runs its annotated part.
pub(super) static ANNOTATED: AtomicBool = AtomicBool::new(false);

#[profiled_op("alloc")]
fn annotated_alloc(layout: Layout) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { System.alloc(layout) }
}

/// Allocates, in a range while the allocator is annotated.
pub(super) fn allocate(layout: Layout) -> *mut u8 {
    if ANNOTATED.load(Ordering::Relaxed) {
        return annotated_alloc(layout);
    }
    // SAFETY: the caller's promise.
    unsafe { System.alloc(layout) }
}
