//! The picture that a video starts from: read from a file, or made by the program.
//!
//! [`demo`] lets the example run without any file; it is the very image of the golden run.

use std::io::Cursor;
use std::path::Path;

use ::image::imageops::{FilterType, resize};
use ::image::{ImageReader, Limits, Rgb, RgbImage};
use candle_core::{DType, Device, Tensor};
use profiler_runtime::profiled_stage;

use crate::{Error, Result};

/// Reads a PNG or JPEG file, told apart by content, not by name; transparency is dropped.
///
/// # Errors
/// [`Error::Image`] when the file is missing, of another kind, or damaged.
pub fn load(path: &Path) -> Result<RgbImage> {
    let decode = || ImageReader::open(path)?.with_guessed_format()?.decode();
    let picture = decode().map_err(|source| Error::Image { path: path.to_owned(), source })?;
    Ok(picture.to_rgb8())
}

/// Decodes the bytes of a PNG or JPEG file that came from outside: refuses what would take too much memory.
///
/// # Errors
/// When the bytes are of another kind, damaged, or a picture of more than 8192 pixels a side.
pub fn decode(file: &[u8]) -> ::image::ImageResult<RgbImage> {
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format()?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(8192), Some(8192));
    reader.limits(limits);
    Ok(reader.decode()?.to_rgb8())
}

/// A picture made of gradients, stripes and a yellow disc; every value is an integer formula.
#[must_use]
pub fn demo(width: usize, height: usize) -> RgbImage {
    let (right, bottom) = (width.saturating_sub(1).max(1), height.saturating_sub(1).max(1));
    let radius = height / 3;
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let (x, y) = (x as usize, y as usize);
        let distance = x.abs_diff(width / 2).pow(2) + y.abs_diff(height / 2).pow(2);
        if distance < radius * radius {
            Rgb([240, 200, 40])
        } else {
            Rgb([(x * 255 / right) as u8, (y * 255 / bottom) as u8, ((x * 3 + y * 5) % 256) as u8])
        }
    })
}

/// The size at which to generate from a picture when only an area is known: the picture's aspect, each side floored to
/// a multiple of `multiple`.
#[must_use]
pub fn fit_area(picture: &RgbImage, area: usize, multiple: usize) -> (usize, usize) {
    let aspect = f64::from(picture.height()) / f64::from(picture.width());
    let floor = |side: f64| (side.round() as usize / multiple * multiple).max(multiple);
    let height = floor((area as f64 * aspect).sqrt());
    let width = floor((area as f64 / aspect).sqrt());
    (width, height)
}

/// Stretches a picture to the video's size and maps it to `[-1, 1]`, shape `[1, 3, height, width]`.
///
/// # Errors
/// When the device has too little memory.
#[profiled_stage("image_preprocess")]
pub fn to_tensor(picture: &RgbImage, width: usize, height: usize, device: &Device) -> Result<Tensor> {
    let (width, height) = (width as u32, height as u32);
    let stretched = if picture.dimensions() == (width, height) {
        picture.clone()
    } else {
        resize(picture, width, height, FilterType::Lanczos3)
    };
    let shape = (1, height as usize, width as usize, 3);
    let pixels = Tensor::from_vec(stretched.into_raw(), shape, device)?.to_dtype(DType::F32)?;
    // Divided, not multiplied by 1/255: the two differ in the last bit, and the golden image is exact.
    let unit = pixels.broadcast_div(&Tensor::new(255f32, device)?)?;
    Ok(unit.affine(2.0, -1.0)?.permute((0, 3, 1, 2))?.contiguous()?)
}
