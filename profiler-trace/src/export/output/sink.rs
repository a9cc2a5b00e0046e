//! Atomic writing of artifacts: a file is complete under its name, or it does not exist.
//!
//! A file is written under a unique hidden name in the same folder, compressed and checksummed on
//! the way, flushed to disk, and renamed. Any failure (a full disk, a deleted folder) removes the
//! hidden file and is returned as an error, never as a signal. Where files cannot be renamed, the
//! hidden file is copied and remains until the copy is complete; the manifest, which is written
//! last, lists complete files. Devices and pipes are written directly ([`Target`]).

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Crc;

use super::outlet;
use super::target::{self, Target};

const BUFFER: usize = 64 << 10;
/// Suffix of the hidden name.
const SUFFIX: &str = ".tmp";

/// Size and checksum of a written file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::export) struct Written {
    pub(in crate::export) bytes: u64,
    /// CRC-32 as in gzip, zip and PNG.
    pub(in crate::export) crc32: u32,
}

/// Writes the output of `body` to `path`, creating a missing folder. Replaces an earlier file, but
/// not a device or link.
pub(in crate::export) fn write_file(
    path: &Path,
    gzip: bool,
    body: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<Written> {
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        fs::create_dir_all(folder)?;
    }
    outlet::without_signals(|| match Target::resolve(path)? {
        Target::File(path) => replace(&path, gzip, body),
        Target::Stream(path) => fill(target::open_stream(&path)?, gzip, body).map(|(_, written)| written),
    })
}

fn replace(path: &Path, gzip: bool, body: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<Written> {
    let hidden = Hidden::create(path)?;
    let file = File::options().write(true).create_new(true).open(&hidden.0)?;
    if let Ok(earlier) = fs::metadata(path) {
        // Users who could read the earlier file can read this one. Ignored where permissions cannot
        // be set.
        let _ = file.set_permissions(earlier.permissions());
    }
    let (file, written) = fill(file, gzip, body)?;
    sync(&file)?;
    drop(file);
    hidden.move_to(path)?;
    Ok(written)
}

/// Flushes a file to disk, if the file system supports that.
fn sync(file: &File) -> io::Result<()> {
    match file.sync_all() {
        Err(error) if is_unsupported(&error) => Ok(()),
        result => result,
    }
}

/// Returns whether the error shows that a file system lacks the operation; some report a refusal.
fn is_unsupported(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, InvalidInput, PermissionDenied, ResourceBusy, Unsupported};
    matches!(error.kind(), Unsupported | InvalidInput | PermissionDenied | CrossesDevices | ResourceBusy)
}

