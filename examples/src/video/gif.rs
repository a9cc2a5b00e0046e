//! GIF: 256 colours chosen per frame; opens everywhere.

use std::io::{self, Write};

use ::gif::{Encoder, EncodingError, Frame, Repeat};

use super::Video;
use crate::{Error, Result};

/// The quantiser's trade of speed for colours: 1 is best, 30 fastest.
const QUANTISER_SPEED: i32 = 10;

/// The size as a GIF states it.
///
/// # Errors
/// [`Error::Encode`] when a side has more than 16 bits.
pub(super) fn screen(video: &Video) -> Result<(u16, u16)> {
    let side = |pixels: usize| {
        let problem = format!("a side has {pixels} pixels, and may have 65535");
        u16::try_from(pixels).map_err(|_| Error::Encode { format: "gif", problem })
    };
    Ok((side(video.width)?, side(video.height)?))
}

/// Writes an endless loop. A GIF counts time in hundredths of a second, so the rate is rounded to
/// what it can express.
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
