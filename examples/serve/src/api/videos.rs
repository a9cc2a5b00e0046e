//! `/v1/videos`: made while the client waits, or as a job that it asks for again.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::Json;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, Path, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::form::{self, Form};
use super::jobs::Job;
use super::refusal::Refusal;
use super::{Service, Shared};
use crate::fleet::Wish;
use crate::wire::Product;

const MP4: &str = "video/mp4";

fn wish(service: &Service, form: Form, begun: &Arc<AtomicBool>) -> (Wish, HeaderMap) {
    let Form { request, picture, headers } = form;
    let id = service.id("video_gen");
    (Wish { id, request, picture, product: Product::Video, begun: Arc::clone(begun) }, headers)
}

/// `POST /v1/videos/sync`
pub(super) async fn sync(
    State(service): Shared,
    form: Result<Multipart, MultipartRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let (wish, of_model) = wish(&service, form::read(form?, &service).await?, &Arc::default());
    let id = wish.id.clone();
    let made = service.make(wish).await?;
    let headers = [
        ("content-type", MP4.to_owned()),
        ("x-request-id", id),
        ("x-inference-time-s", format!("{:.3}", made.seconds)),
        ("x-stage-durations", json!(made.stage_durations).to_string()),
    ];
    Ok((of_model, headers, made.file))
}

/// `POST /v1/videos`
pub(super) async fn submit(
    State(service): Shared,
    form: Result<Multipart, MultipartRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let begun = Arc::default();
    let (wish, headers) = wish(&service, form::read(form?, &service).await?, &begun);
    let job = Job::new(wish.id.clone(), service.model.name().to_owned(), wish.request.clone(), begun);
    let (id, shown) = (wish.id.clone(), job.show());
    let outcome = service.fleet.submit(wish)?;
    service.jobs.add(job);
    tokio::spawn(async move {
        let made = profiler_runtime::request_scope(&id, service.wait(outcome)).await;
        service.jobs.finish(&id, made);
    });
    Ok((headers, Json(shown)))
}

/// `GET /v1/videos/{id}`
pub(super) async fn job(State(service): Shared, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    service.jobs.show(&id).map(Json)
}

/// `GET /v1/videos/{id}/content`
pub(super) async fn content(State(service): Shared, Path(id): Path<String>) -> Result<impl IntoResponse, Refusal> {
    let file = service.jobs.content(&id)?;
    Ok(([(CONTENT_TYPE, MP4), (CONTENT_DISPOSITION, "attachment; filename=\"video.mp4\"")], file))
}
