//! eBPF instructions, and jumps to places that have names.
//!
//! References: `Documentation/bpf/standardization/instruction-set.rst`.

use std::os::fd::{AsRawFd, BorrowedFd};

use crate::sys::bpf::Code;

/// A register. The first five are arguments and lost in calls, the next four are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reg {
    R0,
    R1,
    R2,
    R3,
    R4,
    R6 = 6,
    R7,
    R8,
    R9,
    /// Where the stack ends.
    Frame,
}

/// How much is read or written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Size {
    Word = 0x00,
    Double = 0x18,
}

/// A condition of a jump.
#[derive(Clone, Copy, Debug)]
pub(super) enum If {
    Equal = 0x10,
    NotEqual = 0x50,
    /// Less than, of numbers with a sign.
    Below = 0xc0,
    AtLeast = 0x70,
}

/// What the kernel does for a program.
#[derive(Clone, Copy, Debug)]
pub(super) enum Helper {
    Lookup = 1,
    Update = 2,
    Delete = 3,
    ProcessAndThread = 14,
    Name = 16,
    Task = 35,
    UnderGroup = 37,
    ReadKernel = 113,
    ProcessAndThreadHere = 120,
    WriteRing = 130,
}

/// A place to jump to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(usize);

/// Instructions so far.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    code: Vec<Code>,
    places: Vec<Option<usize>>,
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    /// A name for a place that is yet to come.
    pub(super) fn label(&mut self) -> Label {
        self.places.push(None);
        Label(self.places.len() - 1)
    }

    /// The place is here.
    pub(super) fn place(&mut self, label: Label) {
        if let Some(place) = self.places.get_mut(label.0) {
            *place = Some(self.code.len());
        }
    }

    pub(super) fn set(&mut self, to: Reg, value: i32) {
        self.put(0xb7, to as u8, 0, 0, value);
    }

    /// A number of 64 bits.
    pub(super) fn set_wide(&mut self, to: Reg, value: u64) {
        self.wide(to, 0, value);
    }

    pub(super) fn copy(&mut self, to: Reg, from: Reg) {
        self.put(0xbf, to as u8, from as u8, 0, 0);
    }

    pub(super) fn add(&mut self, to: Reg, value: i32) {
        self.put(0x07, to as u8, 0, 0, value);
    }

    pub(super) fn and(&mut self, to: Reg, with: i32) {
        self.put(0x57, to as u8, 0, 0, with);
    }

    pub(super) fn and_register(&mut self, to: Reg, with: Reg) {
        self.put(0x5f, to as u8, with as u8, 0, 0);
    }

    pub(super) fn shift_right(&mut self, to: Reg, bits: i32) {
        self.put(0x77, to as u8, 0, 0, bits);
    }

    /// Reads from memory.
    pub(super) fn load(&mut self, size: Size, to: Reg, from: Reg, offset: i16) {
        self.put(0x61 | size as u8, to as u8, from as u8, offset, 0);
    }

    /// Writes a register to memory.
    pub(super) fn store(&mut self, size: Size, to: Reg, offset: i16, from: Reg) {
        self.put(0x63 | size as u8, to as u8, from as u8, offset, 0);
    }

    /// Writes a number to memory.
    pub(super) fn store_number(&mut self, size: Size, to: Reg, offset: i16, value: i32) {
        self.put(0x62 | size as u8, to as u8, 0, offset, value);
    }

    /// Adds a register to 64 bits of memory, at once for all CPUs.
    pub(super) fn count(&mut self, at: Reg, offset: i16, from: Reg) {
        self.put(0xdb, at as u8, from as u8, offset, 0);
    }

    pub(super) fn jump(&mut self, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.put(0x05, 0, 0, 0, 0);
    }

    pub(super) fn jump_if(&mut self, left: Reg, condition: If, right: i32, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.put(0x05 | condition as u8, left as u8, 0, 0, right);
    }

    pub(super) fn jump_if_registers(&mut self, left: Reg, condition: If, right: Reg, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.put(0x0d | condition as u8, left as u8, right as u8, 0, 0);
    }

    /// As [`Self::jump_if`], looking at 32 bits only.
    pub(super) fn jump_if_word(&mut self, left: Reg, condition: If, right: i32, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.put(0x06 | condition as u8, left as u8, 0, 0, right);
    }

    pub(super) fn call(&mut self, helper: Helper) {
        self.put(0x85, 0, 0, 0, helper as i32);
    }

    /// The map of a descriptor, to be handed to the kernel.
    pub(super) fn map(&mut self, to: Reg, map: BorrowedFd<'_>) {
        const MAP: u8 = 1;
        self.wide(to, MAP, u64::try_from(map.as_raw_fd()).unwrap_or(u64::MAX));
    }

    /// The address of the first value of an array.
    pub(super) fn value(&mut self, to: Reg, map: BorrowedFd<'_>) {
        const VALUE: u8 = 2;
        self.wide(to, VALUE, u64::try_from(map.as_raw_fd()).unwrap_or(u64::MAX));
    }

    pub(super) fn exit(&mut self) {
        self.set(Reg::R0, 0);
        self.put(0x95, 0, 0, 0, 0);
    }

    /// The instructions. `None` if a label has no place, or one that is too far away.
    pub(super) fn finish(mut self) -> Option<Vec<Code>> {
        for (from, to) in self.jumps {
            let place = self.places.get(to.0).copied().flatten()?;
            let distance = place.checked_sub(from + 1)?;
            let distance = i16::try_from(distance).ok()?.to_ne_bytes();
            self.code.get_mut(from)?[2..4].copy_from_slice(&distance);
        }
        Some(self.code)
    }

    fn wide(&mut self, to: Reg, kind: u8, value: u64) {
        let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
        self.put(0x18, to as u8, kind, 0, i32::from_le_bytes([a, b, c, d]));
        self.put(0, 0, 0, 0, i32::from_le_bytes([e, f, g, h]));
    }

    fn put(&mut self, code: u8, to: u8, from: u8, offset: i16, value: i32) {
        let registers = if cfg!(target_endian = "big") { to << 4 | from } else { from << 4 | to };
        let ([a, b], [c, d, e, f]) = (offset.to_ne_bytes(), value.to_ne_bytes());
        self.code.push([code, registers, a, b, c, d, e, f]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_laid_out_as_the_kernel_reads_them() {
        let mut asm = Assembler::default();
        asm.load(Size::Double, Reg::R8, Reg::R6, 8);
        asm.store_number(Size::Word, Reg::Frame, -8, -2);
        asm.set_wide(Reg::R1, 0x0102_0304_0506_0708);
        let code = asm.finish().unwrap();
        if cfg!(target_endian = "little") {
            assert_eq!(code[0], [0x79, 0x68, 8, 0, 0, 0, 0, 0]);
            assert_eq!(code[1], [0x62, 0x0a, 0xf8, 0xff, 0xfe, 0xff, 0xff, 0xff]);
            assert_eq!(code[2], [0x18, 0x01, 0, 0, 8, 7, 6, 5]);
            assert_eq!(code[3], [0, 0, 0, 0, 4, 3, 2, 1]);
        }
    }

    #[test]
    fn jumps_reach_their_places_and_nothing_before() {
        let mut asm = Assembler::default();
        let end = asm.label();
        asm.jump_if(Reg::R0, If::Equal, 0, end);
        asm.set(Reg::R0, 1);
        asm.place(end);
        asm.exit();
        assert_eq!(asm.finish().unwrap()[0][2..4], 1_i16.to_ne_bytes());

        let mut asm = Assembler::default();
        let (back, nowhere) = (asm.label(), asm.label());
        asm.place(back);
        asm.jump(back);
        assert!(asm.finish().is_none(), "the kernel wants loops to be bounded");
        let mut asm = Assembler::default();
        let label = asm.label();
        asm.jump(label);
        assert!(asm.finish().is_none());
        let _ = nowhere;
    }
}
