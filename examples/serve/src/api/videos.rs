//! `/v1/videos`: generates videos while the client waits, or as a job for which it polls.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::Json;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, Path, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::error::ApiError;
use super::form::{self, Form};
use super::jobs::Job;
use super::{Service, Shared};
use crate::fleet::Generation;
use crate::wire::Product;

const MP4: &str = "video/mp4";

fn generation(service: &Service, form: Form, begun: &Arc<AtomicBool>) -> (Generation, HeaderMap) {
    let Form { request, picture, headers } = form;
    let id = service.id("video_gen");
    (Generation { id, request, picture, product: Product::Video, begun: Arc::clone(begun) }, headers)
}

/// Handles `POST /v1/videos/sync`.
pub(super) async fn sync(
    State(service): Shared,
    form: Result<Multipart, MultipartRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let (generation, of_model) = generation(&service, form::read(form?, &service).await?, &Arc::default());
    let id = generation.id.clone();
    let generated = service.make(generation).await?;
    let headers = [
        ("content-type", MP4.to_owned()),
        ("x-request-id", id),
        ("x-inference-time-s", format!("{:.3}", generated.seconds)),
        ("x-stage-durations", json!(generated.stage_durations).to_string()),
    ];
    Ok((of_model, headers, generated.file))
}

/// Handles `POST /v1/videos`.
pub(super) async fn submit(
    State(service): Shared,
    form: Result<Multipart, MultipartRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let begun = Arc::default();
    let (generation, headers) = generation(&service, form::read(form?, &service).await?, &begun);
    let job = Job::new(generation.id.clone(), service.model.name().to_owned(), generation.request.clone(), begun);
    let (id, shown) = (generation.id.clone(), job.show());
    let outcome = service.fleet.submit(generation)?;
    service.jobs.add(job);
    tokio::spawn(async move {
        let generated = profiler_runtime::request_scope(&id, service.wait(outcome)).await;
        service.jobs.finish(&id, generated);
    });
    Ok((headers, Json(shown)))
}

/// Handles `GET /v1/videos/{id}`.
pub(super) async fn job(State(service): Shared, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    service.jobs.show(&id).map(Json)
}

/// Handles `GET /v1/videos/{id}/content`.
pub(super) async fn content(State(service): Shared, Path(id): Path<String>) -> Result<impl IntoResponse, ApiError> {
    let file = service.jobs.content(&id)?;
    Ok(([(CONTENT_TYPE, MP4), (CONTENT_DISPOSITION, "attachment; filename=\"video.mp4\"")], file))
}
