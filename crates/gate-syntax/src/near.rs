//! Words that a misspelt word may stand for.

/// The distance is quadratic in the length; no name is nearly as long.
const LENGTH_MAX: usize = 64;

/// How many letters may be wrong, added, missing or exchanged.
const DISTANCE_MAX: usize = 2;

/// How many suggestions are worth reading.
const SHOWN_MAX: usize = 3;

/// The nearest word, if one is near.
#[must_use]
pub fn word<'a>(text: &str, words: &[&'a str]) -> Option<&'a str> {
    words_near(text, words.iter().copied()).into_iter().next()
}

/// Up to three words that `text` may be a misspelling of, the nearest first.
pub fn words_near<'a>(text: &str, words: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    if text.len() > LENGTH_MAX {
        return Vec::new();
    }
    let lower = text.to_ascii_lowercase();
    let mut near: Vec<(usize, &str)> = words
        .into_iter()
        // Another length alone is as many wrong letters.
        .filter(|word| word.len().abs_diff(text.len()) <= DISTANCE_MAX)
        .map(|word| (strsim::damerau_levenshtein(&lower, &word.to_ascii_lowercase()), word))
        .filter(|(distance, word)| *distance <= DISTANCE_MAX && distance * 2 < word.len().max(3))
        .collect();
    near.sort_unstable();
    near.into_iter().take(SHOWN_MAX).map(|(_, word)| word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_come_first_and_nothing_far_comes() {
        assert_eq!(word("alow", &["log", "allow"]), Some("allow"));
        assert_eq!(word("AF_UNX", &["AF_UNIX", "AF_INET"]), Some("AF_UNIX"));
        assert_eq!(word("on", &["in", "xy"]), Some("in"));
        assert_eq!(word("frobnicate", &["allow"]), None);
        assert_eq!(word(&"x".repeat(1 << 20), &["allow"]), None);
    }
}
