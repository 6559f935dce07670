//! Tokens to a tree. What is wrong is reported and kept in the tree, and the next line is read as
//! if nothing had been.

use rowan::{Checkpoint, GreenNode, GreenNodeBuilder, TextRange, TextSize};

use super::SyntaxKind::{self, *};
use super::fault::Fault;
use super::lexer::{self, Token};
use super::{SyntaxError, grammar, lines};

/// A sign that the rest of the line is not read; the reason was reported.
pub(crate) struct Stop;

/// Whether a part of a statement was read.
pub(crate) type Read = Result<(), Stop>;

/// Reads a text as a file.
pub(crate) fn parse(text: &str) -> (GreenNode, Vec<SyntaxError>) {
    let tokens = lexer::tokens(text);
    let ends = lines::ends(&tokens);
    let mut parser = Parser {
        tokens,
        ends,
        next: 0,
        offset: TextSize::new(0),
        open_sets: 0,
        builder: GreenNodeBuilder::new(),
        errors: Vec::new(),
    };
    parser.builder.start_node(File.into());
    grammar::file(&mut parser);
    parser.flush();
    parser.builder.finish_node();
    // What else is wrong with such a file follows from it.
    let errors = nul(text).map_or(parser.errors, |error| vec![error]);
    (parser.builder.finish(), errors)
}

/// The error of a text with a NUL byte, at the first.
fn nul(text: &str) -> Option<SyntaxError> {
    let at = TextSize::try_from(text.find('\0')?).ok()?;
    Some(Fault::Nul.at(TextRange::at(at, TextSize::new(1)), "\0"))
}

/// The state of reading a file.
pub(crate) struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    /// Which tokens are line feeds that end a statement.
    ends: Vec<bool>,
    next: usize,
    offset: TextSize,
    /// How many `{` of the current line are not closed.
    open_sets: usize,
    builder: GreenNodeBuilder<'static>,
    errors: Vec<SyntaxError>,
}

impl<'a> Parser<'a> {
    /// The next token with a meaning: a line feed that ends the statement, or [`End`] where nothing
    /// is left.
    pub(crate) fn current(&self) -> SyntaxKind {
        self.peek(0).0
    }

    /// The text of the next token with a meaning.
    pub(crate) fn text(&self) -> &'a str {
        self.peek(0).1
    }

    /// Whether the next token is that word.
    pub(crate) fn at_word(&self, word: &str) -> bool {
        self.peek(0) == (Word, word)
    }

    /// Whether the statement ends here.
    pub(crate) fn at_end(&self) -> bool {
        match self.current() {
            Newline | End => true,
            RightBrace => self.open_sets == 0,
            _ => false,
        }
    }

    /// Begins a line, or the first line of a block.
    pub(crate) const fn begin_line(&mut self) {
        self.open_sets = 0;
    }

    /// The token with a meaning that stands `ahead` behind the next one.
    pub(crate) fn peek(&self, ahead: usize) -> Token<'a> {
        self.significant().nth(ahead).map_or((End, ""), |index| self.tokens[index])
    }

    fn significant(&self) -> impl Iterator<Item = usize> + '_ {
        (self.next..self.tokens.len())
            .filter(|&index| self.ends[index] || !self.tokens[index].0.is_trivia())
    }

    /// Where the next token with a meaning stands; at the end, nothing behind the last one.
    pub(crate) fn range(&self) -> TextRange {
        let mut start = self.offset;
        for index in self.next..self.tokens.len() {
            let (kind, text) = self.tokens[index];
            let len = TextSize::of(text);
            if self.ends[index] {
                // What is missing at the end of a line is missing behind its last token.
                return TextRange::empty(self.offset);
            }
            if !kind.is_trivia() {
                return TextRange::at(start, len);
            }
            start += len;
        }
        TextRange::empty(self.offset)
    }

    /// Puts the next token with a meaning, and the trivia before it, into the tree.
    pub(crate) fn bump(&mut self) {
        self.flush();
        self.push();
    }

    /// Puts the trivia before the next token with a meaning into the tree.
    pub(crate) fn flush(&mut self) {
        while let Some((kind, _)) = self.tokens.get(self.next) {
            if self.ends[self.next] || !kind.is_trivia() {
                return;
            }
            self.push();
        }
    }

    fn push(&mut self) {
        if let Some((kind, text)) = self.tokens.get(self.next) {
            match kind {
                LeftBrace => self.open_sets += 1,
                RightBrace => self.open_sets = self.open_sets.saturating_sub(1),
                _ => {}
            }
            self.builder.token((*kind).into(), text);
            self.offset += TextSize::of(*text);
            self.next += 1;
        }
    }

    /// Takes the next token if it is of that kind.
    pub(crate) fn eat(&mut self, kind: SyntaxKind) -> bool {
        let found = self.current() == kind;
        if found {
            self.bump();
        }
        found
    }

    /// Takes the next token if it is that word.
    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.bump();
        }
        found
    }

    /// Reads a node. It is closed in the tree whatever becomes of it.
    pub(crate) fn node(&mut self, kind: SyntaxKind, read: impl FnOnce(&mut Self) -> Read) -> Read {
        self.flush();
        self.builder.start_node(kind.into());
        let outcome = read(self);
        self.builder.finish_node();
        outcome
    }

    /// A place at which a node may turn out to have begun.
    pub(crate) fn checkpoint(&mut self) -> Checkpoint {
        self.flush();
        self.builder.checkpoint()
    }

    /// Reads the rest of a node that began at the checkpoint.
    pub(crate) fn node_at(
        &mut self,
        checkpoint: Checkpoint,
        kind: SyntaxKind,
        read: impl FnOnce(&mut Self) -> Read,
    ) -> Read {
        self.builder.start_node_at(checkpoint, kind.into());
        let outcome = read(self);
        self.builder.finish_node();
        outcome
    }

    /// Reports an error. Only the first at a place is kept.
    pub(crate) fn report(&mut self, error: SyntaxError) -> Stop {
        if self.errors.last().is_none_or(|last| last.range != error.range) {
            self.errors.push(error);
        }
        Stop
    }

    /// Takes what is left of the line.
    pub(crate) fn skip_line(&mut self) {
        while !self.at_end() {
            self.bump();
        }
    }
}
