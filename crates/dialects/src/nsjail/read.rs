//! Finds kafel's policy in a configuration.

use crate::context::{Context, code};
use crate::kafel;
use crate::piece::Piece;
use crate::tokens::{Kind, Style, Token, tokens};
use crate::{Refused, Written};

const STYLE: Style = Style {
    comments: &["#"],
    has_block_comments: false,
    word: "-.+",
    has_lines: false,
    signs: &[],
};

/// Reads the policy: the file that is named, or else the lines that the configuration holds.
///
/// # Errors
/// What is wrong with it, and where there is none.
pub(crate) fn read(mut context: Context<'_>) -> Result<Written, Refused> {
    let (text, source) = context.text();
    let whole = Piece::whole(&text, source);
    let mut tokens = tokens(whole, STYLE, &mut context);
    let (mut lines, mut file) = (Vec::new(), None);
    while !tokens.is_at_end() {
        let key = tokens.next();
        let is_value = |text: &str| key.kind == Kind::Word && key.piece.text == text;
        let is_line = is_value("seccomp_string");
        if !is_line && !is_value("seccomp_policy_file") {
            continue;
        }
        tokens.take(":");
        // Texts that stand behind each other are one, and lists are in brackets.
        tokens.take("[");
        while tokens.peek().kind == Kind::Quoted {
            let value = tokens.next();
            if is_line {
                lines.push(value);
            } else {
                file = Some(value);
            }
            tokens.take(",");
        }
    }
    if context.has_errors() {
        // A text without an end.
        return context.finish(Vec::new());
    }
    if let Some(file) = file {
        let path = file.piece.part(1..file.piece.text.len().saturating_sub(1));
        let name = context.sources.iter().next().map(|s| s.name().to_owned()).unwrap_or_default();
        return match context.include(path, &name) {
            Some((text, source)) => kafel::text(context, &text, source),
            None => context.finish(Vec::new()),
        };
    }
    if lines.is_empty() {
        let message =
            "the configuration has no filter: neither seccomp_string nor seccomp_policy_file";
        context.error(code::MEANING, whole.part(0..0), message);
        return context.finish(Vec::new());
    }
    let blanked = blanked(&text, &lines);
    kafel::text(context, &blanked, source)
}

/// The text with blanks for all but what the quoted lines say, so that every place stays.
fn blanked(text: &str, lines: &[Token<'_>]) -> String {
    let mut bytes: Vec<u8> =
        text.bytes().map(|byte| if byte == b'\n' { b'\n' } else { b' ' }).collect();
    for line in lines {
        let range = line.piece.span().range();
        let inside = &text[range.start + 1..range.end.saturating_sub(1).max(range.start + 1)];
        let ends_comments = inside.contains("//");
        let mut characters = inside.char_indices();
        while let Some((at, character)) = characters.next() {
            let place = range.start + 1 + at;
            if character != '\\' {
                bytes[place..place + character.len_utf8()]
                    .copy_from_slice(&inside.as_bytes()[at..at + character.len_utf8()]);
                continue;
            }
            match characters.next() {
                Some((_, 'n')) if ends_comments => bytes[place] = b'\n',
                Some((_, quote @ ('"' | '\'' | '\\'))) => {
                    bytes[place] = u8::try_from(quote).unwrap_or(b' ');
                }
                _ => {}
            }
        }
    }
    // Characters were copied whole, and blanks put for the rest.
    String::from_utf8(bytes).unwrap_or_default()
}
