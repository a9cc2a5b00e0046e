//! Pages say where things are: every path that they name exists, and every link leads somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use profiler_tests::sources::workspace;

/// Pages for people who change the code, which name its files.
const MAPS: [&str; 4] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md"];
/// Short names of the crates' folders in these pages.
const SHORT: [&str; 5] = ["core", "macros", "runtime", "shapes", "trace"];
/// Folder of the guide, which is part of the runtime's package and of its documentation.
const GUIDE: &str = "profiler-runtime/docs";

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(workspace().join(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

/// Returns the Markdown files of a folder.
fn pages(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(workspace().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let pages = names.filter(|name| name.ends_with(".md"));
    pages.map(|name| Path::new(folder).join(name).to_string_lossy().into_owned()).collect()
}

/// Returns every page: those of the root, of both folders `docs` and of the packages.
fn all_pages() -> Vec<String> {
    let mut all: Vec<String> = ["", "docs", GUIDE].iter().flat_map(|folder| pages(folder)).collect();
    all.extend(SHORT.iter().map(|short| format!("profiler-{short}/README.md")));
    all
}

/// Returns the lines outside code blocks, counted from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fence && !fenced).then_some((at + 1, line))
    })
}

/// Returns the code spans of a line.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Returns the path that `core:range.rs` stands for, or `None` for text without a crate's short
/// name.
fn short_path(span: &str) -> Option<PathBuf> {
    let (crate_name, path) = span.split_once(':')?;
    let is_path = !path.is_empty() && path.chars().all(|c| c.is_alphanumeric() || "_./".contains(c));
    (SHORT.contains(&crate_name) && is_path).then(|| Path::new(&format!("profiler-{crate_name}/src")).join(path))
}

/// Returns whether a file of this name lies in the folder or below it.
fn holds(folder: &Path, name: &str) -> bool {
    fs::read_dir(folder).into_iter().flatten().any(|entry| {
        let path = entry.unwrap().path();
        path.ends_with(name) || path.is_dir() && holds(&path, name)
    })
}

/// Returns whether the path that a span names exists; true for a span that names none. `before` is
/// the path that the page named last.
fn exists(span: &str, before: &mut Option<PathBuf>) -> bool {
    let root = workspace();
    if let Some(path) = short_path(span) {
        let found = root.join(&path).exists();
        *before = Some(path);
        return found;
    }
    let tests = root.join("tests/tests");
    let looks_like_path = span.chars().all(|c| c.is_alphanumeric() || "_-./".contains(c));
    let is_file = [".rs", ".md", ".sh", ".toml"].iter().any(|extension| span.ends_with(extension));
    let is_folder = span.contains('/') && ["tests/", "profiler-"].iter().any(|start| span.starts_with(start));
    let is_test = !is_file && span.split_once('/').is_some_and(|(room, _)| tests.join(room).is_dir());
    if !looks_like_path || !(is_file || is_folder || is_test) {
        return true;
    }
    // A bare name is a file beside the path before it, or a test.
    let beside = before.as_ref().and_then(|before| before.parent()).map(|folder| root.join(folder).join(span));
    let test = if is_test { format!("{span}.rs") } else { span.to_owned() };
    root.join(span).exists() || beside.is_some_and(|path| path.exists()) || holds(&tests, &test)
}

#[test]
fn every_path_of_the_maps_exists() {
    let mut wrong = Vec::new();
    for page in MAPS {
        let text = read(page);
        let (mut before, mut root) = (None, None);
        for (line, text) in prose(&text) {
            if text.starts_with('#') {
                root = text.strip_prefix("### profiler-").and_then(|rest| rest.split_once(':'));
            }
            // Each row and paragraph starts anew, at the crate's root in a section about a crate.
            if text.is_empty() || text.starts_with('|') {
                before = root.map(|(name, _)| Path::new(&format!("profiler-{name}/src/lib.rs")).to_owned());
            }
            let missing = spans(text).filter(|span| !exists(span, &mut before));
            wrong.extend(missing.map(|span| format!("{page}:{line}: `{span}`")));
        }
    }
    assert_eq!(wrong, [""; 0], "paths that do not exist");
}

