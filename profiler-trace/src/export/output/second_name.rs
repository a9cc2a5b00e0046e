//! A second name for a written file, for consumers that require certain names or a folder of their
//! own.
//!
//! TensorBoard lists files that end in `.pt.trace.json[.gz]`, and Holistic Trace Analysis treats
//! every file in a folder as a trace. So a session's traces are also in `traces/`, alone and under
//! such names.

use std::fs;
use std::io;
use std::path::Path;

/// Maximum size of a file that is copied where the file system has no links.
const MAX_COPY: u64 = 64 << 20;

/// Gives the file at `path` the second name `second`: as a hard link, otherwise a symbolic link,
/// otherwise a copy of at most 64 MiB. Creates the folder if it does not exist, and replaces an
/// earlier file.
///
/// # Errors
///
/// Returns the reason if none of them is possible.
pub(in crate::export) fn add(path: &Path, second: &Path) -> io::Result<()> {
    if let Some(folder) = second.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::remove_file(second) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::hard_link(path, second).or_else(|_| symbolic_link(path, second)).or_else(|_| copy(path, second))
}

#[cfg(unix)]
fn symbolic_link(path: &Path, second: &Path) -> io::Result<()> {
    // Relative, so that the folder can be moved.
    let (folder, name) = (second.parent().and_then(Path::parent), path.file_name());
    match (folder == path.parent(), name) {
        (true, Some(name)) => std::os::unix::fs::symlink(Path::new("..").join(name), second),
        _ => std::os::unix::fs::symlink(fs::canonicalize(path)?, second),
    }
}

#[cfg(not(unix))]
fn symbolic_link(_path: &Path, _second: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn copy(path: &Path, second: &Path) -> io::Result<()> {
    let bytes = fs::metadata(path)?.len();
    if bytes > MAX_COPY {
        let message = format!("the file system has no links, and {bytes} bytes are too many to copy");
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    }
    fs::copy(path, second).map(drop)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn folder_with_trace() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace_rank0.json");
        fs::write(&path, "{}").unwrap();
        (folder, path)
    }

    #[test]
    fn each_way_to_a_second_name_shows_the_file() {
        for way in [add, symbolic_link, copy] {
            let (folder, path) = folder_with_trace();
            let second = folder.path().join("traces").join("rank0.pt.trace.json");
            fs::create_dir(second.parent().unwrap()).unwrap();
            let added = way(&path, &second);
            assert_eq!(added.map(|()| fs::read(&second).unwrap()).unwrap_or(b"{}".to_vec()), b"{}");
            assert!(second.exists() || cfg!(not(unix)));
        }
    }

    #[test]
    fn an_earlier_second_name_is_replaced() {
        let (folder, path) = folder_with_trace();
        let second = folder.path().join("traces").join("rank0.pt.trace.json");
        add(&path, &second).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "{\"traceEvents\": []}").unwrap();
        add(&path, &second).unwrap();
        assert_eq!(fs::read(&second).unwrap(), fs::read(&path).unwrap());
        assert_eq!(fs::read_dir(second.parent().unwrap()).unwrap().count(), 1);
    }
}
