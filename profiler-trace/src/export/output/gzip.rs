//! Gzip compression on several cores, as a single member.
//!
//! ```text
//! bytes ─► blocks ─┬─► worker: deflate, checksum ─┐
//!                  └─► worker: …                  ├─► in order ─► one gzip member
//! ```
//!
//! Compressing costs several times as much as formatting a trace. Deflate streams that end with a
//! sync flush can be concatenated, so blocks are compressed independently, at a cost of 1 % of the
//! ratio. The number of blocks in flight bounds the memory. The output is one member because some
//! readers stop after the first member of a file.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use flate2::{Compress, Compression, Crc, FlushCompress};

use crate::export::workers;

/// Level 1 compresses traces 6 to 10 times, at hundreds of megabytes per second; higher levels gain
/// 10 % for twice the time.
const LEVEL: Compression = Compression::fast();
const BLOCK: usize = 256 << 10;
/// Header without name and time: compressed for speed, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];
/// Empty final block of a deflate stream.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// Compresses what `body` writes, into `out`.
pub(super) fn compress<W: Write>(out: W, body: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<W> {
    let workers = workers::count();
    thread::scope(|scope| {
        let blocks = workers::start(scope, "profiler-gzip", workers, Job::run);
        let mut gzip = Gzip {
            out,
            block: Vec::with_capacity(BLOCK),
            blocks,
            in_flight: VecDeque::new(),
            workers,
            crc: Crc::new(),
        };
        gzip.out.write_all(&HEADER)?;
        body(&mut gzip)?;
        gzip.finish()
    })
}

/// A block to compress, and the channel for its result.
struct Job {
    block: Vec<u8>,
    done: SyncSender<io::Result<Block>>,
}

/// A compressed block.
struct Block {
    deflated: Vec<u8>,
    /// Checksum of the bytes before compression.
    crc: Crc,
    /// Buffer of those bytes, for reuse.
    spare: Vec<u8>,
}

impl Job {
    fn run(self) {
        // The receiver is gone if writing failed meanwhile.
        let _ = self.done.send(deflate(self.block));
    }
}

fn deflate(mut block: Vec<u8>) -> io::Result<Block> {
    let mut crc = Crc::new();
    crc.update(&block);
    let mut deflated = Vec::with_capacity(block.len() / 4 + 64);
    let mut compress = Compress::new(LEVEL, false);
    // The flush is complete once the output has spare capacity.
    while compress.total_in() < block.len() as u64 || deflated.len() == deflated.capacity() {
        deflated.reserve(block.len() / 4 + 64);
        let rest = block.get(compress.total_in() as usize..).unwrap_or_default();
        compress.compress_vec(rest, &mut deflated, FlushCompress::Sync).map_err(io::Error::other)?;
    }
    block.clear();
    Ok(Block { deflated, crc, spare: block })
}

struct Gzip<W> {
    out: W,
    /// Block that is not full yet.
    block: Vec<u8>,
    /// Channel to the workers; `None` if there are none.
    blocks: Option<SyncSender<Job>>,
    /// Results of blocks in flight, in order.
    in_flight: VecDeque<Receiver<io::Result<Block>>>,
    workers: usize,
    crc: Crc,
}

impl<W: Write> Gzip<W> {
    fn send(&mut self) -> io::Result<()> {
        let spare = if self.in_flight.len() > self.workers { self.write_oldest()? } else { Vec::with_capacity(BLOCK) };
        let block = std::mem::replace(&mut self.block, spare);
        let (done, result) = sync_channel(1);
        let job = Job { block, done };
        match &self.blocks {
            Some(blocks) => blocks.send(job).map_err(|_| io::Error::other("all compressing threads have ended"))?,
            None => job.run(),
        }
        self.in_flight.push_back(result);
        Ok(())
    }

    /// Writes the oldest block in flight. Returns its buffer.
    fn write_oldest(&mut self) -> io::Result<Vec<u8>> {
        let Some(result) = self.in_flight.pop_front() else { return Ok(Vec::with_capacity(BLOCK)) };
        let block = result.recv().map_err(|_| io::Error::other("a compressing thread has ended"))??;
        self.crc.combine(&block.crc);
        self.out.write_all(&block.deflated)?;
        Ok(block.spare)
    }

    fn finish(mut self) -> io::Result<W> {
        self.send()?;
        while !self.in_flight.is_empty() {
            self.write_oldest()?;
        }
        self.out.write_all(&LAST_BLOCK)?;
        self.out.write_all(&self.crc.sum().to_le_bytes())?;
        self.out.write_all(&self.crc.amount().to_le_bytes())?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Gzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.block.len() >= BLOCK {
            self.send()?;
        }
        let count = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// Does nothing: a flush would cost compression ratio, and the rest is written at the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Read;

    use super::*;

    fn round_trip(bytes: &[u8]) -> Vec<u8> {
        let compressed =
            compress(Vec::new(), |out| bytes.chunks(10_007).try_for_each(|part| out.write_all(part))).unwrap();
        let mut rest = compressed.as_slice();
        let mut back = Vec::new();
        flate2::bufread::GzDecoder::new(&mut rest).read_to_end(&mut back).unwrap();
        assert!(rest.is_empty(), "one member and nothing after it");
        back
    }

    #[test]
    fn every_length_comes_back_as_one_member() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 9 * BLOCK + 17] {
            let mut seed = 1_u32;
            let noise = std::iter::repeat_with(|| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 24) as u8
            });
            let noise: Vec<u8> = noise.take(length).collect();
            assert_eq!(round_trip(&noise), noise, "{length} bytes that cannot be compressed");
            let text: Vec<u8> = b"{\"ph\": \"X\"},\n".iter().copied().cycle().take(length).collect();
            assert_eq!(round_trip(&text), text, "{length} bytes of text");
        }
    }

    #[test]
    fn an_error_of_the_file_comes_back_and_ends_the_threads() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if bytes.len() > HEADER.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(bytes.len()) }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let result = compress(Full, |out| (0..100).try_for_each(|_| out.write_all(&[7; BLOCK])));
        assert_eq!(result.err().unwrap().kind(), io::ErrorKind::StorageFull);
    }
}
