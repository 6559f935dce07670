//! What a recording says of its day and machine.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// Today, as `2026-11-28`, in UTC.
#[must_use]
pub fn today() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (year, month, day) = civil(now.as_secs() / 86_400);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The date so many days after 1 January 1970, in the proleptic Gregorian calendar.
const fn civil(days: u64) -> (u64, u64, u64) {
    let (mut year, mut left) = (1970, days);
    loop {
        let length = 365 + is_leap(year) as u64;
        if left < length {
            break;
        }
        left -= length;
        year += 1;
    }
    let mut month = 1;
    while left >= month_length(year, month) {
        left -= month_length(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

const fn is_leap(year: u64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn month_length(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + is_leap(year) as u64,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The C library that this system's programs are linked with, as far as its file says: `glibc 2.36`.
#[must_use]
pub fn libc_version() -> String {
    const GLIBC: &[&str] = &[
        "/lib64/libc.so.6",
        "/lib/x86_64-linux-gnu/libc.so.6",
        "/lib/aarch64-linux-gnu/libc.so.6",
        "/usr/lib/libc.so.6",
        "/lib/libc.so.6",
    ];
    for path in GLIBC {
        let Ok(bytes) = fs::read(path) else { continue };
        let text = b"stable release version ";
        let Some(at) = bytes.windows(text.len()).position(|window| window == text) else {
            continue;
        };
        let version = bytes[at + text.len()..].iter().take(8);
        let version = version.take_while(|byte| byte.is_ascii_digit() || **byte == b'.');
        let version: String = version.map(|byte| char::from(*byte)).collect();
        return format!("glibc {}", version.trim_end_matches('.'));
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_785), (2026, 11, 28));
        assert_eq!(civil(11_016), (2000, 2, 29));
    }
}
