//! Tests names and folders in a temporary directory.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::session_id::{is_token, plain};

const ALONE: Ranks = Ranks { rank: 0, local_rank: 0, world_size: 1, in_job: false };

fn rank(rank: u32) -> Ranks {
    Ranks { rank, local_rank: 0, world_size: 16, in_job: true }
}

fn nothing_set(_: &str) -> Option<OsString> {
    None
}

fn launched_as(id: &'static str) -> impl Fn(&str) -> Option<OsString> {
    move |name| (name == SHARED_ID).then(|| id.into())
}

#[test]
fn a_name_begins_with_the_time_without_separators() {
    assert_eq!(compact("2026-01-31T23:59:59.123Z"), "20260131-235959");
    let reserved = Names::default().claim(None, ALONE, nothing_set).unwrap();
    assert!(is_token(reserved.session.as_str()) && reserved.session.as_str().ends_with("-1"), "{}", reserved.session);
}

#[test]
fn every_session_of_a_process_gets_a_folder_of_its_own() {
    let base = tempfile::tempdir().unwrap();
    let mut names = Names::default();
    let folders: Vec<_> =
        (0..3).map(|_| names.claim(Some(base.path()), ALONE, nothing_set).unwrap().folder.unwrap()).collect();
    assert!(folders.iter().all(|folder| folder.is_dir()));
    assert!(folders[0] != folders[1] && folders[1] != folders[2]);
}

#[test]
fn ranks_share_the_launchers_id_and_sessions_do_not() {
    let base = tempfile::tempdir().unwrap();
    let claim = |names: &mut Names, number| names.claim(Some(base.path()), rank(number), launched_as("job-7")).unwrap();
    let (mut first, mut second) = (Names::default(), Names::default());
    assert_eq!(claim(&mut first, 0).session.as_str(), "job-7");
    assert_eq!(claim(&mut second, 1).session.as_str(), "job-7");
    assert_eq!(claim(&mut first, 0).session.as_str(), "job-7-2");
    assert_eq!(claim(&mut second, 1).session.as_str(), "job-7-2");
    fs::write(base.path().join("job-7/manifest_rank0.json"), "").unwrap();
    assert_eq!(
        claim(&mut Names::default(), 0).session.as_str(),
        "job-7-2",
        "a process started again keeps the old artifacts"
    );
    assert_eq!(claim(&mut Names::default(), 10).session.as_str(), "job-7", "rank 10 is not rank 0");
}

#[test]
fn the_nth_sessions_of_all_ranks_share_a_name() {
    let base = tempfile::tempdir().unwrap();
    let sessions = |number, count| -> Vec<String> {
        let mut names = Names::default();
        let claim = |_| names.claim(Some(base.path()), rank(number), launched_as("job")).unwrap().session.to_string();
        (0..count).map(claim).collect()
    };
    assert_eq!(sessions(0, 3), ["job", "job-2", "job-3"]);
    assert_eq!(sessions(1, 2), ["job", "job-2"]);
}

#[test]
fn a_taken_name_warns_that_other_ranks_may_use_it() {
    let base = tempfile::tempdir().unwrap();
    fs::create_dir(base.path().join("job")).unwrap();
    fs::write(base.path().join("job/trace_rank3.json"), "").unwrap();
    let reserved = Names::default().claim(Some(base.path()), rank(3), launched_as("job")).unwrap();
    assert_eq!(reserved.session.as_str(), "job-2");
    assert!(reserved.warnings[0].starts_with("`job` has artifacts of rank 3 already"), "{:?}", reserved.warnings);
}

/// Threads of one process have the same process id, as two containers have.
#[test]
fn processes_with_the_same_id_and_rank_never_share_a_folder() {
    let base = tempfile::tempdir().unwrap();
    let start = std::sync::Barrier::new(16);
    for env in [launched_as("job"), launched_as("")] {
        let claim = || {
            start.wait();
            Names::default().claim(Some(base.path()), ALONE, &env).unwrap()
        };
        let reservations: Vec<Reservation> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(claim)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let folders: std::collections::HashSet<_> = reservations.iter().map(|reserved| &reserved.folder).collect();
        assert_eq!(folders.len(), 16);
    }
}

