//! Counts the lines of product code: those with a token outside of comments and of code that only
//! tests compile.
//!
//! ```text
//! lines [WORKSPACE…]     this one without an argument
//! ```
//!
//! `tests/lines.sh` counts the lines of revisions.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use profiler_tests::sources::{product, workspace};

/// Crates to count; a workspace may lack some.
const CRATES: [&str; 4] = ["profiler-macros", "profiler-core", "profiler-trace", "profiler-runtime"];

/// Number of files and of lines.
type Size = (usize, usize);

fn print((files, lines): Size, of: &str) {
    println!("{lines:7} lines {files:4} files  {of}");
}

fn count(workspace: &Path) {
    let mut all = Size::default();
    for name in CRATES {
        let (mut total, mut rooms) = (Size::default(), BTreeMap::<String, Size>::new());
        for source in product(&workspace.join(name).join("src")) {
            let room = source.name.split_once('/').map_or("(files of the root)", |(room, _)| room);
            let lines = source.code_lines().len();
            for size in [&mut all, &mut total, rooms.entry(room.to_owned()).or_default()] {
                *size = (size.0 + 1, size.1 + lines);
            }
        }
        if total.0 > 0 {
            print(total, name);
            rooms.iter().for_each(|(room, size)| print(*size, &format!("  {room}")));
        }
    }
    print(all, "all crates");
}

fn main() {
    let given: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if given.is_empty() {
        count(&workspace());
    }
    for workspace in given {
        println!("{}", workspace.display());
        count(&workspace);
    }
}
