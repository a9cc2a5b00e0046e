//! Functions for C, unsafe functions, and other qualifiers.

#![deny(warnings, unsafe_op_in_unsafe_fn)]

use profiler_runtime::{profiled_op, profiled_stage};

#[unsafe(no_mangle)]
#[profiled_stage("exported")]
pub extern "C" fn exported(n: i32) -> i32 {
    n + 1
}

#[profiled_stage]
extern "system" fn callback(n: i32) -> i32 {
    n - 1
}

/// # Safety
/// `pointer` is valid.
#[profiled_op("read", flops = 1)]
pub unsafe fn read(pointer: *const u8) -> u8 {
    // SAFETY: the caller guarantees a valid pointer.
    unsafe { pointer.read() }
}

#[allow(unsafe_op_in_unsafe_fn)]
#[profiled_stage]
unsafe fn as_in_older_editions(pointer: *const u8) -> u8 {
    pointer.read()
}

#[profiled_stage]
async unsafe fn later(pointer: &u8) -> u8 {
    // SAFETY: a reference is valid.
    unsafe { std::ptr::from_ref(pointer).read() }
}

#[profiled_stage]
unsafe extern "C" fn both(n: i32) -> i32 {
    n
}

fn main() {
    let by_pointer: extern "C" fn(i32) -> i32 = exported;
    assert_eq!(by_pointer(1), 2);
    assert_eq!(callback(1), 0);
    let byte = 7;
    // SAFETY: `byte` is alive.
    unsafe {
        assert_eq!(read(&raw const byte), 7);
        assert_eq!(as_in_older_editions(&raw const byte), 7);
        assert_eq!(futures::executor::block_on(later(&byte)), 7);
        assert_eq!(both(1), 1);
    }
}
