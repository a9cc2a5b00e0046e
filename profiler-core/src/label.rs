//! Bounds the length of labels that a program or its clients choose: request ids, run-time names,
//! names of threads.
//!
//! A label has at most [`LONGEST`] bytes: an id of megabytes would push everything else out of a
//! ring, and a name of megabytes would never be freed. A longer label is truncated at a character
//! boundary and marked.

/// Maximum length of a label, in bytes.
pub(crate) const LONGEST: usize = 256;
/// End of a truncated label.
const MARK: &str = "…";

/// Calls `use_it` with the label, truncated if it is too long. Allocates nothing.
#[inline]
pub(super) fn with_truncated<T>(text: &str, use_it: impl FnOnce(&str) -> T) -> T {
    if text.len() <= LONGEST {
        return use_it(text);
    }
    let mut kept = [0; LONGEST];
    let limit = LONGEST - MARK.len();
    let length = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    let marked = length + MARK.len();
    kept[..length].copy_from_slice(&text.as_bytes()[..length]);
    kept[length..marked].copy_from_slice(MARK.as_bytes());
    use_it(std::str::from_utf8(&kept[..marked]).unwrap_or(MARK))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G16: a label is truncated at a character boundary, with a mark.
    #[test]
    fn long_labels_are_cut_at_a_letters_end() {
        let cut = |text: &str| with_truncated(text, str::to_owned);
        assert_eq!(cut(&"x".repeat(256)), "x".repeat(256));
        assert_eq!(cut(&"x".repeat(257)), "x".repeat(253) + "…");
        assert_eq!(cut(&"漢".repeat(1 << 20)), "漢".repeat(84) + "…");
        assert_eq!(cut(&("x".to_owned() + &"漢".repeat(100))), "x".to_owned() + &"漢".repeat(84) + "…");
    }
}
