//! The raw instruction, `struct sock_filter`.
//!
//! References: `include/uapi/linux/filter.h`, `include/uapi/linux/bpf_common.h`.

use callgate_syscalls::Endian;

/// One classic-BPF instruction as the kernel reads it: 8 bytes, fields in the byte order of the
/// machine. The layout is the kernel's, so a slice of instructions can be handed over as it is.
///
/// Any value can be held; [`Instruction::operation`] says what it means, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct Instruction {
    /// The opcode.
    pub code: u16,
    /// The number of instructions to skip if a conditional jump's test holds.
    pub jt: u8,
    /// The number of instructions to skip if it does not.
    pub jf: u8,
    /// The immediate operand.
    pub k: u32,
}

impl Instruction {
    /// The size of an instruction in bytes.
    pub const SIZE: usize = 8;

    /// An instruction that uses no jump offsets.
    #[must_use]
    pub const fn new(code: u16, k: u32) -> Self {
        Self { code, jt: 0, jf: 0, k }
    }

    /// The instruction as 8 bytes in a byte order.
    #[must_use]
    pub const fn to_bytes(self, endian: Endian) -> [u8; Self::SIZE] {
        let (code, k) = match endian {
            Endian::Little => (self.code.to_le_bytes(), self.k.to_le_bytes()),
            Endian::Big => (self.code.to_be_bytes(), self.k.to_be_bytes()),
        };
        [code[0], code[1], self.jt, self.jf, k[0], k[1], k[2], k[3]]
    }

    /// The instruction in 8 bytes of a byte order.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::SIZE], endian: Endian) -> Self {
        let [c0, c1, jt, jf, k0, k1, k2, k3] = bytes;
        let (code, k) = match endian {
            Endian::Little => (u16::from_le_bytes([c0, c1]), u32::from_le_bytes([k0, k1, k2, k3])),
            Endian::Big => (u16::from_be_bytes([c0, c1]), u32::from_be_bytes([k0, k1, k2, k3])),
        };
        Self { code, jt, jf, k }
    }
}
