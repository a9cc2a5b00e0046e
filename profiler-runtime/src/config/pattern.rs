//! Patterns over names, and the nearest name to one that does not exist.
//!
//! Stage names are short and few, so the matcher is the plain two-pointer one: no compilation, no allocation, at most
//! `pattern × name` steps.

/// Prefix of most fields of a `torch` session.
const PREFIX: &str = "torch_profiler_";

/// Returns whether `name` matches `pattern`, in which `*` stands for any text and `?` for one character.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    // Where to go on after the last `*`, if letting it swallow less turns out wrong.
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

/// The candidate that `name` was probably meant to be, if one is near.
///
/// Near is a small edit distance, without regard to case or to `-` for `_`; or a name cut short at the front, such as
/// `with_stack` or `with_stak` for `torch_profiler_with_stack`.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(name);
    candidates
        .into_iter()
        .filter_map(|candidate| Some((distance(&wanted, &plain(candidate))?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn plain(name: &str) -> String {
    name.trim().to_lowercase().replace('-', "_")
}

fn distance(wanted: &str, candidate: &str) -> Option<usize> {
    // Longer than any name there is: not a slip of the finger, and the comparison would cost its square.
    if wanted.len() > 128 {
        return None;
    }
    let distance = strsim::damerau_levenshtein(wanted, candidate);
    let allowed = (wanted.chars().count() / 4).max(1);
    let cut_short = wanted.len() >= 4 && candidate.ends_with(wanted);
    // Upstream's requests and programs leave the beginning of their fields out.
    let without_prefix = candidate.strip_prefix(PREFIX).filter(|_| wanted.len() >= 4 && !wanted.starts_with(PREFIX));
    let shortened = without_prefix.map(|short| strsim::damerau_levenshtein(wanted, short));
    match (distance, shortened) {
        (0, _) => Some(0),
        _ if cut_short => Some(1),
        _ if wanted.len() >= 2 && distance <= allowed => Some(distance),
        (_, Some(distance)) if distance <= allowed => Some(distance + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{matches, nearest};

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

    #[test]
    fn only_near_names_are_suggested() {
        let stages = ["vae.encode", "vae.decode", "diffuse", "torch_profiler_with_stack"];
        for (name, expected) in [
            ("vae_decode", Some("vae.decode")),
            ("Diffuse", Some("diffuse")),
            ("with-stack", Some("torch_profiler_with_stack")),
            ("with_stak", Some("torch_profiler_with_stack")),
            ("tokenizer", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, stages), expected, "`{name}`");
        }
    }
}
