//! Correction of earlier manifests when a file that the user named (`trace_file`, `perf_dump_path`)
//! replaces the file of an earlier session.
//!
//! The size and checksum in the earlier session's manifest no longer match, so the file is moved
//! from its artifacts to its missing files.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::MissingArtifact;
use crate::export::format::json::write_indented;
use crate::export::output::sink;
use crate::export::remark::Remark;

/// Marks the file at `path` as replaced in the manifests of earlier sessions; `session`, whose
/// folder is given, has replaced it. Returns remarks for the user.
pub(in crate::export) fn update_manifests(path: &Path, folder: &Path, session: &str) -> Vec<Remark> {
    let replaced =
        format!("session `{session}` has replaced `{}`, which an earlier session had written", path.display());
    let mut remarks = vec![Remark::Info(replaced)];
    for manifest in other_manifests(folder) {
        if let Err(error) = amend(&manifest, path, session) {
            let stale = format!("`{}` still lists `{}`: {error}", manifest.display(), path.display());
            remarks.push(Remark::Warning(stale));
        }
    }
    remarks
}

/// Returns the manifests of the other sessions in the parent folder.
fn other_manifests(folder: &Path) -> Vec<PathBuf> {
    let files = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let is_manifest = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Reading a pipe of that name would never end.
        name.starts_with("manifest_") && name.ends_with(".json") && path.is_file()
    };
    let sessions = folder.parent().map(files).unwrap_or_default();
    let others = sessions.into_iter().filter(|other| other != folder && other.is_dir());
    others.flat_map(|other| files(&other)).filter(is_manifest).collect()
}

/// Moves the file from a manifest's artifacts to its missing files, if it is listed.
fn amend(manifest: &Path, path: &Path, session: &str) -> io::Result<()> {
    let text = fs::read_to_string(manifest)?;
    let name = path.to_string_lossy();
    if !text.contains(&*Value::from(&*name).to_string()) {
        return Ok(());
    }
    let mut members: Members = serde_json::from_str(&text)?;
    let mut is_listed = false;
    for (key, value) in &mut members.0 {
        match key.as_str() {
            "artifacts" => {
                let mut list: Vec<Box<RawValue>> = serde_json::from_str(value.get())?;
                let before = list.len();
                list.retain(|artifact| !has_name(artifact, &name));
                is_listed = list.len() < before;
                *value = lines(&list)?;
            }
            "missing" if is_listed => {
                let mut list: Vec<Box<RawValue>> = serde_json::from_str(value.get())?;
                let reason = format!("session `{session}` has replaced it: its configuration names the same file");
                list.push(to_raw_value(&MissingArtifact::new(name.to_string(), reason))?);
                *value = lines(&list)?;
            }
            _ => {}
        }
    }
    if !is_listed {
        return Ok(());
    }
    sink::write_file(manifest, false, |out| write_indented(out, &members)).map(drop)
}

/// Serialises a list member with one record per line, as in every manifest.
fn lines(list: &[Box<RawValue>]) -> serde_json::Result<Box<RawValue>> {
    RawValue::from_string(serde_json::to_string_pretty(list)?.replace('\n', "\n  "))
}

/// Returns whether an artifact has this name.
fn has_name(artifact: &RawValue, name: &str) -> bool {
    serde_json::from_str::<Value>(artifact.get()).is_ok_and(|artifact| artifact["name"] == name)
}

/// Members of a manifest in order, as raw JSON.
struct Members(Vec<(String, Box<RawValue>)>);

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, member)| (key, member)))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a manifest")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
