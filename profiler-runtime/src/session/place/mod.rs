//! The place that a session writes to: its id, made once, and the folder of that name.
//!
//! Ranks of one job share the name that their coordinator gives, or that of the job
//! ([`launchers`]), and their n-th sessions the name with the suffix `-n`; else the id is
//! `{UTC time}-{host}-{process id}-{counter}`. Either way no session writes into a folder that
//! holds, or will hold, another session's artifacts of the same rank: the name gets a suffix that
//! is free. The folder is made at the start, because a session that cannot be written should not
//! run first.

pub(crate) mod claim;
mod host;
mod launchers;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::session_id::{SessionId, plain};
use profiler_core::clock::Anchor;
use profiler_trace::export::iso8601;
use profiler_trace::model::file_part;

pub(crate) use claim::Claim;
pub(crate) use host::{host_name, process_name};
use launchers::SHARED_ID;
pub(crate) use launchers::{Ranks, folder_of_its_own, of_this_process, read as read_ranks};

/// Longest part of an id that is the host's name.
const HOST_LENGTH: usize = 24;

/// The names of one process's sessions: each suffix is used once.
#[derive(Debug, Default)]
pub(crate) struct Names {
    used: u64,
}

/// The id of a new session, and what its user should know about it.
#[derive(Debug)]
pub(crate) struct Place {
    /// Id of the session.
    pub(crate) session: SessionId,
    /// Folder of the session, if the configuration has one.
    pub(crate) folder: Option<PathBuf>,
    /// True if the other ranks of the job share the id.
    pub(crate) is_shared: bool,
    /// Warnings, in full sentences.
    pub(crate) warnings: Vec<String>,
    /// Claim, held until the artifacts are written.
    pub(crate) claim: Option<Claim>,
}

/// The begin of the ids of one session.
struct Stem {
    name: String,
    /// True if the launcher or a request gave it, so that the folder may hold other ranks' files
    /// already.
    is_shared: bool,
}

impl Stem {
    /// Returns the job's name, if it has one, else a name that no other host or process makes:
    /// hosts may share the folder, and containers the process id. Also returns what is wrong with
    /// the job's name, in sentences.
    fn of(ranks: Ranks, env: impl Fn(&str) -> Option<OsString>) -> (Self, Vec<String>) {
        let (name, wrong) = launchers::job_name(ranks, env);
        let is_shared = name.is_some();
        (Self { name: name.unwrap_or_else(own_name), is_shared }, wrong.into_iter().collect())
    }
}

