//! The machine: what a program does with a call.
//!
//! A program sees the 64 bytes of `seccomp_data` as 16 words in the machine's byte order and
//! nothing else. Jumps only go forward, so it ends within as many steps as it has instructions.
//!
//! Shifts by X = 32 and more are the one thing on which architectures differ. This machine does
//! what x86, Arm, RISC-V and the kernel's interpreter do, X modulo 32; on s390x and PowerPC X = 32
//! to 63 gives 0 there. A trace marks such steps ([`Step::depends_on_architecture`]).
//!
//! Claim: C-SIMULATOR
//!
//! References: `net/core/filter.c` (`bpf_convert_filter`), `kernel/seccomp.c`
//! (`populate_seccomp_data`).

mod batch;

use callgate_syscalls::{Action, Endian, SeccompData};

use crate::operation::encoding::code;
use crate::{Alu, DataWord, Instruction, Operation, Program, Shift, Slot, Test};

pub use batch::CallWords;

/// The registers and the scratch memory of the machine. All zero at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Registers {
    /// The accumulator.
    pub a: u32,
    /// The index register.
    pub x: u32,
    /// The scratch slots. The checker keeps programs from reading one that was not written.
    pub slots: [u32; Slot::COUNT as usize],
}

/// One executed instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The index of the instruction.
    pub index: usize,
    /// The instruction.
    pub instruction: Instruction,
    /// The registers before it.
    pub before: Registers,
    /// The registers after it.
    pub after: Registers,
}

/// The execution of a program on one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The executed instructions in order, the last being the one that ended the program.
    pub steps: Vec<Step>,
    /// The returned word.
    pub action: Action,
}

impl Step {
    /// Whether this step is a shift by X = 32 or more, whose result differs between architectures.
    #[must_use]
    pub fn depends_on_architecture(&self) -> bool {
        self.before.x >= u32::BITS
            && matches!(self.instruction.operation(), Ok(Operation::ShiftByX(_)))
    }
}

impl Program {
    /// The value the program returns for a call on a machine of that byte order.
    ///
    /// # Examples
    /// ```
    /// use callgate_bpf::{Instruction, Program};
    /// use callgate_syscalls::{Action, Arch, Endian, SeccompData, SyscallNr};
    ///
    /// let program = Program::new([
    ///     Instruction::new(0x20, 0),                              // ld [nr]
    ///     Instruction { code: 0x15, jt: 0, jf: 1, k: 39 },        // jeq #39, next, +1
    ///     Instruction::new(0x06, Action::ALLOW.raw()),
    ///     Instruction::new(0x06, Action::KILL_PROCESS.raw()),
    /// ])?;
    /// let call = SeccompData::new(Arch::X86_64, SyscallNr::new(39));
    /// assert_eq!(program.run(&call, Endian::Little), Action::ALLOW);
    /// # Ok::<(), callgate_bpf::CheckError>(())
    /// ```
    #[must_use]
    pub fn run(&self, call: &SeccompData, endian: Endian) -> Action {
        self.run_words(&words(call, endian))
    }

    fn run_words(&self, words: &[u32; DataWord::COUNT as usize]) -> Action {
        let mut registers = Registers::default();
        let mut index = 0;
        loop {
            index += failing_compares(&self.instructions()[index..], registers.a);
            match registers.execute(self.instructions()[index], words) {
                Flow::Skip(skip) => index += 1 + skip,
                Flow::End(value) => return Action::from_raw(value),
            }
        }
    }

    /// Runs the program as [`Program::run`] does and records every step.
    #[must_use]
    pub fn trace(&self, call: &SeccompData, endian: Endian) -> Trace {
        let words = words(call, endian);
        let mut after = Registers::default();
        let mut steps = Vec::new();
        let mut index = 0;
        loop {
            let instruction = self.instructions()[index];
            let before = after;
            let flow = after.execute(instruction, &words);
            steps.push(Step { index, instruction, before, after });
            match flow {
                Flow::Skip(skip) => index += 1 + skip,
                Flow::End(value) => return Trace { steps, action: Action::from_raw(value) },
            }
        }
    }
}

/// The index of the next instruction.
enum Flow {
    /// Behind that many instructions after this one.
    Skip(usize),
    /// Nowhere: the program returns that value.
    End(u32),
}

/// The number of comparisons from here on that fail and fall through.
///
/// They are most of what real filters execute. In a loop of their own the next index hangs on a
/// predicted branch instead of on loaded data, which makes chains four times as fast.
#[inline]
fn failing_compares(instructions: &[Instruction], a: u32) -> usize {
    let failing = |i: &Instruction| i.code == code::JEQ && i.jf == 0 && i.k != a;
    instructions.iter().position(|i| !failing(i)).unwrap_or(0)
}

/// The call as the words that a program loads.
#[inline]
pub(crate) fn words(call: &SeccompData, endian: Endian) -> [u32; DataWord::COUNT as usize] {
    let [a, b, c, d, e, f] = call.args;
    let mut words = [0; DataWord::COUNT as usize];
    words[0] = call.nr.raw();
    words[1] = call.arch.raw();
    let mut fields = [call.instruction_pointer, a, b, c, d, e, f];
    if endian == Endian::Big {
        fields = fields.map(|value| value.rotate_left(32));
    }
    for (pair, value) in words[2..].chunks_exact_mut(2).zip(fields) {
        (pair[0], pair[1]) = halves(value);
    }
    words
}

