//! Where a session writes: its id, made once, and the folder of that name.
//!
//! Ranks of one job share the id that their coordinator gives them, or that the launcher puts into `PROFILER_SESSION_ID`;
//! else the id is `{UTC time}-{process id}-{counter}`. Either way no session writes into a folder that holds another session's artifacts of the same rank:
//! the name gets a suffix that is free. The folder is made at the start, because a session that cannot be written
//! should not run first.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::id::SessionId;
use crate::error::Error;
use crate::export::iso8601;
use crate::record::clock::Anchor;

/// The variable through which a launcher gives all ranks one session id.
const SHARED_ID: &str = "PROFILER_SESSION_ID";
/// Longest id that is taken from the environment.
const MAX_LENGTH: usize = 64;

/// Names for the sessions of one process: each suffix is used once.
#[derive(Debug, Default)]
pub(crate) struct Names {
    used: u64,
}

/// A new session's id, and what its user should know about it.
#[derive(Debug)]
pub(crate) struct Place {
    /// The id.
    pub(crate) session: SessionId,
    /// The folder, if the configuration has one.
    pub(crate) folder: Option<PathBuf>,
    /// Whether the other ranks of the job have the same.
    pub(crate) is_shared: bool,
    /// In full sentences.
    pub(crate) warnings: Vec<String>,
}

/// How ids of one session are made.
enum Stem {
    /// Given by the launcher; the folder may hold other ranks' files already.
    Shared(String),
    /// Ours alone.
    Own(String),
}

impl Names {
    /// Names a session and makes its folder in `base`.
    ///
    /// # Errors
    ///
    /// The folder is remote, or cannot be created or written to.
    pub(crate) fn claim(
        &mut self,
        base: Option<&Path>,
        rank: u32,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Place, Error> {
        let (stem, warnings) = stem(env);
        let is_shared = matches!(stem, Stem::Shared(_));
        let (session, folder) = self.first_free(base, &stem, |folder| match stem {
            Stem::Shared(_) => claim_shared(folder, rank),
            Stem::Own(_) => claim_own(folder),
        })?;
        Ok(Place { session, folder, is_shared, warnings })
    }

    /// Names a session of a whole job and makes its folder in `base`, which no earlier session has.
    ///
    /// # Errors
    ///
    /// As for [`claim`](Self::claim).
    pub(crate) fn reserve(
        &mut self,
        base: Option<&Path>,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Place, Error> {
        let (stem, warnings) = stem(env);
        let (session, folder) = self.first_free(base, &stem, claim_own)?;
        Ok(Place { session, folder, is_shared: true, warnings })
    }

    /// The next name whose folder in `base` can be had.
    fn first_free(
        &mut self,
        base: Option<&Path>,
        stem: &Stem,
        claim: impl Fn(&Path) -> io::Result<bool>,
    ) -> Result<(SessionId, Option<PathBuf>), Error> {
        let Some(base) = base else { return Ok((SessionId::new(self.next(stem)), None)) };
        make_base(base)?;
        loop {
            let name = self.next(stem);
            let folder = base.join(&name);
            if claim(&folder).map_err(|error| failed(&folder, error))? {
                return Ok((SessionId::new(name), Some(folder)));
            }
        }
    }

    fn next(&mut self, stem: &Stem) -> String {
        self.used += 1;
        match (stem, self.used) {
            (Stem::Shared(id), 1) => id.clone(),
            (Stem::Shared(stem) | Stem::Own(stem), number) => format!("{stem}-{number}"),
        }
    }
}

/// The place of a session that a coordinator has named: its folder in `base`, made on hosts that do not see the
/// coordinator's.
///
/// # Errors
///
/// The folder is remote, cannot be created or written to, or holds artifacts of this rank.
pub(crate) fn given(session: SessionId, base: Option<&Path>, rank: u32) -> Result<Place, Error> {
    let place = |folder| Place { session: session.clone(), folder, is_shared: true, warnings: Vec::new() };
    let Some(base) = base else { return Ok(place(None)) };
    make_base(base)?;
    let folder = base.join(session.as_str());
    match claim_shared(&folder, rank) {
        Ok(true) => Ok(place(Some(folder))),
        Ok(false) => {
            let taken = format!("it holds artifacts of rank {rank} already");
            Err(failed(&folder, io::Error::new(io::ErrorKind::AlreadyExists, taken)))
        }
        Err(error) => Err(failed(&folder, error)),
    }
}

fn make_base(base: &Path) -> Result<(), Error> {
    if base.to_string_lossy().contains("://") {
        return Err(Error::RemoteFolder { folder: base.to_owned() });
    }
    fs::create_dir_all(base).map_err(|error| failed(base, error))
}

fn failed(folder: &Path, source: io::Error) -> Error {
    Error::Folder { folder: folder.to_owned(), source: Arc::new(source) }
}

fn stem(env: impl Fn(&str) -> Option<OsString>) -> (Stem, Vec<String>) {
    let own = || Stem::Own(format!("{}-{}", compact(&iso8601(Anchor::now().unix_ns)), std::process::id()));
    let Some(given) = env(SHARED_ID).filter(|given| !given.is_empty()) else { return (own(), Vec::new()) };
    let given = given.to_string_lossy();
    if is_token(&given) {
        return (Stem::Shared(given.into_owned()), Vec::new());
    }
    let wrong = format!(
        "`{SHARED_ID}` is {given:?}; it takes 1 to {MAX_LENGTH} letters, digits, `.`, `_` and `-`, so this process made \
         its own session id"
    );
    (own(), vec![wrong])
}

/// A name that is one plain path component everywhere.
pub(super) fn is_token(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(plain) && !text.bytes().all(|byte| byte == b'.')
}

/// Makes a folder that must be new; false if it exists.
fn claim_own(folder: &Path) -> io::Result<bool> {
    match fs::create_dir(folder) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes a folder that other ranks may have made; false if it holds artifacts of this rank.
fn claim_shared(folder: &Path, rank: u32) -> io::Result<bool> {
    fs::create_dir_all(folder)?;
    let of_this_rank = format!("rank{rank}.");
    for entry in fs::read_dir(folder)? {
        if entry?.file_name().to_string_lossy().contains(&of_this_rank) {
            return Ok(false);
        }
    }
    let probe = folder.join(format!(".probe-{}-{rank}", std::process::id()));
    fs::write(&probe, b"")?;
    fs::remove_file(&probe)?;
    Ok(true)
}

/// `20260131-235959` for `2026-01-31T23:59:59.000Z`.
fn compact(iso8601: &str) -> String {
    let digits: String = iso8601.chars().filter(char::is_ascii_digit).take(14).collect();
    let (day, time) = digits.split_at_checked(8).unwrap_or((&digits, ""));
    format!("{day}-{time}")
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
