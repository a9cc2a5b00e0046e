//! Serves a file that a session's manifest lists, by its listed name.
//!
//! The name in the request is only compared; the path is built from the manifest's.

use std::fs::File;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tokio_util::io::{InspectReader, ReaderStream};

use super::audit::{self, Peer};
use super::error::{Code, Rejection};
use super::guard::AppState;
use super::response::percent;
use super::sessions::{find_report, no_such_session, open_plain};
use profiler_trace::export;

/// Number of bytes that a download reads at a time.
const CHUNK: usize = 64 << 10;

/// Handles `GET /profile/sessions/{id}/artifacts/{name}`.
pub(super) async fn download(
    state: Arc<AppState>,
    peer: Peer,
    id: String,
    name: String,
) -> Result<Response, Rejection> {
    let permit = Arc::clone(&state.downloads).try_acquire_owned().map_err(|_| {
        let message = "too many downloads are under way: try again when one has ended";
        Rejection::new(Code::TooManyDownloads, message)
    })?;
    let found = state.blocking(move |state| {
        let found = find(state, &id, &name);
        let outcome = found.as_ref().map_or_else(|rejection| rejection.code.status().as_u16(), |_| 200);
        audit::log_action(peer, "download", &name, &id, &outcome);
        found
    });
    let Found { name, content_type, file, bytes } = found.await??;
    // The permit is released with the file.
    let file = InspectReader::new(tokio::fs::File::from_std(file), move |_| _ = &permit);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_LENGTH, HeaderValue::from(bytes)),
        (header::CONTENT_DISPOSITION, disposition(&name)),
    ];
    Ok((headers, Body::from_stream(ReaderStream::with_capacity(file, CHUNK))).into_response())
}

/// An artifact to send.
struct Found {
    /// Name in the manifest.
    name: String,
    content_type: &'static str,
    file: File,
    bytes: u64,
}

fn find(state: &AppState, id: &str, name: &str) -> Result<Found, Rejection> {
    let report = find_report(state, id).ok_or_else(no_such_session)?;
    let listed = report.artifacts().find(|artifact| artifact.name == name);
    let listed = listed.ok_or_else(|| {
        let message = "the session lists no artifact of this name: `/profile/sessions/{id}` lists those there are";
        Rejection::new(Code::NoSuchArtifact, message)
    })?;
    let folder = state.controller.folder(&report.session);
    let file = folder.and_then(|folder| open_plain(&folder, &listed.name));
    let content_type = export::content_type(listed.kind, &listed.name);
    let found = file.and_then(|file| {
        let bytes = file.metadata().ok()?.len();
        Some(Found { name: listed.name.clone(), content_type, file, bytes })
    });
    found.ok_or_else(|| {
        let message = "the artifact is not in a folder of this machine: the report says on which host it was written";
        Rejection::new(Code::ArtifactNotHere, message)
    })
}

/// Returns the header under whose name a client saves a download. Escapes any name.
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
