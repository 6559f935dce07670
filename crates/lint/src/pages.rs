//! A page for each code: what it means, where it happened, and the mend.

use callgate_rules::Severity;

/// The pages; the guide includes the same file.
const PAGES: &str = include_str!("codes.md");

/// What is to say about a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The code.
    pub code: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The whole page, without its heading.
    pub text: &'static str,
    /// Where it happened.
    pub seen: Option<&'static str>,
    /// What to do about it.
    pub mend: Option<&'static str>,
}

/// Every page, sorted by code.
///
/// ```
/// let page = callgate_lint::pages().find(|page| page.code == "L0401").unwrap();
/// assert!(page.title.contains("clone3") && page.mend.unwrap().contains("ENOSYS"));
/// ```
pub fn pages() -> impl Iterator<Item = Page> {
    PAGES.split("\n## ").skip(1).filter_map(|page| {
        let (heading, text) = page.split_once('\n')?;
        let (code, title) = heading.split_once(": ")?;
        let text = text.trim();
        let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
        let severity = match text.lines().next()? {
            "*error*" => Severity::Error,
            "*warning*" => Severity::Warning,
            _ => Severity::Note,
        };
        Some(Page { code, title, severity, text, seen: line("Seen: "), mend: line("Mend: ") })
    })
}

/// The page of a code.
#[must_use]
pub fn page(code: &str) -> Option<Page> {
    pages().find(|page| page.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_sorted_and_say_everything() {
        let pages: Vec<Page> = pages().collect();
        assert!(pages.windows(2).all(|pair| pair[0].code < pair[1].code));
        assert!(pages.len() >= 45, "{}", pages.len());
        for page in pages {
            let first = page.text.lines().next().unwrap();
            assert!(["*error*", "*warning*", "*note*"].contains(&first), "{}: {first}", page.code);
            assert!(page.mend.is_some(), "{} has no mend", page.code);
            assert!(!page.title.is_empty() && page.text.lines().count() > 4, "{}", page.code);
        }
    }
}
