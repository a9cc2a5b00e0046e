//! Reads the form of a video: `multipart/form-data` with the fields of vLLM-Omni and OpenAI.
//!
//! | field | default | |
//! |---|---|---|
//! | `prompt` | required | what the video should show |
//! | `image` or `input_reference` | drawn by the program | PNG or JPEG file that the video starts from |
//! | `negative_prompt` | the model's | what the video should not show |
//! | `size`, or `width` and `height` | the picture's aspect | `832x480`; multiples of 16 |
//! | `num_frames`, or `seconds` | the model's | one more than a multiple of 4 |
//! | `num_inference_steps`, `guidance_scale`, `guidance_scale_2`, `boundary_ratio`, `flow_shift`, `seed`, `fps` | the model's | |
//! | `model` | | name of a model; any but the served one causes a warning ([`super::model`]) |

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Multipart;
use axum::extract::multipart::Field;
use axum::http::{HeaderMap, StatusCode};

use profiler_examples::chain;
use profiler_examples::image::{self, Picture};
use profiler_examples::wan::{Request, SIDE_MULTIPLE};

use super::Service;
use super::error::ApiError;
use super::limits::{self, number, size};

/// Timeout for a client to send a form.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// A checked request for a video.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) request: Request,
    pub(super) picture: Picture,
    /// Headers that name the model in the answer.
    pub(super) headers: HeaderMap,
}

/// Fields read so far.
#[derive(Default)]
struct Fields {
    prompt: Option<String>,
    model: Option<String>,
    picture: Option<Bytes>,
    width: Option<usize>,
    height: Option<usize>,
    seconds: Option<f64>,
    guidance_scale_2: Option<f64>,
}

/// Reads and checks a form.
///
/// # Errors
/// The first mistake that the client has to correct.
pub(super) async fn read(mut form: Multipart, service: &Service) -> Result<Form, ApiError> {
    let (mut fields, mut request) = (Fields::default(), service.defaults.clone());
    let upload = async {
        while let Some(field) = form.next_field().await? {
            take(field, &mut fields, &mut request).await?;
        }
        Ok::<(), ApiError>(())
    };
    let too_slow =
        || ApiError::new(StatusCode::REQUEST_TIMEOUT, "too_slow", format!("the form took over {UPLOAD_TIMEOUT:?}"));
    tokio::time::timeout(UPLOAD_TIMEOUT, upload).await.map_err(|_| too_slow())??;
    let headers = service.model.headers(fields.model.as_deref())?;
    request.prompt = fields.prompt.filter(|prompt| !prompt.trim().is_empty()).ok_or(ApiError::missing("prompt"))?;
    if let Some(seconds) = fields.seconds {
        request.num_frames = (seconds.clamp(0.0, 600.0) * f64::from(request.fps)) as usize;
    }
    // The second scale follows the first if only the first is given.
    request.guidance_scale_2 = fields.guidance_scale_2.unwrap_or(request.guidance_scale_2);

    let picture_file = match fields.picture {
        Some(file) => Some(decode(file).await?),
        None => None,
    };
    let usual = (service.defaults.width, service.defaults.height);
    let fitting =
        picture_file.as_ref().map_or(usual, |picture| image::fit_area(picture, usual.0 * usual.1, SIDE_MULTIPLE));
    request.width = fields.width.unwrap_or(fitting.0);
    request.height = fields.height.unwrap_or(fitting.1);
    limits::check(&request, &service.config)?;
    let picture = picture_file.unwrap_or_else(|| image::demo(request.width, request.height));
    Ok(Form { request, picture, headers })
}

async fn take(field: Field<'_>, fields: &mut Fields, request: &mut Request) -> Result<(), ApiError> {
    let name = field.name().unwrap_or_default().to_owned();
    if ["image", "input_reference"].contains(&name.as_str()) {
        fields.picture = Some(field.bytes().await?);
        return Ok(());
    }
    let text = field.text().await?;
    let (name, text) = (name.as_str(), text.as_str());
    match name {
        "prompt" => fields.prompt = Some(text.to_owned()),
        "negative_prompt" => request.negative_prompt = text.to_owned(),
        "model" => fields.model = Some(text.to_owned()),
        "size" => {
            let (width, height) = size(text)?;
            (fields.width, fields.height) = (Some(width), Some(height));
        }
        "width" => fields.width = Some(number(name, text)?),
        "height" => fields.height = Some(number(name, text)?),
        "seconds" => fields.seconds = Some(number(name, text)?),
        "num_frames" => request.num_frames = number(name, text)?,
        "num_inference_steps" => request.num_inference_steps = number(name, text)?,
        "guidance_scale" => {
            request.guidance_scale = number(name, text)?;
            request.guidance_scale_2 = request.guidance_scale;
        }
        "guidance_scale_2" => fields.guidance_scale_2 = Some(number(name, text)?),
        "boundary_ratio" => request.boundary_ratio = number(name, text)?,
        "flow_shift" => request.flow_shift = number(name, text)?,
        "seed" => request.seed = number(name, text)?,
        "fps" => request.fps = number(name, text)?,
        _ => {
            return Err(ApiError::wrong(
                name,
                "is no field of this form; `prompt`, `image`, `size`, `num_frames`, \
            `num_inference_steps`, `guidance_scale`, `seed` and others are",
            ));
        }
    }
    Ok(())
}

/// Decodes a picture on a thread for blocking work, because it takes a while.
async fn decode(file: Bytes) -> Result<Picture, ApiError> {
    let decoded = tokio::task::spawn_blocking(move || image::decode(&file)).await;
    let wrong = |why: String| ApiError::wrong("image", format_args!("expected a PNG or JPEG file: {why}"));
    decoded.map_err(|error| wrong(error.to_string()))?.map_err(|error| wrong(chain(&error)))
}
