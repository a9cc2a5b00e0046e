//! The code that recorded addresses lie in: function, file and line, looked up once per address when a session is over.
//!
//! [`here`] asks this process, and [`files`] the files of one that is gone. What a reader of a stack does not want to see
//! is left out: the profiler's own functions, and what ran before the program's `main` or the thread's closure.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::{fmt, slice};

use serde_json::Value;

use profiler_core::hooks::stack::MAX_DEPTH;
use profiler_core::stream::entry::Tag;
use profiler_core::stream::registry::Log;

use super::code_note::CodeNote;
use super::sources::Sources;
use super::{files, here, paths};

/// Names for the addresses of a recording's call stacks.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    by_address: HashMap<u64, Vec<Found>>,
    /// Stands for what is not recorded of a stack.
    deeper: Frame,
}

/// One function at an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Frame {
    /// Path of the function.
    pub(super) function: String,
    /// Source file, empty if the program carries no debug information.
    pub(super) file: String,
    /// Line in the file, 0 if it is not known.
    pub(super) line: u32,
}

/// One function of a call stack, as every artifact shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown<'a> {
    /// Path of the function; of an annotated one, whose body is a closure, its own.
    pub(crate) function: &'a str,
    /// Source file, empty if the program carries no debug information.
    pub(crate) file: &'a str,
    /// Line in the file, 0 if it is not known.
    line: u32,
}

/// The standard library's functions in call stacks: those of iterators, options, locks, unwinding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Std {
    /// They do not.
    LeftOut,
    /// They do.
    Kept,
}

impl Std {
    /// Returns what a configuration asks for.
    pub(crate) const fn of(kept: bool) -> Self {
        if kept { Self::Kept } else { Self::LeftOut }
    }
}

/// What is known of an address.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// By the debug information, innermost first; files as the compiler named them.
    pub(super) frames: Vec<Frame>,
    /// The whole path of the function around it, by the symbol table.
    pub(super) name: Option<String>,
}

/// What lies at an address, innermost function first.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Frame(Frame),
    /// A function of the profiler.
    Profiler,
    /// The profiler's function that an annotated function calls to run its body.
    Run,
    /// The profiler's function that polls the body of an annotated `async fn`.
    Poll,
    /// The program's or the thread's own code begins here: everything around it is the runtime's.
    Start,
}

/// The functions of one stack.
struct Frames<'a> {
    symbols: &'a Symbols,
    stack: slice::Iter<'a, u64>,
    found: slice::Iter<'a, Found>,
    /// Whether the stack goes on beyond what is recorded.
    deeper: bool,
    last: Option<Shown<'a>>,
    /// The profiler's function around the last, if that is what the profiler ran.
    around: Option<&'a Found>,
}

impl Symbols {
    /// Looks up every address of the recording's stacks, each once. Reads the program's debug information: takes tenths
    /// of a second for a large program.
    pub(crate) fn resolve(log: &Log, std: Std) -> Self {
        Self::of(here::look_up(addresses(log)), Sources::of_this_process(), std)
    }

    /// The same for a recording whose process is gone: in the files that the code came from, as the lines `code` of its
    /// journal tell ([`Noted`](super::noted::Noted)). What could not be named is told in sentences.
    pub(crate) fn resolve_in_files(log: &Log, code: Vec<Value>, std: Std) -> (Self, Vec<String>) {
        let code = CodeNote::of(code);
        let (told, mut warnings) = files::look_up(addresses(log), &code.objects);
        let symbols = Self::of(told, code.sources, std);
        if warnings.is_empty() {
            warnings.extend(symbols.missing());
        }
        (symbols, warnings)
    }

    fn of(told: HashMap<u64, Told>, mut sources: Sources, std: Std) -> Self {
        for frame in told.values().flat_map(|told| &told.frames) {
            sources.note(&frame.file, &frame.function);
        }
        let deeper = Frame { function: "(deeper functions)".to_owned(), ..Frame::default() };
        let found = told.into_iter().map(|(address, told)| (address, told.classified(&sources, std)));
        let mut by_address: HashMap<u64, Vec<Found>> = found.collect();
        paths::unify(by_address.values_mut().flatten().filter_map(|found| match found {
            Found::Frame(frame) => Some(frame),
            Found::Profiler | Found::Run | Found::Poll | Found::Start => None,
        }));
        Self { by_address, deeper }
    }

