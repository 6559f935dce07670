//! The assignments of a unit's files.

use callgate_rules::SourceId;

use crate::context::{Context, code};
use crate::piece::Piece;

/// `KEY=VALUE`. A value that goes on behind `\` has several pieces.
#[derive(Debug)]
pub(super) struct Assignment<'t> {
    pub(super) key: Piece<'t>,
    pub(super) value: Vec<Piece<'t>>,
}

/// The sections whose directives are about processes.
const SECTIONS: [&str; 5] = ["Service", "Socket", "Mount", "Swap", "Scope"];

/// Reads the assignments of the sections that are about processes. What stands before any section
/// counts, so that a part of a unit can be looked at alone.
pub(super) fn assignments<'t>(
    text: &'t str,
    source: SourceId,
    context: &mut Context<'_>,
) -> Vec<Assignment<'t>> {
    let mut list: Vec<Assignment<'t>> = Vec::new();
    let (mut is_about_processes, mut goes_on) = (true, false);
    for line in Piece::whole(text, source).lines() {
        let trimmed = line.trim();
        // Comments end no line that goes on.
        if trimmed.text.starts_with(['#', ';']) || trimmed.text.is_empty() && !goes_on {
            continue;
        }
        let continued = goes_on;
        let content = match trimmed.text.strip_suffix('\\') {
            Some(text) => trimmed.part(0..text.len()),
            None => trimmed,
        };
        goes_on = content.text.len() < trimmed.text.len();
        if continued {
            if let Some(last) = list.last_mut().filter(|_| is_about_processes) {
                last.value.push(content);
            }
        } else if let Some(section) = content.text.strip_prefix('[') {
            let name = section.strip_suffix(']').unwrap_or(section);
            is_about_processes = SECTIONS.contains(&name);
        } else if is_about_processes {
            match content.split_once('=') {
                Some((key, value)) => {
                    list.push(Assignment { key: key.trim(), value: vec![value.trim()] });
                }
                None => context.error(code::SYNTAX, content, "expected KEY=VALUE or [SECTION]"),
            }
        }
    }
    list
}

impl<'t> Assignment<'t> {
    /// The value, where it is one line; else its first.
    pub(super) fn first(&self) -> Piece<'t> {
        self.value[0]
    }

    /// The words of the value, and whether `~` stands before them.
    ///
    /// Quotes are refused: some directives take them off and some do not, and where systemd takes a
    /// quoted word for an unknown one, it filters otherwise than the text reads.
    pub(super) fn words(&self, context: &mut Context<'_>) -> (bool, Vec<Piece<'t>>) {
        let mut words: Vec<Piece<'t>> = self.value.iter().flat_map(|piece| piece.words()).collect();
        for word in words.iter().filter(|word| word.text.contains(['"', '\''])) {
            let message = "quotes mean different things to systemd's directives: leave them out";
            context.error(code::SYNTAX, *word, message);
        }
        let inverted = words.first().and_then(|word| word.strip("~"));
        if let Some(rest) = inverted {
            words[0] = rest;
        }
        words.retain(|word| !word.text.is_empty());
        (inverted.is_some(), words)
    }
}

/// Yes or no, as systemd spells them.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}
