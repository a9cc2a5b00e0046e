//! Routes: one table for the router, the methods that it allows and the audit log.
//!
//! A new address is a row of [`ROUTES`] and a handler. A test keeps the table in the module's
//! documentation equal.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{DefaultBodyLimit, RawPathParams, Request, State};
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{MethodFilter, on};

use super::error::{Code, Refusal};
use super::guard::{self, Door};
use super::{artifact, audit, control, sessions};

/// The function that answers a request.
#[derive(Clone, Copy)]
enum Handler {
    Start,
    Stop,
    Status,
    Session,
    Artifact,
}

/// One address.
struct Route {
    method: Method,
    path: &'static str,
    handler: Handler,
    #[allow(dead_code, reason = "for the documentation, which a test compares with this table")]
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

/// The named parts of a path, in their order.
type Params = Result<RawPathParams, RawPathParamsRejection>;

/// Returns the router of all routes, with the checks before them.
pub(super) fn router(door: Arc<Door>) -> Router {
    let mut router = Router::new();
    for Route { method, path, handler, .. } in ROUTES {
        let filter = if method == Method::POST { MethodFilter::POST } else { MethodFilter::GET };
        let work = move |State(door), params, request| answer(handler, door, params, request);
        let wrong = move |State(door): State<Arc<Door>>, request: Request| async move {
            let message = format!("`{}` is not possible here: use `{method}`", request.method());
            let refusal = Refusal::new(Code::WrongMethod, message);
            audit::refused(&door.refusals, audit::peer(&request), request.uri().path(), &refusal).await;
            refusal
        };
        router = router.route(path, on(filter, work).fallback(wrong));
    }
    router
        .route_layer(DefaultBodyLimit::max(door.options.body_limit))
        .route_layer(from_fn_with_state(Arc::clone(&door), guard::check))
        .with_state(door)
}

async fn answer(handler: Handler, door: Arc<Door>, params: Params, request: Request) -> Result<Response, Refusal> {
    let params = params.map_err(|_| sessions::unknown())?;
    let params: Vec<String> = params.iter().map(|(_, value)| value.to_owned()).collect();
    let param = |at: usize| params.get(at).cloned().unwrap_or_default();
    match handler {
        Handler::Start => control::answer(door, request, "start").await,
        Handler::Stop => control::answer(door, request, "stop").await,
        Handler::Status => sessions::status(&door).await,
        Handler::Session => sessions::session(&door, param(0)).await,
        Handler::Artifact => artifact::download(door, audit::peer(&request), param(0), param(1)).await,
    }
}

/// Answers a request that has no route, in a listener of our own.
pub(super) async fn no_such_path() -> Refusal {
    let plain = ROUTES.into_iter().filter(|route| !route.path.contains('{'));
    let known: Vec<String> = plain.map(|route| format!("`{} {}`", route.method, route.path)).collect();
    Refusal::new(Code::NoSuchPath, format!("there is nothing here: {}", known.join(", ")))
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