    /// The functions of a stack, leaf first; inlined ones are told, those of the profiler and of the runtime's start-up
    /// are left out. A lookup per address, no allocation.
    pub(crate) fn frames<'a>(&'a self, stack: &'a [u64]) -> impl Iterator<Item = Shown<'a>> {
        let deeper = stack.len() == MAX_DEPTH;
        Frames { symbols: self, stack: stack.iter(), found: [].iter(), deeper, last: None, around: None }
    }

    /// What the program lacks for complete stacks, in a full sentence.
    pub(crate) fn missing(&self) -> Option<String> {
        // Symbol tables are found through it.
        self.missing_where(!cfg!(target_os = "linux") || Path::new("/proc/self/exe").exists())
    }

    fn missing_where(&self, can_find_files: bool) -> Option<String> {
        let frames = || {
            self.by_address.values().flatten().filter_map(|found| match found {
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
}

impl<'a> Frames<'a> {
    fn found(&mut self) -> Option<&'a Found> {
        loop {
            if let Some(found) = self.found.next() {
                return Some(found);
            }
            self.found = self.symbols.by_address.get(self.stack.next()?).map(Vec::as_slice).unwrap_or_default().iter();
        }
    }

    /// Returns the profiler's function that comes next, if one does.
    fn runner(&self) -> Option<&'a Found> {
        let mut of_stack = self.stack.clone().filter_map(|address| self.symbols.by_address.get(address));
        let next = self.found.clone().next().or_else(|| of_stack.find_map(|found| found.first()));
        next.filter(|found| matches!(found, Found::Profiler | Found::Run | Found::Poll))
    }

    /// Returns whether a function is one that the last stands for: the annotated one around its body, or one more
    /// without a name.
    fn is_told(&self, frame: &Frame) -> bool {
        let Some(last) = self.last else { return false };
        match self.around {
            Some(Found::Run) => paths::is_body_of(last.function, &frame.function),
            Some(Found::Poll) => {
                paths::is_closure(&frame.function) && paths::without_closures(&frame.function) == last.function
            }
            _ => last.function == NO_SYMBOL && frame.function == NO_SYMBOL,
        }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Shown<'a>;

    fn next(&mut self) -> Option<Shown<'a>> {
        loop {
            match self.found() {
                None => return std::mem::take(&mut self.deeper).then(|| Shown::of(&self.symbols.deeper)),
                Some(Found::Profiler) => {}
                Some(found @ (Found::Run | Found::Poll)) => self.around = Some(found),
                Some(Found::Start) => (self.stack, self.found, self.deeper) = ([].iter(), [].iter(), false),
                Some(Found::Frame(frame)) => {
                    let is_told = self.is_told(frame);
                    self.around = None;
                    if is_told {
                        continue;
                    }
                    let mut shown = Shown::of(frame);
                    let function = paths::without_closures(shown.function);
                    if self.runner().is_some() && !function.is_empty() {
                        shown.function = function;
                    }
                    self.last = Some(shown);
                    return Some(shown);
                }
            }
        }
    }
}

impl<'a> Shown<'a> {
    fn of(frame: &'a Frame) -> Self {
        Self { function: &frame.function, file: &frame.file, line: frame.line }
    }
}

impl fmt::Display for Shown<'_> {
    /// As in PyTorch's traces: `file(line): function`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.file.is_empty() {
            f.write_str(self.function)
        } else {
            write!(f, "{}({}): {}", self.file, self.line, self.function)
        }
    }
}

/// What a function without a name is called.
pub(super) const NO_SYMBOL: &str = "(no symbol)";

/// Every address of the recording's stacks.
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
    for entry in log.threads.iter().flat_map(|thread| thread.entries()) {
        match entry.tag() {
            Some(Tag::Stack) => add(entry.value()),
            Some(Tag::Frames) => [entry.value(), entry.second()].into_iter().for_each(&mut add),
            _ => {}
        }
    }
    all
}

impl Told {
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

/// What of a function is shown; `None` for glue between functions.
fn classified(frame: Frame, sources: &Sources, std: Std) -> Option<Found> {
    /// What the system runs before Rust code: not on top of [`Found::Start`] in threads that C code began.
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
