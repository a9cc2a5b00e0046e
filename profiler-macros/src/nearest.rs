//! Finds the known word that is closest to a misspelt one, for "did you mean".
//!
//! Implemented here, because every user of the attributes would have to compile a dependency.

/// Returns the candidate nearest to `word`, if it is a plausible misspelling of it.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = |candidate: &&str| distance(word, candidate) <= candidate.len().div_ceil(3);
    candidates.into_iter().filter(near).min_by_key(|candidate| distance(word, candidate))
}

/// Returns the edit distance: the number of letters to insert, remove, change or swap with their
/// neighbour to turn `from` into `to`.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<_>, Vec<_>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![vec![0; to.len() + 1]; from.len() + 1];
    for i in 0..=from.len() {
        for j in 0..=to.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
                let swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
                let swap = if swapped { rows[i - 2][j - 2] + 1 } else { usize::MAX };
                change.min(swap).min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1)
            };
        }
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_its_candidate_and_another_finds_none() {
        let options = ["name", "shapes", "flops", "index", "crate"];
        assert_eq!(nearest("nmae", options), Some("name"));
        assert_eq!(nearest("shape", options), Some("shapes"));
        assert_eq!(nearest("flop", options), Some("flops"));
        assert_eq!(nearest("krate", options), Some("crate"));
        assert_eq!(nearest("colour", options), None);
        assert_eq!(nearest("decode", options), None);
    }
}
