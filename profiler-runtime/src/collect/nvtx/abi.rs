//! Declares the binary interface between an NVTX client and a tool, version 3.
//!
//! The tool's library exports `InitializeInjectionNvtx2`. The client calls it with a function that
//! returns *export tables*. One table gives access to *modules* of function slots, which the tool
//! fills with its own functions; another reports the version. The tool ignores calls of slots that
//! it leaves null. Only the parts that this client uses are declared.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::mem::offset_of;
use std::ptr;
use std::sync::atomic::AtomicPtr;

/// Version of the interface that this client implements.
pub(super) const VERSION: u16 = 3;

/// Export tables that a tool may request.
pub(super) const CALLBACKS: u32 = 1;
pub(super) const VERSION_INFO: u32 = 3;

/// Modules that this client provides.
pub(super) const CORE: c_int = 1;
pub(super) const CORE2: c_int = 5;

/// Number of slots in a module; the first is never used.
pub(super) const SLOTS: usize = 16;

/// Slot of the module `CORE`.
pub(super) const NAME_OS_THREAD: usize = 14;

/// Slots of the module `CORE2`.
pub(super) const RANGE_START: usize = 2;
pub(super) const RANGE_END: usize = 3;
pub(super) const RANGE_PUSH: usize = 4;
pub(super) const RANGE_POP: usize = 5;
pub(super) const NAME_CATEGORY: usize = 8;
pub(super) const REGISTER_STRING: usize = 10;
pub(super) const DOMAIN_CREATE: usize = 12;

/// A domain or a registered string of the tool, opaque to the client.
pub(super) type Handle = *const c_void;

pub(super) type GetExportTable = extern "system" fn(u32) -> *const c_void;
pub(super) type Initialize = unsafe extern "system" fn(GetExportTable) -> c_int;
pub(super) type NameOsThread = unsafe extern "system" fn(u32, *const c_char);
pub(super) type RangeStart = unsafe extern "system" fn(Handle, *const Attributes) -> u64;
pub(super) type RangeEnd = unsafe extern "system" fn(Handle, u64);
pub(super) type RangePush = unsafe extern "system" fn(Handle, *const Attributes) -> c_int;
pub(super) type RangePop = unsafe extern "system" fn(Handle) -> c_int;
pub(super) type NameCategory = unsafe extern "system" fn(Handle, u32, *const c_char);
pub(super) type RegisterString = unsafe extern "system" fn(Handle, *const c_char) -> Handle;
pub(super) type DomainCreate = unsafe extern "system" fn(*const c_char) -> Handle;

/// The attributes of a range.
#[repr(C)]
pub(super) struct Attributes {
    pub(super) version: u16,
    pub(super) size: u16,
    pub(super) category: u32,
    pub(super) color_type: c_int,
    pub(super) color: u32,
    pub(super) payload_type: c_int,
    pub(super) reserved: c_int,
    pub(super) payload: u64,
    pub(super) message_type: c_int,
    pub(super) message: Handle,
}

pub(super) const COLOR_ARGB: c_int = 1;
pub(super) const PAYLOAD_U64: c_int = 1;
pub(super) const MESSAGE_REGISTERED: c_int = 3;

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Attributes>() == 48 && offset_of!(Attributes, message) == 40);

/// A function of the tool, or null.
pub(super) type Slot = AtomicPtr<c_void>;
/// The slots of a module.
pub(super) type Slots = [Slot; SLOTS];

/// Creates a module whose slots are all null.
pub(super) const fn empty() -> Slots {
    [const { AtomicPtr::new(ptr::null_mut()) }; SLOTS]
}

/// The addresses of a module's slots, by number, with a null at the end.
#[repr(transparent)]
pub(super) struct SlotTable(pub(super) [*const Slot; SLOTS + 1]);

// SAFETY: the pointers never change and point to atomic statics.
unsafe impl Sync for SlotTable {}

impl SlotTable {
    /// Creates the table of `slots` without the first.
    pub(super) const fn new(slots: &'static Slots) -> Self {
        let mut table = [ptr::null(); SLOTS + 1];
        let mut number = 1;
        while number < SLOTS {
            table[number] = &raw const slots[number];
            number += 1;
        }
        Self(table)
    }
}

/// Export table 1.
#[repr(C)]
pub(super) struct Callbacks {
    pub(super) size: usize,
    pub(super) get_module: extern "system" fn(c_int, *mut *const *const Slot, *mut c_uint) -> c_int,
}

/// Export table 3.
#[repr(C)]
pub(super) struct VersionInfo {
    pub(super) size: usize,
    pub(super) version: u32,
    pub(super) reserved: u32,
    pub(super) set_tool_version: extern "system" fn(u32),
}
