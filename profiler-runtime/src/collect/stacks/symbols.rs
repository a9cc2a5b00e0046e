//! The code that recorded addresses lie in: function, file and line, looked up once per address
//! when a session is over.
//!
//! [`live`] asks this process, and [`offline`] the files of one that is gone. Functions that no
//! reader of a stack wants to see are left out: the profiler's own, and those that ran before the
//! program's `main` or the thread's closure.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde_json::Value;

use profiler_core::stream::entry::Tag;
use profiler_core::stream::key::Key;
use profiler_core::stream::registry::Log;
use profiler_trace::records::frames::{Found, Frame, NO_SYMBOL, Symbols};

use super::code_note::CodeNote;
use super::paths::{self, Resolved};
use super::sources::Sources;
use super::{live, offline};

/// The treatment of the standard library's functions in call stacks: those of iterators, options,
/// locks, unwinding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Std {
    /// They are not shown.
    LeftOut,
    /// They are shown.
    Kept,
}

impl Std {
    /// Returns the treatment that a configuration asks for.
    pub(crate) const fn of(kept: bool) -> Self {
        if kept { Self::Kept } else { Self::LeftOut }
    }
}

/// Looks up every address of the recording's stacks, each once. Reads the program's debug
/// information: takes tenths of a second for a large program.
pub(crate) fn resolve(log: &Log, std: Std) -> Symbols {
    symbols_of(live::look_up(addresses(log)), Sources::of_this_process(), std)
}

/// Looks up the same for a recording whose process is gone: in the files that the lines `code` of
/// its journal name ([`known_libraries`](super::known_libraries)). Returns sentences on what could
/// not be named, too.
pub(crate) fn resolve_in_files(log: &Log, code: Vec<Value>, std: Std) -> (Symbols, Vec<String>) {
    let code = CodeNote::of(code);
    let (told, mut warnings) = offline::look_up(addresses(log), &code.objects);
    let symbols = symbols_of(told, code.sources, std);
    if warnings.is_empty() {
        warnings.extend(missing(&symbols));
    }
    (symbols, warnings)
}

/// Converts the functions of all addresses to what is shown of them.
fn symbols_of(told: HashMap<u64, Resolved>, mut sources: Sources, std: Std) -> Symbols {
    for frame in told.values().flat_map(|told| &told.frames) {
        sources.note(&frame.file, &frame.function);
    }
    let found = told.into_iter().map(|(address, told)| (address, told.classified(&sources, std)));
    let mut by_address: HashMap<u64, Vec<Found>> = found.collect();
    paths::unify(by_address.values_mut().flatten().filter_map(|found| match found {
        Found::Frame(frame) => Some(frame),
        Found::Profiler | Found::Run | Found::Poll | Found::Start => None,
    }));
    Symbols::new(by_address)
}

/// Returns what the program lacks for complete stacks, in a full sentence.
pub(crate) fn missing(symbols: &Symbols) -> Option<String> {
    // Symbol tables are found through it.
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
    // C libraries seldom come with lines; nothing can be done about it here.
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
    // The same few addresses come again and again: most are found here, without hashing.
    let mut recent = [0; 1024];
    let mut add = |address: u64| {
        // CAST: below 1024.
        let place = &mut recent[(address % 1021) as usize];
        if *place != address && address != 0 {
            *place = address;
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
    fn classified(self, sources: &Sources, std: Std) -> Vec<Found> {
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
fn classified(frame: Frame, sources: &Sources, std: Std) -> Option<Found> {
    /// Functions that the system runs before Rust code: not on top of [`Found::Start`] in threads
    /// that C code began.
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
    } else if is_glue || SYSTEM.contains(&name) || (std == Std::LeftOut && paths::is_of_std(&frame)) {
        None
    } else {
        Some(Found::Frame(frame))
    }
}

#[cfg(test)]
#[path = "symbols_tests.rs"]
mod tests;
