//! The generated video: frames in memory, and writers for several formats.
//!
//! The output's extension determines the format. Every writer is small and pure Rust. An output
//! appears under its final name only when it is complete.

mod gif;
mod h264;
mod mp4;
mod output;
mod png;
mod yuv;

use candle_core::{DType, Result as TensorResult, Tensor};
use profiler_runtime::profiled_stage;

use crate::{Error, Result};

pub use output::{Format, Output};

/// A video in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Video {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Frames per second.
    pub fps: u32,
    /// Pixels of each frame in rows, with 8 bits each of red, green and blue.
    pub frames: Vec<Vec<u8>>,
}

impl Video {
    /// Converts `[frames, 3, height, width]` in `[-1, 1]`, rounding to the nearest level.
    ///
    /// # Errors
    /// If the shape differs, or the device has too little memory.
    #[profiled_stage("postprocess")]
    pub fn from_tensor(frames: &Tensor, fps: u32) -> TensorResult<Self> {
        let (_, _, height, width) = frames.dims4()?;
        let levels = frames.affine(127.5, 127.5)?.round()?.clamp(0f32, 255f32)?.to_dtype(DType::U8)?;
        let pixels = levels.permute((0, 2, 3, 1))?.flatten_from(1)?.to_vec2::<u8>()?;
        Ok(Self { width, height, fps, frames: pixels })
    }

    /// Encodes an MP4 file in memory.
    ///
    /// # Errors
    /// [`Error::Encode`] if the format cannot represent this video.
    #[profiled_stage("export")]
    pub fn to_mp4(&self) -> Result<Vec<u8>> {
        mp4::mux(self)
    }

    /// Encodes the first frame as a PNG file in memory.
    ///
    /// # Errors
    /// [`Error::Encode`] if there are no frames.
    #[profiled_stage("export")]
    pub fn first_frame_to_png(&self) -> Result<Vec<u8>> {
        let wrong = |problem: String| Error::Encode { format: "png", problem };
        let first = self.frames.first().ok_or_else(|| wrong("it needs a frame and there is none".to_owned()))?;
        let mut file = Vec::new();
        png::write_image(self, first, &mut file).map_err(|error| wrong(error.to_string()))?;
        Ok(file)
    }
}
