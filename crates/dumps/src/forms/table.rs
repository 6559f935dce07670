//! Tables that hold every byte beside a disassembly: seccomp-tools, libseccomp, ceccomp, firejail.
//!
//! ```text
//!  line  CODE  JT   JF      K                       line  OP JT JF    K
//! =================================                =================================
//!  0000: 0x20 0x00 0x00 0x00000004  A = arch        0000: 20 00 00 00000004   ld  data.architecture
//! ```
//!
//! The disassembly is not looked at. Lines that are no row are headings, or what a report holds
//! around a table; rows have to follow each other, so that a table that lost one is refused.

use callgate_bpf::Instruction;

use super::lines;
use crate::{Error, ErrorKind, Read};

/// A row of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    /// The number of the line, without the letter that ceccomp puts before it.
    number: &'a str,
    /// Where the row's number begins in its line.
    column: usize,
    /// The fields.
    instruction: Instruction,
    /// Whether the number had a letter before it.
    pub(crate) labelled: bool,
    /// Whether the fields begin with `0x`.
    pub(crate) prefixed: bool,
}

/// The row in a line, if it is one.
pub(crate) fn row(line: &str) -> Option<Row<'_>> {
    let (head, fields) = line.split_once(':')?;
    let number = head.trim_start().trim_start_matches(['*', '>']).trim_start();
    let column = head.len() - number.len();
    let (labelled, number) = number.strip_prefix('L').map_or((false, number), |rest| (true, rest));
    if number.is_empty() || number.len() > 5 || !number.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut words = fields.split_whitespace();
    let prefixed = fields.trim_start().starts_with("0x");
    let mut field = |digits: usize| {
        let word = words.next()?;
        let word = if prefixed { word.strip_prefix("0x")? } else { word };
        let is_field = word.len() == digits && word.bytes().all(|b| b.is_ascii_hexdigit());
        is_field.then(|| u32::from_str_radix(word, 16).ok()).flatten()
    };
    // A wrong opcode can have more digits; no tool prints fewer.
    let code = field(2)?;
    let (jt, jf, k) = (field(2)?, field(2)?, field(8)?);
    let code = u16::try_from(code).ok()?;
    let (jt, jf) = (u8::try_from(jt).ok()?, u8::try_from(jf).ok()?);
    Some(Row { number, column, instruction: Instruction { code, jt, jf, k }, labelled, prefixed })
}

/// Reads the rows.
pub(super) fn read(text: &str) -> Result<Read, Error> {
    let mut read = Read::default();
    let mut first = 0;
    for (offset, line) in lines(text) {
        let Some(row) = row(line) else { continue };
        let index = read.instructions.len();
        if index == 0 {
            first = usize::from(row.number.trim_start_matches('0') == "1");
        }
        // Tools count in either base.
        let expected = index + first;
        let counts = |radix| usize::from_str_radix(row.number, radix) == Ok(expected);
        if !counts(10) && !counts(16) {
            let (expected, found) = (format!("{expected:04}"), row.number.to_owned());
            return Err(Error::new(ErrorKind::Gap { expected, found }).at(offset + row.column));
        }
        read.push(row.instruction, offset + row.column)?;
    }
    Ok(read)
}
