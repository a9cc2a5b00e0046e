//! Finds the path of the crate that exports the attribute, which `Cargo.toml` may have renamed.
//!
//! The compiler's arguments list each dependency with its file, whose name a renaming does not
//! change. So a renamed crate is found without `crate = …`. If the arguments cannot be read, as
//! when a build system passes them in a file, the crate's own name is used, which an `extern crate`
//! may provide.

use std::env;
use std::path::Path;

use proc_macro2::{Ident, Span};
use syn::parse_quote;

/// The crate that exports an attribute.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Root {
    Runtime,
    Core,
}

impl Root {
    const fn name(self) -> &'static str {
        match self {
            Self::Runtime => "profiler_runtime",
            Self::Core => "profiler_core",
        }
    }

    /// Returns the path of the exporting crate, as seen from the crate being compiled.
    pub(crate) fn path(self) -> syn::Path {
        let renamed = renamed_in(self.name(), env::args_os().filter_map(|argument| argument.into_string().ok()));
        let name = Ident::new(renamed.as_deref().unwrap_or(self.name()), Span::call_site());
        parse_quote!(::#name)
    }
}

/// Finds the new name of a renamed crate in compiler arguments of the form
/// `--extern options:name=file`.
fn renamed_in(crate_name: &str, arguments: impl Iterator<Item = String>) -> Option<String> {
    let mut other = None;
    let mut is_dependency = false;
    for argument in arguments {
        let value = argument.strip_prefix("--extern=").or(is_dependency.then_some(&*argument));
        let named = value.and_then(|value| value.split_once('='));
        is_dependency = argument == "--extern";
        let Some((name, file)) = named else { continue };
        let name = name.rsplit(':').next().unwrap_or(name);
        if name == crate_name {
            return None;
        }
        if is_library(crate_name, file) {
            other = Some(name.to_owned());
        }
    }
    other
}

/// Returns whether a file is the crate's library, such as `libprofiler_runtime-….rlib`.
fn is_library(crate_name: &str, file: &str) -> bool {
    let name = Path::new(file).file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let name = name.strip_prefix("lib").unwrap_or(name);
    name.split('-').next() == Some(crate_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(arguments: &str) -> Option<String> {
        renamed_in("profiler_runtime", arguments.split(' ').map(str::to_owned))
    }

    /// F11: a renamed runtime is found by its file name.
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
