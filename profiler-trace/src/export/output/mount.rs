//! Shortcomings of the file system of a session's folder, found out at the start.
//!
//! Some mounts of object stores and other machines rename or delete nothing. Their artifacts are
//! whole all the same (see [`sink`](super::sink)), but temporary files stay, and a file of the same
//! name is not replaced at once.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Returns what the file system of a folder cannot do, in a sentence; `None` if it can do all that
/// is needed. Creates, renames and deletes an empty file.
pub fn shortcomings(folder: &Path) -> Option<String> {
    let name = |what: &str| folder.join(format!(".probe-{}{what}", std::process::id()));
    let (probe, renamed) = (name(""), name("-renamed"));
    // A folder in which nothing can be created has been refused before this.
    File::create(&probe).ok()?;
    let moved = fs::rename(&probe, &renamed);
    let deleted = fs::remove_file(if moved.is_ok() { renamed } else { probe });
    let folder = folder.display();
    let cannot = |what: &str, error: io::Error, then: &str| {
        Some(format!("the file system of `{folder}` cannot {what} files ({error}): {then}"))
    };
    match (moved, deleted) {
        (Ok(()), Ok(())) => None,
        (Err(error), Ok(())) => cannot("rename", error, "an artifact is whole once the manifest lists it"),
        (Ok(()), Err(error)) => cannot("delete", error, "hidden files stay in it"),
        (Err(error), Err(_)) => {
            cannot("rename or delete", error, "an artifact is whole once the manifest lists it, and hidden files stay")
        }
    }
}
