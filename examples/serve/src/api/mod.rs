//! The endpoints, with the names and forms of vLLM-Omni's.
//!
//! | request | answer |
//! |---|---|
//! | `GET /health` | every worker's state; 503 when nothing can be made |
//! | `GET /v1/models` | the one model |
//! | `POST /v1/videos/sync` | a form ([`form`]); the MP4 file |
//! | `POST /v1/videos` | the same form; a job |
//! | `GET /v1/videos/{id}` | the job |
//! | `GET /v1/videos/{id}/content` | its MP4 file: 404 until it is there, 422 if it failed |
//! | `POST /v1/images/generations` | JSON ([`images`]); PNG files in base64 |
//!
//! Errors are `{"error": {"code": "…", "message": "…"}}`, as those of the profiler's endpoints,
//! which [`super::run`] adds if a profiler is configured.

mod form;
mod images;
mod jobs;
mod limits;
mod model;
mod refusal;
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

use self::jobs::Jobs;
use self::limits::UPLOAD;
pub(super) use self::model::Model;
use self::refusal::Refusal;
use self::token::Token;
use super::fleet::{Fleet, Made, Outcome, Unmade, Wish};
use super::process::State as WorkerState;
use profiler_examples::wan::{ModelConfig, Request};

/// What the handlers share.
pub(super) struct Service {
    pub(super) fleet: Arc<Fleet>,
    pub(super) model: Model,
    pub(super) config: ModelConfig,
    /// What a request leaves out.
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

    /// A name that no other request of this server, or of one before it, has.
    fn id(&self, kind: &str) -> String {
        format!("{kind}_{:x}{:04x}", unix_now().as_micros(), self.ids.fetch_add(1, Ordering::Relaxed) & 0xFFFF)
    }

    async fn make(&self, wish: Wish) -> Result<Made, Refusal> {
        let (id, outcome) = (wish.id.clone(), self.fleet.submit(wish)?);
        Ok(request_scope(id, self.wait(outcome)).await?)
    }

    /// Waits for an outcome, or for the reason why there is none any more. In a profile it lasts as
    /// long as the request's turn in the queue and its work in the workers together.
    #[profiled_stage("frontend.wait")]
    async fn wait(&self, outcome: oneshot::Receiver<Outcome>) -> Outcome {
        outcome.await.unwrap_or_else(|_| Err(self.fleet.no_worker()))
    }
}

/// Every endpoint but the profiler's.
pub(super) fn router(service: Arc<Service>) -> Router {
    let protected = Router::new()
        .route("/v1/models", get(models))
        .route("/v1/videos/sync", post(videos::sync))
        .route("/v1/videos", post(videos::submit))
        .route("/v1/videos/{id}", get(videos::job))
        .route("/v1/videos/{id}/content", get(videos::content))
        .route("/v1/images/generations", post(images::generate))
        .route_layer(DefaultBodyLimit::max(UPLOAD))
        .route_layer(from_fn_with_state(Arc::clone(&service), token::check));
    Router::new()
        .route("/health", get(health))
        .merge(protected)
        .method_not_allowed_fallback(refusal::wrong_method)
        .fallback(refusal::no_such_path)
        .with_state(service)
}

async fn health(State(service): Shared) -> impl IntoResponse {
    let workers = service.fleet.vitals();
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

/// Seconds and less since 1970.
fn unix_now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl From<Unmade> for Refusal {
    fn from(unmade: Unmade) -> Self {
        let code = match unmade {
            Unmade::Busy => "busy",
            Unmade::Closing => "shutting_down",
            Unmade::NoWorker(_) => "no_worker",
            Unmade::Lost(_) => "worker_lost",
            Unmade::Failed(_) => "pipeline_failed",
        };
        let status = match unmade {
            Unmade::Busy => StatusCode::TOO_MANY_REQUESTS,
            Unmade::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, code, unmade.to_string())
    }
}
