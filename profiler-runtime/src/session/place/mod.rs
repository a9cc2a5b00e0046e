//! Chooses a session's name and creates and claims its folder.
//!
//! Ranks of one job share the name that their coordinator assigns or that of the job
//! ([`launchers`]); their n-th sessions share the name with the suffix `-n`. Without a job, the
//! name is `{UTC time}-{host}-{process id}-{counter}`. No session writes into a folder that holds,
//! or will hold, another session's artifacts of the same rank: the next free suffix is used
//! instead. The folder is created at the start, so that a session that cannot be written fails
//! before it runs.

pub(crate) mod claim;
mod launchers;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::os::host;
use crate::session_id::{SessionId, plain};
use profiler_core::clock::Anchor;
use profiler_trace::export::iso8601;
use profiler_trace::model::file_part;

pub(crate) use claim::Claim;
use launchers::SHARED_ID;
pub(crate) use launchers::{Ranks, current_process, read as read_ranks, separate_folder_warning};

/// Maximum length of the host's name in an id.
const HOST_LENGTH: usize = 24;

/// The names of one process's sessions. Each suffix is used once.
#[derive(Debug, Default)]
pub(crate) struct Names {
    used: u64,
}

/// The name and the folder of a new session.
#[derive(Debug)]
pub(crate) struct Reservation {
    /// Id of the session.
    pub(crate) session: SessionId,
    /// Folder of the session, if the configuration has one.
    pub(crate) folder: Option<PathBuf>,
    /// True if the other ranks of the job share the id.
    pub(crate) is_shared: bool,
    /// Warnings for the user, in full sentences.
    pub(crate) warnings: Vec<String>,
    /// Claim on the folder, held until the artifacts are written.
    pub(crate) claim: Option<Claim>,
}

/// The begin of a session's name, to which suffixes are added.
struct Stem {
    name: String,
    /// True if the launcher or a request gave the name. The folder may then already hold other
    /// ranks' files.
    is_shared: bool,
}

impl Stem {
    /// Returns the job's name. Without a job, returns a name that is unique among hosts and
    /// processes, because hosts may share the folder, and containers the process id. Also returns
    /// warnings about the job's name.
    fn new(ranks: Ranks, env: impl Fn(&str) -> Option<OsString>) -> (Self, Vec<String>) {
        let (name, wrong) = launchers::job_name(ranks, env);
        let is_shared = name.is_some();
        (Self { name: name.unwrap_or_else(own_name), is_shared }, wrong.into_iter().collect())
    }
}

