//! The `#define`s of a source.

use std::collections::BTreeMap;

use super::Language;
use super::lexer::{Kind, Lexer, Token};
use crate::Error;

/// A `#define`.
#[derive(Clone, Debug)]
pub(super) struct Macro<'a> {
    /// The names of its arguments, if it has a list of them.
    pub(super) parameters: Option<Vec<&'a str>>,
    /// What it stands for.
    pub(super) body: Vec<Token<'a>>,
    /// Another definition says something else.
    pub(super) contradicted: bool,
}

/// All macros of a source.
pub(super) type Macros<'a> = BTreeMap<&'a str, Macro<'a>>;

/// Collects the macros of a source.
pub(super) fn collect<'a>(text: &'a str) -> Macros<'a> {
    let mut macros = Macros::new();
    let mut lexer = Lexer::new(text, Language::C);
    // What can't be read as C has no macros; the reader of values says what is wrong with it.
    while let Ok(Some(token)) = lexer.next() {
        if token.kind != Kind::Directive {
            continue;
        }
        let Some((name, found)) = definition(token.text) else { continue };
        let texts = |body: &[Token<'a>]| body.iter().map(|t| t.text).collect::<Vec<_>>();
        match macros.get_mut(name) {
            Some(known) => known.contradicted |= texts(&known.body) != texts(&found.body),
            None => drop(macros.insert(name, found)),
        }
    }
    macros
}

fn definition(line: &str) -> Option<(&str, Macro<'_>)> {
    let rest = line.strip_prefix('#')?.trim_start().strip_prefix("define")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let (parameters, body) = match rest.strip_prefix('(') {
        Some(list) => {
            let (list, body) = list.split_once(')')?;
            let names = list.split(',').map(|name| name.trim_matches([' ', '\t', '\\', '\n']));
            (Some(names.filter(|name| !name.is_empty()).collect()), body)
        }
        None => (None, rest),
    };
    let body = tokens(body).ok()?;
    // `#define NAME NAME` is how headers say that a name is there.
    let itself = matches!(body.as_slice(), [token] if token.text == name);
    (!name.is_empty() && !itself).then_some((name, Macro { parameters, body, contradicted: false }))
}

fn tokens(body: &str) -> Result<Vec<Token<'_>>, Error> {
    // Of a body the first sign may be a `#`, which is no directive.
    let mut lexer = Lexer::new(body, Language::C);
    let mut found = Vec::new();
    while let Some(token) = lexer.next()? {
        found.push(token);
    }
    Ok(found)
}
