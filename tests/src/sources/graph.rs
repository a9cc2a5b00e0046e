//! The graph of a crate's files: follows paths through imports and re-exports to the file that
//! defines the item.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenTree;

use super::Source;
use super::paths::{Import, imports};

/// A use of one file by another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    /// Name of the using file.
    pub from: String,
    /// Name of the used file.
    pub to: String,
    /// The path as written.
    pub path: String,
}

type Path = Vec<String>;

/// The modules of a crate.
struct Modules<'a> {
    files: BTreeMap<Path, &'a str>,
    /// Imported names of each module, with the paths that they stand for.
    names: BTreeMap<Path, BTreeMap<String, Path>>,
}

impl<'a> Modules<'a> {
    fn new(sources: &'a [Source], imports: &[(Path, Vec<Import>)]) -> Self {
        let files = sources.iter().map(|source| (source.module(), source.name.as_str())).collect();
        let mut names = BTreeMap::<Path, BTreeMap<String, Path>>::new();
        for (module, imports) in imports {
            for Import { within, path, name, .. } in imports {
                if let Some(name) = name {
                    names.entry([&module[..], within].concat()).or_default().insert(name.clone(), path.clone());
                }
            }
        }
        Self { files, names }
    }

    /// Returns the file that a path leads to; `None` if it is not in the crate.
    fn file(&self, within: &[String], path: &[String], hops: usize) -> Option<&'a str> {
        let mut at = within.to_vec();
        let mut rest = path;
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "crate" => at.clear(),
                "super" => drop(at.pop()),
                "self" => {}
                _ => break,
            }
            rest = after;
        }
        let is_relative = rest.len() == path.len();
        for (place, name) in rest.iter().enumerate() {
            at.push(name.clone());
            if self.files.contains_key(&at) || self.names.contains_key(&at) {
                continue;
            }
            at.pop();
            let stands_for = self.names.get(&at).and_then(|names| names.get(name)).filter(|_| hops > 0);
            if let Some(target) = stands_for.filter(|target| *target != path) {
                let target = [&target[..], &rest[place + 1..]].concat();
                return self.file(&at, &target, hops - 1);
            }
            // The path begins with a name of this module itself, or with another crate.
            if is_relative && place == 0 {
                return None;
            }
            break;
        }
        (0..=at.len()).rev().find_map(|length| self.files.get(&at[..length]).copied())
    }
}

/// Returns every use of one file of a crate by another, sorted. Imports that a module only passes
/// on to its submodules do not count.
pub fn arrows(sources: &[Source]) -> Vec<Arrow> {
    let imports: Vec<(Path, Vec<Import>)> =
        sources.iter().map(|source| (source.module(), imports(&source.tokens))).collect();
    let modules = Modules::new(sources, &imports);
    let mut found = BTreeSet::new();
    for (source, (module, imports)) in sources.iter().zip(&imports) {
        let mut words = BTreeSet::new();
        words_of(&source.tokens, &mut words);
        let is_parent = modules.files.keys().any(|other| other.len() > module.len() && other.starts_with(module));
        for import in imports {
            let is_passed_on = import.name.as_ref().is_some_and(|name| is_parent && !words.contains(name));
            let to = modules.file(&[&module[..], &import.within].concat(), &import.path, 8);
            if let Some(to) = to.filter(|to| *to != source.name && !is_passed_on) {
                let (from, to, path) = (source.name.clone(), to.to_owned(), import.path.join("::"));
                found.insert(Arrow { from, to, path });
            }
        }
    }
    found.into_iter().collect()
}

/// Returns every group of files that use each other, directly or through others. Files and groups
/// are sorted.
pub fn circles(arrows: &[Arrow]) -> Vec<Vec<String>> {
    let mut uses = BTreeMap::<&str, BTreeSet<&str>>::new();
    for arrow in arrows {
        uses.entry(&arrow.from).or_default().insert(&arrow.to);
    }
    let reached = |from: &str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(file) = open.pop() {
            let fresh = uses.get(file).into_iter().flatten().filter(|next| seen.insert(**next));
            open.extend(fresh.collect::<Vec<_>>());
        }
        seen
    };
    let reached: BTreeMap<&str, BTreeSet<&str>> = uses.keys().map(|file| (*file, reached(file))).collect();
    let sees = |from: &str, to: &str| reached.get(from).is_some_and(|seen| seen.contains(to));
    let in_circles = reached.keys().filter(|file| sees(file, file));
    let groups = in_circles.map(|file| {
        let group = reached[file].iter().filter(|other| sees(other, file));
        group.map(|file| (*file).to_owned()).collect::<Vec<_>>()
    });
    groups.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Collects every identifier outside of imports.
fn words_of(tokens: &[TokenTree], words: &mut BTreeSet<String>) {
    let mut is_import = false;
    for token in tokens {
        match token {
            TokenTree::Ident(word) if word == "use" => is_import = true,
            TokenTree::Ident(word) if !is_import => drop(words.insert(word.to_string())),
            TokenTree::Punct(punct) if punct.as_char() == ';' => is_import = false,
            TokenTree::Group(group) if !is_import => {
                words_of(&group.stream().into_iter().collect::<Vec<_>>(), words);
            }
            _ => {}
        }
    }
}