impl Names {
    /// Names a session, and creates and claims its folder in `base`.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder is remote, or cannot be created or written to.
    pub(crate) fn claim(
        &mut self,
        base: Option<&Path>,
        ranks: Ranks,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Reservation, Error> {
        let (stem, mut warnings) = Stem::new(ranks, env);
        let is_shared = stem.is_shared;
        let Some(base) = base else {
            let session = SessionId::new(self.next(&stem));
            return Ok(Reservation { session, folder: None, is_shared, warnings, claim: None });
        };
        if !is_shared {
            claim::sweep(base, Some(&format!("-{}-", own_host())));
        }
        let mut taken = None;
        let (name, folder, claim) = self.first_free(base, &stem, |name, folder| {
            let claim = if is_shared {
                claim_shared(folder, &file_part(Some(ranks.rank)))?.map(Some)
            } else {
                create_new(folder)?.then(|| Claim::own(folder))
            };
            if claim.is_none() {
                taken.get_or_insert_with(|| name.to_owned());
            }
            Ok(claim)
        })?;
        warnings.extend(taken.filter(|_| is_shared && ranks.in_job).map(|taken| taken_warning(&taken, &name, ranks)));
        Ok(Reservation { session: SessionId::new(name), folder: Some(folder), is_shared, warnings, claim })
    }

    /// Names a session of a whole job, by the request or the job, and creates its folder in `base`,
    /// which must be new.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`claim`](Self::claim).
    pub(crate) fn reserve(
        &mut self,
        base: Option<&Path>,
        requested: Option<&str>,
        prefix: Option<&str>,
        ranks: Ranks,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Reservation, Error> {
        let (mut stem, warnings) = match requested {
            Some(requested) => (Stem { name: requested.to_owned(), is_shared: true }, Vec::new()),
            None => Stem::new(ranks, env),
        };
        if let Some(prefix) = prefix {
            stem.name = format!("{prefix}-{}", stem.name);
        }
        let (name, folder) = match base {
            None => (self.next(&stem), None),
            Some(base) => {
                let claim = |_: &str, folder: &Path| Ok(create_new(folder)?.then_some(()));
                let (name, folder, ()) = self.first_free(base, &stem, claim)?;
                (name, Some(folder))
            }
        };
        Ok(Reservation { session: SessionId::new(name), folder, is_shared: true, warnings, claim: None })
    }

    /// Returns the next name whose folder in `base` `claim` accepts, with the folder and the claim.
    fn first_free<T>(
        &mut self,
        base: &Path,
        stem: &Stem,
        mut claim: impl FnMut(&str, &Path) -> io::Result<Option<T>>,
    ) -> Result<(String, PathBuf, T), Error> {
        create_base(base)?;
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

/// Creates and claims the folder of a session that a coordinator has named. The folder may not
/// exist yet on hosts that do not share the coordinator's disk.
///
/// # Errors
///
/// Returns an error if the folder is remote, cannot be created or written to, or holds artifacts of
/// this rank.
pub(crate) fn claim_assigned(session: SessionId, base: Option<&Path>, rank: Option<u32>) -> Result<Reservation, Error> {
    let part = file_part(rank);
    let reserved =
        |session, folder, claim| Reservation { session, folder, is_shared: true, warnings: Vec::new(), claim };
    let Some(base) = base else { return Ok(reserved(session, None, None)) };
    create_base(base)?;
    let folder = base.join(session.as_str());
    match claim_shared(&folder, &part) {
        Ok(Some(claim)) => Ok(reserved(session, Some(folder), Some(claim))),
        Ok(None) => {
            let owner = rank.map_or("the front-end".to_owned(), |rank| format!("rank {rank}"));
            let taken = format!("it holds artifacts of {owner} already");
            Err(failed(&folder, io::Error::new(io::ErrorKind::AlreadyExists, taken)))
        }
        Err(error) => Err(failed(&folder, error)),
    }
}

fn create_base(base: &Path) -> Result<(), Error> {
    if base.to_string_lossy().contains("://") {
        return Err(Error::RemoteFolder { folder: base.to_owned() });
    }
    fs::create_dir_all(base).map_err(|error| failed(base, explain_dangling_link(base, error)))
}

/// Replaces the error for a dangling symbolic link, for which the system reports that the file
/// exists.
fn explain_dangling_link(base: &Path, error: io::Error) -> io::Error {
    let dangling = base.ancestors().find_map(|part| Some((part, fs::read_link(part).ok().filter(|_| !part.exists())?)));
    let Some((link, target)) = dangling else { return error };
    let link = if link == base { "it".to_owned() } else { format!("`{}`", link.display()) };
    let message = format!("{link} is a link to `{}`, which does not exist: create that", target.display());
    io::Error::new(io::ErrorKind::NotFound, message)
}

fn failed(folder: &Path, source: io::Error) -> Error {
    Error::Folder { folder: folder.to_owned(), source: Arc::new(source) }
}

/// Returns the warning for a rank whose name was taken, while it may be free for other ranks.
fn taken_warning(taken: &str, name: &str, ranks: Ranks) -> String {
    format!(
        "`{taken}` has artifacts of rank {} already, so this session is `{name}`; ranks that have none there do not know \
         that: give every run a `{}` of its own",
        ranks.rank, SHARED_ID
    )
}

/// Returns a name that only this process uses.
fn own_name() -> String {
    let time = compact(&iso8601(Anchor::now().unix_ns));
    format!("{time}-{}-{}", own_host(), std::process::id())
}

/// Returns the host's name in the form that ids contain.
fn own_host() -> String {
    let mut host = plain(&host::name());
    host.truncate(HOST_LENGTH);
    if host.is_empty() { "host".to_owned() } else { host }
}

/// Creates a folder; returns false if it exists.
fn create_new(folder: &Path) -> io::Result<bool> {
    match fs::create_dir(folder) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Creates and claims a folder that other ranks may have created. Returns `None` if it holds
/// artifacts of this part of the job, such as `rank0`, or if another process with the same rank has
/// claimed it.
fn claim_shared(folder: &Path, part: &str) -> io::Result<Option<Claim>> {
    fs::create_dir_all(folder)?;
    let of_part = format!("{part}.");
    let is_taken = || -> io::Result<bool> {
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            if name.to_string_lossy().contains(&of_part) && name != *claim::shared_name(part) {
                return Ok(true);
            }
        }
        Ok(false)
    };
    // Checked again after claiming: the previous claim was released after its artifacts were
    // written.
    let claim = if is_taken()? { None } else { Claim::shared(folder, part)? };
    Ok(if is_taken()? { None } else { claim })
}

/// Formats `2026-01-31T23:59:59.000Z` as `20260131-235959`.
fn compact(iso8601: &str) -> String {
    let digits: String = iso8601.chars().filter(char::is_ascii_digit).take(14).collect();
    let (day, time) = digits.split_at_checked(8).unwrap_or((&digits, ""));
    format!("{day}-{time}")
}
