//! A page for each code that a diagnostic about a policy can have.

/// The pages; the guide includes the same file.
const PAGES: &str = include_str!("errors.md");

/// Every code with its title and its page, sorted by code.
///
/// ```
/// let (_, title, page) = callgate_gate::codes().find(|(code, ..)| *code == "E0350").unwrap();
/// assert_eq!(title, "a pointer cannot be tested");
/// assert!(page.contains("Landlock"));
/// ```
pub fn codes() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    PAGES.split("## ").filter_map(|page| {
        let (heading, text) = page.split_once('\n')?;
        let (code, title) = heading.split_once(": ")?;
        Some((code, title, text.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_sorted_and_say_something() {
        let codes: Vec<_> = codes().collect();
        assert!(codes.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(codes.iter().all(|(_, title, text)| !title.is_empty() && !text.is_empty()));
    }

    #[test]
    fn every_code_in_the_sources_has_a_page() {
        let sources = [
            include_str!("../../gate-syntax/src/syntax/fault.rs"),
            include_str!("resolve.rs"),
            include_str!("resolve/arguments.rs"),
            include_str!("resolve/condition.rs"),
            include_str!("resolve/condition/argument.rs"),
            include_str!("resolve/header.rs"),
            include_str!("resolve/include.rs"),
            include_str!("resolve/on.rs"),
            include_str!("resolve/statement.rs"),
            include_str!("resolve/subject.rs"),
            include_str!("resolve/value.rs"),
            include_str!("resolve/verdict.rs"),
            include_str!("check/words.rs"),
            include_str!("report.rs"),
        ];
        let mut used = 0;
        for source in sources {
            for (at, _) in source.match_indices("\"E0") {
                let code = &source[at + 1..at + 6];
                assert!(codes().any(|(page, ..)| page == code), "{code} has no page");
                used += 1;
            }
        }
        assert!(used > 50, "{used}");
    }
}
