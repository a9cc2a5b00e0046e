//! The runtime under another name: a dependency that is renamed in `Cargo.toml`.
//!
//! The compiler that runs the attribute was told the names of all dependencies, and the file of each, which a new name does
//! not change. So generated code finds a renamed runtime without `crate = …`. Where the arguments cannot be read, as with a
//! build system that passes them in a file, it names `::profiler_runtime`, which an `extern crate` may have made good.

use std::env;
use std::path::Path;

/// The runtime's name as a crate.
const RUNTIME: &str = "profiler_runtime";

/// Returns the runtime's path in the crate that is being compiled, if it is known and another one than its own name.
pub(crate) fn runtime() -> Option<syn::Path> {
    let name = among(env::args_os().filter_map(|argument| argument.into_string().ok()))?;
    syn::parse_str(&format!("::{name}")).ok()
}

/// Finds the name in a compiler's arguments, in which a dependency is `--extern options:name=file`.
fn among(arguments: impl Iterator<Item = String>) -> Option<String> {
    let mut other = None;
    let mut is_dependency = false;
    for argument in arguments {
        let value = argument.strip_prefix("--extern=").or(is_dependency.then_some(&*argument));
        let named = value.and_then(|value| value.split_once('='));
        is_dependency = argument == "--extern";
        let Some((name, file)) = named else { continue };
        let name = name.rsplit(':').next().unwrap_or(name);
        if name == RUNTIME {
            return None;
        }
        if is_runtime(file) {
            other = Some(name.to_owned());
        }
    }
    other
}

/// Returns whether a file is the runtime's library: `libprofiler_runtime-…`.
fn is_runtime(file: &str) -> bool {
    let name = Path::new(file).file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let name = name.strip_prefix("lib").unwrap_or(name);
    name.split('-').next() == Some(RUNTIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(arguments: &str) -> Option<String> {
        among(arguments.split(' ').map(str::to_owned))
    }

    /// F11: a renamed runtime is found by its file.
    #[test]
    fn a_renamed_runtime_is_known_by_its_file() {
        let renamed = "rustc a.rs --extern log=liblog-1.rlib --extern rt=/t/libprofiler_runtime-0a1.rmeta";
        assert_eq!(named(renamed).as_deref(), Some("rt"));
        assert_eq!(named("rustc --extern=priv:rt=libprofiler_runtime.rlib").as_deref(), Some("rt"));
        assert_eq!(named("rustc --extern profiler_runtime=/t/libprofiler_runtime-0a1.rlib"), None);
        assert_eq!(named("rustc --extern rt=/t/libprofiler_runtime_macros-0a1.so --extern std"), None);
        let both = "rustc --extern rt=libprofiler_runtime-1.rlib --extern profiler_runtime=libprofiler_runtime-2.rlib";
        assert_eq!(named(both), None);
    }
}
