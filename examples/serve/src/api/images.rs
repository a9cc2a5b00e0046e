//! `/v1/images/generations`: OpenAI's JSON; the picture is a video's first frame.
//!
//! The model starts from a picture, and this endpoint has none: it starts from the one that the
//! program makes.

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

use super::refusal::Refusal;
use super::{Shared, limits, unix_now};
use crate::fleet::{Made, Wish};
use crate::wire::Product;
use profiler_examples::image;

/// Pictures that one request may ask for.
const MOST: u32 = 10;

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    prompt: String,
    model: Option<String>,
    /// Pictures, from as many seeds.
    n: Option<u32>,
    /// `832x480`.
    size: Option<String>,
    response_format: Option<String>,
    output_format: Option<String>,
    negative_prompt: Option<String>,
    num_inference_steps: Option<usize>,
    guidance_scale: Option<f64>,
    flow_shift: Option<f64>,
    seed: Option<u64>,
}

/// `POST /v1/images/generations`
pub(super) async fn generate(
    State(service): Shared,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Json(asked) = asked?;
    let headers = service.model.headers(asked.model.as_deref())?;
    only("response_format", asked.response_format.as_deref(), "b64_json")?;
    only("output_format", asked.output_format.as_deref(), "png")?;
    let count = asked.n.unwrap_or(1);
    if !(1..=MOST).contains(&count) {
        return Err(Refusal::wrong("n", format_args!("is {count}, but must be from 1 to {MOST}")));
    }
    if asked.prompt.trim().is_empty() {
        return Err(Refusal::missing("prompt"));
    }
    let mut request = service.defaults.clone();
    if let Some(text) = &asked.size {
        (request.width, request.height) = limits::size(text)?;
    }
    request.num_frames = 1;
    request.prompt = asked.prompt;
    request.negative_prompt = asked.negative_prompt.unwrap_or(request.negative_prompt);
    request.num_inference_steps = asked.num_inference_steps.unwrap_or(request.num_inference_steps);
    request.flow_shift = asked.flow_shift.unwrap_or(request.flow_shift);
    request.seed = asked.seed.unwrap_or(request.seed);
    if let Some(scale) = asked.guidance_scale {
        (request.guidance_scale, request.guidance_scale_2) = (scale, scale);
    }
    limits::check(&request, &service.config)?;

    let (size, picture) = (format!("{}x{}", request.width, request.height), image::demo(request.width, request.height));
    let (mut made, mut durations) = (Vec::new(), BTreeMap::new());
    for _ in 0..count {
        let wish = Wish {
            id: service.id("image_gen"),
            request: request.clone(),
            picture: picture.clone(),
            product: Product::Image,
            begun: Arc::default(),
        };
        let Made { file, stage_durations, .. } = service.make(wish).await?;
        for (stage, seconds) in stage_durations {
            *durations.entry(stage).or_insert(0.0) += seconds;
        }
        made.push(json!({ "b64_json": STANDARD.encode(file), "url": null, "revised_prompt": null }));
        request.seed = request.seed.wrapping_add(1);
    }
    let body = json!({
        "created": unix_now().as_secs(),
        "data": made,
        "output_format": "png",
        "size": size,
        "stage_durations": durations,
    });
    Ok((headers, Json(body)))
}

/// Refuses any value but the one that can be had.
fn only(field: &str, given: Option<&str>, possible: &str) -> Result<(), Refusal> {
    match given {
        Some(given) if given != possible => Err(Refusal::wrong(
            field,
            format_args!("`{given}` cannot be had here: leave it out or ask for `{possible}`"),
        )),
        _ => Ok(()),
    }
}
