//! Near words for misspelt ones.

/// The largest edit distance at which a word counts as misspelt, not as another word.
const DISTANCE_MAX: usize = 2;

/// The longest word that is looked for, in bytes: the distance is quadratic in the length, and a
/// file may hold words of megabytes.
const LENGTH_MAX: usize = 64;

/// The candidate nearest to `text`, where one is near: at most two edits, and less than half of the
/// word.
///
/// ```
/// assert_eq!(callgate_rules::nearest("mnout", ["mount", "umount"]), Some("mount"));
/// assert_eq!(callgate_rules::nearest("readxyz", ["read"]), None);
/// ```
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if text.len() > LENGTH_MAX {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&lower, &word.to_ascii_lowercase()), word))
        .filter(|(distance, word)| *distance <= DISTANCE_MAX && distance * 2 < word.len())
        .min()
        .map(|(_, word)| word)
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
