//! Programs whose results a child can report.
//!
//! A filter that is attached also judges the calls by which the child reports, and most actions end
//! or change a call in ways that look alike. So random programs get a head that allows the calls
//! the child needs, and returns whose values can be read back: the computed ones go through a tail
//! that keeps some of their bits and puts an action before them.

use callgate_bpf::{CheckError, Instruction, Program};
use callgate_lab::judge::NEEDED;
use callgate_syscalls::Action;
use callgate_testkit::{Rng, program};

/// How to make a value observable: `((value >> shift) & mask) | action`.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) shift: u32,
    pub(super) mask: u32,
    pub(super) action: u32,
}

impl Window {
    /// The low half as the data of a trap.
    pub(super) const TRAP_LOW: Self = Self { shift: 0, mask: 0xffff, action: 0x3_0000 };
    /// The high half as the data of a trap.
    pub(super) const TRAP_HIGH: Self = Self { shift: 16, mask: 0xffff, action: 0x3_0000 };
    /// The low 12 bits as an errno.
    pub(super) const ERRNO: Self = Self { shift: 0, mask: 0xfff, action: 0x5_0000 };
    /// 16 bits as an errno, which the kernel clamps.
    pub(super) const ERRNO_ANY: Self = Self { shift: 8, mask: 0xffff, action: 0x5_0000 };

    pub(super) const ALL: [Self; 4] =
        [Self::TRAP_LOW, Self::TRAP_HIGH, Self::ERRNO, Self::ERRNO_ANY];

    pub(super) const fn word(self, value: u32) -> u32 {
        (value >> self.shift & self.mask) | self.action
    }
}

/// A random program that returns through a window and, in its constants, what `constant` makes of
/// the random ones.
pub(super) fn program(
    rng: &mut Rng,
    window: Window,
    constant: impl FnMut(&mut Rng, u32) -> u32,
) -> Result<Program, CheckError> {
    let random = program::program(rng, 60);
    observable(rng, &random, window, constant)
}

/// A long random program that returns through a window.
pub(super) fn long_program(
    rng: &mut Rng,
    window: Window,
    length: usize,
) -> Result<Program, String> {
    let random = program::program(rng, length);
    observable(rng, &random, window, |_, k| window.word(k)).map_err(|error| error.to_string())
}

fn observable(
    rng: &mut Rng,
    random: &Program,
    window: Window,
    mut constant: impl FnMut(&mut Rng, u32) -> u32,
) -> Result<Program, CheckError> {
    const RET_K: u16 = 0x06;
    const RET_A: u16 = 0x16;
    let mut instructions = head();
    let tail_at = instructions.len() + random.len();
    for instruction in random.instructions() {
        let behind = tail_at - instructions.len() - 1;
        instructions.push(match instruction.code {
            RET_K => Instruction { k: constant(rng, instruction.k), ..*instruction },
            RET_A => Instruction::new(0x05, u32::try_from(behind).unwrap_or(u32::MAX)),
            _ => *instruction,
        });
    }
    instructions.extend(tail(window));
    Program::new(instructions)
}

/// Allows the calls that a child needs and goes on with both registers 0.
fn head() -> Vec<Instruction> {
    let mut head = vec![Instruction::new(0x20, 0)];
    for needed in NEEDED {
        head.push(Instruction { code: 0x15, jt: 0, jf: 1, k: needed.raw() });
        head.push(Instruction::new(0x06, Action::ALLOW.raw()));
    }
    head.push(Instruction::new(0x00, 0));
    head
}

fn tail(window: Window) -> [Instruction; 4] {
    [
        Instruction::new(0x74, window.shift),
        Instruction::new(0x54, window.mask),
        Instruction::new(0x44, window.action),
        Instruction::new(0x16, 0),
    ]
}
