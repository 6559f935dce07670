//! Assembler, as the kernel's `bpf_asm` and our `disasm` have it.

use callgate_bpf::assemble;
use callgate_syscalls::Endian;

use crate::{Error, ErrorKind, Read};

/// Reads assembler. `.endian` in it says the byte order; the names of halves need it.
pub(super) fn read(text: &str) -> Result<Read, Error> {
    let program = assemble(text, Endian::native());
    let program = program.map_err(|error| Error::new(ErrorKind::Assembler(error)))?;
    let mut read = Read { endian: named_order(text), ..Read::default() };
    read.instructions = program.instructions().to_vec();
    Ok(read)
}

fn named_order(text: &str) -> Option<Endian> {
    let named = text.lines().find_map(|line| line.trim().strip_prefix(".endian"))?;
    if named.trim_start().starts_with("big") { Some(Endian::Big) } else { Some(Endian::Little) }
}
