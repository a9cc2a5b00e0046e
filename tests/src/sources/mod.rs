//! The product's source files as tokens, for tests of the house rules and contracts.
//!
//! Code that only tests compile is excluded: items under `cfg(test)`, and files that only such a
//! `mod` reaches. Files are found by walking the folders, so nothing here depends on their paths.

mod docs;
mod graph;
mod lines;
mod paths;
mod strip;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

pub use docs::{Documented, documented};
pub use graph::{Arrow, arrows, circles};
pub use lines::{Line, Page, committed};

/// A source file, without code that only tests compile.
#[derive(Debug)]
pub struct Source {
    /// Path of the file below the crate's source folder, with `/` between the parts.
    pub name: String,
    /// Text of the file, tests included.
    pub text: String,
    /// Tokens of the file, tests excluded.
    pub tokens: Vec<TokenTree>,
}

impl Source {
    /// Returns the file's module path from the crate's root: `["record"]` for `record/mod.rs`,
    /// empty for `lib.rs`.
    pub fn module(&self) -> Vec<String> {
        let mut parts: Vec<String> = self.name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if parts.last().is_some_and(|last| ["lib", "main", "mod"].contains(&last.as_str())) {
            parts.pop();
        }
        parts
    }

    /// Returns the numbers, from 1, of the lines that contain code: neither blank nor only
    /// comments.
    pub fn code_lines(&self) -> BTreeSet<usize> {
        let mut lines = BTreeSet::new();
        strip::lines(&self.tokens, &mut lines);
        lines
    }
}

/// Returns the workspace's folder.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// Returns every source file below a folder, sorted by name, except for files of tests. Returns
/// none if the folder does not exist.
pub fn product(folder: &Path) -> Vec<Source> {
    let mut files = Vec::new();
    walk(folder, &mut files);
    files.sort();
    let mut sources = Vec::new();
    let mut of_tests = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).expect("a readable file");
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let stripped = strip::product(tokens);
        of_tests.extend(stripped.modules.iter().flat_map(|module| candidates(&path, module)));
        let name = path.strip_prefix(folder).expect("below it").to_string_lossy().replace('\\', "/");
        sources.push((path, Source { name, text, tokens: stripped.tokens }));
    }
    sources.retain(|(path, _)| !of_tests.iter().any(|test| path.starts_with(test)));
    sources.into_iter().map(|(_, source)| source).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Returns the paths at which the file of a `mod` in `file` may be.
