//! Wildcard patterns for the names of stages.
//!
//! Stage names are short and few, so the matcher is the plain two-pointer algorithm: no
//! compilation, no allocation, at most `pattern × name` steps.

/// Returns whether `name` matches `pattern`, in which `*` matches any text and `?` one character.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    // State after the last `*`, to which the matcher returns with one more character swallowed.
    let mut retry = None;
    loop {
        let rest = name.clone();
        match (pattern.next(), name.next()) {
            (Some('*'), _) => {
                retry = Some((pattern.clone(), rest.clone()));
                name = rest;
            }
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {}
            _ => {
                let Some((after_star, mut swallowed)) = retry.take() else {
                    return false;
                };
                if swallowed.next().is_none() {
                    return false;
                }
                (pattern, name) = (after_star.clone(), swallowed.clone());
                retry = Some((after_star, swallowed));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_and_question_marks_match_whole_names() {
        for (pattern, name, expected) in [
            ("vae.*", "vae.decode", true),
            ("vae.*", "vae", false),
            ("*.decode", "vae.decoder", false),
            ("v?e.decode", "ve.decode", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("*", "", true),
            ("", "x", false),
            ("**", "anything", true),
            ("caf?", "café", true),
            ("diffuse", "diffuse_step", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "`{pattern}` against `{name}`");
        }
    }

    #[test]
    fn many_stars_do_not_take_exponential_time() {
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
    }
}
