//! The commit that the program was run from, for reports that compare runs.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns `PROFILER_COMMIT_HASH`, else the commit checked out around the working directory, else
/// `N/A`.
///
/// Reads git's files instead of running `git`: git need not be installed, and a report is not worth
/// a process.
pub(super) fn commit_hash() -> String {
    let given = std::env::var("PROFILER_COMMIT_HASH").ok().filter(|hash| !hash.is_empty());
    let found = || checked_out(&git_folder(&std::env::current_dir().ok()?)?);
    given.or_else(found).unwrap_or_else(|| "N/A".to_owned())
}

/// Returns the nearest `.git` at or above `folder`; in a worktree that is a file, which names the
/// folder.
fn git_folder(folder: &Path) -> Option<PathBuf> {
    let git = folder.ancestors().map(|folder| folder.join(".git")).find(|git| git.exists())?;
    if git.is_dir() {
        return Some(git);
    }
    let named = fs::read_to_string(&git).ok()?;
    Some(git.parent()?.join(named.strip_prefix("gitdir:")?.trim()))
}

fn checked_out(git: &Path) -> Option<String> {
    let head = fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(branch) = head.strip_prefix("ref:").map(str::trim) else { return hash(&head) };
    // A worktree's branches are those of the repository that it belongs to.
    let common =
        fs::read_to_string(git.join("commondir")).map_or_else(|_| git.to_owned(), |common| git.join(common.trim()));
    if let Ok(loose) = fs::read_to_string(common.join(branch)) {
        return hash(&loose);
    }
    let packed = fs::read_to_string(common.join("packed-refs")).ok()?;
    packed.lines().find_map(|line| hash(line.strip_suffix(branch)?.strip_suffix(' ')?))
}

/// Returns the text if it is a hash: any other text is not shown.
fn hash(text: &str) -> Option<String> {
    let text = text.trim();
    let is_hash = text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn loose_packed_and_detached_heads_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let git = folder.path().join(".git");
        fs::create_dir_all(git.join("refs/heads")).unwrap();
        let found = || checked_out(&git_folder(&folder.path().join("src")).unwrap());
        fs::write(git.join("HEAD"), format!("{HASH}\n")).unwrap();
        assert_eq!(found().as_deref(), Some(HASH), "detached");
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        assert_eq!(found(), None, "no commit yet");
        fs::write(git.join("packed-refs"), format!("# pack-refs\n{HASH} refs/heads/main\n")).unwrap();
        assert_eq!(found().as_deref(), Some(HASH), "packed");
        fs::write(git.join("refs/heads/main"), HASH.replace('0', "f")).unwrap();
        assert_eq!(found(), Some(HASH.replace('0', "f")), "a loose one is newer");
    }

    #[test]
    fn what_is_no_hash_is_not_shown() {
        assert_eq!(hash("secret"), None);
    }
}
