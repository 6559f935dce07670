//! The decoder of each machine.

use crate::machine::{Insn, Machine};
use crate::{aarch64, x86};

/// Decodes the instruction at the start of `code`, which is loaded at `at`. Bytes that are no
/// instruction are skipped one by one, or four by four.
pub(crate) fn decode(machine: Machine, code: &[u8], at: u64) -> Insn {
    match machine {
        Machine::X86_64 => x86::decode(code, at),
        Machine::Aarch64 => aarch64::decode(code, at),
    }
}
