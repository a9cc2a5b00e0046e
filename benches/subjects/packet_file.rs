//! A trace file in Perfetto's native format, and the number of its slices.

use flate2::read::MultiGzDecoder;
use profiler_benches::Result;
use profiler_benches::subject::{Evidence, Kept};
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::PathBuf;
use tempfile::TempDir;

/// Tag of the packet field with an event.
const EVENT: u8 = 11 << 3 | 2;
/// First field of an event, which is its type, with the value of a begin.
const BEGIN: [u8; 2] = [9 << 3, 1];

/// A trace file in a temporary folder.
pub(crate) struct PacketFile {
    #[expect(dead_code, reason = "owns the folder that `path` is in")]
    pub(crate) dir: TempDir,
    /// Path of the trace; compressed if it ends in `.gz`.
    pub(crate) path: PathBuf,
}

impl Kept for PacketFile {
    fn evidence(&self) -> Result<Evidence> {
        let file = File::open(&self.path)?;
        let gzip = self.path.extension().is_some_and(|extension| extension == "gz");
        let packets: Box<dyn Read> = if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let mut packets = BufReader::new(packets);
        let (mut spans, mut text_bytes) = (0, 0);
        let mut packet = Vec::new();
        let mut tag = [0];
        while packets.read(&mut tag)? > 0 {
            let (length, width) = varint(&mut packets)?;
            packet.resize(usize::try_from(length)?, 0);
            packets.read_exact(&mut packet)?;
            text_bytes += 1 + width + length;
            spans += u64::from(begins(&packet));
        }
        // One slice is the recording itself.
        Ok(Evidence { spans: Some(spans - 1), file_bytes: fs::metadata(&self.path)?.len(), text_bytes })
    }
}

/// Returns whether the packet is the start of a slice. Numbers precede the event in a packet.
fn begins(packet: &[u8]) -> bool {
    let mut rest = packet;
    while let Some((&tag, after)) = rest.split_first() {
        if tag == EVENT {
            let length = after.iter().take_while(|byte| **byte >= 0x80).count() + 1;
            return after.get(length..).is_some_and(|event| event.starts_with(&BEGIN));
        }
        if tag & 7 != 0 {
            return false;
        }
        let number = after.iter().take_while(|byte| **byte >= 0x80).count() + 1;
        rest = after.get(number..).unwrap_or_default();
    }
    false
}

/// Reads a variable-length number. Returns it with its length in bytes.
fn varint(bytes: &mut impl Read) -> Result<(u64, u64)> {
    let (mut number, mut width) = (0, 0);
    loop {
        let mut byte = [0];
        bytes.read_exact(&mut byte)?;
        number |= u64::from(byte[0] & 0x7f) << (7 * width);
        width += 1;
        if byte[0] < 0x80 {
            return Ok((number, width));
        }
    }
}
