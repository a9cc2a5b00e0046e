//! Decodes PNG and JPEG files into pixels.
//!
//! All files become red, green and blue with 8 bits each: palettes are looked up, grey is repeated,
//! 16 bits are rounded, CMYK is converted, transparency is dropped. The format is recognized by the
//! first bytes.

use std::io::{self, Cursor};

use ::png::{BitDepth, Limits, Transformations};
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;
use zune_jpeg::{JpegDecoder, errors::DecodeErrors};

use super::Picture;

/// Maximum memory of one picture.
const MAX_BYTES: usize = 512 << 20;

/// Reason why a file is not a usable picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The file is missing or cannot be read.
    #[error("the file cannot be read")]
    Read(#[from] io::Error),

    /// The file is of neither format.
    #[error("the file is neither a PNG nor a JPEG file")]
    Format,

    /// The PNG file is damaged.
    #[error("the PNG file is damaged")]
    Png(#[from] png::DecodingError),

    /// The JPEG file is damaged or uses an obsolete encoding.
    #[error("the JPEG file is damaged or of a rare kind")]
    Jpeg(#[from] DecodeErrors),

    /// The picture would take too much memory.
    #[error("the picture has {width} x {height} pixels, which is too many: scale it down")]
    TooLarge {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
}

/// Decodes a picture of at max_side `max_side` pixels per side.
pub(super) fn decode(file: &[u8], max_side: usize) -> Result<Picture, PictureError> {
    match file {
        [0x89, b'P', b'N', b'G', ..] => png(file, max_side),
        [0xFF, 0xD8, 0xFF, ..] => jpeg(file, max_side),
        _ => Err(PictureError::Format),
    }
}

fn check(width: usize, height: usize, max_side: usize) -> Result<(), PictureError> {
    let fits = width.max(height) <= max_side && width.saturating_mul(height).saturating_mul(3) <= MAX_BYTES;
    if fits { Ok(()) } else { Err(PictureError::TooLarge { width, height }) }
}

fn png(file: &[u8], max_side: usize) -> Result<Picture, PictureError> {
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(file), Limits { bytes: MAX_BYTES });
    decoder.set_transformations(Transformations::EXPAND);
    // Only the pixels matter, so a damaged comment or colour profile is ignored.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info()?;
    let (width, height) = reader.info().size();
    let (width, height) = (width as usize, height as usize);
    check(width, height, max_side)?;
    let bytes = reader.output_buffer_size().ok_or(PictureError::TooLarge { width, height })?;
    let mut samples = vec![0; bytes];
    let frame = reader.next_frame(&mut samples)?;
    samples.truncate(frame.buffer_size());
    if frame.bit_depth == BitDepth::Sixteen {
        samples = samples.as_chunks().0.iter().map(|sample| rounded(u16::from_be_bytes(*sample))).collect();
    }
    Ok(Picture { width, height, pixels: rgb(samples, frame.color_type.samples()) })
}

/// Rounds a 16-bit sample to the nearest of 256 levels.
fn rounded(sample: u16) -> u8 {
    ((u32::from(sample) + 128) / 257) as u8
}

/// Drops an alpha channel, and repeats grey for red, green and blue.
fn rgb(samples: Vec<u8>, channels: usize) -> Vec<u8> {
    match channels {
        1 => samples.into_iter().flat_map(|grey| [grey; 3]).collect(),
        2 => samples.as_chunks().0.iter().flat_map(|&[grey, _]| [grey; 3]).collect(),
        4 => samples.as_chunks().0.iter().flat_map(|&[red, green, blue, _]| [red, green, blue]).collect(),
        _ => samples,
    }
}

fn jpeg(file: &[u8], max_side: usize) -> Result<Picture, PictureError> {
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers()?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    check(width, height, max_side)?;
    let pixels = decoder.decode()?;
    Picture::from_pixels(width, height, pixels)
        .ok_or(DecodeErrors::FormatStatic("its channels are neither grey, nor RGB, nor CMYK").into())
}
