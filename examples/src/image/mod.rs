//! The picture that a video starts from: read from a file, or drawn by the program.
//!
//! [`demo`] lets the example run without any file. It is the image of the golden run.

mod decode;

use std::fs;
use std::path::Path;

use candle_core::{DType, Device, Error as TensorError, Tensor};
use profiler_runtime::profiled_stage;
use resize::Pixel::RGB8;
use resize::Type::Lanczos3;
use rgb::FromSlice;

use crate::{Error, Result};

pub use decode::PictureError;

/// Pixels in rows, with 8 bits each of red, green and blue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Picture {
    /// Creates a picture from its pixels; `None` unless there are three bytes per pixel.
    #[must_use]
    pub fn from_pixels(width: usize, height: usize, pixels: Vec<u8>) -> Option<Self> {
        let bytes = width.checked_mul(height)?.checked_mul(3)?;
        (bytes == pixels.len()).then_some(Self { width, height, pixels })
    }

    /// Returns the width in pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Returns the height in pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Returns the pixels, row by row.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}

/// Reads a PNG or JPEG file, recognized by its content, and drops transparency.
///
/// # Errors
/// [`Error::Image`] if the file is missing, of another format, or damaged.
pub fn load(path: &Path) -> Result<Picture> {
    let picture = fs::read(path).map_err(PictureError::from).and_then(|file| decode::decode(&file, usize::MAX));
    picture.map_err(|source| Error::Image { path: path.to_owned(), source })
}

/// Decodes a PNG or JPEG file from an untrusted client: rejects pictures that would take too much
/// memory.
///
/// # Errors
/// If the file is of another format or damaged, or the picture has more than 8192 pixels per side.
pub fn decode(file: &[u8]) -> Result<Picture, PictureError> {
    decode::decode(file, 8192)
}

/// Draws a picture of gradients, stripes and a yellow disc, with integer arithmetic only.
#[must_use]
pub fn demo(width: usize, height: usize) -> Picture {
    let (right, bottom) = (width.saturating_sub(1).max(1), height.saturating_sub(1).max(1));
    let radius = height / 3;
    let pixel = |x: usize, y: usize| {
        let distance = x.abs_diff(width / 2).pow(2) + y.abs_diff(height / 2).pow(2);
        if distance < radius * radius {
            [240, 200, 40]
        } else {
            [(x * 255 / right) as u8, (y * 255 / bottom) as u8, ((x * 3 + y * 5) % 256) as u8]
        }
    };
    let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
    Picture { width, height, pixels }
}

/// Returns the size of a video of a given area with the picture's aspect, each side rounded down to
/// a multiple of `multiple`.
#[must_use]
pub fn fit_area(picture: &Picture, area: usize, multiple: usize) -> (usize, usize) {
    let aspect = picture.height as f64 / picture.width as f64;
    let floor = |side: f64| (side.round() as usize / multiple * multiple).max(multiple);
    let height = floor((area as f64 * aspect).sqrt());
    let width = floor((area as f64 / aspect).sqrt());
    (width, height)
}

/// Scales a picture to the video's size and maps it to `[-1, 1]`, in the shape
/// `[1, 3, height, width]`.
///
/// # Errors
/// If the device has too little memory.
#[profiled_stage("image_preprocess")]
pub fn to_tensor(picture: &Picture, width: usize, height: usize, device: &Device) -> Result<Tensor> {
    let pixels = stretched(picture, width, height).map_err(TensorError::wrap)?;
    let pixels = Tensor::from_vec(pixels, (1, height, width, 3), device)?.to_dtype(DType::F32)?;
    // Divided, because multiplying by 1/255 differs in the last bit, and the golden image is exact.
    let unit = pixels.broadcast_div(&Tensor::new(255f32, device)?)?;
    Ok(unit.affine(2.0, -1.0)?.permute((0, 3, 1, 2))?.contiguous()?)
}

fn stretched(picture: &Picture, width: usize, height: usize) -> resize::Result<Vec<u8>> {
    if (picture.width, picture.height) == (width, height) {
        return Ok(picture.pixels.clone());
    }
    let mut pixels = vec![0; width * height * 3];
    let mut resizer = resize::new(picture.width, picture.height, width, height, RGB8, Lanczos3)?;
    resizer.resize(picture.pixels.as_rgb(), pixels.as_rgb_mut())?;
    Ok(pixels)
}
