//! Numbers and escapes, as C, Rust, Python and shells write them.

/// The value of a number and, where it is hexadecimal, how many digits it has.
pub(crate) fn number(word: &str) -> Option<(u64, u8)> {
    let lower = word.to_ascii_lowercase();
    let (digits, radix) = match lower.get(..2) {
        Some("0x") => (&lower[2..], 16),
        Some("0b") => (&lower[2..], 2),
        Some("0o") => (&lower[2..], 8),
        // In C a leading zero means octal. Python and JSON have no such number.
        Some(_)
            if lower.starts_with('0') && lower[1..].starts_with(|c: char| c.is_ascii_digit()) =>
        {
            (&lower[1..], 8)
        }
        _ => (lower.as_str(), 10),
    };
    let is_digit = |c: char| c.is_digit(radix) || matches!(c, '_' | '\'');
    let end = digits.find(|c| !is_digit(c)).unwrap_or(digits.len());
    let (digits, suffix) = digits.split_at(end);
    if !matches!(
        suffix,
        "" | "u"
            | "l"
            | "ul"
            | "lu"
            | "ll"
            | "ull"
            | "llu"
            | "u8"
            | "u16"
            | "u32"
            | "u64"
            | "usize"
            | "i32"
            | "i64"
            | "n"
    ) {
        return None;
    }
    let digits: String = digits.chars().filter(|c| c.is_digit(radix)).collect();
    let value = u64::from_str_radix(&digits, radix).ok()?;
    let count = if radix == 16 { u8::try_from(digits.len()).unwrap_or(u8::MAX) } else { 0 };
    Some((value, count))
}

/// Adds the bytes of a string's inside: `\x20`, `\0`, `\040`, `\n` and the like.
pub(crate) fn unescape(text: &str, to: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'\\' {
            to.push(*first);
            continue;
        }
        let Some((kind, behind)) = rest.split_first() else { return };
        rest = behind;
        let (byte, used) = match kind {
            b'x' => digits(rest, 16, 2),
            b'0'..=b'7' => {
                let (byte, used) = digits(&text.as_bytes()[text.len() - rest.len() - 1..], 8, 3);
                (byte, used.saturating_sub(1))
            }
            b'\n' => continue,
            other => (plain(*other), 0),
        };
        to.push(byte);
        rest = &rest[used..];
    }
}

/// The value of at most so many digits, and how many there were.
fn digits(text: &[u8], radix: u32, most: usize) -> (u8, usize) {
    let values = text.iter().take(most).map_while(|byte| char::from(*byte).to_digit(radix));
    let (value, count) = values.fold((0_u32, 0), |(all, n), digit| (all * radix + digit, n + 1));
    (value.to_le_bytes()[0], count)
}

const fn plain(kind: u8) -> u8 {
    match kind {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'a' => 7,
        b'b' => 8,
        b'v' => 11,
        b'f' => 12,
        b'e' => 27,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_all_languages() {
        for (text, value) in [
            ("0", (0, 0)),
            ("0x20", (0x20, 2)),
            ("0X0000_0020u32", (0x20, 8)),
            ("040", (32, 0)),
            ("0o40", (32, 0)),
            ("0b10_0000", (32, 0)),
            ("32ULL", (32, 0)),
            ("18446744073709551615", (u64::MAX, 0)),
        ] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        for bad in ["", "0x", "09", "1.5", "0xg", "18446744073709551616", "x", "1k"] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }

    #[test]
    fn escapes_of_all_languages() {
        for (text, bytes) in [
            (r"\x20\x00", &[0x20, 0][..]),
            (r"\0\040\7a", &[0, 32, 7, b'a']),
            (r"a\n\\\x3e>", b"a\n\\>>"),
            (r"\", b""),
            (r"\x", &[0]),
        ] {
            let mut found = Vec::new();
            unescape(text, &mut found);
            assert_eq!(found, bytes, "{text}");
        }
    }
}
