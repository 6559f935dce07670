//! Strings with escapes: `"\x20\0\0\0"` of C, `$'\x20'` of shells, `b' \x00'` of Python, and what
//! stands without quotes.

use crate::literal::unescape;
use crate::{Error, Read, raw};

/// Reads the strings one after the other.
pub(super) fn read(text: &str) -> Result<Read, Error> {
    let mut bytes = Vec::new();
    let mut offsets = Vec::new();
    let mut rest = 0;
    if !text.contains(['"', '\'']) {
        unescape(text.trim(), &mut bytes);
        return raw::read(&bytes);
    }
    while let Some(begin) = text[rest..].find(['"', '\'']) {
        let quote = text.as_bytes()[rest + begin];
        let inside = &text[rest + begin + 1..];
        let end = closing(inside, quote)
            .ok_or_else(|| Error::expected("a closing quote", text, text.len()))?;
        let old = bytes.len();
        unescape(&inside[..end], &mut bytes);
        let at = rest + begin;
        offsets.extend(std::iter::repeat_n(at, bytes.len() - old));
        rest += begin + 1 + end + 1;
    }
    raw::read_placed(&bytes, &offsets)
}

/// Where the quote ends that was opened before the text.
fn closing(text: &str, quote: u8) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == quote && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}
