//! `/v1/images/generations`: takes OpenAI's JSON and returns a video's first frame.
//!
//! The model starts from a picture. This endpoint takes none, so it uses the one that the program
//! draws.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::error::ApiError;
use super::{Shared, limits, unix_now};
use crate::fleet::{Generated, Generation};
use crate::wire::Product;
use profiler_examples::image;

/// Maximum number of pictures per request.
const MAX_IMAGES: u32 = 10;

/// Body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImageRequest {
    prompt: String,
    model: Option<String>,
    /// Number of pictures, each from another seed.
    n: Option<u32>,
    /// Size, as in `832x480`.
    size: Option<String>,
    response_format: Option<String>,
    output_format: Option<String>,
    negative_prompt: Option<String>,
    num_inference_steps: Option<usize>,
    guidance_scale: Option<f64>,
    flow_shift: Option<f64>,
    seed: Option<u64>,
}

/// Handles `POST /v1/images/generations`.
pub(super) async fn generate(
    State(service): Shared,
    body: Result<Json<ImageRequest>, JsonRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let Json(body) = body?;
    let headers = service.model.headers(body.model.as_deref())?;
    require("response_format", body.response_format.as_deref(), "b64_json")?;
    require("output_format", body.output_format.as_deref(), "png")?;
    let count = body.n.unwrap_or(1);
    if !(1..=MAX_IMAGES).contains(&count) {
        return Err(ApiError::wrong("n", format_args!("is {count}, but must be from 1 to {MAX_IMAGES}")));
    }
    if body.prompt.trim().is_empty() {
        return Err(ApiError::missing("prompt"));
    }
    let mut request = service.defaults.clone();
    if let Some(text) = &body.size {
        (request.width, request.height) = limits::size(text)?;
    }
    request.num_frames = 1;
    request.prompt = body.prompt;
    request.negative_prompt = body.negative_prompt.unwrap_or(request.negative_prompt);
    request.num_inference_steps = body.num_inference_steps.unwrap_or(request.num_inference_steps);
    request.flow_shift = body.flow_shift.unwrap_or(request.flow_shift);
    request.seed = body.seed.unwrap_or(request.seed);
    if let Some(scale) = body.guidance_scale {
        (request.guidance_scale, request.guidance_scale_2) = (scale, scale);
    }
    limits::check(&request, &service.config)?;

    let (size, picture) = (format!("{}x{}", request.width, request.height), image::demo(request.width, request.height));
    let (mut generated, mut durations) = (Vec::new(), BTreeMap::new());
    for _ in 0..count {
        let generation = Generation {
            id: service.id("image_gen"),
            request: request.clone(),
            picture: picture.clone(),
            product: Product::Image,
            begun: Arc::default(),
        };
        let Generated { file, stage_durations, .. } = service.make(generation).await?;
        for (stage, seconds) in stage_durations {
            *durations.entry(stage).or_insert(0.0) += seconds;
        }
        generated.push(json!({ "b64_json": STANDARD.encode(file), "url": null, "revised_prompt": null }));
        request.seed = request.seed.wrapping_add(1);
    }
    let answer = json!({
        "created": unix_now().as_secs(),
        "data": generated,
        "output_format": "png",
        "size": size,
        "stage_durations": durations,
    });
    Ok((headers, Json(answer)))
}

/// Rejects any value but the only supported one.
fn require(field: &str, given: Option<&str>, supported: &str) -> Result<(), ApiError> {
    match given {
        Some(given) if given != supported => Err(ApiError::wrong(
            field,
            format_args!("`{given}` cannot be had here: leave it out or ask for `{supported}`"),
        )),
        _ => Ok(()),
    }
}
