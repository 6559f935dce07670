//! Words that a misspelt word may stand for.

pub(crate) use callgate_rules::near as words_near;

/// The nearest word, if one is near.
pub(crate) fn word<'a>(text: &str, words: &[&'a str]) -> Option<&'a str> {
    callgate_rules::nearest(text, words.iter().copied())
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
