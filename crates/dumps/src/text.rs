//! Text from bytes.

use std::borrow::Cow;

use crate::{Error, ErrorKind};

/// Whether bytes can be meant as text: no control characters but white space and colours.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    const ESCAPE: u8 = 0x1b;
    let of_text =
        |b: &u8| !b.is_ascii_control() || b.is_ascii_whitespace() || matches!(*b, ESCAPE | 0x0b);
    bytes.iter().all(of_text) && std::str::from_utf8(bytes).is_ok()
}

/// The text without a byte order mark and without the colours of terminals. Where there were
/// colours, columns are those that a reader sees.
pub(crate) fn text_of(bytes: &[u8]) -> Result<Cow<'_, str>, Error> {
    let text = std::str::from_utf8(bytes);
    let text = text.map_err(|error| {
        Error::new(ErrorKind::NotText).at(error.valid_up_to()).resolved_in(bytes)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.contains('\x1b') {
        true => Ok(Cow::Owned(without_colours(text))),
        false => Ok(Cow::Borrowed(text)),
    }
}

/// Takes out `ESC [ ... m` and its like.
fn without_colours(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = match part.strip_prefix('[') {
            Some(sequence) => {
                let last = sequence.find(|c: char| ('@'..='~').contains(&c));
                last.map_or("", |at| &sequence[at + 1..])
            }
            None => part,
        };
        plain.push_str(rest);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_no_text() {
        assert_eq!(text_of(b"\x1b[93m$A\x1b[0m = 1").unwrap(), "$A = 1");
        assert_eq!(text_of(b"\xef\xbb\xbfld").unwrap(), "ld");
        assert_eq!(text_of(b"a\x1b[").unwrap(), "a");
        assert!(text_of(b"ld\xff").is_err());
    }
}