impl Names {
    /// Names a session and makes its folder in `base`.
    ///
    /// # Errors
    ///
    /// Fails if the folder is remote, or cannot be created or written to.
    pub(crate) fn claim(
        &mut self,
        base: Option<&Path>,
        ranks: Ranks,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Place, Error> {
        let (stem, mut warnings) = Stem::of(ranks, env);
        let is_shared = stem.is_shared;
        let Some(base) = base else {
            let session = SessionId::new(self.next(&stem));
            return Ok(Place { session, folder: None, is_shared, warnings, claim: None });
        };
        if !is_shared {
            claim::sweep(base, Some(&format!("-{}-", own_host())));
        }
        let mut taken = None;
        let (name, folder, claim) = self.first_free(base, &stem, |name, folder| {
            let claim = if is_shared {
                claim_shared(folder, &file_part(Some(ranks.rank)))?.map(Some)
            } else {
                claim_own(folder)?.then(|| Claim::own(folder))
            };
            if claim.is_none() {
                taken.get_or_insert_with(|| name.to_owned());
            }
            Ok(claim)
        })?;
        warnings.extend(taken.filter(|_| is_shared && ranks.in_job).map(|taken| apart(&taken, &name, ranks)));
        Ok(Place { session: SessionId::new(name), folder: Some(folder), is_shared, warnings, claim })
    }

    /// Names a session of a whole job, by the request's or the job's name, and makes its
    /// folder in `base`, which no earlier session has.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`claim`](Self::claim).
    pub(crate) fn reserve(
        &mut self,
        base: Option<&Path>,
        asked: Option<&str>,
        prefix: Option<&str>,
        ranks: Ranks,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Place, Error> {
        let (mut stem, warnings) = match asked {
            Some(asked) => (Stem { name: asked.to_owned(), is_shared: true }, Vec::new()),
            None => Stem::of(ranks, env),
        };
        if let Some(prefix) = prefix {
            stem.name = format!("{prefix}-{}", stem.name);
        }
        let (name, folder) = match base {
            None => (self.next(&stem), None),
            Some(base) => {
                let claim = |_: &str, folder: &Path| Ok(claim_own(folder)?.then_some(()));
                let (name, folder, ()) = self.first_free(base, &stem, claim)?;
                (name, Some(folder))
            }
        };
        Ok(Place { session: SessionId::new(name), folder, is_shared: true, warnings, claim: None })
    }

    /// Returns the next name whose folder in `base` is free, and what `claim` made of it.
    fn first_free<T>(
        &mut self,
        base: &Path,
        stem: &Stem,
        mut claim: impl FnMut(&str, &Path) -> io::Result<Option<T>>,
    ) -> Result<(String, PathBuf, T), Error> {
        make_base(base)?;
        loop {
            let name = self.next(stem);
            let folder = base.join(&name);
            if let Some(claimed) = claim(&name, &folder).map_err(|error| failed(&folder, error))? {
                return Ok((name, folder, claimed));
            }
        }
    }

    fn next(&mut self, stem: &Stem) -> String {
        self.used += 1;
        let Stem { name, is_shared } = stem;
        if *is_shared && self.used == 1 { name.clone() } else { format!("{name}-{}", self.used) }
    }
}

/// Returns the place of a session that a coordinator has named: its folder in `base`, made on hosts
/// that do not see the coordinator's.
///
/// # Errors
///
/// Fails if the folder is remote, cannot be created or written to, or holds artifacts of this rank.
pub(crate) fn given(session: SessionId, base: Option<&Path>, rank: Option<u32>) -> Result<Place, Error> {
    let part = file_part(rank);
    let place = |session, folder, claim| Place { session, folder, is_shared: true, warnings: Vec::new(), claim };
    let Some(base) = base else { return Ok(place(session, None, None)) };
    make_base(base)?;
    let folder = base.join(session.as_str());
    match claim_shared(&folder, &part) {
        Ok(Some(claim)) => Ok(place(session, Some(folder), Some(claim))),
        Ok(None) => {
            let whose = rank.map_or("the front-end".to_owned(), |rank| format!("rank {rank}"));
            let taken = format!("it holds artifacts of {whose} already");
            Err(failed(&folder, io::Error::new(io::ErrorKind::AlreadyExists, taken)))
        }
        Err(error) => Err(failed(&folder, error)),
    }
}

fn make_base(base: &Path) -> Result<(), Error> {
    if base.to_string_lossy().contains("://") {
        return Err(Error::RemoteFolder { folder: base.to_owned() });
    }
    fs::create_dir_all(base).map_err(|error| failed(base, explained(base, error)))
}

/// Explains an error about a symbolic link to nothing, where the system says that the file exists.
fn explained(base: &Path, error: io::Error) -> io::Error {
    let dangling = base.ancestors().find_map(|part| Some((part, fs::read_link(part).ok().filter(|_| !part.exists())?)));
    let Some((link, target)) = dangling else { return error };
    let link = if link == base { "it".to_owned() } else { format!("`{}`", link.display()) };
    let message = format!("{link} is a link to `{}`, which does not exist: create that", target.display());
    io::Error::new(io::ErrorKind::NotFound, message)
}

fn failed(folder: &Path, source: io::Error) -> Error {
    Error::Folder { folder: folder.to_owned(), source: Arc::new(source) }
}

/// Returns the warning for a rank whose name was taken, when those of others may not be.
fn apart(taken: &str, name: &str, ranks: Ranks) -> String {
    format!(
        "`{taken}` has artifacts of rank {} already, so this session is `{name}`; ranks that have none there do not know \
         that: give every run a `{}` of its own",
        ranks.rank, SHARED_ID
    )
}

/// Returns the name of sessions that are this process's alone.
fn own_name() -> String {
    let time = compact(&iso8601(Anchor::now().unix_ns));
    format!("{time}-{}-{}", own_host(), std::process::id())
}

/// Returns the host's name as it is in an id.
fn own_host() -> String {
    let mut host = plain(&host_name());
    host.truncate(HOST_LENGTH);
    if host.is_empty() { "host".to_owned() } else { host }
}

/// Makes a folder that must be new; false if it exists.
fn claim_own(folder: &Path) -> io::Result<bool> {
    match fs::create_dir(folder) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes a folder that other ranks may have made; `None` if it holds artifacts of this part of the
/// job, such as `rank0`, or another process that takes itself for the same has claimed it.
fn claim_shared(folder: &Path, part: &str) -> io::Result<Option<Claim>> {
    fs::create_dir_all(folder)?;
    let of_this_rank = format!("{part}.");
    let is_taken = || -> io::Result<bool> {
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            if name.to_string_lossy().contains(&of_this_rank) && name != *claim::shared_name(part) {
                return Ok(true);
            }
        }
        Ok(false)
    };
    // The holder of an earlier claim has written its artifacts before it gave the claim up.
    let claim = if is_taken()? { None } else { Claim::shared(folder, part)? };
    Ok(if is_taken()? { None } else { claim })
}

/// Formats `2026-01-31T23:59:59.000Z` as `20260131-235959`.
fn compact(iso8601: &str) -> String {
    let digits: String = iso8601.chars().filter(char::is_ascii_digit).take(14).collect();
    let (day, time) = digits.split_at_checked(8).unwrap_or((&digits, ""));
    format!("{day}-{time}")
}
