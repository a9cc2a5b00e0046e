//! Checks the names of user-defined arguments, `args(tokens = n)`, in block macros. The attributes
//! check theirs in the macro crate.

/// Names that a user-defined argument must not have. The list lives in the macro crate, whose
/// attributes reject such a name at its span.
const RESERVED: &[&str] = profiler_runtime_macros::core_reserved_names!();

/// Checks the argument names of a block macro at compile time, and returns them without `r#`.
#[doc(hidden)]
pub const fn check_names<const COUNT: usize>(names: [&'static str; COUNT]) -> [&'static str; COUNT] {
    let mut names = names;
    let mut at = 0;
    while at < COUNT {
        names[at] = unraw(names[at]);
        assert!(!is_among(names[at], &names, at), "an argument is given twice: keep one of them");
        assert!(
            !is_among(names[at], RESERVED, RESERVED.len()),
            "the trace itself writes an argument of this name: choose another one"
        );
        at += 1;
    }
    names
}

/// Returns whether the trace itself writes an argument of this name.
#[cfg(feature = "std")]
pub(crate) const fn is_reserved(name: &str) -> bool {
    is_among(name, RESERVED, RESERVED.len())
}

/// Returns the name without the `r#` of a raw identifier.
const fn unraw(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', rest @ ..] => match core::str::from_utf8(rest) {
            Ok(rest) => rest,
            Err(_) => name,
        },
        _ => name,
    }
}

/// Returns whether `name` is among the first `count` names.
const fn is_among(name: &str, names: &[&str], count: usize) -> bool {
    let mut at = 0;
    while at < count {
        if is_same(name.as_bytes(), names[at].as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_names_are_plain_ones() {
        assert_eq!(check_names(["r#type", "tokens"]), ["type", "tokens"]);
    }

    #[test]
    #[should_panic(expected = "given twice")]
    fn a_name_that_is_given_twice_is_refused() {
        check_names(["tokens", "r#tokens"]);
    }

    #[test]
    #[should_panic(expected = "the trace itself writes")]
    fn a_name_that_the_trace_writes_is_refused() {
        check_names(["tokens", "stream"]);
    }
}
