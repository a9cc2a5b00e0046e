//! Downloads: a file that a manifest of a session lists, by its listed name.
//!
//! The name in the request is only compared; the path is made from the manifest's.

use std::fs::File;
use std::io;
use std::path::{Component, Path};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{self, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;
use tokio_util::io::ReaderStream;

use super::audit;
use super::error::Refusal;
use super::guard::Door;
use super::response::percent;
use super::routes::status::{known, unknown_session};

/// What a download reads at a time.
const CHUNK: usize = 64 << 10;

/// `GET /profile/sessions/{id}/artifacts/{name}`.
pub(super) async fn download(
    State(door): State<Arc<Door>>,
    place: Result<extract::Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let peer = audit::peer(&request);
    let Ok(extract::Path((id, name))) = place else { return Err(unknown_session()) };
    let Ok(turn) = Arc::clone(&door.downloads).try_acquire_owned() else { return Err(too_many()) };
    let found = spawn_blocking(move || {
        let found = find(&door, &id, &name);
        let outcome = found.as_ref().map_or_else(|refusal| refusal.status.as_u16(), |_| 200);
        audit::done(peer, "download", &name, &id, &outcome);
        found
    });
    let (name, file, bytes) = found.await.map_err(|_| Refusal::failed())??;
    let stream = ReaderStream::with_capacity(Turn { file: tokio::fs::File::from_std(file), _turn: turn }, CHUNK);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type(&name))),
        (header::CONTENT_LENGTH, HeaderValue::from(bytes)),
        (header::CONTENT_DISPOSITION, disposition(&name)),
    ];
    Ok((headers, Body::from_stream(stream)).into_response())
}

/// A file that is being downloaded, and the turn of its download.
struct Turn {
    file: tokio::fs::File,
    _turn: OwnedSemaphorePermit,
}

impl AsyncRead for Turn {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.file).poll_read(context, into)
    }
}

fn too_many() -> Refusal {
    let message = "too many downloads are under way: try again when one has ended";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_downloads", message)
}

/// The file, and its name as the manifest has it.
fn find(door: &Door, id: &str, name: &str) -> Result<(String, File, u64), Refusal> {
    let report = known(door, id).ok_or_else(unknown_session)?;
    let listed = report.artifacts().find(|artifact| artifact.name == name);
    let listed = listed.ok_or_else(|| {
        let message = "the session lists no artifact of this name: `/profile/sessions/{id}` lists those there are";
        Refusal::not_found("no_such_artifact", message)
    })?;
    let folder = door.controller.folder(&report.session);
    let file = folder.and_then(|folder| open_plain(&folder, &listed.name));
    let found = file.and_then(|file| Some((listed.name.clone(), file.metadata().ok()?.len(), file)));
    let (name, bytes, file) = found.ok_or_else(|| {
        let message = "the artifact is not in a folder of this machine: the report says on which host it was written";
        Refusal::not_found("artifact_not_here", message)
    })?;
    Ok((name, file, bytes))
}

/// Opens a file in the folder itself; not one beside it, nor one that a link leads to.
pub(super) fn open_plain(folder: &Path, name: &str) -> Option<File> {
    let mut parts = Path::new(name).components();
    let (Some(Component::Normal(file)), None) = (parts.next(), parts.next()) else { return None };
    let path = folder.join(file);
    let is_file = path.symlink_metadata().is_ok_and(|found| found.is_file());
    is_file.then(|| File::open(path).ok()).flatten()
}

fn content_type(name: &str) -> &'static str {
    match Path::new(name).extension().and_then(|extension| extension.to_str()) {
        Some("gz") => "application/gzip",
        Some("json") => "application/json",
        Some("md") => "text/markdown; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => "application/octet-stream",
    }
}

/// To be saved under its name, whatever is in the name.
fn disposition(name: &str) -> HeaderValue {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._ ".contains(letter);
    let plain: String = name.chars().map(|letter| if is_plain(letter) { letter } else { '_' }).collect();
    let mut value = format!("attachment; filename=\"{plain}\"");
    if plain != name {
        value.push_str("; filename*=UTF-8''");
        value.push_str(&percent(name));
    }
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_header_or_its_folder() {
        assert_eq!(disposition("trace_rank0.json"), "attachment; filename=\"trace_rank0.json\"");
        assert_eq!(
            disposition("a\"; b\n.é"),
            "attachment; filename=\"a__ b_._\"; filename*=UTF-8''a%22%3B%20b%0A.%C3%A9"
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("in.json"), "{}").unwrap();
        let session = folder.path().join("session");
        std::fs::create_dir(&session).unwrap();
        std::fs::write(session.join("own.json"), "{}").unwrap();
        assert!(open_plain(&session, "own.json").is_some());
        let outside = folder.path().join("in.json");
        for name in ["../in.json", "./../in.json", "", ".", "..", "/etc/passwd", outside.to_str().unwrap()] {
            assert!(open_plain(&session, name).is_none(), "{name}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&outside, session.join("link.json")).unwrap();
            assert!(open_plain(&session, "link.json").is_none());
        }
    }
}
