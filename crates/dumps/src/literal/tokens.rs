//! The tokens of a source with its macros replaced.

use std::collections::VecDeque;

use super::lexer::{Kind, Lexer, Token};
use super::macros::{Macro, Macros};
use crate::{Error, ErrorKind};

/// How many tokens macros may make of one text, so that none goes on for ever.
const EXPANDED_MAX: usize = 1 << 19;

/// The tokens of a source.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    lexer: Lexer<'a>,
    /// What was looked at and not yet taken.
    ahead: VecDeque<Token<'a>>,
    /// What macros stand for and was not yet looked at, the next one last.
    pending: Vec<Token<'a>>,
    macros: Macros<'a>,
    expanded: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(lexer: Lexer<'a>, macros: Macros<'a>) -> Self {
        let (ahead, pending) = (VecDeque::new(), Vec::new());
        Self { lexer, ahead, pending, macros, expanded: 0 }
    }

    /// The whole text.
    pub(super) const fn text(&self) -> &'a str {
        self.lexer.text()
    }

    /// The next token but `n`.
    pub(super) fn peek(&mut self, n: usize) -> Result<Option<Token<'a>>, Error> {
        while self.ahead.len() <= n {
            let Some(token) = self.replaced()? else { return Ok(None) };
            self.ahead.push_back(token);
        }
        Ok(self.ahead.get(n).copied())
    }

    pub(super) fn next(&mut self) -> Result<Option<Token<'a>>, Error> {
        match self.ahead.pop_front() {
            Some(token) => Ok(Some(token)),
            None => self.replaced(),
        }
    }

    /// Whether the next token but `n` is that sign.
    pub(super) fn is(&mut self, n: usize, sign: &str) -> Result<bool, Error> {
        let token = self.peek(n)?;
        Ok(token.is_some_and(|token| token.kind == Kind::Sign && token.text == sign))
    }

    /// Takes the next token if it is that sign.
    pub(super) fn take(&mut self, sign: &str) -> Result<bool, Error> {
        let found = self.is(0, sign)?;
        if found {
            self.next()?;
        }
        Ok(found)
    }

    pub(super) fn expect(&mut self, sign: &str, expected: &'static str) -> Result<(), Error> {
        if self.take(sign)? { Ok(()) } else { Err(self.expected(expected)) }
    }

    /// The error that something else stands here.
    pub(super) fn expected(&mut self, expected: &'static str) -> Error {
        match self.peek(0) {
            Ok(Some(token)) => {
                let found = token.text.chars().take(40).collect();
                Error::new(ErrorKind::Expected { expected, found }).at(token.offset)
            }
            Ok(None) => Error::expected(expected, self.text(), self.text().len()),
            Err(error) => error,
        }
    }

    /// The next token behind all that was looked at; macros are replaced.
    fn replaced(&mut self) -> Result<Option<Token<'a>>, Error> {
        loop {
            let Some(token) = self.unreplaced()? else { return Ok(None) };
            if token.kind != Kind::Name {
                return Ok(Some(token));
            }
            let Some(found) = self.macros.get(token.text).cloned() else {
                return Ok(Some(token));
            };
            self.replace(token, &found)?;
        }
    }

    fn unreplaced(&mut self) -> Result<Option<Token<'a>>, Error> {
        match self.pending.pop() {
            Some(token) => Ok(Some(token)),
            None => self.lexer.next(),
        }
    }

    /// Puts what a macro stands for before all that is pending.
    fn replace(&mut self, at: Token<'a>, found: &Macro<'a>) -> Result<(), Error> {
        let wrong =
            |reason| Err(Error::new(ErrorKind::Macro(at.text.to_owned(), reason)).at(at.offset));
        if found.contradicted {
            return wrong("is defined in several ways: keep the one that is meant");
        }
        let arguments = match &found.parameters {
            Some(_) => self.arguments(at)?,
            None => Vec::new(),
        };
        let parameters = found.parameters.as_deref().unwrap_or_default();
        if parameters.len() != arguments.len() {
            return wrong("gets another number of arguments than it has");
        }
        // `__NR_ ## name` becomes two names, which the reader of names joins.
        for token in found.body.iter().rev().filter(|token| token.text != "##") {
            let argument = parameters.iter().position(|name| *name == token.text);
            let tokens = argument.map_or(std::slice::from_ref(token), |index| &arguments[index]);
            self.expanded += tokens.len() + 1;
            if self.expanded > EXPANDED_MAX || self.pending.len() > self.pending_max() {
                return wrong("never ends");
            }
            // Errors are told at the use, which is in the text that the user looks at.
            let moved = |token: &Token<'a>| Token { offset: at.offset, ..*token };
            self.pending.extend(tokens.iter().rev().map(moved));
        }
        Ok(())
    }

    /// How many tokens may wait: those of one body and its arguments, which are in the text.
    const fn pending_max(&self) -> usize {
        1024 + self.lexer.text().len() / 2
    }

    /// The arguments of a call, each a list of tokens.
    fn arguments(&mut self, at: Token<'a>) -> Result<Vec<Vec<Token<'a>>>, Error> {
        let unclosed = || Error::new(ErrorKind::Macro(at.text.to_owned(), "has no arguments here"));
        let mut depth = 0_usize;
        let mut arguments = vec![Vec::new()];
        loop {
            let token = self.unreplaced()?.ok_or_else(|| unclosed().at(at.offset))?;
            match token.text {
                "(" if token.kind == Kind::Sign && depth == 0 => depth = 1,
                _ if depth == 0 => return Err(unclosed().at(at.offset)),
                ")" if token.kind == Kind::Sign && depth == 1 => break,
                "," if token.kind == Kind::Sign && depth == 1 => arguments.push(Vec::new()),
                text => {
                    match text {
                        "(" => depth += 1,
                        ")" => depth -= 1,
                        _ => {}
                    }
                    if let Some(last) = arguments.last_mut() {
                        last.push(token);
                    }
                }
            }
        }
        let none = matches!(arguments.as_slice(), [only] if only.is_empty());
        Ok(if none { Vec::new() } else { arguments })
    }
}
