//! Near words for misspelt ones.

/// The largest edit distance at which a word counts as misspelt, not as another word.
const DISTANCE_MAX: usize = 2;

/// The candidate nearest to `text`, where one is near: at most two edits, and less than half of the word.
pub(crate) fn nearest<'a>(
    text: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    #[cfg(test)]
    SEARCHES.set(SEARCHES.get() + 1);
    // The distance is quadratic in the length, and a file may hold words of megabytes.
    let length_max = 64;
    if text.len() > length_max {
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
thread_local! {
    /// How many searches this thread has made.
    pub(crate) static SEARCHES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
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
        assert_eq!(nearest(&"x".repeat(1 << 20), words), None);
    }
}
