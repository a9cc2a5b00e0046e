//! Tracks which loaded code the spool's journal describes already.
//!
//! Called when a recording begins and then by the spool's thread, because libraries may be loaded
//! at any time. A call without news takes some microseconds. An unloaded library stays in the
//! journal, because stacks contain its addresses.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde_json::Value;

use super::loaded::{self, Loaded};
use crate::collect::stacks::loaded_code::{Identity, LoadedCode, MAX_OBJECTS, Object};
use crate::collect::stacks::sources::Sources;

/// The objects that the journal describes.
#[derive(Debug, Default)]
pub(crate) struct KnownLibraries(HashSet<(PathBuf, u64, Vec<u8>)>);

impl KnownLibraries {
    /// Returns a journal line for the code loaded since the previous call; `None` if there is none.
    pub(crate) fn newly_loaded(&mut self) -> Option<Value> {
        let objects: Vec<Object> = loaded::loaded().iter().filter_map(|each| self.new_object(each)).collect();
        if objects.is_empty() {
            return None;
        }
        serde_json::to_value(LoadedCode { sources: Sources::of_current_process(), objects }).ok()
    }

    fn new_object(&mut self, loaded: &Loaded) -> Option<Object> {
        let is_new =
            self.0.len() < MAX_OBJECTS && self.0.insert((loaded.file.clone(), loaded.base, loaded.build_id.clone()));
        if is_new { object(loaded) } else { None }
    }
}

/// Describes loaded code; returns `None` for code without a file, such as the kernel's.
fn object(loaded: &Loaded) -> Option<Object> {
    // Opens the running program even if another file has taken its path.
    const PROGRAM: &str = "/proc/self/exe";
    let (file, opened) = if loaded.file.as_os_str().is_empty() {
        (std::env::current_exe().ok()?, Path::new(PROGRAM))
    } else {
        (fs::canonicalize(&loaded.file).unwrap_or_else(|_| loaded.file.clone()), loaded.file.as_path())
    };
    let identity = if loaded.build_id.is_empty() {
        from_metadata(&fs::metadata(opened).ok()?)
    } else {
        from_build_id(&loaded.build_id)
    };
    let (start, end) = (loaded.addresses.start, loaded.addresses.end);
    let file = file.is_absolute().then(|| file.to_string_lossy().into_owned())?;
    Some(Object { file, base: loaded.base, start, end, identity })
}

/// Identifies a file by its build id.
pub(super) fn from_build_id(id: &[u8]) -> Identity {
    Identity::BuildId(id.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Identifies a file by length and modification time.
pub(super) fn from_metadata(metadata: &Metadata) -> Identity {
    let modified = metadata.modified().ok().and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    // CAST: until the year 2554.
    Identity::File { length: metadata.len(), modified_ns: modified.unwrap_or_default().as_nanos() as u64 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn loaded_code_is_reported_once() {
        let mut known = KnownLibraries::default();
        let first = LoadedCode::from_journal(vec![known.newly_loaded().unwrap()]);
        let here = loaded_code_is_reported_once as fn() as usize as u64;
        let program = first.objects.iter().find(|object| (object.start..object.end).contains(&here)).unwrap();
        assert_eq!(Path::new(&program.file), std::env::current_exe().unwrap());
        assert!(known.newly_loaded().is_none_or(|new| {
            // Another test's thread may have loaded a library.
            LoadedCode::from_journal(vec![new]).objects.iter().all(|object| object.file != program.file)
        }));
    }
}
