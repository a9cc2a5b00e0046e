//! Lists the program and libraries that are loaded in this process.

use std::ffi::{CStr, OsStr, c_int, c_void};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use object::NativeEndian;
use object::elf::{ELF_NOTE_GNU, FileHeader64, NT_GNU_BUILD_ID};
use object::read::elf::NoteIterator;

/// A loaded program or library.
pub(super) struct Loaded {
    /// File of the object; empty for the program itself.
    pub(super) file: PathBuf,
    /// Offset between the file's addresses and those in memory.
    pub(super) base: u64,
    /// Addresses that the object occupies.
    pub(super) addresses: Range<u64>,
    /// Build id of the file; empty if its linker wrote none.
    pub(super) build_id: Vec<u8>,
}

/// Returns the program and its loaded libraries.
pub(super) fn loaded() -> Vec<Loaded> {
    each(|object| {
        // SAFETY: the loader's own string, valid during this callback.
        let name = (!object.dlpi_name.is_null()).then(|| unsafe { CStr::from_ptr(object.dlpi_name) });
        let file = PathBuf::from(OsStr::from_bytes(name.map(CStr::to_bytes).unwrap_or_default()));
        let segments = segments(object);
        let base = object.dlpi_addr;
        let addresses = base.wrapping_add(segments.start)..base.wrapping_add(segments.end);
        Some(Loaded { file, base, addresses, build_id: build_id(object) })
    })
}

/// Calls `make` for each loaded program or library and returns the results.
pub(super) fn each<T>(make: fn(&libc::dl_phdr_info) -> Option<T>) -> Vec<T> {
    struct Found<T> {
        make: fn(&libc::dl_phdr_info) -> Option<T>,
        all: Vec<T>,
    }
    unsafe extern "C" fn take<T>(object: *mut libc::dl_phdr_info, _size: usize, found: *mut c_void) -> c_int {
        // SAFETY: the loader passes a valid object and the pointer given to it below.
        let (object, found) = unsafe { (&*object, &mut *found.cast::<Found<T>>()) };
        found.all.extend((found.make)(object));
        0
    }
    let mut found = Found { make, all: Vec::new() };
    // SAFETY: `take` has the required signature, and `found` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(take::<T>), (&raw mut found).cast()) };
    found.all
}

/// Returns an object's program headers.
pub(super) fn headers(object: &libc::dl_phdr_info) -> &[libc::Elf64_Phdr] {
    // SAFETY: the loader's own table, valid during this callback.
    unsafe { std::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum)) }
}

/// Returns the address range of all segments of an object, without the base.
pub(super) fn segments(object: &libc::dl_phdr_info) -> Range<u64> {
    let loaded = headers(object).iter().filter(|header| header.p_type == libc::PT_LOAD);
    let ends = loaded.map(|header| (header.p_vaddr, header.p_vaddr + header.p_memsz));
    let (start, end) = ends.fold((u64::MAX, 0), |all: (u64, u64), (start, end)| (all.0.min(start), all.1.max(end)));
    start..end
}

fn build_id(object: &libc::dl_phdr_info) -> Vec<u8> {
    let notes = headers(object).iter().filter(|header| header.p_type == libc::PT_NOTE);
    let mut found = notes.filter_map(|notes| {
        let bytes = memory(object, notes.p_vaddr..notes.p_vaddr.checked_add(notes.p_memsz)?)?;
        build_id_among(bytes, notes.p_align)
    });
    found.next().unwrap_or_default()
}

fn build_id_among(notes: &[u8], align: u64) -> Option<Vec<u8>> {
    let mut notes = NoteIterator::<FileHeader64<NativeEndian>>::new(NativeEndian, align, notes).ok()?;
    while let Ok(Some(note)) = notes.next() {
        if note.name() == ELF_NOTE_GNU && note.n_type(NativeEndian) == NT_GNU_BUILD_ID {
            return Some(note.desc().to_vec());
        }
    }
    None
}

/// Returns the memory at a range of addresses (without the base), if one readable segment contains
/// all of it.
fn memory(object: &libc::dl_phdr_info, range: Range<u64>) -> Option<&[u8]> {
    let holds = |part: &libc::Elf64_Phdr| {
        part.p_type == libc::PT_LOAD
            && part.p_flags & libc::PF_R != 0
            && part.p_vaddr <= range.start
            && range.end <= part.p_vaddr + part.p_filesz
    };
    headers(object).iter().find(|part| holds(part))?;
    let length = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
    // SAFETY: the range lies in a segment that the loader has mapped readable, and keeps mapped
    // during this callback; notes are never written.
    Some(unsafe {
        let at = std::ptr::with_exposed_provenance::<u8>((object.dlpi_addr.wrapping_add(range.start)) as usize);
        std::slice::from_raw_parts(at, length)
    })
}
