//! `xxd`: an address with a colon, bytes in groups, text.
//!
//! ```text
//! 00000000: 2000 0000 0400 0000 1500 000b 3e00 00c0   ...........>...
//! ```

use super::{hexdump, lines};
use crate::{Error, Read};

/// Reads the bytes; the groups of `xxd -e` are words with the low byte last.
pub(super) fn read(text: &str) -> Result<Read, Error> {
    let mut dump = hexdump::Bytes::default();
    for (offset, line) in lines(text) {
        let Some((address, rest)) = line.split_once(':') else {
            if line.trim().is_empty() || line.trim() == "*" {
                dump.repeat_or_blank(line);
                continue;
            }
            return Err(Error::expected("an address and a colon", text, offset));
        };
        let at = usize::from_str_radix(address.trim(), 16);
        let at = at.map_err(|_| Error::expected("an address", text, offset))?;
        dump.seek(at, offset)?;
        // The text begins behind two blanks.
        let begin = rest.len() - rest.trim_start().len();
        let end = rest[begin..].find("  ").map_or(rest.len(), |end| begin + end);
        for word in rest[begin..end].split_whitespace() {
            dump.push_group(word, offset, text)?;
        }
    }
    dump.into_read()
}
