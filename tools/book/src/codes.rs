//! The codes of errors and findings: an index, and a place to link to for each.

/// The page, from the lists that the command goes by.
pub(crate) fn page() -> String {
    let mut text = String::from(
        "# Codes\n\nEvery error in a policy and every finding of `callgate lint` has a code, whose page says what it means and \
         what to do.\nIn a terminal they are `callgate explain-error CODE` and `callgate lint --explain CODE`.\n\n\
         ## Errors in policies\n\n| code | what is wrong |\n|---|---|\n",
    );
    for (code, title, _) in callgate_gate::codes() {
        text += &row(code, title, "errors.md");
    }
    text += "\n## Findings of lint\n\n| code | what is wrong |\n|---|---|\n";
    for page in callgate_lint::pages() {
        text += &row(page.code, page.title, "lint.md");
    }
    text
}

fn row(code: &str, title: &str, page: &str) -> String {
    format!("| [{code}]({page}#{code}) | {title} |\n")
}

/// A chapter whose headings that begin with a code can be linked to by the code.
pub(crate) fn anchored(text: &str) -> String {
    text.lines().fold(String::new(), |text, line| {
        let code = line.trim_start_matches('#').trim_start().split_once(": ");
        match code {
            Some((code, _)) if line.starts_with('#') && is_code(code) => {
                text + line + " {#" + code + "}\n"
            }
            _ => text + line + "\n",
        }
    })
}

/// Whether this is a code: a letter and four digits.
fn is_code(word: &str) -> bool {
    matches!(word.as_bytes(), [b'E' | b'L' | b'W', digits @ ..]
        if digits.len() == 4 && digits.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_places_that_the_index_leads_to() {
        let text = "# Errors\n## E0350: a pointer: no\nE0350: text\n## Exit: 2\n### L0101: x\n";
        let expected = "# Errors\n## E0350: a pointer: no {#E0350}\nE0350: text\n## Exit: 2\n### L0101: x {#L0101}\n";
        assert_eq!(anchored(text), expected);
        let page = page();
        assert!(
            page.contains("| [E0350](errors.md#E0350) | a pointer cannot be tested |"),
            "{page}"
        );
        assert!(page.contains("| [L0101](lint.md#L0101) | "), "{page}");
    }
}
