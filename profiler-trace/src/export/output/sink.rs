//! The way of every artifact to the disk: a file is complete under its name, or it is not there.
//!
//! Written under a hidden name beside its place, which no other process and no other file has,
//! compressed and checksummed on the way, flushed to the disk, then renamed. Whatever goes wrong (a
//! full disk, a folder that vanished) removes the hidden file and is an error with a reason, never
//! a signal. Where nothing can be renamed, the hidden file is copied, and stays until its copy is
//! whole; the manifest, which is written last, lists what is. Devices and pipes are written into
//! ([`Target`]).

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Crc;

use super::outlet;
use super::target::{self, Target};

const BUFFER: usize = 64 << 10;
/// End of a file's name while it is written.
const SUFFIX: &str = ".tmp";

/// A file on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::export) struct Written {
    pub(in crate::export) bytes: u64,
    /// CRC-32 as in gzip, zip and PNG.
    pub(in crate::export) crc32: u32,
}

/// Writes what `body` writes to `path`, and creates a missing folder; replaces an earlier file, but
/// no device or link.
pub(in crate::export) fn write_file(
    path: &Path,
    gzip: bool,
    body: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<Written> {
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        fs::create_dir_all(folder)?;
    }
    outlet::without_signals(|| match Target::of(path)? {
        Target::File(path) => replace(&path, gzip, body),
        Target::Stream(path) => fill(target::open_stream(&path)?, gzip, body).map(|(_, written)| written),
    })
}

fn replace(path: &Path, gzip: bool, body: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<Written> {
    let hidden = Hidden::beside(path)?;
    let file = File::options().write(true).create_new(true).open(&hidden.0)?;
    if let Ok(earlier) = fs::metadata(path) {
        // Users who might read the earlier file may read this one; where permissions cannot be set,
        // so be it.
        let _ = file.set_permissions(earlier.permissions());
    }
    let (file, written) = fill(file, gzip, body)?;
    sync(&file)?;
    drop(file);
    hidden.move_to(path)?;
    Ok(written)
}

/// Waits until a file is on the disk, where the file system knows how to.
fn sync(file: &File) -> io::Result<()> {
    match file.sync_all() {
        Err(error) if is_unsupported(&error) => Ok(()),
        result => result,
    }
}

/// Returns whether a file system lacks the operation; some say so by refusing it to everybody.
fn is_unsupported(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, InvalidInput, PermissionDenied, ResourceBusy, Unsupported};
    matches!(error.kind(), Unsupported | InvalidInput | PermissionDenied | CrossesDevices | ResourceBusy)
}

/// Sends what `body` writes into `file`.
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

/// A file that is being written. Dropping it before it is renamed deletes it.
struct Hidden(PathBuf);

impl Hidden {
    fn beside(path: &Path) -> io::Result<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(1);
        let name = path.file_name().ok_or_else(|| io::Error::other("the path names no file"))?;
        // ORDERING: only uniqueness matters.
        let (process, number) = (std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let hidden = format!(".{}.{process}-{number}{SUFFIX}", name.to_string_lossy());
        let hidden = Self(path.with_file_name(hidden));
        // What a killed process with the same id left behind would be in the way.
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

    /// Copies the file where nothing can be renamed: until the copy is done, the hidden file is the
    /// whole one.
    fn copy_to(&self, path: &Path) -> io::Result<()> {
        let mut whole = File::open(&self.0)?;
        let mut copy = File::options().write(true).create(true).truncate(true).open(path)?;
        let copied = io::copy(&mut whole, &mut copy).and_then(|_| sync(&copy));
        copied.inspect_err(|_| {
            // Half a file is worth less than none.
            let _ = fs::remove_file(path).or_else(|_| copy.set_len(0));
        })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if self.0 != Path::new("") {
            // The first error is worth more than a second one.
            let _ = fs::remove_file(&self.0);
        }
    }
}

/// Deletes the files that a process which has died was writing into a folder, for this part of the
/// job (`rank0`).
pub fn remove_unfinished(folder: &Path, part: &str, process: u32) {
    let (of_part, of_process) = (format!("{part}."), format!(".{process}-"));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_hidden = name.starts_with('.') && name.ends_with(SUFFIX);
        if is_hidden && name.contains(&of_part) && name.contains(&of_process) {
            // A file that cannot be deleted is in nobody's way.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes a rename outlast a power failure, where a folder can be opened; the file itself is safe
/// already.
fn sync_folder(path: &Path) {
    if let Some(folder) = path.parent()
        && let Ok(folder) = File::open(folder)
    {
        let _ = folder.sync_all();
    }
}

/// Counts and checksums what goes to the disk.
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

    /// G2: a file that is written twice at the same moment is one of both, whole.
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
