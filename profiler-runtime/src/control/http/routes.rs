//! Defines the routes: one table for the router, the allowed methods and the audit log.
//!
//! To add an address, add a row to [`ROUTES`] and a handler. A test keeps the table in the module's
//! documentation equal.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{DefaultBodyLimit, RawPathParams, Request, State};
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{MethodFilter, on};

use super::error::{Code, Rejection};
use super::guard::{self, AppState};
use super::{artifact, audit, control, sessions};

/// The handler of a route.
#[derive(Clone, Copy)]
enum Handler {
    Start,
    Stop,
    Status,
    Session,
    Artifact,
}

/// One route.
struct Route {
    method: Method,
    path: &'static str,
    handler: Handler,
    #[allow(dead_code, reason = "read by the test that compares the documentation with this table")]
    answer: &'static str,
}

const fn get(path: &'static str, handler: Handler, answer: &'static str) -> Route {
    Route { method: Method::GET, path, handler, answer }
}

const fn post(path: &'static str, handler: Handler, answer: &'static str) -> Route {
    Route { method: Method::POST, path, handler, answer }
}

const ROUTES: [Route; 5] = [
    post("/start_profile", Handler::Start, "the report, when every selected worker records"),
    post("/stop_profile", Handler::Stop, "the report, when the artifacts are on disk; with `?wait=false` at once"),
    get(
        "/profile/status",
        Handler::Status,
        "what every worker is doing, and in `last_session` what the last session has written",
    ),
    get("/profile/sessions/{id}", Handler::Session, "the report of a session that was started here, and its manifests"),
    get("/profile/sessions/{id}/artifacts/{name}", Handler::Artifact, "a file that a manifest of that session lists"),
];

/// The parameters of a path, in order.
type Params = Result<RawPathParams, RawPathParamsRejection>;

/// Creates the router of all routes, with the checks before them.
pub(super) fn router(state: Arc<AppState>) -> Router {
    let mut router = Router::new();
    for Route { method, path, handler, .. } in ROUTES {
        let filter = if method == Method::POST { MethodFilter::POST } else { MethodFilter::GET };
        let work = move |State(state), params, request| answer(handler, state, params, request);
        let wrong = move |State(state): State<Arc<AppState>>, request: Request| async move {
            let message = format!("`{}` is not possible here: use `{method}`", request.method());
            let rejection = Rejection::new(Code::WrongMethod, message);
            audit::log_rejection(&state.rejections, audit::peer(&request), request.uri().path(), &rejection).await;
            rejection
        };
        router = router.route(path, on(filter, work).fallback(wrong));
    }
    router
        .route_layer(DefaultBodyLimit::max(state.options.body_limit))
        .route_layer(from_fn_with_state(Arc::clone(&state), guard::check))
        .with_state(state)
}

async fn answer(
    handler: Handler,
    state: Arc<AppState>,
    params: Params,
    request: Request,
) -> Result<Response, Rejection> {
    let params = params.map_err(|_| sessions::no_such_session())?;
    let params: Vec<String> = params.iter().map(|(_, value)| value.to_owned()).collect();
    let param = |at: usize| params.get(at).cloned().unwrap_or_default();
    match handler {
        Handler::Start => control::answer(state, request, "start").await,
        Handler::Stop => control::answer(state, request, "stop").await,
        Handler::Status => sessions::status(&state).await,
        Handler::Session => sessions::session(&state, param(0)).await,
        Handler::Artifact => artifact::download(state, audit::peer(&request), param(0), param(1)).await,
    }
}

/// Rejects a request without a route, in our own listener.
pub(super) async fn no_such_path() -> Rejection {
    let plain = ROUTES.into_iter().filter(|route| !route.path.contains('{'));
    let known: Vec<String> = plain.map(|route| format!("`{} {}`", route.method, route.path)).collect();
    Rejection::new(Code::NoSuchPath, format!("there is nothing here: {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_every_route() {
        let table = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("//! | `"));
        let shown: Vec<_> = table.filter(|row| row.starts_with("GET") || row.starts_with("POST")).collect();
        let row = |route: &Route| format!("{} {}` | {} |", route.method, route.path, route.answer);
        assert_eq!(shown, ROUTES.iter().map(row).collect::<Vec<_>>());
    }
}
