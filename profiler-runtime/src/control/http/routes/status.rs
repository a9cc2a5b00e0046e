//! What is going on, and what has become of a session.

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{self, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;

use crate::control::http::artifact::open_plain;
use crate::control::http::error::Refusal;
use crate::control::http::guard::Door;
use crate::control::http::response;
use crate::control::job::Report;

/// `GET /profile/status`.
pub(in crate::control::http) async fn status(State(door): State<Arc<Door>>) -> Result<Response, Refusal> {
    let status = spawn_blocking(move || door.controller.status()).await.map_err(|_| Refusal::failed())?;
    Ok(Json(status).into_response())
}

/// `GET /profile/sessions/{id}`.
pub(in crate::control::http) async fn session(
    State(door): State<Arc<Door>>,
    id: Result<extract::Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let Ok(extract::Path(id)) = id else { return Err(unknown_session()) };
    let found = spawn_blocking(move || {
        let report = known(&door, &id)?;
        let folder = door.controller.folder(&report.session);
        let manifests = folder.map(|folder| manifests(&report, &folder)).unwrap_or_default();
        Some((report, manifests))
    });
    let (report, manifests) = found.await.map_err(|_| Refusal::failed())?.ok_or_else(unknown_session)?;
    let mut body = response::body(&report);
    if let Value::Object(fields) = &mut body {
        fields.insert("manifests".to_owned(), Value::Object(manifests));
    }
    Ok((response::status(&report), Json(body)).into_response())
}

/// The report of the session of this name. What cannot be a name is not even asked for.
pub(in crate::control::http) fn known(door: &Door, id: &str) -> Option<Report> {
    if id.is_empty() || id.len() > 256 || id.contains(|letter: char| letter.is_control() || "/\\".contains(letter)) {
        return None;
    }
    door.controller.session(id).filter(|report| report.session == id)
}

pub(in crate::control::http) fn unknown_session() -> Refusal {
    Refusal::not_found("no_such_session", "no session of this name was started here: `/profile/status` names the last")
}

/// The manifests that can be read, by name.
fn manifests(report: &Report, folder: &Path) -> Map<String, Value> {
    let names = report.artifacts().filter(|artifact| artifact.kind == "manifest").map(|artifact| &artifact.name);
    names.filter_map(|name| Some((name.clone(), manifest(folder, name)?))).collect()
}

fn manifest(folder: &Path, name: &str) -> Option<Value> {
    serde_json::from_reader(std::io::BufReader::new(open_plain(folder, name)?)).ok()
}
