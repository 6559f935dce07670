//! Arrays in sources of C, Rust, Python and Go, and JSON: one reader, since they differ in little
//! but brackets and names.
//!
//! A text is either the array itself or a source in which the arrays that make a program are
//! looked for, by what stands behind `=`. Elements are structures, quadruples, calls such as
//! `BPF_STMT(...)`, numbers of any width, or strings; numbers may be expressions with the names of
//! the kernel's headers, and with the `#define`s of the text itself.

mod call;
mod expression;
mod group;
mod lexer;
mod macros;
mod scalar;
mod source;
mod tokens;

use callgate_bpf::Instruction;
use callgate_syscalls::Endian;

use crate::names::Names;
use crate::numbers::{COUNT_MAX, Number};
use crate::{Error, ErrorKind, Read};
use tokens::Tokens;

pub(crate) use scalar::{number, unescape};
pub(crate) use source::read;

/// The language of a text, which decides what begins a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    C,
    Rust,
    Json,
    Python,
}

/// How deep brackets may be nested.
const DEPTH_MAX: usize = 24;

/// A value in a source.
#[derive(Debug)]
enum Item<'a> {
    /// A number.
    Number(Number),
    /// Numbers in brackets.
    Row(Vec<Number>),
    /// An instruction.
    Instruction(Instruction, usize),
    /// A list of them.
    List(Read),
    /// A string.
    Bytes(Vec<u8>, usize),
    /// Something whose value is not known; an error where a value is needed.
    Other(&'a str, usize),
}

/// Parses values.
#[derive(Debug)]
struct Parser<'a> {
    tokens: Tokens<'a>,
    names: Names,
    language: Language,
    depth: usize,
    /// Numbers kept so far.
    count: usize,
    /// A name whose value depends on the architecture was met.
    by_arch: bool,
    /// The byte order that the text names.
    endian: Option<Endian>,
}

impl<'a> Parser<'a> {
    fn new(tokens: Tokens<'a>, names: Names, language: Language) -> Self {
        Self { tokens, names, language, depth: 0, count: 0, by_arch: false, endian: None }
    }

    /// Counts a number that is kept, so that memory stays bounded.
    fn count(&mut self, offset: usize) -> Result<(), Error> {
        self.count += 1;
        match self.count > 2 * COUNT_MAX {
            true => Err(Error::new(ErrorKind::TooManyInstructions).at(offset)),
            false => Ok(()),
        }
    }
}
