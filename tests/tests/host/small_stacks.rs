//! Call stacks on small stacks, and on stacks that are not the thread's own.

use std::ptr;

use profiler_runtime::{profiled_op, profiled_stage};
use profiler_tests::{Bench, child_of, in_child, succeeded};

#[profiled_op("leaf")]
fn leaf() {}

#[profiled_stage("block")]
#[inline(never)]
fn block() {
    leaf();
}

#[inline(never)]
fn on_the_coroutine() {
    block();
    std::hint::black_box(());
}

extern "C" fn coroutine() {
    on_the_coroutine();
}

/// Runs [`coroutine`] on a stack of its own.
fn run_on_its_own_stack() {
    let mut stack = vec![0_u8; 512 << 10];
    // SAFETY: both contexts are set up before they are used, and the stack outlives its use.
    unsafe {
        let (mut here, mut there): (libc::ucontext_t, libc::ucontext_t) = (std::mem::zeroed(), std::mem::zeroed());
        assert_eq!(libc::getcontext(&raw mut there), 0);
        there.uc_stack.ss_sp = stack.as_mut_ptr().cast();
        there.uc_stack.ss_size = stack.len();
        there.uc_link = &raw mut here;
        libc::makecontext(&raw mut there, coroutine, 0);
        assert_eq!(libc::swapcontext(&raw mut here, &raw const there), 0);
    }
}

/// C6: the innermost functions shown of a coroutine's own stack are the program's.
#[test]
fn a_coroutines_stack_begins_with_the_programs_functions() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().torch_profiler_with_stack(true), run_on_its_own_stack);
    let frames = |name: &str| -> Vec<String> {
        let text = trace.named(name)[0].args["Call stack"].as_str().unwrap().to_owned();
        text.split_terminator(';').map(str::to_owned).collect()
    };
    let leaf = frames("leaf");
    let shown = |frame: &str| leaf.iter().position(|shown| shown.ends_with(frame)).unwrap_or(usize::MAX);
    assert_eq!([shown("::leaf"), shown("::block"), shown("::on_the_coroutine")], [0, 1, 2], "{leaf:#?}");
    assert!(!leaf.iter().any(|frame| frame.contains("profiler_runtime") || frame.contains("backtrace")), "{leaf:#?}");
}

/// G18: annotated functions do not overflow the smallest stack that the system makes.
#[test]
fn stacks_of_16_kib_do_not_overflow() {
    succeeded(&mut child_of("program_with_small_stacks"));
}

#[test]
#[ignore = "run by the test above, as a process of its own"]
fn program_with_small_stacks() {
    extern "C" fn run(_: *mut libc::c_void) -> *mut libc::c_void {
        block();
        ptr::null_mut()
    }
    if !in_child() {
        return;
    }
    let bench = Bench::alone();
    let trace = bench.record(bench.config().torch_profiler_with_stack(true), || {
        for kib in [16, 20, 24, 32, 48, 64, 256] {
            // SAFETY: the attributes are set up, and the thread is waited for.
            unsafe {
                let (mut attributes, mut thread) = (std::mem::zeroed(), 0);
                libc::pthread_attr_init(&raw mut attributes);
                assert_eq!(libc::pthread_attr_setstacksize(&raw mut attributes, kib << 10), 0);
                assert_eq!(libc::pthread_create(&raw mut thread, &raw const attributes, run, ptr::null_mut()), 0);
                libc::pthread_join(thread, ptr::null_mut());
            }
        }
    });
    assert_eq!((trace.count("block"), trace.count("leaf"), trace.losses("missing")), (7, 7, 0));
    let with_stack = trace.named("leaf").iter().filter(|slice| slice.args["Call stack"].is_string()).count();
    assert!((1..=7).contains(&with_stack), "{with_stack}");
    let told = trace.warnings().iter().any(|warning| warning.contains("call stacks"));
    assert_eq!(told, with_stack < 7, "{:?}", trace.warnings());
}
