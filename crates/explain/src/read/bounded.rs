//! Lines of inputs that may have no end.

use std::io::{self, BufRead, Read as _};

/// No log has longer lines.
const LINE_MAX: u64 = 1 << 20;

/// Adds the next line of a log, or what there is of it, to what was read: its end may come later.
/// Returns how many bytes were added.
///
/// # Errors
/// Those of reading, and [`io::ErrorKind::InvalidData`] for a line that is longer than 1 MiB.
pub fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    let count = input.take(LINE_MAX).read_until(b'\n', line)?;
    match line.len() as u64 >= LINE_MAX && !line.ends_with(b"\n") {
        true => {
            let reason = "a line has more than 1 MiB, which no log has";
            Err(io::Error::new(io::ErrorKind::InvalidData, reason))
        }
        false => Ok(count),
    }
}
