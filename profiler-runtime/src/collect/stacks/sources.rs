//! Shortens source paths to the part worth showing, and recognizes the profiler's own files.
//!
//! The folders are those of this process or, when a recording is recovered, those in its journal
//! ([`super::loaded_code`]).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use profiler_core::{site::Site, site::sites};

/// The folders of a program's sources.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Sources {
    /// Working directory of the program.
    here: String,
    /// Sources of this crate, [`shortened`](Self::shortened).
    profiler: String,
    /// Sources of `profiler-core`, likewise. Older journals have none.
    #[serde(default)]
    core: String,
    /// Folders of workspaces, each with a trailing slash. Compilers name files relative to them,
    /// wherever the program runs.
    #[serde(skip)]
    roots: Vec<String>,
}

impl Sources {
    pub(super) fn of_current_process() -> Self {
        let here = std::env::current_dir().unwrap_or_default().to_string_lossy().into_owned();
        let mut sources = Self { here, ..Self::default() };
        // From this file up to the crate's `src`.
        let own = Path::new(file!()).ancestors().nth(3).unwrap_or(Path::new(""));
        sources.profiler = sources.shortened(own);
        let core = Path::new(profiler_core::hooks::stack::FILE).ancestors().nth(2).unwrap_or(Path::new(""));
        sources.core = sources.shortened(core);
        sources
    }

    /// Adds the workspace's folder if this function, of a crate with annotated code, reveals it.
    pub(super) fn learn_root(&mut self, file: &str, function: &str) {
        if Path::new(file).is_absolute() && self.shortened(Path::new(file)) == file {
            let root = sites().find_map(|site| root(site, file, function));
            self.roots.extend(root.map(str::to_owned));
        }
    }

    /// Returns whether `file`, [`shortened`](Self::shortened), belongs to the profiler.
    pub(super) fn has_profiler(&self, file: &str) -> bool {
        [&self.profiler, &self.core].iter().any(|own| !own.is_empty() && file.contains(own.as_str()))
    }

    /// Returns a source path without the parts that differ between machines: the working directory
    /// and the folders of cargo and rustc.
    pub(super) fn shortened(&self, file: &Path) -> String {
        if let Ok(inside) = file.strip_prefix(&self.here)
            && !self.here.is_empty()
        {
            return inside.to_string_lossy().into_owned();
        }
        let name = file.to_string_lossy();
        if let Some(inside) = self.roots.iter().find_map(|root| name.strip_prefix(root)) {
            return inside.to_owned();
        }
        let parts: Vec<_> = file.iter().collect();
        let after = |from: usize| parts[from..].iter().collect::<PathBuf>().to_string_lossy().into_owned();
        let at = |name: &str| parts.iter().position(|part| *part == name);
        if let Some(at) = name.find("/lib/rustlib/src/rust/library/") {
            return name[at + "/lib/rustlib/src/rust/".len()..].to_owned();
        }
        match (at("registry"), at("rustc")) {
            // …/registry/src/<index>/<crate>-<version>/src/…
            (Some(registry), _)
                if parts.get(registry + 1).is_some_and(|part| *part == "src") && parts.len() > registry + 3 =>
            {
                after(registry + 3)
            }
            // /rustc/<commit>/library/…
            (_, Some(1)) if parts.len() > 3 => after(3),
            _ => name.into_owned(),
        }
    }
}

/// Returns the folder relative to which the compiler named the file of `site`, if `function` is in
/// that file.
fn root<'a>(site: &Site, file: &'a str, function: &str) -> Option<&'a str> {
    let own = site.module().split("::").next()?;
    let path = function.trim_start_matches(['<', '&']).strip_prefix(own)?;
    let root = file.strip_suffix(site.file())?;
    (path.starts_with("::") && root.ends_with(['/', '\\'])).then_some(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_without_the_machine() {
        let sources = Sources { here: "/build/app".to_owned(), ..Sources::default() };
        let short = |file: &str| sources.shortened(Path::new(file));
        assert_eq!(short("/build/app/src/main.rs"), "src/main.rs");
        assert_eq!(
            short("/u/.cargo/registry/src/index-1a2b/candle-core-0.11.1/src/tensor.rs"),
            "candle-core-0.11.1/src/tensor.rs"
        );
        assert_eq!(short("/rustc/0123abcd/library/core/src/iter.rs"), "library/core/src/iter.rs");
        let rust = "/u/.rustup/toolchains/stable/lib/rustlib/src/rust/library/core/src/iter.rs";
        assert_eq!(short(rust), "library/core/src/iter.rs");
        assert_eq!(short("/elsewhere/src/lib.rs"), "/elsewhere/src/lib.rs");
        assert_eq!(short("src/lib.rs"), "src/lib.rs");
    }

    /// E7: paths are relative to the workspace, wherever the program runs.
    #[test]
    fn annotated_code_reveals_its_workspace() {
        static SITE: Site = Site::new(profiler_core::site::Kind::Op, "linear", "wan/src/layers.rs", 7, "wan::layers");
        let root = |file, function| root(&SITE, file, function);
        assert_eq!(root("/build/ws/wan/src/layers.rs", "wan::layers::linear"), Some("/build/ws/"));
        assert_eq!(root("/build/ws/wan/src/layers.rs", "other::layers::linear"), None, "a crate of another workspace");
        assert_eq!(root("/build/my-wan/src/layers.rs", "wan::layers::linear"), None, "part of a folder's name");
        let sources = Sources { roots: vec!["/build/ws/".to_owned()], ..Sources::default() };
        assert_eq!(sources.shortened(Path::new("/build/ws/vae/src/lib.rs")), "vae/src/lib.rs");
    }

    #[test]
    fn the_profilers_files_are_recognized_anywhere() {
        let mut sources = Sources { here: "/build/app".to_owned(), ..Sources::default() };
        assert!(!sources.has_profiler("src/main.rs"), "nothing is known");
        for own in ["profiler-runtime/src", "/u/.cargo/registry/src/index-1a2b/profiler-runtime-0.1.0/src"] {
            sources.profiler = sources.shortened(Path::new(own));
            let file = sources.shortened(&Path::new("/build").join(own).join("src/range.rs"));
            assert!(sources.has_profiler(&file) && !sources.has_profiler("src/main.rs"), "{file}");
        }
        let core = Path::new("/build").join(profiler_core::hooks::stack::FILE);
        assert!(Sources::of_current_process().has_profiler(&core.to_string_lossy()), "{}", core.display());
    }
}
