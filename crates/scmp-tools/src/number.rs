//! Numbers as C's functions read them from text: what is no digit ends them, and what is too large
//! is the largest.

/// As strtol(3) of a base, 0 for one that the text tells, on a 64-bit machine.
pub(crate) fn signed(text: &[u8], base: u32) -> i64 {
    let (negative, magnitude) = parts(text, base);
    let magnitude = i128::from(magnitude);
    let value = if negative { -magnitude } else { magnitude };
    let bound = if negative { i64::MIN } else { i64::MAX };
    i64::try_from(value).unwrap_or(bound)
}

/// As strtoull(3) of base 0.
pub(crate) fn unsigned(text: &[u8]) -> u64 {
    match parts(text, 0) {
        // What does not fit is the largest whatever its sign.
        (true, magnitude) if magnitude < u64::MAX => magnitude.wrapping_neg(),
        (_, magnitude) => magnitude,
    }
}

/// The low 32 bits of a number: what is left of it in an `int`.
pub(crate) fn low_word(number: i64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Whether there is a minus, and the digits' value, the largest where it does not fit.
fn parts(text: &[u8], base: u32) -> (bool, u64) {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (base, digits) = match (base, digits) {
        (0, [b'0', b'x' | b'X', rest @ ..]) if rest.first().is_some_and(u8::is_ascii_hexdigit) => {
            (16, rest)
        }
        (0, [b'0', ..]) => (8, digits),
        (0, _) => (10, digits),
        (base, _) => (base, digits),
    };
    let values = digits.iter().map_while(|&digit| char::from(digit).to_digit(base));
    let value = values.fold(0_u64, |value, digit| {
        let shifted = value.checked_mul(base.into());
        shifted.and_then(|value| value.checked_add(digit.into())).unwrap_or(u64::MAX)
    });
    (negative, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_does() {
        for (text, value) in [
            ("12", 12),
            (" -7x", -7),
            ("+0x1fg", 0x1f),
            ("0x", 0),
            ("010", 8),
            ("", 0),
            ("read", 0),
            ("9223372036854775808", i64::MAX),
            ("-9223372036854775809", i64::MIN),
            ("99999999999999999999999", i64::MAX),
        ] {
            assert_eq!(signed(text.as_bytes(), 0), value, "{text}");
        }
        assert_eq!(signed(b"010", 10), 10);
        for (text, value) in [
            ("-1", u64::MAX),
            ("0xffffffffffffffff", u64::MAX),
            ("18446744073709551616", u64::MAX),
            ("-18446744073709551616", u64::MAX),
            ("5", 5),
        ] {
            assert_eq!(unsigned(text.as_bytes()), value, "{text}");
        }
        assert_eq!(low_word(-1), u32::MAX);
        assert_eq!(low_word(0x1_0000_0002), 2);
    }
}
