//! The current state, the outcome of a session, and the files that it lists.

use std::fs::File;
use std::io::BufReader;
use std::path::{Component, Path};
use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::error::{Code, Refusal};
use super::face::Report;
use super::guard::Door;
use super::response;

/// Answers `GET /profile/status`.
pub(super) async fn status(door: &Arc<Door>) -> Result<Response, Refusal> {
    Ok(Json(door.blocking(|door| door.controller.status()).await?).into_response())
}

/// Answers `GET /profile/sessions/{id}`.
pub(super) async fn session(door: &Arc<Door>, id: String) -> Result<Response, Refusal> {
    let found = door.blocking(move |door| {
        let report = known(door, &id)?;
        let manifests = door.controller.folder(&report.session).map(|folder| manifests(&report, &folder));
        Some((report, manifests.unwrap_or_default()))
    });
    let (report, manifests) = found.await?.ok_or_else(unknown)?;
    let mut body = response::body(&report);
    body["manifests"] = Value::Object(manifests);
    Ok((response::status(&report), Json(body)).into_response())
}

/// Returns the report of the session of this name. An impossible name is not even asked for.
pub(super) fn known(door: &Door, id: &str) -> Option<Report> {
    if id.is_empty() || id.len() > 256 || id.contains(|letter: char| letter.is_control() || "/\\".contains(letter)) {
        return None;
    }
    door.controller.session(id).filter(|report| report.session == id)
}

pub(super) fn unknown() -> Refusal {
    let message = "no session of this name was started here: `/profile/status` names the last";
    Refusal::new(Code::NoSuchSession, message)
}

/// Returns the manifests that can be read, by name.
fn manifests(report: &Report, folder: &Path) -> Map<String, Value> {
    let names = report.artifacts().filter(|artifact| artifact.kind == "manifest").map(|artifact| &artifact.name);
    let read = |name: &str| serde_json::from_reader(BufReader::new(open_plain(folder, name)?)).ok();
    names.filter_map(|name| Some((name.clone(), read(name)?))).collect()
}

/// Opens a file in the folder itself; not one beside it, nor one behind a link.
pub(super) fn open_plain(folder: &Path, name: &str) -> Option<File> {
    let mut parts = Path::new(name).components();
    let (Some(Component::Normal(file)), None) = (parts.next(), parts.next()) else { return None };
    let path = folder.join(file);
    let is_file = path.symlink_metadata().is_ok_and(|found| found.is_file());
    is_file.then(|| File::open(path).ok()).flatten()
}