fn candidates(file: &Path, module: &strip::Module) -> Vec<PathBuf> {
    let folder = file.parent().expect("a folder");
    if let Some(path) = &module.path {
        return vec![folder.join(path)];
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let own = if ["lib", "main", "mod"].contains(&&*stem) { folder.to_owned() } else { folder.join(&*stem) };
    vec![own.join(format!("{}.rs", module.name)), own.join(&module.name)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let tokens = strip::product(text.parse().expect("tokens")).tokens;
        let mut found = BTreeSet::new();
        strip::lines(&tokens, &mut found);
        found.into_iter().collect()
    }

    #[test]
    fn comments_and_blank_lines_do_not_count() {
        assert_eq!(
            lines("//! About.\n\n/// Says it.\n#[inline]\nfn one() {\n    // Why.\n    two(); /* so */\n}\n"),
            [4, 5, 7, 8]
        );
        assert_eq!(lines("const TEXT: &str = \"one\n\n/// three\";\n"), [1, 2, 3]);
    }

    #[test]
    fn code_that_only_tests_compile_does_not_count() {
        let one_left = |before: &str| assert_eq!(lines(&format!("{before}\nfn kept() {{}}\n")).len(), 1, "{before}");
        one_left("#[cfg(test)]\nmod tests {\n    use super::*;\n}");
        one_left("#[cfg(test)]\n#[allow(dead_code)]\nmod tests;");
        one_left("#[cfg(all(test, unix))]\nuse std::{fs, io};");
        one_left("/// About.\n#[cfg(test)]\npub(crate) const fn of<A, B>() -> A {\n    0\n}");
        one_left("#[cfg(test)]\nconst SIZES: [u8; 2] = {\n    [1, 2]\n};");
        assert_eq!(lines("struct Two {\n    #[cfg(test)]\n    one: u8,\n    two: u8,\n}").len(), 3);
        assert_eq!(lines("#[cfg(not(test))]\nfn kept() {}").len(), 2);
    }

    #[test]
    fn files_of_tests_are_no_product() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        write("lib.rs", "mod room;\n#[cfg(test)]\nmod testing;\n");
        write("testing.rs", "fn double() {}");
        write("testing/more.rs", "fn double() {}");
        write("room/mod.rs", "mod kept;\n#[cfg(test)]\n#[path = \"kept_tests.rs\"]\nmod tests;");
        write("room/kept.rs", "#[cfg(test)]\nmod tests;");
        write("room/kept/tests.rs", "fn fact() {}");
        write("room/kept_tests.rs", "fn fact() {}");
        let names: Vec<_> = product(folder.path()).into_iter().map(|source| source.name).collect();
        assert_eq!(names, ["lib.rs", "room/kept.rs", "room/mod.rs"]);
        assert_eq!(product(folder.path())[2].module(), ["room"]);
    }

    fn source((name, text): (&str, &str)) -> Source {
        let tokens = strip::product(text.parse().expect("tokens")).tokens;
        Source { name: name.to_owned(), text: text.to_owned(), tokens }
    }

    fn arrows_of(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let sources: Vec<_> = files.iter().copied().map(source).collect();
        arrows(&sources).into_iter().map(|arrow| (arrow.from, arrow.to)).collect()
    }

    #[test]
    fn arrows_follow_imports_and_re_exports() {
        let root = ("lib.rs", "mod a;\nmod b;\npub use b::Thing;");
        let room = ("b/mod.rs", "mod c;\nmod d;\npub(crate) use c::{Thing, other as renamed};");
        let (c, d) = (("b/c.rs", "pub struct Thing;"), ("b/d.rs", "//! crate::a::x\nfn f() {}"));
        let to = |of: &str| {
            let found = arrows_of(&[root, room, c, d, ("a.rs", of)]);
            assert!(found.iter().all(|(from, _)| from == "a.rs"), "{found:?}");
            found.into_iter().map(|(_, to)| to).collect::<Vec<_>>()
        };
        assert_eq!(to("use crate::Thing;"), ["b/c.rs"]);
        assert_eq!(to("use super::b::{self, renamed};"), ["b/c.rs", "b/mod.rs"]);
        assert_eq!(to("pub(in crate::b) fn f() { crate::b::d::f() }"), ["b/d.rs"]);
        assert_eq!(to("use crate::b;\nfn f() -> b::Thing { b::d::f() }"), ["b/c.rs", "b/d.rs", "b/mod.rs"]);
        assert_eq!(to("mod inner { use super::super::b::d; }"), ["b/d.rs"]);
        assert_eq!(to("use std::fmt;\nmacro_rules! m { () => { $crate::b::d::f() }; }"), [""; 0]);
    }

    #[test]
    fn a_circle_is_found_through_others() {
        let circle = |last: &str| {
            let files = [("lib.rs", "mod a; mod b; mod c;"), ("a.rs", "use crate::b::B;"), ("b.rs", "use crate::c;")];
            let sources: Vec<_> = files.into_iter().chain([("c.rs", last)]).map(source).collect();
            circles(&arrows(&sources))
        };
        assert_eq!(circle("fn f() {}"), Vec::<Vec<String>>::new());
        assert_eq!(circle("fn f() { crate::a::f() }"), [["a.rs", "b.rs", "c.rs"]]);
        assert_eq!(circle("#[cfg(test)]\nmod tests { use crate::a; }"), Vec::<Vec<String>>::new());
    }
}