/// Writes the output of `body` into `file`.
fn fill<F: Write>(
    file: F,
    gzip: bool,
    body: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<(F, Written)> {
    let mut counted = BufWriter::with_capacity(BUFFER, Counted { file, bytes: 0, crc: Crc::new() });
    if gzip {
        counted = super::gzip::compress(counted, body)?;
    } else {
        body(&mut counted)?;
    }
    counted.flush()?;
    let Counted { file, bytes, crc } = counted.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok((file, Written { bytes, crc32: crc.sum() }))
}

/// Path of a file that is being written. Dropping it before the rename deletes the file.
struct Hidden(PathBuf);

impl Hidden {
    fn create(path: &Path) -> io::Result<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(1);
        let name = path.file_name().ok_or_else(|| io::Error::other("the path names no file"))?;
        // ORDERING: only uniqueness matters.
        let (process, number) = (std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let hidden = format!(".{}.{process}-{number}{SUFFIX}", name.to_string_lossy());
        let hidden = Self(path.with_file_name(hidden));
        // A killed process with the same id may have left a file of this name.
        match fs::remove_file(&hidden.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(hidden),
        }
    }

    fn move_to(mut self, path: &Path) -> io::Result<()> {
        match fs::rename(&self.0, path) {
            Ok(()) => self.0 = PathBuf::new(),
            Err(error) if is_unsupported(&error) => self.copy_to(path)?,
            Err(error) => return Err(error),
        }
        sync_folder(path);
        Ok(())
    }

    /// Copies the file where it cannot be renamed. The hidden file remains until the copy is
    /// complete.
    fn copy_to(&self, path: &Path) -> io::Result<()> {
        let mut complete = File::open(&self.0)?;
        let mut copy = File::options().write(true).create(true).truncate(true).open(path)?;
        let copied = io::copy(&mut complete, &mut copy).and_then(|_| sync(&copy));
        copied.inspect_err(|_| {
            // An incomplete file is worse than none.
            let _ = fs::remove_file(path).or_else(|_| copy.set_len(0));
        })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if self.0 != Path::new("") {
            // The first error is more useful than one of the clean-up.
            let _ = fs::remove_file(&self.0);
        }
    }
}

/// Deletes files that a dead process left unfinished in a folder, for one part of the job
/// (`rank0`).
pub fn remove_unfinished(folder: &Path, part: &str, process: u32) {
    let (part_marker, process_marker) = (format!("{part}."), format!(".{process}-"));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_hidden = name.starts_with('.') && name.ends_with(SUFFIX);
        if is_hidden && name.contains(&part_marker) && name.contains(&process_marker) {
            // A file that cannot be deleted does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes a rename durable, if the folder can be opened; the file's contents are durable already.
fn sync_folder(path: &Path) {
    if let Some(folder) = path.parent()
        && let Ok(folder) = File::open(folder)
    {
        let _ = folder.sync_all();
    }
}

/// Writer that counts and checksums the bytes written.
struct Counted<F> {
    file: F,
    bytes: u64,
    crc: Crc,
}

impl<F: Write> Write for Counted<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.crc.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Read;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_failed_file_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.json");
        let result = write_file(&path, false, |out| {
            out.write_all(&[b'x'; BUFFER * 3])?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn an_earlier_file_stays_whole_if_its_successor_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.json");
        write_file(&path, false, |out| out.write_all(b"first")).unwrap();
        write_file(&path, false, |_| Err(io::ErrorKind::Other.into())).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"first");
    }

    #[test]
    fn what_a_killed_process_left_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let others = [".trace_rank0.json.18-1.tmp", ".trace_rank1.json.17-1.tmp"];
        for half in [".trace_rank0.json.17-1.tmp", others[0], others[1]] {
            fs::write(folder.path().join(half), b"half").unwrap();
        }
        write_file(&folder.path().join("trace_rank0.json"), false, |out| out.write_all(b"whole")).unwrap();
        remove_unfinished(folder.path(), "rank0", 17);
        let mut left = names(folder.path());
        left.sort();
        assert_eq!(left, [others[0], others[1], "trace_rank0.json"], "the other processes may live");
    }

    /// G2: a file written by two threads at once is the complete output of one of them.
    #[test]
    fn two_writers_of_one_file_do_not_share_a_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.json");
        write_file(&path, false, |outer| {
            outer.write_all(b"outer")?;
            write_file(&path, false, |inner| inner.write_all(b"inner"))?;
            assert_eq!(fs::read(&path)?, b"inner");
            Ok(())
        })
        .unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), names(folder.path()).len()), (&b"outer"[..], 1));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_an_error() {
        for gzip in [false, true] {
            let full = File::options().write(true).open("/dev/full").unwrap();
            let result = fill(full, gzip, |out| out.write_all(b"does not fit"));
            assert_eq!(result.map(|_| ()).unwrap_err().kind(), io::ErrorKind::StorageFull, "gzip: {gzip}");
        }
    }

    #[test]
    fn gzip_is_one_member_with_the_checksum_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.json.gz");
        let written = write_file(&path, true, |out| (0..3).try_for_each(|_| out.write_all(&[b'x'; BUFFER]))).unwrap();
        let file = fs::read(&path).unwrap();
        let mut crc = Crc::new();
        crc.update(&file);
        assert_eq!(written, Written { bytes: file.len() as u64, crc32: crc.sum() });
        let mut rest = file.as_slice();
        let mut text = Vec::new();
        flate2::bufread::GzDecoder::new(&mut rest).read_to_end(&mut text).unwrap();
        assert_eq!(text, vec![b'x'; 3 * BUFFER]);
        assert!(rest.is_empty(), "nothing after the first member");
    }
}
