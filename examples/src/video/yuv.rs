//! Converts RGB to the planes of H.264: BT.709, limited range, colour at half resolution.

use super::Video;

/// Planes of one frame; the chroma planes have half the width and height.
pub(super) struct Planes {
    pub(super) luma: Vec<u8>,
    pub(super) blue: Vec<u8>,
    pub(super) red: Vec<u8>,
}

/// Weights of red, green and blue in BT.709's luma.
const WEIGHTS: [f32; 3] = [0.2126, 0.7152, 0.0722];

/// Converts a frame of even width and height. Chroma is the mean of each square of four pixels.
pub(super) fn planes(video: &Video, pixels: &[u8]) -> Planes {
    let (width, height) = (video.width, video.height);
    let at = |x: usize, y: usize| {
        let start = 3 * (y * width + x);
        [0, 1, 2].map(|channel| f32::from(pixels.get(start + channel).copied().unwrap_or(0)))
    };
    let luma_of = |rgb: [f32; 3]| rgb.iter().zip(WEIGHTS).map(|(value, weight)| value * weight).sum::<f32>();

    let mut luma = Vec::with_capacity(width * height);
    for y in 0..height {
        luma.extend((0..width).map(|x| (16.0 + luma_of(at(x, y)) * (219.0 / 255.0)).round() as u8));
    }
    let (mut blue, mut red) = (Vec::new(), Vec::new());
    for y in (0..height).step_by(2) {
        for x in (0..width).step_by(2) {
            let square = [at(x, y), at(x + 1, y), at(x, y + 1), at(x + 1, y + 1)];
            let mean = [0, 1, 2].map(|channel| square.iter().map(|rgb| rgb[channel]).sum::<f32>() / 4.0);
            let luma = luma_of(mean);
            let [red_weight, _, blue_weight] = WEIGHTS;
            let chroma = |value: f32, weight: f32| {
                (128.0 + (value - luma) / (2.0 * (1.0 - weight)) * (224.0 / 255.0)).round() as u8
            };
            blue.push(chroma(mean[2], blue_weight));
            red.push(chroma(mean[0], red_weight));
        }
    }
    Planes { luma, blue, red }
}
