//! The endpoints, with vLLM-Omni's paths and forms.
//!
//! | request | answer |
//! |---|---|
//! | `GET /health` | every worker's state; 503 when nothing can be generated |
//! | `GET /v1/models` | the one model |
//! | `POST /v1/videos/sync` | a form ([`form`]); the MP4 file |
//! | `POST /v1/videos` | the same form; a job |
//! | `GET /v1/videos/{id}` | the job |
//! | `GET /v1/videos/{id}/content` | its MP4 file: 404 until it is there, 422 if it failed |
//! | `POST /v1/images/generations` | JSON ([`images`]); PNG files in base64 |
//!
//! Errors are `{"error": {"code": "…", "message": "…"}}`, as are those of the profiler's endpoints,
//! which [`super::run`] adds if a profiler is configured.

mod error;
mod form;
mod images;
mod jobs;
mod limits;
mod model;
mod token;
mod videos;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use profiler_runtime::{profiled_stage, request_scope};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use self::error::ApiError;
use self::jobs::Jobs;
use self::limits::MAX_UPLOAD;
pub(super) use self::model::Model;
use self::token::Token;
use super::fleet::{Fleet, GenerateError, Generated, Generation, Outcome};
use super::process::State as WorkerState;
use profiler_examples::wan::{ModelConfig, Request};

/// State that the handlers share.
pub(super) struct Service {
    pub(super) fleet: Arc<Fleet>,
    pub(super) model: Model,
    pub(super) config: ModelConfig,
    /// Defaults of requests.
    pub(super) defaults: Request,
    token: Option<Token>,
    jobs: Jobs,
    ids: AtomicU64,
}

type Shared = State<Arc<Service>>;

impl Service {
    pub(super) fn new(
        fleet: Arc<Fleet>,
        model: Model,
        config: ModelConfig,
        defaults: Request,
        token: Option<&str>,
    ) -> Self {
        let token = token.map(Token::new);
        Self { fleet, model, config, defaults, token, jobs: Jobs::default(), ids: AtomicU64::new(0) }
    }

    /// Returns an id that is unique among the requests of this server and of earlier ones.
    fn id(&self, kind: &str) -> String {
        format!("{kind}_{:x}{:04x}", unix_now().as_micros(), self.ids.fetch_add(1, Ordering::Relaxed) & 0xFFFF)
    }

    async fn make(&self, generation: Generation) -> Result<Generated, ApiError> {
        let (id, outcome) = (generation.id.clone(), self.fleet.submit(generation)?);
        Ok(request_scope(id, self.wait(outcome)).await?)
    }

    /// Waits for an outcome, or for the reason why there will be none. In a profile this stage
    /// covers the request's time in the queue and in the workers.
    #[profiled_stage("frontend.wait")]
    async fn wait(&self, outcome: oneshot::Receiver<Outcome>) -> Outcome {
        outcome.await.unwrap_or_else(|_| Err(self.fleet.no_worker()))
    }
}

/// Returns all endpoints except for the profiler's.
pub(super) fn router(service: Arc<Service>) -> Router {
    let protected = Router::new()
        .route("/v1/models", get(models))
        .route("/v1/videos/sync", post(videos::sync))
        .route("/v1/videos", post(videos::submit))
        .route("/v1/videos/{id}", get(videos::job))
        .route("/v1/videos/{id}/content", get(videos::content))
        .route("/v1/images/generations", post(images::generate))
        .route_layer(DefaultBodyLimit::max(MAX_UPLOAD))
        .route_layer(from_fn_with_state(Arc::clone(&service), token::check));
    Router::new()
        .route("/health", get(health))
        .merge(protected)
        .method_not_allowed_fallback(error::wrong_method)
        .fallback(error::no_such_path)
        .with_state(service)
}

async fn health(State(service): Shared) -> impl IntoResponse {
    let workers = service.fleet.statuses();
    let (code, status) = match workers.iter().filter(|worker| worker.state != WorkerState::Ready).count() {
        _ if !service.fleet.is_usable() => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
        0 => (StatusCode::OK, "healthy"),
        _ => (StatusCode::OK, "degraded"),
    };
    (code, Json(json!({ "status": status, "workers": workers })))
}

async fn models(State(service): Shared) -> Json<Value> {
    let model = json!({ "id": service.model.name(), "object": "model", "owned_by": "profiler-examples" });
    Json(json!({ "object": "list", "data": [model] }))
}

/// Returns the time since 1970.
fn unix_now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl From<GenerateError> for ApiError {
    fn from(error: GenerateError) -> Self {
        let code = match error {
            GenerateError::Busy => "busy",
            GenerateError::Closing => "shutting_down",
            GenerateError::NoWorker(_) => "no_worker",
            GenerateError::Lost(_) => "worker_lost",
            GenerateError::Failed(_) => "pipeline_failed",
        };
        let status = match error {
            GenerateError::Busy => StatusCode::TOO_MANY_REQUESTS,
            GenerateError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, code, error.to_string())
    }
}
