//! One file a form, or a family of forms that differ in headings only.

mod asm;
mod base64;
mod decimal;
mod elf;
mod escaped;
mod hex;
mod hexdump;
mod list;
mod od;
mod pseudo;
mod strace;
mod table;
mod xxd;

use crate::{Error, ErrorKind, Form, Options, Read, literal, raw};

pub(crate) use base64::bytes as base64_bytes;
pub(crate) use hex::digit;
pub(crate) use table::row as table_row;

/// Reads bytes, which are that text, as a form.
pub(crate) fn read(
    form: Form,
    bytes: &[u8],
    text: &str,
    options: &Options<'_>,
) -> Result<Read, Error> {
    let has_names =
        matches!(form, Form::Elf | Form::C | Form::Rust | Form::Python | Form::Json | Form::Strace);
    if options.name.is_some() && !has_names {
        return Err(Error::new(ErrorKind::NoNames));
    }
    match form {
        Form::Raw => raw::read(bytes),
        Form::Elf => elf::read(bytes, options.name),
        Form::Hex => hex::read(text),
        Form::Base64 => base64::read(text),
        Form::Escaped => escaped::read(text),
        Form::Assembler => asm::read(text),
        Form::C => literal::read(text, literal::Language::C, options),
        Form::Rust => literal::read(text, literal::Language::Rust, options),
        Form::Json => literal::read(text, literal::Language::Json, options),
        Form::Python => literal::read(text, literal::Language::Python, options),
        Form::Numbers => list::read(text),
        Form::Xxd => xxd::read(text),
        Form::Hexdump => hexdump::read(text),
        Form::Od => od::read(text),
        Form::Decimal => decimal::read(text),
        Form::SeccompTools | Form::ScmpBpfDisasm | Form::Ceccomp | Form::Firejail => {
            table::read(text)
        }
        Form::SeccompToolsAsm | Form::CeccompAsm => pseudo::read(text, options.arch),
        Form::Strace => strace::read(text, options),
    }
}

/// The lines of a text with the byte each begins at.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    text.split_inclusive('\n').map(move |line| {
        let begin = offset;
        offset += line.len();
        (begin, line.trim_end_matches(['\n', '\r']))
    })
}

/// The words of a line, separated by white space, with the byte of the text each begins at.
fn words(offset: usize, line: &str) -> impl Iterator<Item = (usize, &str)> {
    let begin = line.as_ptr() as usize;
    line.split_whitespace().map(move |word| (offset + (word.as_ptr() as usize - begin), word))
}
