//! Encodes H.264 without compression: constrained baseline, every picture an IDR, every macroblock
//! raw samples (I_PCM).
//!
//! This is the simplest stream that every decoder reads: no transform, no prediction, no entropy
//! coding except for a few Exp-Golomb numbers, and no loss except for the colour conversion. It
//! takes 384 bytes per 16×16 pixels.

use super::Video;
use super::yuv::Planes;

/// A macroblock's side in pixels.
pub(super) const MACROBLOCK: usize = 16;

/// Level times ten: 5.1 is the lowest whose bit rate fits uncompressed 480p.
const LEVEL: u8 = 51;
const BASELINE: u8 = 66;
/// Flags of the constrained baseline profile.
const CONSTRAINED: u8 = 0b1100_0000;

/// Bit writer, most significant bit first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    /// Writes the low `count` bits of `value`.
    fn put(&mut self, count: u32, value: u32) {
        for bit in (0..count).rev() {
            if self.used == 0 {
                self.bytes.push(0);
            }
            self.used = (self.used + 1) % 8;
            if let Some(last) = self.bytes.last_mut() {
                *last |= (((value >> bit) & 1) as u8) << ((8 - self.used) % 8);
            }
        }
    }

    /// Writes an unsigned Exp-Golomb number. A signed zero has the same code.
    fn golomb(&mut self, value: u32) {
        let length = (value + 1).ilog2();
        self.put(length, 0);
        self.put(length + 1, value + 1);
    }

    /// Fills up the current byte with zeros.
    fn align(&mut self) {
        self.used = 0;
    }

    /// Writes the stop bit that ends every unit.
    fn finish(mut self) -> Vec<u8> {
        self.put(1, 1);
        self.bytes
    }
}

/// Returns a unit of the stream: the header byte, then the payload with start codes escaped.
fn unit(header: u8, payload: &[u8]) -> Vec<u8> {
    let mut unit = Vec::with_capacity(payload.len() + 16);
    unit.push(header);
    let mut zeros = 0;
    for &byte in payload {
        if zeros == 2 && byte <= 3 {
            unit.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        unit.push(byte);
    }
    unit
}

/// Returns the sequence parameter set: size, rate and colours.
pub(super) fn sequence_parameters(video: &Video) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(8, BASELINE.into());
    bits.put(8, CONSTRAINED.into());
    bits.put(8, LEVEL.into());
    bits.golomb(0); // this set's number
    bits.golomb(0); // frame numbers have 4 bits
    bits.golomb(2); // pictures are shown in the order of decoding
    bits.golomb(0); // no picture refers to another
    bits.put(1, 0); // no gaps in the frame numbers
    bits.golomb((video.width / MACROBLOCK - 1) as u32);
    bits.golomb((video.height / MACROBLOCK - 1) as u32);
    bits.put(1, 1); // frames, not fields
    bits.put(1, 1); // direct 8x8 inference, required by the level
    bits.put(1, 0); // no cropping
    bits.put(1, 1); // usability information follows
    bits.put(1, 0); // square pixels
    bits.put(1, 0); // no overscan
    bits.put(1, 1); // the signal is described:
    bits.put(3, 5); // unspecified origin
    bits.put(1, 0); // limited range
    bits.put(1, 1); // colours: BT.709 primaries, transfer and matrix
    bits.put(8, 1);
    bits.put(8, 1);
    bits.put(8, 1);
    bits.put(1, 0); // default chroma position
    bits.put(1, 1); // timing: a frame lasts two ticks
    bits.put(32, 1);
    bits.put(32, 2 * video.fps);
    bits.put(1, 1); // constant rate
    bits.put(4, 0); // no buffering model, no picture structure, no restriction
    unit(0x67, &bits.finish())
}

/// Returns the picture parameter set, with defaults throughout.
pub(super) fn picture_parameters() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.golomb(0); // this set's number
    bits.golomb(0); // the sequence's
    bits.put(2, 0); // variable-length codes, no bottom-field order
    bits.golomb(0); // one slice group
    bits.golomb(0); // one reference in each list
    bits.golomb(0);
    bits.put(3, 0); // no weighted prediction
    bits.golomb(0); // quantiser offsets
    bits.golomb(0);
    bits.golomb(0);
    bits.put(3, 0b100); // slices say how they deblock; free intra prediction; no redundant pictures
    unit(0x68, &bits.finish())
}

/// Encodes one picture. `index` is its position in the video, because neighbouring IDR pictures
/// must have different numbers.
pub(super) fn picture(video: &Video, planes: &Planes, index: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.golomb(0); // first macroblock
    bits.golomb(7); // intra slice, as all of this picture
    bits.golomb(0); // picture parameter set
    bits.put(4, 0); // frame number
    bits.golomb((index % 2) as u32);
    bits.put(2, 0); // keep output of prior pictures; not a long-term reference
    bits.golomb(0); // quantiser offset
    bits.golomb(1); // no deblocking: the samples are exact
    for y in (0..video.height).step_by(MACROBLOCK) {
        for x in (0..video.width).step_by(MACROBLOCK) {
            bits.golomb(25); // I_PCM
            bits.align();
            samples(&mut bits.bytes, &planes.luma, video.width, (x, y), MACROBLOCK);
            samples(&mut bits.bytes, &planes.blue, video.width / 2, (x / 2, y / 2), MACROBLOCK / 2);
            samples(&mut bits.bytes, &planes.red, video.width / 2, (x / 2, y / 2), MACROBLOCK / 2);
        }
    }
    unit(0x65, &bits.finish())
}

fn samples(out: &mut Vec<u8>, plane: &[u8], stride: usize, (x, y): (usize, usize), side: usize) {
    for row in plane.chunks_exact(stride).skip(y).take(side) {
        out.extend(row.iter().skip(x).take(side));
    }
}
