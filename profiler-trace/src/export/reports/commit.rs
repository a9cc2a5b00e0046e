//! The commit of the program's source, for reports that compare runs.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns `PROFILER_COMMIT_HASH`, otherwise the commit checked out around the working directory,
/// otherwise `N/A`.
///
/// Reads git's files instead of running `git`, which may not be installed and would cost a process.
pub(super) fn commit_hash() -> String {
    let configured = std::env::var("PROFILER_COMMIT_HASH").ok().filter(|hash| !hash.is_empty());
    let checked_out = || head_commit(&git_folder(&std::env::current_dir().ok()?)?);
    configured.or_else(checked_out).unwrap_or_else(|| "N/A".to_owned())
}

/// Returns the nearest git directory at or above `folder`. In a worktree, `.git` is a file that
/// names it.
fn git_folder(folder: &Path) -> Option<PathBuf> {
    let git = folder.ancestors().map(|folder| folder.join(".git")).find(|git| git.exists())?;
    if git.is_dir() {
        return Some(git);
    }
    let pointer = fs::read_to_string(&git).ok()?;
    Some(git.parent()?.join(pointer.strip_prefix("gitdir:")?.trim()))
}

/// Returns the commit that a git directory's `HEAD` refers to.
fn head_commit(git: &Path) -> Option<String> {
    let head = fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(branch) = head.strip_prefix("ref:").map(str::trim) else { return hash(&head) };
    // A worktree's branches are in the repository that it belongs to.
    let common =
        fs::read_to_string(git.join("commondir")).map_or_else(|_| git.to_owned(), |common| git.join(common.trim()));
    if let Ok(loose) = fs::read_to_string(common.join(branch)) {
        return hash(&loose);
    }
    let packed = fs::read_to_string(common.join("packed-refs")).ok()?;
    packed.lines().find_map(|line| hash(line.strip_suffix(branch)?.strip_suffix(' ')?))
}

/// Returns the text if it is a hash; other text is not published.
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
        let found = || head_commit(&git_folder(&folder.path().join("src")).unwrap());
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
