//! Detection, at the start of a session, of operations that the file system of its folder lacks.
//!
//! Some mounts of object stores and of other machines cannot rename or delete files. Artifacts are
//! still complete there (see [`sink`](super::sink)), but temporary files remain, and an existing
//! file is not replaced atomically.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Returns a sentence about the operations that the folder's file system lacks; `None` if it has
/// all. Creates, renames and deletes an empty file.
pub fn shortcomings(folder: &Path) -> Option<String> {
    let name = |what: &str| folder.join(format!(".probe-{}{what}", std::process::id()));
    let (probe, renamed) = (name(""), name("-renamed"));
    // Folders in which no file can be created were refused before.
    File::create(&probe).ok()?;
    let moved = fs::rename(&probe, &renamed);
    let deleted = fs::remove_file(if moved.is_ok() { renamed } else { probe });
    let folder = folder.display();
    let cannot = |what: &str, error: io::Error, then: &str| {
        Some(format!("the file system of `{folder}` cannot {what} files ({error}): {then}"))
    };
    match (moved, deleted) {
        (Ok(()), Ok(())) => None,
        (Err(error), Ok(())) => cannot("rename", error, "an artifact is complete once the manifest lists it"),
        (Ok(()), Err(error)) => cannot("delete", error, "hidden files remain in it"),
        (Err(error), Err(_)) => cannot(
            "rename or delete",
            error,
            "an artifact is complete once the manifest lists it, and hidden files remain",
        ),
    }
}
