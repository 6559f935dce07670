//! Numbers, separated by commas or white space: bytes, words, or the fields of instructions.

use crate::literal::number;
use crate::numbers::{self, COUNT_MAX, Number};
use crate::{Error, ErrorKind, Read};

/// Reads a list of numbers.
pub(super) fn read(text: &str) -> Result<Read, Error> {
    numbers::read(&numbers(text)?, None)
}

fn numbers(text: &str) -> Result<Vec<Number>, Error> {
    let mut found = Vec::new();
    let separates = |c: char| c.is_whitespace() || matches!(c, ',' | ';');
    let begin = text.as_ptr() as usize;
    for word in text.split(separates).filter(|word| !word.is_empty()) {
        let offset = word.as_ptr() as usize - begin;
        let (value, digits) =
            number(word).ok_or_else(|| Error::expected("a number", text, offset))?;
        if found.len() == COUNT_MAX {
            return Err(Error::new(ErrorKind::TooManyInstructions).at(offset));
        }
        found.push(Number { value, offset, digits });
    }
    Ok(found)
}
