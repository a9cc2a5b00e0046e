//! The protocol between the server and a worker: frames of a JSON header and raw bytes.
//!
//! They use a socket pair, of which the worker's end is its standard input. So no other process can
//! connect, and each side notices at once that the other has ended.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use profiler_examples::wan::Request;

/// Maximum bytes of a header.
const HEADER_LIMIT: u32 = 1 << 20;

/// An order for one forward pass. The picture's pixels follow: row by row, red, green, blue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Order {
    /// Number of the server's order, which is the same for both ranks of a pair.
    pub(super) number: u64,
    /// Id by which the profiler's reports group.
    pub(super) request_id: String,
    pub(super) request: Request,
    pub(super) picture_width: usize,
    pub(super) picture_height: usize,
    /// The prediction that this rank makes; `None` if it works alone.
    pub(super) part: Option<Part>,
    pub(super) product: Product,
}

/// The prediction that a rank of a pair makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    Positive,
    Negative,
}

/// Kind of the generated file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Product {
    /// An MP4 file.
    Video,
    /// The first frame as a PNG file.
    Image,
}

/// Answer of a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// The model is loaded; sent once.
    Ready,
    /// The model cannot be loaded, and the worker ends.
    Unusable { why: String },
    /// The order is done. The product's bytes follow, except from the rank that makes the negative
    /// predictions of a pair.
    Done { number: u64, seconds: f64, stage_durations: BTreeMap<String, f64> },
    /// The order failed; `through_other_rank` says that it failed only because the other rank did.
    Failed { number: u64, why: String, through_other_rank: bool },
}

impl Answer {
    /// Returns the number of the order that this answers.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Ready | Self::Unusable { .. } => None,
            Self::Done { number, .. } | Self::Failed { number, .. } => Some(*number),
        }
    }
}

/// Sends one frame.
pub(super) fn send(out: &mut impl Write, header: &impl Serialize, body: &[u8]) -> io::Result<()> {
    let header = serde_json::to_vec(header)?;
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| io::Error::other("a frame is too long"));
    let lengths = [length(&header)?.to_be_bytes(), length(body)?.to_be_bytes()].concat();
    [&lengths[..], &header, body].into_iter().try_for_each(|part| out.write_all(part))?;
    out.flush()
}

/// Receives one frame. Returns [`io::ErrorKind::UnexpectedEof`] at the end of the stream.
pub(super) fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<(T, Vec<u8>)> {
    let mut word = || -> io::Result<u32> {
        let mut bytes = [0; 4];
        from.read_exact(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    };
    let (header_length, body_length) = (word()?, word()?);
    if header_length > HEADER_LIMIT {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a header is too long: this is no worker of this server",
        ));
    }
    let header = take(from, header_length)?;
    Ok((serde_json::from_slice(&header)?, take(from, body_length)?))
}

/// Reads exactly `length` bytes. Memory grows with the received bytes, not with the announced
/// length.
fn take(from: &mut impl Read, length: u32) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = from.take(u64::from(length)).read_to_end(&mut bytes)?;
    if read < length as usize { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_out_as_it_went_in() {
        let order = Order {
            number: 7,
            request_id: "video_gen_7".to_owned(),
            request: Request::tiny(),
            picture_width: 1,
            picture_height: 2,
            part: Some(Part::Negative),
            product: Product::Video,
        };
        let mut wire = Vec::new();
        send(&mut wire, &order, &[1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(receive::<Order>(&mut wire.as_slice()).unwrap(), (order, vec![1, 2, 3, 4, 5, 6]));
    }

    #[test]
    fn a_broken_stream_is_an_error_and_not_a_short_frame() {
        let mut wire = Vec::new();
        send(&mut wire, &Answer::Ready, &[1, 2, 3]).unwrap();
        for length in 0..wire.len() {
            assert!(receive::<Answer>(&mut &wire[..length]).is_err(), "{length} bytes");
        }
        assert!(receive::<Answer>(&mut &[0xFF; 64][..]).is_err());
    }
}
