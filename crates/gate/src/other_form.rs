//! Texts in other forms than the language, under a name that says otherwise: one error that names
//! the form instead of one for each line.

use rowan::{TextRange, TextSize};

use crate::syntax::SyntaxError;

/// The form of a text that is no policy, as an error about its beginning.
pub(crate) fn in_place_of_policy(text: &str) -> Option<SyntaxError> {
    let (form, help) = match () {
        () if is_json(text) => (
            "JSON",
            "name it *.json: every command reads it so, and `callgate show` writes it in the language",
        ),
        () if is_assembler(text) => (
            "the assembler of a filter program",
            "name it *.s: every command reads it so, and `callgate show` writes it in the language",
        ),
        () => return None,
    };
    let start = text.len() - text.trim_start().len();
    let line = text[start..].lines().next().unwrap_or_default().trim_end();
    let offset = |at: usize| TextSize::new(u32::try_from(at).unwrap_or(u32::MAX));
    Some(SyntaxError {
        code: "E0314",
        range: TextRange::new(offset(start), offset(start + line.len())),
        message: format!("this is no policy in the language but {form}"),
        label: "no statement begins so".to_owned(),
        help: vec![(help.to_owned(), None)],
    })
}

/// Whether a text begins as JSON does and no statement can: a brace with a key or nothing in it, or
/// a bracket.
fn is_json(text: &str) -> bool {
    let text = text.trim_start();
    let inside = |text: &str| matches!(text.trim_start().chars().next(), Some('"' | '}' | '/'));
    // A word in brackets heads a section of a unit.
    let is_list = |text: &str| !text.starts_with(|c: char| c.is_ascii_alphabetic());
    text.strip_prefix('[').is_some_and(is_list) || text.strip_prefix('{').is_some_and(inside)
}

/// Whether the first line with a word on it is an instruction, behind a label or not.
fn is_assembler(text: &str) -> bool {
    const INSTRUCTIONS: [&str; 12] =
        ["ld", "ldh", "ldb", "ldi", "ldx", "st", "stx", "jmp", "ja", "jeq", "ret", "tax"];
    let is_code = |line: &&str| !line.is_empty() && !line.starts_with(";") && !line.ends_with(":");
    let line = text.lines().map(str::trim).find(is_code);
    let line = line.unwrap_or_default();
    let code = line.split_once(':').map_or(line, |(_, behind)| behind);
    code.split_whitespace().next().is_some_and(|word| INSTRUCTIONS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_forms_are_told_from_policies() {
        for (text, form) in [
            ("{ \"defaultAction\": 1 }", "JSON"),
            ("\n[1]", "JSON"),
            ("{}", "JSON"),
            ("\tld [0]\n\tret #0", "assembler"),
            ("l1: ret #0x7fff0000\n", "assembler"),
            ("; generated\n ld [4]\n", "assembler"),
        ] {
            let error = in_place_of_policy(text).unwrap();
            assert!(error.message.contains(form), "{text}: {}", error.message);
        }
        for text in [
            "",
            "[Service]\nUser=x",
            "policy 1\n",
            "allow read",
            "{ read }",
            "# ld [0]\n",
            "group ld {\n",
        ] {
            assert_eq!(in_place_of_policy(text), None, "{text}");
        }
    }
}
