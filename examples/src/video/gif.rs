//! Writes GIF, with 256 colours chosen per frame.

use std::io::{self, Write};

use ::gif::{Encoder, EncodingError, Frame, Repeat};

use super::Video;
use crate::{Error, Result};

/// Speed of the colour quantiser: 1 gives the best colours, 30 is fastest.
const QUANTISER_SPEED: i32 = 10;

/// Returns the size in the 16 bits of the format.
///
/// # Errors
/// [`Error::Encode`] if a side exceeds 16 bits.
pub(super) fn screen(video: &Video) -> Result<(u16, u16)> {
    let side = |pixels: usize| {
        let problem = format!("a side has {pixels} pixels, and may have 65535");
        u16::try_from(pixels).map_err(|_| Error::Encode { format: "gif", problem })
    };
    Ok((side(video.width)?, side(video.height)?))
}

/// Writes an endless loop. The frame rate is rounded, because GIF counts time in hundredths of a
/// second.
pub(super) fn write(video: &Video, width: u16, height: u16, out: &mut impl Write) -> io::Result<()> {
    let mut encoder = Encoder::new(out, width, height, &[]).map_err(io_error)?;
    encoder.set_repeat(Repeat::Infinite).map_err(io_error)?;
    for pixels in &video.frames {
        let mut frame = Frame::from_rgb_speed(width, height, pixels, QUANTISER_SPEED);
        frame.delay = (100 / video.fps.max(1)).clamp(1, 100) as u16;
        encoder.write_frame(&frame).map_err(io_error)?;
    }
    Ok(())
}

fn io_error(error: EncodingError) -> io::Error {
    match error {
        EncodingError::Io(error) => error,
        other => io::Error::other(other),
    }
}
