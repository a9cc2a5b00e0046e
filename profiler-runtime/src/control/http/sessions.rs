//! Handles the queries: the current state, the outcome of a session, and the files that it lists.

use std::fs::File;
use std::io::BufReader;
use std::path::{Component, Path};
use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::error::{Code, Rejection};
use super::guard::AppState;
use super::response;
use super::runtime::Report;
use profiler_trace::export::ArtifactKind;

/// Handles `GET /profile/status`.
pub(super) async fn status(state: &Arc<AppState>) -> Result<Response, Rejection> {
    Ok(Json(state.blocking(|state| state.controller.status()).await?).into_response())
}

/// Handles `GET /profile/sessions/{id}`.
pub(super) async fn session(state: &Arc<AppState>, id: String) -> Result<Response, Rejection> {
    let found = state.blocking(move |state| {
        let report = find_report(state, &id)?;
        let manifests = state.controller.folder(&report.session).map(|folder| manifests(&report, &folder));
        Some((report, manifests.unwrap_or_default()))
    });
    let (report, manifests) = found.await?.ok_or_else(no_such_session)?;
    let mut body = response::body(&report);
    body["manifests"] = Value::Object(manifests);
    Ok((response::status(&report), Json(body)).into_response())
}

/// Returns the report of the session with this id. Does not ask the controller for an invalid id.
pub(super) fn find_report(state: &AppState, id: &str) -> Option<Report> {
    if id.is_empty() || id.len() > 256 || id.contains(|letter: char| letter.is_control() || "/\\".contains(letter)) {
        return None;
    }
    state.controller.session(id).filter(|report| report.session == id)
}

pub(super) fn no_such_session() -> Rejection {
    let message = "no session of this name was started here: `/profile/status` names the last";
    Rejection::new(Code::NoSuchSession, message)
}

/// Returns the readable manifests by name.
fn manifests(report: &Report, folder: &Path) -> Map<String, Value> {
    let names =
        report.artifacts().filter(|artifact| artifact.kind == ArtifactKind::Manifest).map(|artifact| &artifact.name);
    let read = |name: &str| serde_json::from_reader(BufReader::new(open_plain(folder, name)?)).ok();
    names.filter_map(|name| Some((name.clone(), read(name)?))).collect()
}

/// Opens a file directly inside the folder; never one outside of it or behind a link.
pub(super) fn open_plain(folder: &Path, name: &str) -> Option<File> {
    let mut parts = Path::new(name).components();
    let (Some(Component::Normal(file)), None) = (parts.next(), parts.next()) else { return None };
    let path = folder.join(file);
    let is_file = path.symlink_metadata().is_ok_and(|found| found.is_file());
    is_file.then(|| File::open(path).ok()).flatten()
}
