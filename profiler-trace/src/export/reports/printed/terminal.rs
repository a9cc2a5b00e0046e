//! Properties of the terminal behind standard error: its width, and whether it shows Unicode.
//!
//! They are read only when the summary of a session is printed there.

use std::ffi::OsString;

/// Returns the width of the terminal behind standard error; `None` if it is not a terminal or has
/// no known width.
#[cfg(unix)]
pub(crate) fn columns() -> Option<usize> {
    // SAFETY: `winsize` consists of four integers, for which zero is valid.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: the request writes one `winsize` through the pointer, which is valid.
    let answered = unsafe { libc::ioctl(libc::STDERR_FILENO, libc::TIOCGWINSZ, &raw mut size) } == 0;
    (answered && size.ws_col > 0).then(|| usize::from(size.ws_col))
}

/// Returns `None`, because the width is unknown on this system.
#[cfg(not(unix))]
pub(crate) fn columns() -> Option<usize> {
    None
}

/// Returns whether the locale uses Unicode.
pub(crate) fn is_unicode() -> bool {
    names_utf8(|name| std::env::var_os(name))
}

/// Returns whether the locale uses UTF-8; the first of the variables that is set names it.
fn names_utf8(env: impl Fn(&str) -> Option<OsString>) -> bool {
    let set = |name: &&str| env(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set).unwrap_or_default();
    let locale = locale.to_string_lossy().to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_names_the_locale() {
        for (variables, expected) in [
            (&[("LANG", "de_DE.UTF-8")][..], true),
            (&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")], false),
            (&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")], true),
            (&[], false),
        ] {
            let env = |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| value.into());
            assert_eq!(names_utf8(env), expected, "{variables:?}");
        }
    }
}
