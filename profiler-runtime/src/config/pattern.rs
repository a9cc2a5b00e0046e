//! Finds the name that a user probably meant to write.

/// Prefix of most fields of a `torch` session.
const PREFIX: &str = "torch_profiler_";

/// Returns the candidate that `name` was probably meant to be, if one is near.
///
/// A candidate is near if its edit distance is small, ignoring case and `-` for `_`, or if `name`
/// lacks its beginning, such as `with_stack` or `with_stak` for `torch_profiler_with_stack`.
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
    // Longer than any name, so not a typo; comparing it would take quadratic time.
    if wanted.len() > 128 {
        return None;
    }
    let distance = strsim::damerau_levenshtein(wanted, candidate);
    let allowed = (wanted.chars().count() / 4).max(1);
    let cut_short = wanted.len() >= 4 && candidate.ends_with(wanted);
    // Requests and programs of upstream omit the beginning of fields.
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
    use super::nearest;

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