#[test]
fn every_room_of_the_map_exists() {
    let text = read("ARCHITECTURE.md");
    let mut rows = 0;
    for section in text.split("\n### profiler-").skip(1) {
        let (name, rest) = section.split_once(':').unwrap();
        let source = workspace().join(format!("profiler-{name}/src"));
        for row in
            rest.lines().skip_while(|line| !line.starts_with('|')).skip(2).take_while(|line| line.starts_with('|'))
        {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let (rooms, entry) = (cells[1], cells[3]);
            let mut folder = source.clone();
            for room in spans(rooms) {
                let path = [source.join(room), folder.join(room)]
                    .into_iter()
                    .find(|path| path.is_dir() || path.with_extension("rs").exists());
                folder = path.unwrap_or_else(|| panic!("{name}: no room `{room}`")).parent().unwrap().to_owned();
            }
            for file in spans(entry).filter(|file| file.contains('/') || *file != "mod.rs") {
                assert!(source.join(file).exists(), "{name}: no file `{file}`");
            }
            rows += 1;
        }
    }
    assert!(rows >= 30, "only {rows} rooms are read");
}

/// Returns the anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter_map(|(_, line)| line.strip_prefix('#'));
    headings
        .map(|heading| {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// Returns the targets of a page's links: those in brackets, and those of definitions.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, line) in prose(text) {
        // Code is no link: `f[0](x)`.
        let plain: String =
            line.split('`').enumerate().map(|(n, part)| if n % 2 == 0 { part } else { "code" }).collect();
        found.extend(plain.split("](").skip(1).filter_map(|rest| Some((at, rest.split_once(')')?.0.to_owned()))));
        if let Some((_, target)) = plain.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
            found.push((at, target.trim().to_owned()));
        }
    }
    found
}

#[test]
fn every_link_of_the_pages_leads_somewhere() {
    let mut wrong = Vec::new();
    for page in all_pages() {
        let text = read(&page);
        for (line, target) in links(&text).into_iter().filter(|(_, target)| !target.contains("://")) {
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() { PathBuf::from(&page) } else { Path::new(&page).with_file_name(file) };
            let found =
                workspace().join(&path).exists() && (anchor.is_empty() || anchors(&read(&path)).contains(anchor));
            if !found {
                wrong.push(format!("{page}:{line}: {target}"));
            }
        }
    }
    assert_eq!(wrong, [""; 0], "links that lead nowhere");
}

/// The page of a package links to addresses only, because it is shown without the files around its
/// folder.
#[test]
fn pages_of_packages_link_to_addresses_only() {
    for short in SHORT {
        let page = format!("profiler-{short}/README.md");
        for (line, target) in links(&read(&page)) {
            assert!(target.starts_with("https://"), "{page}:{line}: {target}");
        }
    }
}

#[test]
fn the_documentation_has_every_page_of_the_guide() {
    let modules = read("profiler-runtime/src/_documentation.rs") + &read("profiler-runtime/src/lib.rs");
    for page in pages(GUIDE) {
        let name = Path::new(&page).file_name().unwrap().to_str().unwrap();
        assert!(modules.contains(&format!("include_str!(\"../docs/{name}\")")), "{page} is in no module");
        let text = read(&page);
        let definitions = prose(&text).filter_map(|(_, line)| line.strip_prefix('[')?.split_once("]: "));
        for (label, target) in definitions.filter(|(_, target)| !target.contains("://")) {
            let module = target.split(".md").next().unwrap();
            let defined = format!("#[doc = \"[{label}]: crate::_documentation::{module}");
            assert!(modules.contains(&defined), "{page}: `{label}` leads to a file, and to no module");
        }
        let inline = links(&text).into_iter().filter(|(_, target)| target.contains(".md"));
        let by_definition = text.lines().filter(|line| line.starts_with('[') && line.ends_with(".md")).count();
        assert_eq!(inline.count(), by_definition, "{page}: a link to a page needs a definition");
    }
}

#[test]
fn the_readme_is_an_entrance() {
    let lines = read("README.md").lines().count();
    assert!(lines < 200, "the README has {lines} lines: a page of `docs` is the place for more");
}

#[test]
fn a_page_is_read_as_people_see_it() {
    let text = "# One `two`: three\n```sh\n# no heading\n[no](link.md)\n```\n[one](a.md#b) `[x](y)`\n[two]: c.md\n";
    assert_eq!(anchors(text), BTreeSet::from(["one-two-three".to_owned()]));
    assert_eq!(links(text), [(6, "a.md#b".to_owned()), (7, "c.md".to_owned())]);
    assert_eq!(short_path("core:stream/entry.rs"), Some("profiler-core/src/stream/entry.rs".into()));
    assert_eq!(short_path("trace: a"), None);
    let mut before = None;
    assert!(
        exists("core:range.rs", &mut before) && exists("gate.rs", &mut before) && exists("cargo test", &mut before)
    );
    assert!(!exists("core:nowhere.rs", &mut before) && !exists("nowhere.rs", &mut None));
}
