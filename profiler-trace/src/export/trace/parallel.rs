//! Parallel formatting of several streams of output: workers fill pages, and one thread writes a
//! page of each stream in turn.
//!
//! ```text
//! streams ─┬─► worker: one page ─┐
//!          └─► worker: one page ─┴─► 1st, 2nd, 3rd, 1st, 2nd, … ─► out
//! ```
//!
//! A stream is sent to a worker with an empty page and comes back with a full one. So there is one
//! page per stream, however long the streams are. The order of pages depends only on the streams,
//! so the same streams give the same file for any number and speed of workers. A single stream
//! would only travel back and forth, so the exporting thread fills its pages itself. It also does
//! so if no worker can be started.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::export::panic::caught;
use crate::export::workers;

use super::buffer;

/// Output that is produced page by page.
pub(super) trait Stream: Send {
    /// Appends output until `page` is [`FULL`](buffer::FULL). Returns false if nothing remains.
    fn fill(&mut self, page: &mut Vec<u8>) -> bool;
}

/// Writes the streams with the given number of workers. Fewer than two are not used, because this
/// thread is as fast.
///
/// # Errors
///
/// Returns the first error of `out`; pages not filled by then stay empty. The panic of a stream is
/// also an error.
pub(super) fn write<S: Stream>(streams: VecDeque<S>, workers: usize, out: &mut dyn Write) -> io::Result<()> {
    let workers = workers.min(streams.len());
    if workers < 2 {
        return write_alone(streams, buffer::empty(), out);
    }
    thread::scope(|scope| match workers::start(scope, "profiler-trace", workers, Job::run) {
        Some(jobs) => InFlight::start(streams, jobs)?.write(out),
        None => write_alone(streams, buffer::empty(), out),
    })
}

/// Writes the streams on this thread.
fn write_alone<S: Stream>(mut streams: VecDeque<S>, mut page: Vec<u8>, out: &mut dyn Write) -> io::Result<()> {
    while let Some(mut stream) = streams.pop_front() {
        page.clear();
        let has_more = stream.fill(&mut page);
        out.write_all(&page)?;
        if has_more {
            streams.push_back(stream);
        }
    }
    Ok(())
}

/// A stream and its page, with the channel for its return. If a worker dies, so does the last
/// sender, and the receiver gets an error.
struct Job<S> {
    stream: S,
    page: Vec<u8>,
    has_more: bool,
    reply: SyncSender<io::Result<Self>>,
}

impl<S: Stream> Job<S> {
    fn run(mut self) {
        let reply = self.reply.clone();
        let filled = caught(|| {
            self.has_more = self.stream.fill(&mut self.page);
            Ok(self)
        });
        // The receiver is gone if writing failed meanwhile.
        let _ = reply.send(filled);
    }
}

/// Unfinished streams in order of their turns; the workers have all of them.
struct InFlight<S> {
    turns: VecDeque<Receiver<io::Result<Job<S>>>>,
    jobs: SyncSender<Job<S>>,
}

impl<S: Stream> InFlight<S> {
    fn start(streams: VecDeque<S>, jobs: SyncSender<Job<S>>) -> io::Result<Self> {
        let mut in_flight = Self { turns: VecDeque::with_capacity(streams.len()), jobs };
        for stream in streams {
            let (reply, turn) = sync_channel(1);
            in_flight.send(Job { stream, page: buffer::empty(), has_more: true, reply }, turn)?;
        }
        Ok(in_flight)
    }

    fn send(&mut self, job: Job<S>, turn: Receiver<io::Result<Job<S>>>) -> io::Result<()> {
        self.turns.push_back(turn);
        self.jobs.send(job).map_err(|_| io::Error::other("all formatting threads have ended"))
    }

    fn write(mut self, out: &mut dyn Write) -> io::Result<()> {
        while let Some(turn) = self.turns.pop_front() {
            let mut job = turn.recv().map_err(|_| io::Error::other("a formatting thread has ended"))??;
            out.write_all(&job.page)?;
            if !job.has_more {
                continue;
            }
            if self.turns.is_empty() {
                return write_alone([job.stream].into(), job.page, out);
            }
            job.page.clear();
            self.send(job, turn)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A number of pages with its name; panics at the page with a given number.
    struct Pages<'a> {
        name: u8,
        left: usize,
        panics_at: Option<usize>,
        filled: &'a AtomicUsize,
    }

    impl Stream for Pages<'_> {
        fn fill(&mut self, page: &mut Vec<u8>) -> bool {
            assert!(page.is_empty() && page.capacity() >= buffer::FULL);
            assert_ne!(Some(self.left), self.panics_at, "no page {}", self.left);
            self.filled.fetch_add(1, Ordering::SeqCst);
            page.push(self.name);
            self.left -= 1;
            self.left > 0
        }
    }

    fn streams<'a>(lengths: &[usize], filled: &'a AtomicUsize) -> VecDeque<Pages<'a>> {
        let named = lengths.iter().zip(b'a'..);
        named.map(|(&left, name)| Pages { name, left, panics_at: None, filled }).collect()
    }

    #[test]
    fn pages_come_in_turn_however_many_workers_there_are() {
        let filled = AtomicUsize::new(0);
        for workers in 0..6 {
            let mut out = Vec::new();
            write(streams(&[3, 1, 5, 2], &filled), workers, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), "abcdacdaccc", "{workers} workers");
            write(streams(&[], &filled), workers, &mut io::sink()).unwrap();
        }
    }

    /// Accepts a number of pages.
    struct Disk(usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_ends_the_workers() {
        for workers in [1, 4] {
            let filled = AtomicUsize::new(0);
            let result = write(streams(&[1_000_000; 4], &filled), workers, &mut Disk(10));
            assert_eq!(result.map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull), "{workers} workers");
            assert!(filled.load(Ordering::SeqCst) <= 10 + 4, "no more than what was away");
        }
    }

    #[test]
    fn a_panic_of_a_worker_is_an_error_with_its_text() {
        let filled = AtomicUsize::new(0);
        let mut streams = streams(&[9, 9, 9], &filled);
        streams[1].panics_at = Some(7);
        let message = write(streams, 3, &mut io::sink()).unwrap_err().to_string();
        assert!(message.starts_with("its writer panicked: ") && message.contains("no page 7"), "{message}");
    }
}
