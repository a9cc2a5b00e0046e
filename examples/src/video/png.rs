//! Writes PNG: single frames, and animations, of which viewers without support show the first
//! frame.

use std::io::{self, Write};

use ::png::{BitDepth, ColorType, Encoder, EncodingError};

use super::Video;

/// Writes one frame.
pub(super) fn write_image(video: &Video, pixels: &[u8], out: &mut impl Write) -> io::Result<()> {
    let mut writer = encoder(video, out).write_header().map_err(io_error)?;
    writer.write_image_data(pixels).map_err(io_error)?;
    writer.finish().map_err(io_error)
}

/// Writes all frames as an animation in an endless loop.
pub(super) fn write_animation(video: &Video, out: &mut impl Write) -> io::Result<()> {
    let mut encoder = encoder(video, out);
    encoder.set_animated(video.frames.len() as u32, 0).map_err(io_error)?;
    encoder.set_frame_delay(1, video.fps as u16).map_err(io_error)?;
    let mut writer = encoder.write_header().map_err(io_error)?;
    for pixels in &video.frames {
        writer.write_image_data(pixels).map_err(io_error)?;
    }
    writer.finish().map_err(io_error)
}

fn encoder<'a, W: Write>(video: &Video, out: &'a mut W) -> Encoder<'a, &'a mut W> {
    let mut encoder = Encoder::new(out, video.width as u32, video.height as u32);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder
}

fn io_error(error: EncodingError) -> io::Error {
    match error {
        EncodingError::IoError(error) => error,
        other => io::Error::other(other),
    }
}
