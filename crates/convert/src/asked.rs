//! What a filter asks for beside its rules, in the texts of the forms that have words for it.

use std::fmt::Write as _;

use callgate_formats::Profile;
use callgate_gate::{File, Node, Written, format, words};
use callgate_rules::{Listener, LoadFlag, Source};

use crate::Format;

/// What a filter asks for when it is loaded. It is no part of what the filter means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made from what any reader says")]
pub struct Asked {
    /// What the kernel is asked for.
    pub flags: Vec<LoadFlag>,
    /// Who answers the calls that are handed over.
    pub listener: Option<Listener>,
}

impl Asked {
    /// What a policy of the language asks for.
    #[must_use]
    pub fn of_policy(written: &Written) -> Self {
        let header = &written.rules.header;
        Self { flags: header.flags.clone(), listener: header.listener.clone() }
    }

    /// What a container profile asks for.
    #[must_use]
    pub fn of_profile(profile: &Profile) -> Self {
        Self { flags: profile.flags().collect(), listener: profile.listener() }
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.flags.is_empty() && self.listener.is_none()
    }

    /// A text that [`convert`](crate::convert()) or [`everywhere`](crate::everywhere()) wrote in a
    /// form, with what is asked for; none where the form has no words for it.
    #[must_use]
    pub fn added(&self, text: &str, format: Format) -> Option<String> {
        let (with, read): (_, fn(&str) -> Option<Self>) = match format {
            Format::Gate => (behind_header(text, &self.lines())?, of_gate),
            Format::Docker | Format::Oci => (before_rules(text, &self.members()?)?, of_profile),
            _ => return None,
        };
        // Either all that was asked for stands there, or nothing is returned.
        (read(&with).as_ref() == Some(self)).then_some(with)
    }

    /// Lines of the language's header.
    fn lines(&self) -> String {
        let mut text = String::new();
        let names: Vec<&str> = self.flags.iter().map(|flag| flag.name()).collect();
        // Writing to a string cannot fail.
        if !names.is_empty() {
            let _ = writeln!(text, "load-flags {}", names.join(", "));
        }
        if let Some(Listener { path, metadata }) = &self.listener {
            let with =
                metadata.as_ref().map_or(String::new(), |text| format!(" with {}", quoted(text)));
            let _ = writeln!(text, "listener {}{with}", quoted(path));
        }
        text
    }

    /// Members of a container profile.
    fn members(&self) -> Option<String> {
        let json = |value: &str| serde_json::to_string(value).ok();
        let mut text = String::new();
        let names: Vec<String> = self.flags.iter().filter_map(|flag| json(flag.name())).collect();
        if !names.is_empty() {
            let _ = writeln!(text, "  \"flags\": [{}],", names.join(", "));
        }
        if let Some(Listener { path, metadata }) = &self.listener {
            let _ = writeln!(text, "  \"listenerPath\": {},", json(path)?);
            if let Some(metadata) = metadata {
                let _ = writeln!(text, "  \"listenerMetadata\": {},", json(metadata)?);
            }
        }
        Some(text)
    }
}

/// A text in quotes, as the language writes it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Lines behind the last line of the header.
fn behind_header(text: &str, lines: &str) -> Option<String> {
    let is_header = |node: &Node| {
        let first = node.first_token();
        first.is_some_and(|token| words::HEADERS.contains(&token.text()))
    };
    let root = File::parse(text).root();
    let end = root.children().filter(is_header).last()?.text_range().end();
    let (header, rest) = text.split_at_checked(end.into())?;
    format(&File::parse(&format!("{header}\n{}{rest}", lines.trim_end())))
}

/// Members before the list of rules, or the first ones where there is no list.
fn before_rules(text: &str, members: &str) -> Option<String> {
    let place = text.find("  \"syscalls\":").or_else(|| Some(text.find('\n')? + 1))?;
    let (before, rest) = text.split_at_checked(place)?;
    Some(format!("{before}{members}{rest}"))
}

fn of_gate(text: &str) -> Option<Asked> {
    let source = Source::new("written.gate", text).ok()?;
    let written = callgate_gate::read(source, &mut callgate_gate::nothing).ok()?;
    Some(Asked::of_policy(&written))
}

fn of_profile(text: &str) -> Option<Asked> {
    let profile = Profile::parse(text.as_bytes(), "profile").ok()?;
    Some(Asked::of_profile(&profile))
}
