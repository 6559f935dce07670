//! Hexadecimal digits: our `--format hex`, `xxd -p`, `od -An -v -tx1`.

use crate::{Error, ErrorKind, Read, raw};

/// Reads digits with any white space between them.
pub(super) fn read(text: &str) -> Result<Read, Error> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut offsets = Vec::new();
    let mut high: Option<u8> = None;
    for (offset, byte) in text.bytes().enumerate().filter(|(_, byte)| !byte.is_ascii_whitespace()) {
        let digit =
            digit(byte).ok_or_else(|| Error::expected("a hexadecimal digit", text, offset))?;
        match high.take() {
            None => high = Some(digit),
            Some(high) => {
                if bytes.len() % 8 == 0 && offsets.len() <= callgate_bpf::Program::LEN_MAX {
                    offsets.push(offset - 1);
                }
                bytes.push(high << 4 | digit);
            }
        }
    }
    if high.is_some() {
        let expected = "an even number of digits";
        return Err(
            Error::new(ErrorKind::Expected { expected, found: String::new() }).at(text.len())
        );
    }
    let mut read = raw::read(&bytes)?;
    read.offsets = offsets;
    Ok(read)
}

/// The value of a hexadecimal digit.
pub(crate) fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
