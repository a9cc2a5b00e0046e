//! A tool that NVTX loads and that appends one JSON object per call to the file `NVTX_TOOL_LOG`.
//!
//! It has the binary interface of a real tool and shares no code with the client that is tested.
//! `NVTX_TOOL` makes it misbehave: with `refuses` it does not start, with `deaf` it fills no slot.
//! Range ids need more than 32 bits, and each line is one write, so that a killed process leaves
//! whole lines.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

type GetExportTable = unsafe extern "C" fn(u32) -> *const Callbacks;
type SlotTable = *const *mut *const c_void;

/// The client's export table 1.
#[repr(C)]
#[derive(Debug)]
pub struct Callbacks {
    size: usize,
    get_module: unsafe extern "C" fn(c_int, *mut SlotTable, *mut c_uint) -> c_int,
}

/// Attributes of a range.
#[repr(C)]
#[derive(Debug)]
pub struct Attributes {
    version: u16,
    size: u16,
    category: u32,
    color_type: i32,
    color: u32,
    payload_type: i32,
    reserved: i32,
    payload: u64,
    message_type: i32,
    message: *const c_void,
}

/// A domain or a registered string: a leaked string.
type Handle = *const String;

/// Entry point, which a client calls after it has loaded this library.
///
/// # Safety
///
/// `export_table` follows the interface.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InitializeInjectionNvtx2(export_table: Option<GetExportTable>) -> c_int {
    let Some(export_table) = export_table else { return 0 };
    let behaviour = std::env::var("NVTX_TOOL").unwrap_or_default();
    write_line(json!({"op": "initialize"}));
    if behaviour == "refuses" {
        return 0;
    }
    if behaviour == "deaf" {
        return 1;
    }
    let functions = [
        (1, 4, start_default as *const c_void),
        (1, 7, end_default as *const c_void),
        (1, 8, push_default as *const c_void),
        (1, 11, pop_default as *const c_void),
        (1, 12, name_category_default as *const c_void),
        (1, 14, name_thread as *const c_void),
        (5, 2, start as *const c_void),
        (5, 3, end as *const c_void),
        (5, 4, push as *const c_void),
        (5, 5, pop as *const c_void),
        (5, 8, name_category as *const c_void),
        (5, 10, register as *const c_void),
        (5, 12, create as *const c_void),
    ];
    // SAFETY: the caller guarantees that the interface is followed.
    unsafe {
        let callbacks = &*export_table(1);
        assert_eq!(callbacks.size, size_of::<Callbacks>());
        for (module, slot, function) in functions {
            let (mut table, mut size) = (ptr::null(), 0);
            assert_eq!((callbacks.get_module)(module, &raw mut table, &raw mut size), 1);
            assert_eq!(size, 16, "slots of module {module}");
            **table.add(slot) = function;
        }
        assert_eq!((callbacks.get_module)(99, ptr::null_mut(), ptr::null_mut()), 0, "an unknown module");
    }
    1
}

fn write_line(line: Value) {
    static LOG: OnceLock<Option<File>> = OnceLock::new();
    let open = || OpenOptions::new().create(true).append(true).open(std::env::var_os("NVTX_TOOL_LOG")?).ok();
    if let Some(mut log) = LOG.get_or_init(open).as_ref() {
        let mut line = line;
        line["thread"] = json!(format!("{:?}", std::thread::current().id()));
        let _ = log.write_all(format!("{line}\n").as_bytes());
    }
}

