//! The count and decimal numbers of `tcpdump -ddd`, `bpf_asm` and iptables' `--bytecode`.
//!
//! ```text
//! 2               2,32 0 0 4,6 0 0 0,
//! 32 0 0 4
//! 6 0 0 0
//! ```

use crate::numbers::{self, Number};
use crate::{Error, ErrorKind, Read};

/// Reads the count and as many instructions.
pub(super) fn read(text: &str) -> Result<Read, Error> {
    let begin = text.as_ptr() as usize;
    let is_blank = |c: char| c.is_whitespace() || matches!(c, ',' | '\'' | '"');
    let mut words = text.split(is_blank).filter(|word| !word.is_empty()).map(|word| {
        let offset = word.as_ptr() as usize - begin;
        let value = word.parse().map_err(|_| Error::expected("a decimal number", text, offset))?;
        Ok(Number { value, offset, digits: 0 })
    });
    let count = words.next().unwrap_or(Err(Error::new(ErrorKind::NoInstructions)))?;
    let mut read = Read::default();
    let mut row: Vec<Number> = Vec::with_capacity(4);
    for word in words {
        row.push(word?);
        if let [code, jt, jf, k] = row.as_slice() {
            read.push(numbers::instruction(code, jt, jf, k)?, code.offset)?;
            row.clear();
        }
    }
    let found = read.instructions.len();
    if !row.is_empty() || count.value != found as u64 {
        let names = (count.value.to_string(), format!("{found} instructions"));
        return Err(Error::new(ErrorKind::Gap { expected: names.0, found: names.1 }).at(text.len()));
    }
    Ok(read)
}
