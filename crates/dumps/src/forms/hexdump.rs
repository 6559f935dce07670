//! `hexdump`, as 16-bit words or, with `-C`, as bytes.
//!
//! ```text
//! 0000000 0020 0000 0004 0000 0015 0b00 003e c000
//! 00000000  20 00 00 00 04 00 00 00  15 00 00 0b 3e 00 00 c0  | ...........>...|
//! ```

use callgate_bpf::Instruction;

use super::{hex::digit, lines};
use crate::numbers::{self, COUNT_MAX, Number, Width};
use crate::{Error, ErrorKind, Read};

/// Reads the words or bytes.
pub(super) fn read(text: &str) -> Result<Read, Error> {
    let mut dump = Bytes::default();
    let mut size = None;
    for (offset, line) in lines(text) {
        if line.trim().is_empty() || line.trim() == "*" {
            dump.repeat_or_blank(line);
            continue;
        }
        let line = line.split('|').next().unwrap_or_default();
        let mut words = super::words(offset, line);
        let Some((at, address)) = words.next() else { continue };
        let address = usize::from_str_radix(address, 16);
        dump.seek(address.map_err(|_| Error::expected("an address", text, at))?, at)?;
        for (at, word) in words {
            let expected = *size.get_or_insert(word.len());
            if word.len() != expected || !matches!(expected, 2 | 4) {
                return Err(Error::expected("bytes or words of 16 bits", text, at));
            }
            dump.push_word(word, at, text)?;
        }
    }
    dump.into_read()
}

/// The bytes of a dump with addresses. Where a tool says `*` the last line is repeated up to the
/// next address.
#[derive(Debug, Default)]
pub(super) struct Bytes {
    numbers: Vec<Number>,
    /// The bytes of each number, the same for all.
    size: usize,
    /// Where the dump's addresses begin.
    base: Option<usize>,
    /// The index at which the last line began.
    line: usize,
    repeats: bool,
}

impl Bytes {
    /// Goes to an address, which has to be the next one.
    pub(super) fn seek(&mut self, address: usize, offset: usize) -> Result<(), Error> {
        let base = *self.base.get_or_insert(address);
        if self.repeats {
            self.repeat_to(address.saturating_sub(base), offset)?;
        }
        let next = base.saturating_add(self.numbers.len() * self.size);
        if address != next {
            let (expected, found) = (format!("{next:#x}"), format!("{address:#x}"));
            return Err(Error::new(ErrorKind::Gap { expected, found }).at(offset));
        }
        self.line = self.numbers.len();
        Ok(())
    }

    /// Notes that lines were left out because they were equal.
    pub(super) fn repeat_or_blank(&mut self, line: &str) {
        self.repeats |= line.contains('*');
    }

    /// Adds one word of as many bytes as it has pairs of digits.
    pub(super) fn push_word(&mut self, word: &str, offset: usize, text: &str) -> Result<(), Error> {
        let value = u64::from_str_radix(word, 16);
        let value = value.map_err(|_| Error::expected("hexadecimal digits", text, offset))?;
        self.push(value, word.len() / 2, offset)
    }

    /// Adds a number of that many bytes.
    pub(super) fn push(&mut self, value: u64, size: usize, offset: usize) -> Result<(), Error> {
        if self.numbers.len() == COUNT_MAX {
            return Err(Error::new(ErrorKind::TooManyInstructions).at(offset));
        }
        self.size = size;
        self.numbers.push(Number { value, offset, digits: 1 });
        Ok(())
    }

    /// Adds the bytes of a group in their order.
    pub(super) fn push_group(&mut self, word: &str, at: usize, text: &str) -> Result<(), Error> {
        for pair in word.as_bytes().chunks(2) {
            let byte = match pair {
                [high, low] => digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low),
                _ => None,
            };
            let byte = byte.ok_or_else(|| Error::expected("pairs of digits", text, at))?;
            self.push(byte.into(), 1, at)?;
        }
        Ok(())
    }

    /// Repeats the last line until the dump has that many bytes.
    fn repeat_to(&mut self, bytes: usize, offset: usize) -> Result<(), Error> {
        self.repeats = false;
        let last = self.numbers[self.line..].to_vec();
        if last.is_empty() || bytes > COUNT_MAX * Instruction::SIZE {
            return Ok(());
        }
        while self.numbers.len() * self.size < bytes {
            for number in &last {
                self.push(number.value, self.size, offset)?;
            }
        }
        Ok(())
    }

    /// The program.
    pub(super) fn into_read(self) -> Result<Read, Error> {
        numbers::read(&self.numbers, Some(Width::Bytes(self.size.max(1))))
    }
}
