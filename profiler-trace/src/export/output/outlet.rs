//! Writing to a device or pipe that the user named, without blocking forever and without signals.
//!
//! If the reader of a pipe is gone, the writing thread gets SIGPIPE, and a limit on file sizes
//! sends SIGXFSZ; both terminate a host that does not handle them. A reader that sleeps blocks the
//! writer forever. All three are errors here.

use std::fs::File;
use std::io::{self, Write};

/// An open device, pipe or terminal. A write waits for the reader, with a timeout.
#[derive(Debug)]
pub(crate) struct Outlet(File);

impl Outlet {
    pub(crate) const fn new(open: File) -> Self {
        Self(open)
    }
}

#[cfg(unix)]
pub use unix::without_signals;

/// Runs `write`; its errors send no signals on this system.
#[cfg(not(unix))]
pub fn without_signals<T>(write: impl FnOnce() -> T) -> T {
    write()
}

#[cfg(not(unix))]
impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(unix)]
mod unix {
    use std::os::fd::AsRawFd;
    use std::time::{Duration, Instant};

    use super::{File, Outlet, Write, io};

    /// Maximum time to wait for the reader.
    const TIMEOUT: Duration = Duration::from_secs(10);
    /// Number of bytes that a ready pipe accepts without blocking, in blocking mode too.
    const MAX_WRITE: usize = 4096;
    /// Signals that a failed write sends to the thread.
    const SIGNALS: [libc::c_int; 2] = [libc::SIGXFSZ, libc::SIGPIPE];

    impl Write for Outlet {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let part = bytes.get(..MAX_WRITE).unwrap_or(bytes);
            let deadline = Instant::now() + TIMEOUT;
            loop {
                wait_until_writable(&self.0, deadline)?;
                match self.0.write(part) {
                    // Another process has filled the pipe meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return result,
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }

    pub(super) fn wait_until_writable(file: &File, deadline: Instant) -> io::Result<()> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut poll = libc::pollfd { fd: file.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
            // SAFETY: one valid entry, whose descriptor is open.
            // CAST: at most `TIMEOUT`.
            match unsafe { libc::poll(&raw mut poll, 1, left.as_millis() as libc::c_int) } {
                0 => {
                    let secs = TIMEOUT.as_secs();
                    let message = format!("its reader has taken nothing for {secs} s: see that it reads");
                    return Err(io::Error::new(io::ErrorKind::TimedOut, message));
                }
                1.. => return Ok(()),
                _ => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Runs `write`, and discards the signals that it sent to this thread.
    pub fn without_signals<T>(write: impl FnOnce() -> T) -> T {
        let _blocked = BlockedSignals::new();
        write()
    }

    /// Guard that blocks the signals on this thread.
    struct BlockedSignals {
        /// The thread's previous mask.
        before: libc::sigset_t,
        /// Signals that were already pending for the host.
        pending_before: libc::sigset_t,
    }

    impl BlockedSignals {
        fn new() -> Self {
            // SAFETY: every set is written by `sigemptyset`, `pthread_sigmask` or `sigpending`
            // before it is read.
            unsafe {
                let (mut before, mut pending_before) = (std::mem::zeroed(), std::mem::zeroed());
                let blocked = set(&SIGNALS);
                libc::pthread_sigmask(libc::SIG_BLOCK, &raw const blocked, &raw mut before);
                libc::sigpending(&raw mut pending_before);
                Self { before, pending_before }
            }
        }
    }

    impl Drop for BlockedSignals {
        fn drop(&mut self) {
            for signal in SIGNALS {
                // SAFETY: the sets were written by `new`.
                unsafe {
                    if libc::sigismember(&raw const self.pending_before, signal) == 0 {
                        discard_pending(signal);
                    }
                }
            }
            // SAFETY: as above.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
        }
    }

    fn set(signals: &[libc::c_int]) -> libc::sigset_t {
        // SAFETY: `sigemptyset` writes the set before anything reads it.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for &signal in signals {
                libc::sigaddset(&raw mut set, signal);
            }
            set
        }
    }

    /// Removes a blocked signal that is pending.
    #[cfg(not(target_vendor = "apple"))]
    fn discard_pending(signal: libc::c_int) {
        let (only, now) = (set(&[signal]), libc::timespec { tv_sec: 0, tv_nsec: 0 });
        // SAFETY: the set and the timeout are valid; no information about the signal is requested.
        unsafe { libc::sigtimedwait(&raw const only, std::ptr::null_mut(), &raw const now) };
    }

    /// Removes a blocked signal that is pending.
    #[cfg(target_vendor = "apple")]
    fn discard_pending(signal: libc::c_int) {
        let (only, mut pending, mut taken) = (set(&[signal]), set(&[]), 0);
        // SAFETY: the sets are valid; `sigwait` returns at once for a pending signal.
        unsafe {
            libc::sigpending(&raw mut pending);
            if libc::sigismember(&raw const pending, signal) == 1 {
                libc::sigwait(&raw const only, &raw mut taken);
            }
        }
    }
}

#[cfg(all(test, target_os = "linux", not(miri)))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// B5: a reader that takes nothing does not keep the writer.
    #[test]
    fn a_pipe_that_stays_full_is_an_error() {
        let (reader, writer) = io::pipe().unwrap();
        let mut outlet = Outlet::new(File::from(std::os::fd::OwnedFd::from(writer)));
        // The capacity of a pipe.
        outlet.write_all(&[0; 1 << 16]).unwrap();
        let error = unix::wait_until_writable(&outlet.0, Instant::now() + Duration::from_millis(20)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(reader);
    }

    /// C3: a signal that was sent to the host before is the host's.
    #[test]
    fn the_signal_of_a_failed_write_is_taken_back() {
        let limit = |bytes| libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
        let (mut before, far) = (limit(0), limit(1 << 40));
        let mut file = tempfile::tempfile().unwrap();
        // SAFETY: the structures are valid; the limit is that of the process for a moment, in which
        // other tests may fail to write: so it is high, and behind a hole.
        let result = unsafe {
            libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut before);
            libc::setrlimit(libc::RLIMIT_FSIZE, &raw const far);
            let result = without_signals(|| {
                io::Seek::seek(&mut file, io::SeekFrom::Start(1 << 40)).unwrap();
                file.write(b"too far")
            });
            libc::setrlimit(libc::RLIMIT_FSIZE, &raw const before);
            result
        };
        assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EFBIG));
    }
}
