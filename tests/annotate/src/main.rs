//! Copies a crate's sources and annotates every function with a body in them.
//!
//! Usage: `annotate FROM TO [RECORDED]`. With the path of the package `recorded`, every function is
//! annotated and the copy depends on the package. Without it, the copy is plain and its manifest is
//! otherwise the same. Prints the numbers of functions that were annotated and left out.

mod functions;
mod manifest;

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

use functions::Count;

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> Fallible<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (from, to, recorded) = match &arguments[..] {
        [from, to] => (from, to, None),
        [from, to, recorded] => (from, to, Some(Path::new(recorded))),
        _ => return Err("usage: annotate FROM TO [RECORDED]".into()),
    };
    copy(Path::new(from), Path::new(to))?;
    manifest::rewrite(&Path::new(to).join("Cargo.toml"), recorded)?;
    if recorded.is_some() {
        let mut count = Count::default();
        annotate(&Path::new(to).join("src"), &mut count)?;
        println!("{count}");
    }
    Ok(())
}

/// Copies a folder, except its links.
fn copy(from: &Path, to: &Path) -> Fallible<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type()? {
            kind if kind.is_dir() => copy(&from, &to)?,
            kind if kind.is_file() => fs::write(to, fs::read(from)?)?,
            _ => {}
        }
    }
    Ok(())
}

/// Annotates the files of a folder.
fn annotate(folder: &Path, count: &mut Count) -> Fallible<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            annotate(&path, count)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)?;
            let annotated =
                functions::annotate(&text, count).map_err(|error| format!("{}: {error}", path.display()))?;
            fs::write(path, annotated)?;
        }
    }
    Ok(())
}
