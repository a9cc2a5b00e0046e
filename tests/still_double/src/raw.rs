//! Direct system calls, because this library's functions replace libc's.

use std::arch::asm;
use std::ffi::c_long;

/// Makes a system call. Returns its result, or the negative error.
///
/// # Safety
/// The requirements of the system call.
pub(crate) unsafe fn raw(number: c_long, arguments: [c_long; 6]) -> c_long {
    let result;
    let [first, second, third, fourth, fifth, sixth] = arguments;
    // SAFETY: the caller upholds the contract of the call. The kernel changes no other registers.
    unsafe {
        asm!(
            "syscall", inlateout("rax") number => result,
            in("rdi") first, in("rsi") second, in("rdx") third, in("r10") fourth, in("r8") fifth, in("r9") sixth,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    result
}

/// Makes a system call as libc does: returns -1 and sets `errno` on an error.
///
/// # Safety
/// The requirements of the system call.
pub(crate) unsafe fn call(number: c_long, arguments: [c_long; 6]) -> c_long {
    // SAFETY: the caller upholds the contract of the function.
    let result = unsafe { raw(number, arguments) };
    if !(-4095..0).contains(&result) {
        return result;
    }
    // SAFETY: `errno` belongs to the calling thread.
    unsafe { *libc::__errno_location() = -result as i32 };
    -1
}
