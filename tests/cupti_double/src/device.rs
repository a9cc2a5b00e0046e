//! The device behind the double: what a program launches on it becomes records in the tool's
//! buffers.
//!
//! A stream runs its kernels one after the other, and calls take a microsecond. Full buffers are
//! returned on a separate thread or, with `CUPTI_DOUBLE_ORDER=reversed`, all at the flush and the
//! last one first.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ffi::c_void;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::layout::{Record, Version, kind};

/// Function of the tool that provides a buffer.
pub(crate) type Request = unsafe extern "C" fn(*mut *mut u8, *mut usize, *mut usize);
/// Function of the tool that takes a buffer back.
pub(crate) type Complete = unsafe extern "C" fn(*mut c_void, u32, *mut u8, usize, usize);

thread_local! {
    /// External ids that the program has pushed, by kind.
    pub(crate) static PUSHED: RefCell<HashMap<u32, Vec<u64>>> = RefCell::default();
}

/// A buffer of the tool, as an address, so that it can move between threads.
#[derive(Clone, Copy, Debug)]
struct Buffer {
    address: usize,
    size: usize,
    used: usize,
}

/// State that the process shares.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) callbacks: Option<(Request, Complete)>,
    pub(crate) enabled: HashSet<u32>,
    pub(crate) switched_off: HashSet<(u32, u32)>,
    pub(crate) subscribed: bool,
    pub(crate) system_threads: bool,
    pub(crate) dropped: usize,
    buffer: Option<Buffer>,
    full: Vec<Buffer>,
    correlation: u32,
    /// Time at which each stream's work ends.
    busy_until: HashMap<u32, u64>,
}

static SHARED: Mutex<Option<Shared>> = Mutex::new(None);

/// Calls `f` with the state, which is never locked while the tool is called.
pub(crate) fn shared<R>(f: impl FnOnce(&mut Shared) -> R) -> R {
    let mut guard: MutexGuard<'_, Option<Shared>> = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    f(guard.get_or_insert_default())
}

/// Returns the nanoseconds since the Unix epoch, which is CUPTI's clock on Linux.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}

/// Advances the double of the clock, if there is one.
fn pass_a_microsecond() {
    #[cfg(target_os = "linux")]
    if let Some(pass) = still_pass() {
        return pass(1000);
    }
    let start = now();
    while now() < start + 1000 {}
}

#[cfg(target_os = "linux")]
fn still_pass() -> Option<extern "C" fn(u64)> {
    // SAFETY: the name is a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"still_pass".as_ptr()) };
    // SAFETY: null, or the function of the double, which has this type.
    unsafe { std::mem::transmute::<*mut c_void, Option<extern "C" fn(u64)>>(found) }
}

fn thread_id(system: bool) -> u32 {
    if !system {
        return 12;
    }
    thread_local!(static ID: u32 = {
        let link = std::fs::read_link("/proc/thread-self").unwrap_or_default();
        link.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or(0)
    });
    ID.with(|id| *id)
}

/// Writes a record into the current buffer, if its kind is enabled.
pub(crate) fn emit(record: &Record) {
    let kind = u32::from_ne_bytes([record.0[0], record.0[1], record.0[2], record.0[3]]);
    if !shared(|shared| shared.enabled.contains(&kind)) {
        return;
    }
    static EMITTING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = EMITTING.lock().unwrap_or_else(PoisonError::into_inner);
    let length = record.0.len();
    let fits = shared(|shared| shared.buffer.is_some_and(|buffer| buffer.used + length <= buffer.size));
    if !fits && !next_buffer() {
        shared(|shared| shared.dropped += 1);
        return;
    }
    shared(|shared| {
        let Some(buffer) = &mut shared.buffer else { return };
        let place = ptr::with_exposed_provenance_mut::<u8>(buffer.address + buffer.used);
        // SAFETY: the record fits, and the tool has handed the buffer over.
        unsafe { ptr::copy_nonoverlapping(record.0.as_ptr(), place, length) };
        buffer.used += length;
    });
}

/// Returns the current buffer to the tool and requests another. Returns false if the tool has none.
fn next_buffer() -> bool {
    let Some((request, _)) = shared(|shared| shared.callbacks) else { return false };
    let old = shared(|shared| shared.buffer.take());
    if let Some(old) = old {
        if std::env::var("CUPTI_DOUBLE_ORDER").as_deref() == Ok("reversed") {
            shared(|shared| shared.full.push(old));
        } else {
            complete(old);
        }
    }
    let (mut address, mut size, mut most) = (ptr::null_mut(), 0, 0);
    // SAFETY: the tool registered the function, and the pointers are to local variables.
    unsafe { request(&mut address, &mut size, &mut most) };
    if address.is_null() {
        return false;
    }
    assert!(address.addr().is_multiple_of(8), "CUPTI wants buffers aligned to 8 bytes");
    shared(|shared| shared.buffer = Some(Buffer { address: address.expose_provenance(), size, used: 0 }));
    true
}

/// Returns a buffer to the tool, on a separate thread.
fn complete(buffer: Buffer) {
    let Some((_, complete)) = shared(|shared| shared.callbacks) else { return };
    let give = move || {
        let place = ptr::with_exposed_provenance_mut::<u8>(buffer.address);
        // SAFETY: the tool registered the function and provided the buffer.
        unsafe { complete(ptr::null_mut(), 0, place, buffer.size, buffer.used) };
    };
    let _ = std::thread::spawn(give).join();
}

/// Returns every buffer to the tool.
pub(crate) fn flush() {
    let (full, last) = shared(|shared| (std::mem::take(&mut shared.full), shared.buffer.take()));
    last.into_iter().for_each(complete);
    full.into_iter().rev().for_each(complete);
}

/// Writes the record of an API call, and before it the innermost external id of each kind. Returns
/// the correlation id.
pub(crate) fn call(api: u32, function: u32, correlation: Option<u32>) -> u32 {
    let version = Version::chosen();
    let (correlation, system, silent) = shared(|shared| {
        shared.correlation += u32::from(correlation.is_none());
        let silent = shared.switched_off.contains(&(api, function));
        (correlation.unwrap_or(shared.correlation), shared.system_threads, silent)
    });
    let start = now();
    pass_a_microsecond();
    if silent {
        return correlation;
    }
    let innermost: Vec<(u32, u64)> =
        PUSHED.with_borrow(|pushed| pushed.iter().filter_map(|(kind, ids)| Some((*kind, *ids.last()?))).collect());
    for (id_kind, id) in innermost {
        emit(&version.record(kind::EXTERNAL).u32(4, id_kind).u64(8, id).u32(16, correlation));
    }
    let record = version.record(api).u32(4, function).u64(8, start).u64(16, now());
    emit(&record.u32(24, std::process::id()).u32(28, thread_id(system)).u32(32, correlation).u32(36, 0));
    correlation
}

/// Adds work to a stream, and returns when it begins and ends.
pub(crate) fn run(stream: u32, duration: u64) -> (u64, u64) {
    shared(|shared| {
        let free = shared.busy_until.entry(stream).or_default();
        let begin = (*free).max(now());
        *free = begin + duration;
        (begin, begin + duration)
    })
}