#[test]
fn a_claim_ends_with_its_session_and_names_contain_the_host() {
    let base = tempfile::tempdir().unwrap();
    let reserved = Names::default().claim(Some(base.path()), rank(0), launched_as("job")).unwrap();
    let claim = base.path().join("job/.rank0.claim");
    assert!(claim.exists());
    drop(reserved);
    assert!(!claim.exists());
    let own = Names::default().claim(None, ALONE, nothing_set).unwrap().session;
    let host: String = plain(&host::name()).chars().take(HOST_LENGTH).collect();
    assert!(own.as_str().contains(&format!("-{host}-{}-", std::process::id())), "{own}");
}

#[test]
fn an_id_that_is_no_plain_name_is_refused_with_a_warning() {
    for id in ["../escape", "a/b", "..", "a b", "ü"] {
        let reserved = Names::default().claim(None, ALONE, launched_as(id)).unwrap();
        assert_ne!(reserved.session.as_str(), id);
        assert!(reserved.warnings[0].starts_with("`PROFILER_SESSION_ID` is "), "{:?}", reserved.warnings);
    }
}

/// D11: the system reports that such a link exists.
#[test]
#[cfg(unix)]
fn a_link_to_nothing_is_named_as_such() {
    let base = tempfile::tempdir().unwrap();
    let link = base.path().join("perf");
    std::os::unix::fs::symlink("gone", &link).unwrap();
    let error = Names::default().claim(Some(&link), ALONE, nothing_set).unwrap_err();
    assert!(error.to_string().contains("it is a link to `gone`, which does not exist: create that"), "{error}");
    let error = Names::default().claim(Some(&link.join("below")), ALONE, nothing_set).unwrap_err();
    let message = format!("`{}` is a link to `gone`, which does not exist: create that", link.display());
    assert!(error.to_string().contains(&message), "{error}");
}

#[test]
fn an_unwritable_folder_is_an_error_at_the_start() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Names::default().claim(Some(&file), ALONE, nothing_set).unwrap_err();
    assert!(matches!(&error, Error::Folder { folder, .. } if *folder == file), "{error}");
    let error = Names::default().claim(Some(Path::new("s3://bucket/perf")), ALONE, nothing_set).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot write to `s3://bucket/perf`, a store and no folder of this machine: give a local folder in \
         `torch_profiler_dir` or `output_dir`, and copy the session to the store when it is written"
    );
}

#[test]
fn a_jobs_folder_is_new_and_every_rank_finds_it() {
    let base = tempfile::tempdir().unwrap();
    let reserve =
        |names: &mut Names| names.reserve(Some(base.path()), None, None, ALONE, launched_as("job-7")).unwrap();
    let reserved = reserve(&mut Names::default());
    assert_eq!(reserved.folder, Some(base.path().join("job-7")));
    for rank in [0, 1] {
        let of_rank = claim_assigned(reserved.session.clone(), Some(base.path()), Some(rank)).unwrap();
        assert_eq!((of_rank.folder, of_rank.session.as_str()), (reserved.folder.clone(), "job-7"));
    }
    fs::write(base.path().join("job-7/manifest_rank1.json"), "").unwrap();
    let error = claim_assigned(reserved.session, Some(base.path()), Some(1)).unwrap_err();
    assert!(error.to_string().contains("it holds artifacts of rank 1 already"), "{error}");
    assert_eq!(reserve(&mut Names::default()).session.as_str(), "job-7-2", "a coordinator started again");
}

#[test]
fn only_a_plain_name_is_taken_from_a_coordinator() {
    for name in ["", "..", "../escape", "/etc", "a/b", "a\\b", "C:", "a\0b", &"x".repeat(65)] {
        assert_eq!(SessionId::parse(name), None, "{name:?}");
    }
    assert!(SessionId::parse("20260131-235959-7-1").is_some());
}
