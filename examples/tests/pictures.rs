//! Tests of reading pictures in all supported formats.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::error::Error as _;
use std::fs;
use std::path::Path;

use candle_core::Device;
use png::{BitDepth, ColorType, Encoder};
use profiler_examples::Error;
use profiler_examples::image::{Picture, PictureError, decode, demo, load, to_tensor};

/// Returns a PNG file of two pixels.
fn png(color: ColorType, depth: BitDepth, data: &[u8], more: impl Fn(&mut Encoder<'_, &mut Vec<u8>>)) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 2, 1);
    encoder.set_color(color);
    encoder.set_depth(depth);
    more(&mut encoder);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    file
}

fn pixels(file: &[u8]) -> Vec<u8> {
    decode(file).unwrap().pixels().to_vec()
}

#[test]
fn every_colour_type_of_png_becomes_rgb() {
    let plain = |color, data: &[u8]| pixels(&png(color, BitDepth::Eight, data, |_| {}));
    assert_eq!(plain(ColorType::Rgb, &[1, 2, 3, 4, 5, 6]), [1, 2, 3, 4, 5, 6]);
    assert_eq!(plain(ColorType::Rgba, &[1, 2, 3, 0, 4, 5, 6, 255]), [1, 2, 3, 4, 5, 6]);
    assert_eq!(plain(ColorType::Grayscale, &[7, 9]), [7, 7, 7, 9, 9, 9]);
    assert_eq!(plain(ColorType::GrayscaleAlpha, &[7, 0, 9, 128]), [7, 7, 7, 9, 9, 9]);
    let bits = png(ColorType::Grayscale, BitDepth::One, &[0b0100_0000], |_| {});
    assert_eq!(pixels(&bits), [0, 0, 0, 255, 255, 255]);
}

#[test]
fn a_palette_is_looked_up_and_its_transparency_dropped() {
    let palette = |encoder: &mut Encoder<'_, &mut Vec<u8>>| encoder.set_palette(&[10, 20, 30, 40, 50, 60][..]);
    let file = png(ColorType::Indexed, BitDepth::Eight, &[1, 0], palette);
    assert_eq!(pixels(&file), [40, 50, 60, 10, 20, 30]);
    let file = png(ColorType::Indexed, BitDepth::Two, &[0b0100_0000], |encoder| {
        palette(encoder);
        encoder.set_trns(&[0, 255][..]);
    });
    assert_eq!(pixels(&file), [40, 50, 60, 10, 20, 30]);
}

#[test]
fn sixteen_bits_are_rounded_to_the_nearest_level() {
    let data: Vec<u8> = [0u16, 128, 129, 256, 65_406, 65_407].iter().flat_map(|sample| sample.to_be_bytes()).collect();
    assert_eq!(pixels(&png(ColorType::Rgb, BitDepth::Sixteen, &data, |_| {})), [0, 0, 1, 1, 254, 255]);
}

/// The left half of each file is red, the right half blue.
#[test]
fn every_kind_of_jpeg_becomes_rgb() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures");
    for (name, left, right) in [
        ("rgb.jpg", [200, 60, 40], [30, 70, 180]),
        ("progressive.jpg", [200, 60, 40], [30, 70, 180]),
        ("cmyk.jpg", [200, 60, 40], [30, 70, 180]),
        ("grey.jpg", [100; 3], [71; 3]),
    ] {
        let picture = load(&folder.join(name)).unwrap();
        assert_eq!((picture.width(), picture.height()), (16, 8), "{name}");
        for row in picture.pixels().chunks(16 * 3) {
            for (shown, expected) in [(&row[..3], left), (&row[45..], right)] {
                let off = shown.iter().zip(expected).map(|(shown, expected)| shown.abs_diff(expected));
                assert!(off.max() <= Some(2), "{name}: {shown:?} instead of {expected:?}");
            }
        }
    }
}

/// The expected levels are those of Pillow's `resize((width, height), LANCZOS)`, which Diffusers
/// calls.
#[test]
fn a_picture_of_another_size_is_stretched_as_pillow_does() {
    let picture = demo(64, 48);
    for (width, height, levels) in [
        (32, 16, [(0, 0, [2u8, 5, 7]), (31, 15, [252, 249, 161]), (11, 3, [116, 78, 104]), (5, 12, [42, 200, 215])]),
        (80, 64, [(0, 0, [0, 0, 0]), (79, 63, [255, 255, 168]), (23, 3, [73, 11, 66]), (5, 60, [16, 243, 236])]),
    ] {
        let tensor = to_tensor(&picture, width, height, &Device::Cpu).unwrap();
        let rows = tensor.squeeze(0).unwrap().to_vec3::<f32>().unwrap();
        for (x, y, expected) in levels {
            for channel in 0..3 {
                let level = (rows[channel][y][x] + 1.0) * 127.5;
                assert!((level - f32::from(expected[channel])).abs() < 1.5, "{level} at {x}, {y}: {expected:?}");
            }
        }
    }
}

#[test]
fn a_file_that_is_no_usable_picture_says_why() {
    let whole = png(ColorType::Rgb, BitDepth::Eight, &[1, 2, 3, 4, 5, 6], |_| {});
    let jpeg = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures/rgb.jpg")).unwrap();
    assert!(matches!(decode(b"GIF89a"), Err(PictureError::Format)));
    assert!(matches!(decode(b""), Err(PictureError::Format)));
    let cut = decode(&whole[..40]).unwrap_err();
    assert!(matches!(cut, PictureError::Png(_)) && cut.source().is_some(), "{cut}");
    assert!(matches!(decode(&jpeg[..30]), Err(PictureError::Jpeg(_))));

    let mut wide = whole;
    wide[16..20].copy_from_slice(&9000u32.to_be_bytes());
    // The checksum of the changed header is wrong.
    assert!(matches!(decode(&wide), Err(PictureError::Png(_))));
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 9000, 1);
    encoder.set_color(ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[0; 9000]).unwrap();
    let error = decode(&file).unwrap_err();
    assert_eq!(error.to_string(), "the picture has 9000 x 1 pixels, which is too many: scale it down");

    let missing = load(Path::new("missing.png")).unwrap_err();
    assert!(matches!(missing, Error::Image { source: PictureError::Read(_), .. }), "{missing}");
}

#[test]
fn pixels_that_are_not_three_bytes_each_make_no_picture() {
    assert!(Picture::from_pixels(2, 1, vec![0; 6]).is_some());
    assert!(Picture::from_pixels(2, 1, vec![0; 8]).is_none());
    assert!(Picture::from_pixels(usize::MAX, 2, Vec::new()).is_none());
}