unsafe fn text(text: *const c_char) -> String {
    // SAFETY: the client passes C strings.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

unsafe fn name<'a>(handle: Handle) -> Option<&'a str> {
    // SAFETY: null, or a handle that was leaked here.
    unsafe { handle.as_ref() }.map(String::as_str)
}

unsafe fn write_range(op: &str, domain: Handle, attributes: *const Attributes, more: (&str, Value)) {
    // SAFETY: the client passes complete attributes, and handles from this library.
    let (attributes, domain) = unsafe { (&*attributes, name(domain)) };
    assert_eq!((attributes.version, attributes.size, attributes.color_type), (3, 48, 1));
    let message = match attributes.message_type {
        // SAFETY: a string of the client, or a handle from this library.
        1 => Some(unsafe { text(attributes.message.cast()) }),
        // SAFETY: as above.
        3 => unsafe { name(attributes.message.cast()) }.map(str::to_owned),
        _ => None,
    };
    let mut line = json!({
        "op": op, "domain": domain, "name": message, "registered": attributes.message_type == 3,
        "category": attributes.category, "color": attributes.color,
        "payload": (attributes.payload_type == 1).then_some(attributes.payload),
    });
    line[more.0] = more.1;
    write_line(line);
}

thread_local! {
    static DEPTHS: RefCell<HashMap<Handle, c_int>> = RefCell::default();
}

fn depth(domain: Handle, change: c_int) -> c_int {
    DEPTHS.with_borrow_mut(|depths| {
        let depth = depths.entry(domain).or_default();
        *depth += change;
        *depth
    })
}

unsafe extern "C" fn push(domain: Handle, attributes: *const Attributes) -> c_int {
    let level = depth(domain, 1) - 1;
    // SAFETY: the arguments are passed on unchanged.
    unsafe { write_range("push", domain, attributes, ("level", json!(level))) };
    level
}

unsafe extern "C" fn pop(domain: Handle) -> c_int {
    let level = depth(domain, -1);
    // SAFETY: the arguments are passed on unchanged.
    let domain = unsafe { name(domain) };
    write_line(json!({"op": "pop", "domain": domain, "level": level}));
    level
}

unsafe extern "C" fn start(domain: Handle, attributes: *const Attributes) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0x5_0000_0001);
    // ORDERING: only uniqueness matters.
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the arguments are passed on unchanged.
    unsafe { write_range("start", domain, attributes, ("id", json!(id))) };
    id
}

unsafe extern "C" fn end(domain: Handle, id: u64) {
    // SAFETY: the arguments are passed on unchanged.
    let domain = unsafe { name(domain) };
    write_line(json!({"op": "end", "domain": domain, "id": id}));
}

unsafe extern "C" fn name_category(domain: Handle, category: u32, called: *const c_char) {
    // SAFETY: the arguments are passed on unchanged.
    let (domain, called) = unsafe { (name(domain), text(called)) };
    write_line(json!({"op": "category", "domain": domain, "category": category, "name": called}));
}

unsafe extern "C" fn register(domain: Handle, string: *const c_char) -> Handle {
    // SAFETY: the arguments are passed on unchanged.
    let (domain, string) = unsafe { (name(domain), text(string)) };
    write_line(json!({"op": "register", "domain": domain, "name": string}));
    Box::leak(Box::new(string))
}

unsafe extern "C" fn create(called: *const c_char) -> Handle {
    // SAFETY: the arguments are passed on unchanged.
    let called = unsafe { text(called) };
    write_line(json!({"op": "domain", "name": called}));
    Box::leak(Box::new(called))
}

unsafe extern "C" fn name_thread(thread: u32, called: *const c_char) {
    // SAFETY: the arguments are passed on unchanged.
    let called = unsafe { text(called) };
    write_line(json!({"op": "thread", "id": thread, "name": called}));
}

unsafe extern "C" fn push_default(attributes: *const Attributes) -> c_int {
    // SAFETY: the arguments are passed on unchanged.
    unsafe { push(ptr::null(), attributes) }
}

unsafe extern "C" fn pop_default() -> c_int {
    // SAFETY: the arguments are passed on unchanged.
    unsafe { pop(ptr::null()) }
}

unsafe extern "C" fn start_default(attributes: *const Attributes) -> u64 {
    // SAFETY: the arguments are passed on unchanged.
    unsafe { start(ptr::null(), attributes) }
}

unsafe extern "C" fn end_default(id: u64) {
    // SAFETY: the arguments are passed on unchanged.
    unsafe { end(ptr::null(), id) }
}

unsafe extern "C" fn name_category_default(category: u32, called: *const c_char) {
    // SAFETY: the arguments are passed on unchanged.
    unsafe { name_category(ptr::null(), category, called) }
}
