//! Bytes to instructions.

use callgate_bpf::{Instruction, instructions, likely_order};

use crate::{Error, ErrorKind, Read};

/// The instructions in bytes, in the order in which more opcodes are accepted.
///
/// Bytes of which fewer than half the opcodes are known are something else. No program is accepted
/// in both: its return has a zero byte on one side or on the other.
pub(crate) fn read(bytes: &[u8]) -> Result<Read, Error> {
    if bytes.len() % Instruction::SIZE != 0 {
        return Err(Error::new(ErrorKind::Partial { bytes: bytes.len() }));
    }
    let endian = likely_order(bytes);
    let known = instructions(bytes, endian).filter(|i| i.operation().is_ok()).count();
    let all = bytes.len() / Instruction::SIZE;
    if known * 2 < all {
        return Err(Error::new(ErrorKind::FewInstructions { known, all }));
    }
    let mut read = Read { endian: Some(endian), ..Read::default() };
    for (index, instruction) in instructions(bytes, endian).enumerate() {
        read.push(instruction, index * Instruction::SIZE)?;
    }
    read.offsets.clear();
    Ok(read)
}

/// The same with the places in a text at which each instruction's first byte stands.
pub(crate) fn read_placed(bytes: &[u8], offsets: &[usize]) -> Result<Read, Error> {
    let mut read = read(bytes)?;
    read.offsets = offsets.iter().copied().step_by(Instruction::SIZE).collect();
    Ok(read)
}