#[expect(clippy::cast_possible_truncation, reason = "each half is 32 bits by construction")]
const fn halves(value: u64) -> (u32, u32) {
    (value as u32, (value >> 32) as u32)
}

impl Registers {
    /// Executes one instruction. It dispatches on the opcode itself: decoding an [`Operation`]
    /// first halves the speed.
    #[inline]
    fn execute(&mut self, instruction: Instruction, words: &[u32; 16]) -> Flow {
        let Instruction { code, jt, jf, k } = instruction;
        let branch = |holds| Flow::Skip(usize::from(if holds { jt } else { jf }));
        match code {
            code::LD_W_ABS => self.a = words[word_index(k)],
            code::JEQ => return branch(Test::Equal.holds(self.a, k)),
            code::JEQ_X => return branch(Test::Equal.holds(self.a, self.x)),
            code::JGT => return branch(Test::Greater.holds(self.a, k)),
            code::JGT_X => return branch(Test::Greater.holds(self.a, self.x)),
            code::JGE => return branch(Test::GreaterOrEqual.holds(self.a, k)),
            code::JGE_X => return branch(Test::GreaterOrEqual.holds(self.a, self.x)),
            code::JSET => return branch(Test::AnyBit.holds(self.a, k)),
            code::JSET_X => return branch(Test::AnyBit.holds(self.a, self.x)),
            code::JA => return Flow::Skip(usize::try_from(k).unwrap_or(usize::MAX)),
            code::RET_K => return Flow::End(k),
            code::RET_A => return Flow::End(self.a),
            code::LD_IMM => self.a = k,
            code::LDX_IMM => self.x = k,
            code::LD_W_LEN => self.a = DATA_SIZE,
            code::LDX_W_LEN => self.x = DATA_SIZE,
            code::LD_MEM => self.a = self.slots[slot_index(k)],
            code::LDX_MEM => self.x = self.slots[slot_index(k)],
            code::ST => self.slots[slot_index(k)] = self.a,
            code::STX => self.slots[slot_index(k)] = self.x,
            code::TAX => self.x = self.a,
            code::TXA => self.a = self.x,
            code::NEG => self.a = self.a.wrapping_neg(),
            code::ADD => self.a = Alu::Add.apply(self.a, k),
            code::ADD_X => self.a = Alu::Add.apply(self.a, self.x),
            code::SUB => self.a = Alu::Sub.apply(self.a, k),
            code::SUB_X => self.a = Alu::Sub.apply(self.a, self.x),
            code::MUL => self.a = Alu::Mul.apply(self.a, k),
            code::MUL_X => self.a = Alu::Mul.apply(self.a, self.x),
            code::OR => self.a = Alu::Or.apply(self.a, k),
            code::OR_X => self.a = Alu::Or.apply(self.a, self.x),
            code::AND => self.a = Alu::And.apply(self.a, k),
            code::AND_X => self.a = Alu::And.apply(self.a, self.x),
            code::XOR => self.a = Alu::Xor.apply(self.a, k),
            code::XOR_X => self.a = Alu::Xor.apply(self.a, self.x),
            code::LSH => self.a = Shift::Left.apply(self.a, k),
            code::LSH_X => self.a = Shift::Left.apply(self.a, self.x),
            code::RSH => self.a = Shift::Right.apply(self.a, k),
            code::RSH_X => self.a = Shift::Right.apply(self.a, self.x),
            code::DIV | code::DIV_X => {
                let divisor = if code == code::DIV { k } else { self.x };
                match self.a.checked_div(divisor) {
                    Some(quotient) => self.a = quotient,
                    None => return Flow::End(0),
                }
            }
            // No program holds another opcode. Failing closed keeps the machine total.
            _ => return Flow::End(Action::KILL_PROCESS.raw()),
        }
        Flow::Skip(0)
    }
}

/// The mask changes nothing for a checked program; it spares a bounds check.
const fn slot_index(k: u32) -> usize {
    (k & 15) as usize
}

const fn word_index(k: u32) -> usize {
    (k >> 2 & 15) as usize
}

/// What `LD LEN` loads: the size of `seccomp_data`.
pub(crate) const DATA_SIZE: u32 = 64;

impl Alu {
    /// The result of the operation.
    #[must_use]
    pub const fn apply(self, a: u32, operand: u32) -> u32 {
        match self {
            Self::Add => a.wrapping_add(operand),
            Self::Sub => a.wrapping_sub(operand),
            Self::Mul => a.wrapping_mul(operand),
            Self::Or => a | operand,
            Self::And => a & operand,
            Self::Xor => a ^ operand,
        }
    }
}

impl Shift {
    /// The result of the shift, its amount modulo 32 as on x86.
    #[must_use]
    pub const fn apply(self, a: u32, amount: u32) -> u32 {
        match self {
            Self::Left => a.wrapping_shl(amount),
            Self::Right => a.wrapping_shr(amount),
        }
    }
}

impl Test {
    /// Whether the test holds.
    #[must_use]
    pub const fn holds(self, a: u32, operand: u32) -> bool {
        match self {
            Self::Equal => a == operand,
            Self::Greater => a > operand,
            Self::GreaterOrEqual => a >= operand,
            Self::AnyBit => a & operand != 0,
        }
    }
}
