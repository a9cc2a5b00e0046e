//! Implements the part of an NVTX client that the profiler needs, without a library to build or
//! link.
//!
//! A call loads a slot and, if the tool has filled it, calls the function. The tool's library is
//! opened at most once and never closed.

use std::ffi::{CStr, c_int, c_uint, c_void};
use std::ptr;
use std::sync::atomic::Ordering;

use super::abi::{self, Attributes, Callbacks, Handle, Slot, SlotTable, Slots, VersionInfo};
use crate::os::library::Library;

/// Variable that names the tool's library.
const VARIABLE: &str =
    if cfg!(target_pointer_width = "64") { "NVTX_INJECTION64_PATH" } else { "NVTX_INJECTION32_PATH" };

static CORE: Slots = abi::empty();
static CORE2: Slots = abi::empty();
static CORE_TABLE: SlotTable = SlotTable::new(&CORE);
static CORE2_TABLE: SlotTable = SlotTable::new(&CORE2);
static CALLBACKS: Callbacks = Callbacks { size: size_of::<Callbacks>(), get_module };
static VERSION_INFO: VersionInfo = VersionInfo {
    size: size_of::<VersionInfo>(),
    version: abi::VERSION as u32,
    reserved: 0,
    set_tool_version: ignore_tool_version,
};

/// Loads the tool that the environment names; returns false if it names none. Called once.
///
/// # Errors
///
/// Returns the reason if the tool cannot be loaded or refuses to start.
pub(super) fn attach() -> Result<bool, String> {
    let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) else { return Ok(false) };
    let wrong = |why: String| {
        let shown = path.display();
        format!("NVTX ranges are not shown to `{shown}`, which `{VARIABLE}` names: {why}")
    };
    let library = Library::open(&path).map_err(wrong)?;
    // SAFETY: the interface defines this function, with this signature in every version.
    let initialize = unsafe { library.function::<abi::Initialize>(c"InitializeInjectionNvtx2") };
    let Ok(initialize) = initialize else {
        return Err(wrong("it has no function `InitializeInjectionNvtx2`, so it is not an NVTX tool".to_owned()));
    };
    // SAFETY: the tool exports this function to be called so; `export_table` and its tables are
    // static.
    if unsafe { initialize(export_table) } == 0 {
        return Err(wrong("it refused to start".to_owned()));
    }
    Ok(true)
}

extern "system" fn export_table(table: u32) -> *const c_void {
    match table {
        abi::CALLBACKS => (&raw const CALLBACKS).cast(),
        abi::VERSION_INFO => (&raw const VERSION_INFO).cast(),
        _ => ptr::null(),
    }
}

extern "system" fn get_module(module: c_int, table: *mut *const *const Slot, size: *mut c_uint) -> c_int {
    let found = match module {
        abi::CORE => &CORE_TABLE.0,
        abi::CORE2 => &CORE2_TABLE.0,
        _ => return 0,
    };
    // SAFETY: the tool passes null or a valid pointer.
    if let Some(table) = unsafe { table.as_mut() } {
        *table = found.as_ptr();
    }
    // SAFETY: as above.
    if let Some(size) = unsafe { size.as_mut() } {
        // CAST: 16.
        *size = abi::SLOTS as c_uint;
    }
    1
}

extern "system" fn ignore_tool_version(_version: u32) {}

/// Returns the tool's function in a slot, if the tool has filled it.
fn function(slots: &Slots, number: usize) -> Option<*mut c_void> {
    // ORDERING: the slots are filled while the tool is loaded, before the gate lets a range call
    // this. A tool that changes a slot later synchronizes its own code.
    let function = slots[number].load(Ordering::Relaxed);
    (!function.is_null()).then_some(function)
}

/// Calls the tool's function in a slot, if the tool has filled it.
macro_rules! call {
    ($slots:ident[$number:ident] as $type:ident ($($argument:expr),*)) => {
        function(&$slots, abi::$number).map(|function| {
            // SAFETY: the interface defines the type of the function in this slot.
            let function: abi::$type = unsafe { std::mem::transmute(function) };
            // SAFETY: handles come from the tool, strings end with NUL and attributes are complete.
            unsafe { function($($argument),*) }
        })
    };
}

/// The number of a category, which the client chooses.
pub(super) type Category = u32;

/// A domain of the tool.
pub(super) struct Domain(Handle);

// SAFETY: the tool accepts its handles on every thread.
unsafe impl Send for Domain {}
// SAFETY: as above.
unsafe impl Sync for Domain {}

/// The attributes of every range of a site.
pub(super) struct Label {
    text: Handle,
    category: Category,
    color: u32,
}

// SAFETY: as for `Domain`.
unsafe impl Send for Label {}
// SAFETY: as for `Domain`.
unsafe impl Sync for Label {}

impl Label {
    fn attributes(&self, index: Option<u64>) -> Attributes {
        Attributes {
            version: abi::VERSION,
            // CAST: 48.
            size: size_of::<Attributes>() as u16,
            category: self.category,
            color_type: abi::COLOR_ARGB,
            color: self.color,
            payload_type: if index.is_some() { abi::PAYLOAD_U64 } else { 0 },
            reserved: 0,
            payload: index.unwrap_or_default(),
            message_type: if self.text.is_null() { 0 } else { abi::MESSAGE_REGISTERED },
            message: self.text,
        }
    }
}

impl Domain {
    /// Creates the domain named `name`; `None` is the tool's default domain, whose handle is null.
    pub(super) fn open(name: Option<&CStr>) -> Self {
        let create = |name: &CStr| call!(CORE2[DOMAIN_CREATE] as DomainCreate(name.as_ptr()));
        Self(name.and_then(create).unwrap_or(ptr::null()))
    }

    /// Names a category.
    pub(super) fn name_category(&self, number: u32, name: &CStr) -> Category {
        call!(CORE2[NAME_CATEGORY] as NameCategory(self.0, number, name.as_ptr()));
        number
    }

    /// Registers the name of a site.
    pub(super) fn label(&self, name: &CStr, category: Category, color: u32) -> Label {
        let text = call!(CORE2[REGISTER_STRING] as RegisterString(self.0, name.as_ptr()));
        Label { text: text.unwrap_or(ptr::null()), category, color }
    }

    pub(super) fn push(&self, label: &Label, index: Option<u64>) {
        call!(CORE2[RANGE_PUSH] as RangePush(self.0, &label.attributes(index)));
    }

    pub(super) fn pop(&self) {
        call!(CORE2[RANGE_POP] as RangePop(self.0));
    }

    pub(super) fn start(&self, label: &Label, index: Option<u64>) -> u64 {
        call!(CORE2[RANGE_START] as RangeStart(self.0, &label.attributes(index))).unwrap_or(0)
    }

    pub(super) fn end(&self, range: u64) {
        call!(CORE2[RANGE_END] as RangeEnd(self.0, range));
    }
}

/// Names a thread of this process.
pub(super) fn name_thread(thread: u32, name: &CStr) {
    call!(CORE[NAME_OS_THREAD] as NameOsThread(thread, name.as_ptr()));
}
