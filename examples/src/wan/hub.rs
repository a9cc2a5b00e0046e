//! Finds a model by its name on Hugging Face's hub, `organisation/name`, among this machine's
//! downloads.
//!
//! vLLM-Omni and SGLang download a model that is given by name. This program downloads nothing, and
//! reports where it has looked.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Returns the folder of `model`: the path itself, or the downloaded snapshot of the model with
/// this name.
///
/// # Errors
/// If it is the name of a model that has not been downloaded.
pub(super) fn folder(model: &Path, env: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let id = model.to_str().filter(|id| is_id(id) && !model.exists());
    let Some(id) = id else { return Ok(model.to_owned()) };
    let cache = cache(env);
    let download = cache.join(format!("models--{}", id.replace('/', "--")));
    snapshot(&download).ok_or_else(|| Error::ModelNotHere { id: id.to_owned(), cache })
}

/// Returns whether this is `organisation/name`.
fn is_id(text: &str) -> bool {
    let plain = |part: &str| {
        let letters = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        !part.is_empty() && !part.starts_with('.') && part.chars().all(letters)
    };
    text.split_once('/').is_some_and(|(organisation, name)| plain(organisation) && plain(name))
}

/// Returns the download folder of the hub's tools.
fn cache(env: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let set = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("HF_HUB_CACHE").unwrap_or_else(|| {
        let home = || Some(set("HOME")?.join(".cache").join("huggingface"));
        set("HF_HOME").or_else(home).unwrap_or_default().join("hub")
    })
}

/// Returns the snapshot of the branch `main`, else the only one.
fn snapshot(download: &Path) -> Option<PathBuf> {
    let snapshots = download.join("snapshots");
    if let Ok(commit) = fs::read_to_string(download.join("refs").join("main")) {
        let named = snapshots.join(commit.trim());
        return named.is_dir().then_some(named);
    }
    let mut all = fs::read_dir(snapshots).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    all.next().filter(|_| all.next().is_none())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const ID: &str = "Wan-AI/Wan2.2-I2V-A14B-Diffusers";

    /// D8: a name on the hub resolves to its download, or to an error that says where it was
    /// searched.
    #[test]
    fn a_hub_name_is_its_download_or_names_the_cache() {
        let home = tempfile::tempdir().unwrap();
        let env = |name: &str| (name == "HF_HOME").then(|| home.path().into());
        let error = folder(Path::new(ID), env).unwrap_err().to_string();
        assert!(error.contains(ID) && error.contains(&*home.path().join("hub").to_string_lossy()), "{error}");

        let download = home.path().join("hub/models--Wan-AI--Wan2.2-I2V-A14B-Diffusers");
        let snapshot = download.join("snapshots/4f1c");
        fs::create_dir_all(&snapshot).unwrap();
        assert_eq!(folder(Path::new(ID), env).unwrap(), snapshot);
        fs::create_dir_all(download.join("snapshots/older")).unwrap();
        fs::create_dir_all(download.join("refs")).unwrap();
        fs::write(download.join("refs/main"), "4f1c\n").unwrap();
        assert_eq!(folder(Path::new(ID), env).unwrap(), snapshot);
    }

    #[test]
    fn a_path_stays_as_it_is() {
        for path in ["./a/b", "/a/b", "a/b/c", "a", "../a"] {
            assert_eq!(folder(Path::new(path), |_| None).unwrap(), Path::new(path));
        }
    }
}
