//! System calls as the processor makes them: this library's own functions stand in the way of
//! libc's.

use std::arch::asm;
use std::ffi::c_long;

/// The system's answer, or minus an error.
///
/// # Safety
/// As the call's.
pub(crate) unsafe fn raw(number: c_long, arguments: [c_long; 6]) -> c_long {
    let result;
    let [first, second, third, fourth, fifth, sixth] = arguments;
    // SAFETY: the caller's promise; these are all registers that the kernel changes.
    unsafe {
        asm!(
            "syscall", inlateout("rax") number => result,
            in("rdi") first, in("rsi") second, in("rdx") third, in("r10") fourth, in("r8") fifth, in("r9") sixth,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    result
}

/// The same, as libc gives it back: minus one, and the error is the thread's.
///
/// # Safety
/// As the call's.
pub(crate) unsafe fn call(number: c_long, arguments: [c_long; 6]) -> c_long {
    // SAFETY: the caller's promise.
    let result = unsafe { raw(number, arguments) };
    if !(-4095..0).contains(&result) {
        return result;
    }
    // SAFETY: the calling thread's own.
    unsafe { *libc::__errno_location() = -result as i32 };
    -1
}
