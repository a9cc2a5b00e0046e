//! What one request may ask for: enough for the real model, too little to keep every other request
//! waiting for hours.

use std::str::FromStr;

use super::refusal::Refusal;
use profiler_examples::wan::{ModelConfig, Request};

/// Bytes of a body: a picture and a few lines of text.
pub(super) const UPLOAD: usize = 16 << 20;
/// Bytes of a prompt.
const PROMPT: usize = 16 << 10;
/// Denoising steps.
const STEPS: usize = 200;
/// Pixels of all frames: 121 frames at 720p.
const PIXELS: usize = 121 * 1280 * 720;

/// Checks a request against the model and against what one request may ask for.
///
/// # Errors
/// The first that is out of range.
pub(super) fn check(request: &Request, config: &ModelConfig) -> Result<(), Refusal> {
    for (name, text) in [("prompt", &request.prompt), ("negative_prompt", &request.negative_prompt)] {
        if text.len() > PROMPT {
            return Err(Refusal::wrong(name, format_args!("has {} bytes and may have {PROMPT}", text.len())));
        }
    }
    request.validate(config)?;
    if request.num_inference_steps > STEPS {
        let steps = request.num_inference_steps;
        return Err(Refusal::wrong("num_inference_steps", format_args!("is {steps}, but must be from 1 to {STEPS}")));
    }
    let (width, height, frames) = (request.width, request.height, request.frames());
    if width * height * frames > PIXELS {
        let asked = format_args!("{frames} frames of {width}x{height} are more than {PIXELS} pixels: ask for less");
        return Err(Refusal::wrong("size", asked));
    }
    Ok(())
}

/// A field's value as a number.
pub(super) fn number<T: FromStr>(field: &str, text: &str) -> Result<T, Refusal> {
    text.trim().parse().map_err(|_| Refusal::wrong(field, format_args!("expected a number, found {text:?}")))
}

/// `832x480`: width and height.
pub(super) fn size(text: &str) -> Result<(usize, usize), Refusal> {
    let sides =
        text.trim().split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    sides.ok_or_else(|| {
        Refusal::wrong("size", format_args!("expected width and height as in `832x480`, found {text:?}"))
    })
}
