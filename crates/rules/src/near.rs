//! Near words for misspelt ones.

/// The largest edit distance at which a word counts as misspelt, not as another word.
const DISTANCE_MAX: usize = 2;

/// The longest word that is looked for, in bytes: the distance is quadratic in the length, and a
/// file may hold words of megabytes.
const LENGTH_MAX: usize = 64;

/// How many suggestions are worth reading.
const SHOWN_MAX: usize = 3;

/// The candidate nearest to `text`, where one is [near](near()).
///
/// ```
/// assert_eq!(callgate_rules::nearest("mnout", ["mount", "umount"]), Some("mount"));
/// assert_eq!(callgate_rules::nearest("readxyz", ["read"]), None);
/// ```
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    near(text, candidates).into_iter().next()
}

/// Up to three candidates that `text` may be a misspelling of, the nearest first: at most two edits,
/// and less than half of the word. Large letters are as good as small ones.
pub fn near<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    if text.len() > LENGTH_MAX {
        return Vec::new();
    }
    let lower = text.to_ascii_lowercase();
    let mut near: Vec<(usize, &str)> = candidates
        .into_iter()
        // Another length alone is as many wrong letters.
        .filter(|word| word.len().abs_diff(text.len()) <= DISTANCE_MAX)
        .map(|word| (strsim::damerau_levenshtein(&lower, &word.to_ascii_lowercase()), word))
        .filter(|(distance, word)| *distance <= DISTANCE_MAX && distance * 2 < word.len().max(3))
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(SHOWN_MAX).map(|(_, word)| word).collect()
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
        assert_eq!(nearest("AF_UNX", ["AF_UNIX", "AF_INET"]), Some("AF_UNIX"));
        assert_eq!(nearest("on", ["in", "xy"]), Some("in"));
        assert_eq!(near("opnat", ["openat2", "openat", "read", "openat"]), ["openat", "openat2"]);
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
