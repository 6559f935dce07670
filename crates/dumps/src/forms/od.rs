//! `od`: octal addresses; octal 16-bit words unless `-t` said otherwise.
//!
//! ```text
//! 0000000 000040 000000 000004 000000 000025 005400 000076 140000
//! 0000000 20 00 00 00 04 00 00 00 15 00 00 0b 3e 00 00 c0
//! ```
//!
//! What the words are follows from their width: 3 digits are octal bytes, 6 octal words of 16
//! bits, 11 of 32 and 22 of 64; 2, 4, 8 and 16 digits are hexadecimal.

use super::hexdump::Bytes;
use super::{lines, words};
use crate::{Error, Read};

/// Reads the words. The last line has an address only.
pub(super) fn read(text: &str) -> Result<Read, Error> {
    let mut dump = Bytes::default();
    for (offset, line) in lines(text) {
        if line.trim().is_empty() || line.trim() == "*" {
            dump.repeat_or_blank(line);
            continue;
        }
        let line = line.split('>').next().unwrap_or_default();
        let mut words = words(offset, line);
        let Some((at, address)) = words.next() else { continue };
        let address = usize::from_str_radix(address, 8);
        dump.seek(address.map_err(|_| Error::expected("an octal address", text, at))?, at)?;
        for (at, word) in words {
            let (size, radix) =
                width(word).ok_or_else(|| Error::expected("a word of od", text, at))?;
            let value = u64::from_str_radix(word, radix);
            let value = value.map_err(|_| Error::expected("a word of od", text, at))?;
            dump.push(value, size, at)?;
        }
    }
    dump.into_read()
}

/// The bytes and the base of a word.
fn width(word: &str) -> Option<(usize, u32)> {
    Some(match word.len() {
        2 => (1, 16),
        3 => (1, 8),
        4 => (2, 16),
        6 => (2, 8),
        8 => (4, 16),
        11 => (4, 8),
        16 => (8, 16),
        22 => (8, 8),
        _ => return None,
    })
}
