//! Bytes of any form: what decodes survives its text, its bytes and a run in either byte order.
#![no_main]

use callgate_bpf::{Listing, Program, Style, assemble, decode};
use callgate_syscalls::{Arch, Endian, SeccompData, SyscallNr};
use libfuzzer_sys::fuzz_target;

const ORDERS: [Endian; 2] = [Endian::Little, Endian::Big];

fuzz_target!(|bytes: &[u8]| {
    let Ok(decoded) = decode(bytes) else { return };
    let program = decoded.program;
    let call = SeccompData::new(Arch::X86_64, SyscallNr::new(1));
    for endian in ORDERS {
        let text = Listing::new(&program, Style { endian, arch: None }).to_string();
        assert_eq!(assemble(&text, Endian::Little).as_ref(), Ok(&program));
        assert_eq!(Program::from_bytes(&program.to_bytes(endian), endian).as_ref(), Ok(&program));
        assert_eq!(program.trace(&call, endian).action, program.run(&call, endian));
    }
});
