//! Resolves addresses of this process to functions.

use std::collections::{HashMap, HashSet};
use std::ffi::c_void;

use super::names;
use super::paths::Resolved;
use profiler_trace::records::frames::{Frame, NO_SYMBOL};

/// Returns the functions at each return address. Reads the program's debug information.
pub(super) fn look_up(addresses: HashSet<u64>) -> HashMap<u64, Resolved> {
    let mut names = names::resolve(addresses.iter().copied());
    let resolved = addresses.into_iter().map(|address| {
        let name = names.remove(&address);
        (address, Resolved { frames: frames(address), name })
    });
    let resolved = resolved.collect();
    backtrace::clear_symbol_cache();
    resolved
}

fn frames(address: u64) -> Vec<Frame> {
    let mut frames = Vec::new();
    // CAST: an address of this process.
    let address: *mut c_void = std::ptr::without_provenance_mut(address as usize);
    backtrace::resolve(address, |symbol| {
        // The alternate format omits the hash.
        let function = symbol.name().map_or(NO_SYMBOL.to_owned(), |name| format!("{name:#}"));
        let file = symbol.filename().map(|file| file.to_string_lossy().into_owned()).unwrap_or_default();
        frames.push(Frame { function, file, line: symbol.lineno().unwrap_or(0) });
    });
    frames
}
