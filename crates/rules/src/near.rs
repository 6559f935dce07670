//! Near words for misspelt ones.

/// The largest edit distance at which a word counts as misspelt, not as another word.
const DISTANCE_MAX: usize = 2;

/// The longest word that is looked for, in bytes: the distance is quadratic in the length, and a file may hold words of
/// megabytes.
const LENGTH_MAX: usize = 64;

/// How many suggestions are worth reading.
const SHOWN_MAX: usize = 3;

/// The candidate nearest to `text`, where one is near: at most two edits, and less than half of the word.
///
/// ```
/// assert_eq!(callgate_rules::nearest("mnout", ["mount", "umount"]), Some("mount"));
/// assert_eq!(callgate_rules::nearest("readxyz", ["read"]), None);
/// ```
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    measured(text, candidates).min().map(|(_, word)| word)
}

/// Up to three candidates that are near to `text` as [`nearest`] has it, the nearest first.
///
/// ```
/// assert_eq!(callgate_rules::near("dup4", ["dup", "dup2", "dup3", "read"]), ["dup", "dup2", "dup3"]);
/// ```
#[must_use]
pub fn near<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut words: Vec<_> = measured(text, candidates).collect();
    words.sort_unstable();
    words.dedup();
    words.into_iter().take(SHOWN_MAX).map(|(_, word)| word).collect()
}

/// The candidates that are near, each with its distance. Case makes no difference.
fn measured<'a>(
    text: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> impl Iterator<Item = (usize, &'a str)> {
    let lower = text.to_ascii_lowercase();
    let length = text.len();
    candidates
        .into_iter()
        // Another length alone is as many edits.
        .filter(move |word| length <= LENGTH_MAX && word.len().abs_diff(length) <= DISTANCE_MAX)
        .map(move |word| (strsim::damerau_levenshtein(&lower, &word.to_ascii_lowercase()), word))
        // Words of one or two letters may have one wrong.
        .filter(|(distance, word)| *distance <= DISTANCE_MAX && distance * 2 < word.len().max(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_what_is_near() {
        let words = ["mount", "umount", "read", "clone3"];
        assert_eq!(nearest("mnout", words), Some("mount"));
        assert_eq!(nearest("CLONE3", words), Some("clone3"));
        assert_eq!(nearest("readxyz", words), None);
        assert_eq!(nearest("so", words), None);
        assert_eq!(nearest("", words), None);
    }

    #[test]
    fn long_words_are_not_looked_for() {
        for (length, found) in [(LENGTH_MAX - 1, true), (LENGTH_MAX, true), (LENGTH_MAX + 1, false)]
        {
            let word = "x".repeat(length);
            assert_eq!(nearest(&word, [word.as_str()]).is_some(), found, "{length}");
        }
    }
}
