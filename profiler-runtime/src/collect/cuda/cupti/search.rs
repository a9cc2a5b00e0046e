//! Lists the files to try when searching for libcupti, best first.
//!
//! Candidates are ranked by the driver's version rather than by folder: a libcupti newer than the
//! driver does not start, and a much older one does not know the device. Reads folders and has no
//! other effect.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Names by the major version of CUDA, newest first.
const NAMES: [(u32, &[&str]); 3] =
    [(13, &["libcupti.so.13"]), (12, &["libcupti.so.12"]), (11, &["libcupti.so.11.8", "libcupti.so.11.7"])];
/// Name without a version.
const PLAIN: &str = "libcupti.so";

/// Returns the names under which the process may have loaded libcupti already.
pub(super) fn loaded_names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().flat_map(|(_, names)| names.iter().copied()).chain([PLAIN])
}

/// Returns the files and names to try, best first. `driver` is the CUDA version that the driver
/// supports: 12080 is 12.8.
pub(super) fn candidates(driver: u32, env: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    ranked(driver / 1000, &folders(env))
}

/// Ranks the names: the driver's own major version, older ones, the name without a version, newer
/// ones. For each name, `folders` come before the dynamic linker.
fn ranked(major: u32, folders: &[PathBuf]) -> Vec<PathBuf> {
    let (mut fitting, newer): (Vec<_>, Vec<_>) = NAMES.into_iter().partition(|(version, _)| *version <= major);
    fitting.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let plain: &[&str] = &[PLAIN];
    let groups = fitting.into_iter().chain([(major, plain)]).chain(newer).flat_map(|(_, names)| names);
    let mut found = Vec::new();
    for name in groups {
        found.extend(folders.iter().map(|folder| folder.join(name)).filter(|path| path.exists()));
        found.push(PathBuf::from(name));
    }
    found
}

/// Returns the folders where CUDA, conda and Python packages install libcupti.
fn folders(env: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let mut homes: Vec<PathBuf> = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(&env).map(PathBuf::from).collect();
    homes.push(PathBuf::from("/usr/local/cuda"));
    homes.extend(entries(Path::new("/usr/local"), "cuda-"));
    let mut folders: Vec<PathBuf> =
        homes.iter().flat_map(|home| ["extras/CUPTI/lib64", "lib64", "lib"].map(|inside| home.join(inside))).collect();
    let mut prefixes: Vec<PathBuf> =
        ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(&env).map(PathBuf::from).collect();
    prefixes.push(PathBuf::from("/usr/local"));
    for prefix in prefixes {
        folders.push(prefix.join("lib"));
        for python in entries(&prefix.join("lib"), "python3") {
            for packages in ["site-packages", "dist-packages"] {
                let nvidia = python.join(packages).join("nvidia");
                folders.extend(["cu13/lib", "cuda_cupti/lib"].map(|inside| nvidia.join(inside)));
            }
        }
    }
    folders
}

/// Returns the entries of a folder whose names begin with `prefix`, in descending order.
fn entries(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        all.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)).map(|entry| entry.path()).collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_drivers_own_version_comes_first_and_newer_ones_last() {
        let names: Vec<String> = ranked(12, &[]).iter().map(|path| path.to_string_lossy().into_owned()).collect();
        assert_eq!(names, ["libcupti.so.12", "libcupti.so.11.8", "libcupti.so.11.7", "libcupti.so", "libcupti.so.13"]);
        assert_eq!(ranked(13, &[])[0], Path::new("libcupti.so.13"));
        assert_eq!(ranked(14, &[])[0], Path::new("libcupti.so.13"));
    }

    #[test]
    fn a_fitting_version_beats_another_in_an_earlier_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        for (dir, name) in [(&old, "libcupti.so.11.8"), (&old, PLAIN), (&new, "libcupti.so.12")] {
            fs::create_dir_all(dir).unwrap();
            fs::write(dir.join(name), "").unwrap();
        }
        let found = ranked(12, &[old.clone(), new.clone()]);
        let files: Vec<_> = found.iter().filter(|path| path.is_absolute()).collect();
        assert_eq!(files, [&new.join("libcupti.so.12"), &old.join("libcupti.so.11.8"), &old.join(PLAIN)]);
    }

    #[test]
    fn cuda_home_and_python_environments_are_searched() {
        let folder = tempfile::tempdir().unwrap();
        let packages = folder.path().join("lib/python3.12/site-packages/nvidia/cu13/lib");
        fs::create_dir_all(&packages).unwrap();
        let env = |name: &str| match name {
            "CUDA_HOME" => Some(OsString::from("/opt/cuda")),
            "VIRTUAL_ENV" => Some(folder.path().as_os_str().to_owned()),
            _ => None,
        };
        let found = folders(env);
        assert_eq!(found[0], Path::new("/opt/cuda/extras/CUPTI/lib64"));
        assert!(found.contains(&packages));
    }
}
