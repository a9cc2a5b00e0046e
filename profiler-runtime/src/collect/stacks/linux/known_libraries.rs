//! The loaded code that a journal knows already.
//!
//! Asked when a recording begins, and by the spool's thread from then on: libraries come later,
//! too. Looking takes some microseconds while nothing is new. A library that is gone stays noted:
//! its addresses are in stacks.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde_json::Value;

use super::loaded::{self, Loaded};
use crate::collect::stacks::code_note::{CodeNote, Identity, MOST_OBJECTS, Object};
use crate::collect::stacks::sources::Sources;

/// The objects that are noted: see the module.
#[derive(Debug, Default)]
pub(crate) struct Noted(HashSet<(PathBuf, u64, Vec<u8>)>);

impl Noted {
    /// Returns, for the journal, the code loaded since the last call; `None` if there is none.
    pub(crate) fn news(&mut self) -> Option<Value> {
        let objects: Vec<Object> = loaded::loaded().iter().filter_map(|each| self.new_object(each)).collect();
        if objects.is_empty() {
            return None;
        }
        serde_json::to_value(CodeNote { sources: Sources::of_this_process(), objects }).ok()
    }

    fn new_object(&mut self, loaded: &Loaded) -> Option<Object> {
        let is_new =
            self.0.len() < MOST_OBJECTS && self.0.insert((loaded.file.clone(), loaded.base, loaded.build_id.clone()));
        if is_new { object(loaded) } else { None }
    }
}

/// Describes loaded code; `None` for code that comes from no file, as the kernel's does.
fn object(loaded: &Loaded) -> Option<Object> {
    // The program's own file, also when there is another one under its name by now.
    const PROGRAM: &str = "/proc/self/exe";
    let (file, opened) = if loaded.file.as_os_str().is_empty() {
        (std::env::current_exe().ok()?, Path::new(PROGRAM))
    } else {
        (fs::canonicalize(&loaded.file).unwrap_or_else(|_| loaded.file.clone()), loaded.file.as_path())
    };
    let identity =
        if loaded.build_id.is_empty() { of_file(&fs::metadata(opened).ok()?) } else { of_build(&loaded.build_id) };
    let (start, end) = (loaded.addresses.start, loaded.addresses.end);
    let file = file.is_absolute().then(|| file.to_string_lossy().into_owned())?;
    Some(Object { file, base: loaded.base, start, end, identity })
}

/// Identifies a file by its linker's note.
pub(super) fn of_build(id: &[u8]) -> Identity {
    Identity::BuildId(id.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Identifies a file by length and time.
pub(super) fn of_file(metadata: &Metadata) -> Identity {
    let modified = metadata.modified().ok().and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    // CAST: until the year 2554.
    Identity::File { length: metadata.len(), modified_ns: modified.unwrap_or_default().as_nanos() as u64 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loaded_is_told_once() {
        let mut noted = Noted::default();
        let told = CodeNote::of(vec![noted.news().unwrap()]);
        let here = what_is_loaded_is_told_once as fn() as usize as u64;
        let program = told.objects.iter().find(|object| (object.start..object.end).contains(&here)).unwrap();
        assert_eq!(Path::new(&program.file), std::env::current_exe().unwrap());
        assert!(noted.news().is_none_or(|news| {
            // Another test's thread may have loaded a library.
            CodeNote::of(vec![news]).objects.iter().all(|object| object.file != program.file)
        }));
    }
}
