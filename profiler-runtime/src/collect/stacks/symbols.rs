//! Resolves recorded addresses to function, file and line, once per address, when a session is
//! over.
//!
//! [`live`] resolves those of this process, [`offline`] those of a dead one. Functions that no
//! reader wants to see are hidden: the profiler's own, and those that ran before the program's
//! `main` or the thread's closure.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde_json::Value;

use profiler_core::stream::entry::Tag;
use profiler_core::stream::key::Key;
use profiler_core::stream::registry::Log;
use profiler_trace::records::frames::{Found, Frame, NO_SYMBOL, Symbols};

use super::loaded_code::LoadedCode;
use super::paths::{self, Resolved};
use super::sources::Sources;
use super::{live, offline};

/// The treatment of the standard library's functions in call stacks: those of iterators, options,
/// locks, unwinding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StdFrames {
    Hidden,
    Shown,
}

impl StdFrames {
    /// Returns the treatment for a configuration's choice.
    pub(crate) const fn new(are_shown: bool) -> Self {
        if are_shown { Self::Shown } else { Self::Hidden }
    }
}

/// Resolves every address of a recording's stacks, each once. Reads the program's debug
/// information, which takes tenths of a second for a large program.
pub(crate) fn resolve(log: &Log, std: StdFrames) -> Symbols {
    symbols_from(live::look_up(addresses(log)), Sources::of_current_process(), std)
}

/// Resolves the addresses of a dead process in the files that the lines `code` of its journal name
/// ([`known_libraries`](super::known_libraries)). Also returns warnings about what could not be
/// resolved.
pub(crate) fn resolve_in_files(log: &Log, code: Vec<Value>, std: StdFrames) -> (Symbols, Vec<String>) {
    let code = LoadedCode::from_journal(code);
    let (resolved, mut warnings) = offline::look_up(addresses(log), &code.objects);
    let symbols = symbols_from(resolved, code.sources, std);
    if warnings.is_empty() {
        warnings.extend(missing(&symbols));
    }
    (symbols, warnings)
}

/// Converts the functions of all addresses to what is shown of them.
fn symbols_from(resolved: HashMap<u64, Resolved>, mut sources: Sources, std: StdFrames) -> Symbols {
    for frame in resolved.values().flat_map(|resolved| &resolved.frames) {
        sources.learn_root(&frame.file, &frame.function);
    }
    let found = resolved.into_iter().map(|(address, resolved)| (address, resolved.classified(&sources, std)));
    let mut by_address: HashMap<u64, Vec<Found>> = found.collect();
    paths::unify(by_address.values_mut().flatten().filter_map(|found| match found {
        Found::Frame(frame) => Some(frame),
        Found::Profiler | Found::Run | Found::Poll | Found::Start => None,
    }));
    Symbols::new(by_address)
}

/// Returns a warning if the program lacks what complete stacks need.
pub(crate) fn missing(symbols: &Symbols) -> Option<String> {
    // Without `/proc`, the program's symbol table cannot be found.
    missing_where(symbols, !cfg!(target_os = "linux") || Path::new("/proc/self/exe").exists())
}

fn missing_where(symbols: &Symbols, can_find_files: bool) -> Option<String> {
    let frames = || {
        symbols.by_address.values().flatten().filter_map(|found| match found {
            Found::Frame(frame) => Some(frame),
            Found::Profiler | Found::Run | Found::Poll | Found::Start => None,
        })
    };
    let total = frames().count();
    let nameless = frames().filter(|frame| frame.function == NO_SYMBOL).count();
    // C libraries seldom have line tables, and their user cannot change that.
    let placeless = frames().filter(|frame| frame.line == 0 && frame.function.contains("::")).count();
    if nameless * 10 > total && !can_find_files {
        Some(format!(
            "{nameless} of the {total} functions in call stacks have no name, because `/proc` cannot be read: mount it"
        ))
    } else if nameless * 10 > total {
        Some(format!(
            "{nameless} of the {total} functions in call stacks have no name, because no symbol table has one: if they \
             are the program's own, build it with `strip = false` in its `[profile.release]`"
        ))
    } else if placeless * 10 > total {
        Some(format!(
            "{placeless} of the {total} functions in call stacks have no file and line: build the program with \
             `debug = \"line-tables-only\"` in its `[profile.release]`"
        ))
    } else {
        None
    }
}

/// Returns every address of the recording's stacks.
fn addresses(log: &Log) -> HashSet<u64> {
    let mut all = HashSet::new();
    // A few addresses occur again and again: a small direct-mapped cache avoids hashing most of
    // them.
    let mut recent = [0; 1024];
    let mut add = |address: u64| {
        // CAST: below 1024.
        let slot = &mut recent[(address % 1021) as usize];
        if *slot != address && address != 0 {
            *slot = address;
            all.insert(address);
        }
    };
    let mut is_stack = false;
    for entry in log.threads.iter().flat_map(|thread| thread.entries()) {
        match entry.tag() {
            Some(Tag::Argument) => {
                is_stack = entry.key() == Key::STACK;
                if is_stack {
                    add(entry.value());
                }
            }
            Some(Tag::More) if is_stack => [entry.value(), entry.second()].into_iter().for_each(&mut add),
            _ => {}
        }
    }
    all
}

impl Resolved {
    fn classified(self, sources: &Sources, std: StdFrames) -> Vec<Found> {
        let Self { mut frames, name } = self;
        if frames.is_empty() {
            frames.push(Frame { function: NO_SYMBOL.to_owned(), ..Frame::default() });
        }
        for frame in frames.iter_mut().filter(|frame| !frame.file.is_empty()) {
            frame.file = sources.shortened(Path::new(&frame.file));
        }
        paths::complete(&mut frames, name, sources);
        frames.into_iter().filter_map(|frame| classified(frame, sources, std)).collect()
    }
}

/// Returns what is shown of a function; `None` for glue between functions.
fn classified(frame: Frame, sources: &Sources, std: StdFrames) -> Option<Found> {
    /// Functions that the system runs before Rust code. In threads started by C code, no
    /// [`Found::Start`] hides them.
    const SYSTEM: [&str; 12] = [
        "_start",
        "start",
        "main",
        "clone",
        "clone3",
        "__clone",
        "start_thread",
        "_pthread_start",
        "__libc_start_main",
        "__libc_start_main_impl",
        "__libc_start_call_main",
        "BaseThreadInitThunk",
    ];
    let name = frame.function.as_str();
    let is_glue = (name.contains("core::ops::function::") && name.contains("::call"))
        || frame.file.ends_with("core/src/ops/function.rs");
    if paths::is_of_the_profiler(&frame, sources) {
        Some(match paths::last_part(name) {
            "run" => Found::Run,
            _ if name.ends_with("::poll") || name == "poll" => Found::Poll,
            _ => Found::Profiler,
        })
    } else if name.contains("__rust_begin_short_backtrace") {
        Some(Found::Start)
    } else if is_glue || SYSTEM.contains(&name) || (std == StdFrames::Hidden && paths::is_of_std(&frame)) {
        None
    } else {
        Some(Found::Frame(frame))
    }
}

#[cfg(test)]
#[path = "symbols_tests.rs"]
mod tests;
