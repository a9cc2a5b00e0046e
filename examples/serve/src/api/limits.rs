//! Limits of a request: enough for the real model, but too little to keep other requests waiting
//! for hours.

use std::str::FromStr;

use super::error::ApiError;
use profiler_examples::wan::{ModelConfig, Request};

/// Maximum bytes of a body: a picture and a few lines of text.
pub(super) const MAX_UPLOAD: usize = 16 << 20;
/// Maximum bytes of a prompt.
const MAX_PROMPT: usize = 16 << 10;
/// Maximum number of denoising steps.
const MAX_STEPS: usize = 200;
/// Maximum number of pixels of all frames: 121 frames at 720p.
const MAX_PIXELS: usize = 121 * 1280 * 720;

/// Checks a request against the model and the limits.
///
/// # Errors
/// The first argument that is out of range.
pub(super) fn check(request: &Request, config: &ModelConfig) -> Result<(), ApiError> {
    for (name, text) in [("prompt", &request.prompt), ("negative_prompt", &request.negative_prompt)] {
        if text.len() > MAX_PROMPT {
            return Err(ApiError::wrong(name, format_args!("has {} bytes and may have {MAX_PROMPT}", text.len())));
        }
    }
    request.validate(config)?;
    if request.num_inference_steps > MAX_STEPS {
        let steps = request.num_inference_steps;
        return Err(ApiError::wrong(
            "num_inference_steps",
            format_args!("is {steps}, but must be from 1 to {MAX_STEPS}"),
        ));
    }
    let (width, height, frames) = (request.width, request.height, request.frames());
    if width * height * frames > MAX_PIXELS {
        let asked = format_args!("{frames} frames of {width}x{height} are more than {MAX_PIXELS} pixels: ask for less");
        return Err(ApiError::wrong("size", asked));
    }
    Ok(())
}

/// Parses a field's value as a number.
pub(super) fn number<T: FromStr>(field: &str, text: &str) -> Result<T, ApiError> {
    text.trim().parse().map_err(|_| ApiError::wrong(field, format_args!("expected a number, found {text:?}")))
}

/// Parses width and height, as in `832x480`.
pub(super) fn size(text: &str) -> Result<(usize, usize), ApiError> {
    let sides =
        text.trim().split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    sides.ok_or_else(|| {
        ApiError::wrong("size", format_args!("expected width and height as in `832x480`, found {text:?}"))
    })
}
