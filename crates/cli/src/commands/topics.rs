//! The topics of `callgate help` that are no command.

use std::fmt::Write as _;

use callgate_convert::Format;
use callgate_dialects::Dialect;
use callgate_dumps::Form;

/// Their names, in the order in which they are listed.
pub(crate) const NAMES: [&str; 5] = ["topics", "language", "forms", "readings", "exit-status"];

/// What each of them is about.
const ABOUT: [&str; 5] = [
    "this list",
    "policies in the language (*.gate): statements, conditions, tests",
    "the forms of filters that are read and written",
    "how container profiles are read by runc, crun, Docker and the kernel",
    "how commands end, for scripts",
];

/// Each with what it is about.
pub(crate) fn names() -> impl Iterator<Item = (String, &'static str)> {
    NAMES.iter().zip(ABOUT).map(|(name, about)| ((*name).to_owned(), about))
}

/// The text of a topic.
pub(crate) fn text(name: &str) -> Option<String> {
    Some(match name {
        "topics" => list(),
        "language" => LANGUAGE.to_owned(),
        "forms" => forms(),
        "readings" => READINGS.to_owned(),
        "exit-status" => super::parser::EXIT_STATUS.to_owned(),
        _ => return None,
    })
}

const LANGUAGE: &str = include_str!("topics/language.txt");

const READINGS: &str = include_str!("topics/readings.txt");

fn list() -> String {
    let lines = names().map(|(name, about)| format!("  {name:<12} {about}\n"));
    format!("Topics:\n{}", lines.collect::<String>())
}

/// The forms, from the tables of those who read and write them.
fn forms() -> String {
    let mut text = String::from(
        "Every command that takes a filter takes each of these. The form is found out by the content; FORM:FILE\n\
         names it for policies, --from FORM for programs.\n\nPolicies (w: `callgate convert --to` writes it):\n",
    );
    for dialect in Dialect::ALL {
        let written = Format::ALL.iter().any(|format| format.name() == dialect.name());
        let mark = if written { 'w' } else { ' ' };
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {:<12} {mark}  {}", dialect.name(), dialect.title());
    }
    text.push_str("\nPrograms:\n");
    for form in Form::all() {
        let _ = writeln!(text, "  {:<18} {}", form.name(), form.description());
    }
    text
}

#[cfg(test)]
mod tests {
    use callgate_rules::{Source, Target};
    use callgate_syscalls::Arch;

    use super::*;

    #[test]
    fn every_topic_has_a_text_that_fits() {
        for name in NAMES {
            let text = text(name).unwrap();
            assert!(text.lines().count() > 4, "{name}");
            assert!(text.lines().all(|line| line.chars().count() <= 110), "{name}");
        }
        assert!(text("frobnicate").is_none());
    }

    /// The example of the language is one.
    #[test]
    fn the_example_is_a_policy_whose_tests_hold() {
        let (_, example) = LANGUAGE.split_once("An example:\n\n").unwrap();
        let lines = example.lines().take_while(|line| line.is_empty() || line.starts_with("  "));
        let source = Source::new("example", lines.collect::<Vec<_>>().join("\n")).unwrap();
        let mut load = callgate_gate::nothing;
        let written = callgate_gate::read(source, &mut load).unwrap();
        let lowered = written.lower(&Target::new(Arch::X86_64)).unwrap();
        assert!(written.tests.len() > 1);
        for test in &written.tests {
            assert_eq!(test.failures(&lowered.policy), Ok(Vec::new()));
        }
    }
}
