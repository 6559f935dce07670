//! Opcodes: operations to instructions and back.

use std::num::NonZeroU32;

use super::{
    Alu, DataWord, Operand, Operation, Register, Shift, ShiftAmount, Slot, Test, Unsupported,
};
use crate::Instruction;

/// The opcodes with an operand K; 0x08 more makes it X.
pub(crate) mod code {
    pub(crate) const OPERAND_X: u16 = 0x08;
    pub(crate) const LD_IMM: u16 = 0x00;
    pub(crate) const LDX_IMM: u16 = 0x01;
    pub(crate) const LD_W_ABS: u16 = 0x20;
    pub(crate) const LD_W_LEN: u16 = 0x80;
    pub(crate) const LDX_W_LEN: u16 = 0x81;
    pub(crate) const LD_MEM: u16 = 0x60;
    pub(crate) const LDX_MEM: u16 = 0x61;
    pub(crate) const ST: u16 = 0x02;
    pub(crate) const STX: u16 = 0x03;
    pub(crate) const ADD: u16 = 0x04;
    pub(crate) const ADD_X: u16 = ADD | OPERAND_X;
    pub(crate) const SUB: u16 = 0x14;
    pub(crate) const SUB_X: u16 = SUB | OPERAND_X;
    pub(crate) const MUL: u16 = 0x24;
    pub(crate) const MUL_X: u16 = MUL | OPERAND_X;
    pub(crate) const DIV: u16 = 0x34;
    pub(crate) const DIV_X: u16 = DIV | OPERAND_X;
    pub(crate) const OR: u16 = 0x44;
    pub(crate) const OR_X: u16 = OR | OPERAND_X;
    pub(crate) const AND: u16 = 0x54;
    pub(crate) const AND_X: u16 = AND | OPERAND_X;
    pub(crate) const LSH: u16 = 0x64;
    pub(crate) const LSH_X: u16 = LSH | OPERAND_X;
    pub(crate) const RSH: u16 = 0x74;
    pub(crate) const RSH_X: u16 = RSH | OPERAND_X;
    pub(crate) const XOR: u16 = 0xa4;
    pub(crate) const XOR_X: u16 = XOR | OPERAND_X;
    pub(crate) const NEG: u16 = 0x84;
    pub(crate) const JA: u16 = 0x05;
    pub(crate) const JEQ: u16 = 0x15;
    pub(crate) const JEQ_X: u16 = JEQ | OPERAND_X;
    pub(crate) const JGT: u16 = 0x25;
    pub(crate) const JGT_X: u16 = JGT | OPERAND_X;
    pub(crate) const JGE: u16 = 0x35;
    pub(crate) const JGE_X: u16 = JGE | OPERAND_X;
    pub(crate) const JSET: u16 = 0x45;
    pub(crate) const JSET_X: u16 = JSET | OPERAND_X;
    pub(crate) const RET_K: u16 = 0x06;
    pub(crate) const RET_A: u16 = 0x16;
    pub(crate) const TAX: u16 = 0x07;
    pub(crate) const TXA: u16 = 0x87;
}

impl Instruction {
    /// The operation of this instruction, independent of its program.
    ///
    /// # Errors
    /// [`Unsupported`] where the kernel rejects it in every program.
    pub fn operation(self) -> Result<Operation, Unsupported> {
        let slot = || {
            let index = u8::try_from(self.k).ok();
            index.and_then(Slot::new).ok_or(Unsupported::Slot(self.k))
        };
        let data = || DataWord::at_offset(self.k).ok_or(Unsupported::DataOffset(self.k));
        Ok(match self.code {
            code::LD_IMM => Operation::LoadImmediate(Register::A, self.k),
            code::LDX_IMM => Operation::LoadImmediate(Register::X, self.k),
            code::LD_W_ABS => Operation::LoadData(data()?),
            code::LD_W_LEN => Operation::LoadLength(Register::A),
            code::LDX_W_LEN => Operation::LoadLength(Register::X),
            code::LD_MEM => Operation::LoadSlot(Register::A, slot()?),
            code::LDX_MEM => Operation::LoadSlot(Register::X, slot()?),
            code::ST => Operation::StoreSlot(Register::A, slot()?),
            code::STX => Operation::StoreSlot(Register::X, slot()?),
            code::NEG => Operation::Negate,
            code::JA => Operation::Jump(self.k),
            code::RET_K => Operation::Return(self.k),
            code::RET_A => Operation::ReturnA,
            code::TAX => Operation::CopyAToX,
            code::TXA => Operation::CopyXToA,
            _ => return self.operand_operation(),
        })
    }

    /// The operations that take K or X.
    fn operand_operation(self) -> Result<Operation, Unsupported> {
        let operand = match self.code & code::OPERAND_X {
            0 => Operand::K(self.k),
            _ => Operand::X,
        };
        let alu = |op| Operation::Alu(op, operand);
        let branch = |test| Operation::Branch { test, operand, jt: self.jt, jf: self.jf };
        let shift = |direction| {
            let amount = u8::try_from(self.k).ok().and_then(ShiftAmount::new);
            let amount = amount.ok_or(Unsupported::ShiftAmount(self.k))?;
            Ok(Operation::ShiftBy(direction, amount))
        };
        match self.code {
            code::DIV => {
                NonZeroU32::new(self.k).map(Operation::DivideBy).ok_or(Unsupported::DivisionByZero)
            }
            code::DIV_X => Ok(Operation::DivideByX),
            code::LSH => shift(Shift::Left),
            code::RSH => shift(Shift::Right),
            code::LSH_X => Ok(Operation::ShiftByX(Shift::Left)),
            code::RSH_X => Ok(Operation::ShiftByX(Shift::Right)),
            _ => match self.code & !code::OPERAND_X {
                code::ADD => Ok(alu(Alu::Add)),
                code::SUB => Ok(alu(Alu::Sub)),
                code::MUL => Ok(alu(Alu::Mul)),
                code::OR => Ok(alu(Alu::Or)),
                code::AND => Ok(alu(Alu::And)),
                code::XOR => Ok(alu(Alu::Xor)),
                code::JEQ => Ok(branch(Test::Equal)),
                code::JGT => Ok(branch(Test::Greater)),
                code::JGE => Ok(branch(Test::GreaterOrEqual)),
                code::JSET => Ok(branch(Test::AnyBit)),
                _ => Err(Unsupported::Opcode(self.code)),
            },
        }
    }
}

impl From<Operation> for Instruction {
    /// The canonical instruction: fields the opcode does not use are zero.
    fn from(operation: Operation) -> Self {
        let with_operand = |base: u16, operand| match operand {
            Operand::K(k) => Self::new(base, k),
            Operand::X => Self::new(base | code::OPERAND_X, 0),
        };
        let either = |register, a, x| if register == Register::A { a } else { x };
        match operation {
            Operation::LoadImmediate(r, k) => Self::new(either(r, code::LD_IMM, code::LDX_IMM), k),
            Operation::LoadData(word) => Self::new(code::LD_W_ABS, word.offset()),
            Operation::LoadLength(r) => Self::new(either(r, code::LD_W_LEN, code::LDX_W_LEN), 0),
            Operation::LoadSlot(r, slot) => {
                Self::new(either(r, code::LD_MEM, code::LDX_MEM), slot.0.into())
            }
            Operation::StoreSlot(r, slot) => {
                Self::new(either(r, code::ST, code::STX), slot.0.into())
            }
            Operation::Alu(op, operand) => with_operand(alu_code(op), operand),
            Operation::DivideBy(k) => Self::new(code::DIV, k.get()),
            Operation::DivideByX => Self::new(code::DIV_X, 0),
            Operation::ShiftBy(Shift::Left, amount) => Self::new(code::LSH, amount.0.into()),
            Operation::ShiftBy(Shift::Right, amount) => Self::new(code::RSH, amount.0.into()),
            Operation::ShiftByX(Shift::Left) => Self::new(code::LSH_X, 0),
            Operation::ShiftByX(Shift::Right) => Self::new(code::RSH_X, 0),
            Operation::Negate => Self::new(code::NEG, 0),
            Operation::Jump(skip) => Self::new(code::JA, skip),
            Operation::Branch { test, operand, jt, jf } => {
                Self { jt, jf, ..with_operand(test_code(test), operand) }
            }
            Operation::Return(k) => Self::new(code::RET_K, k),
            Operation::ReturnA => Self::new(code::RET_A, 0),
            Operation::CopyAToX => Self::new(code::TAX, 0),
            Operation::CopyXToA => Self::new(code::TXA, 0),
        }
    }
}

const fn alu_code(op: Alu) -> u16 {
    match op {
        Alu::Add => code::ADD,
        Alu::Sub => code::SUB,
        Alu::Mul => code::MUL,
        Alu::Or => code::OR,
        Alu::And => code::AND,
        Alu::Xor => code::XOR,
    }
}

const fn test_code(test: Test) -> u16 {
    match test {
        Test::Equal => code::JEQ,
        Test::Greater => code::JGT,
        Test::GreaterOrEqual => code::JGE,
        Test::AnyBit => code::JSET,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The opcodes of `seccomp_check_filter`.
    const ACCEPTED: [u16; 41] = [
        0x00, 0x01, 0x20, 0x80, 0x81, 0x60, 0x61, 0x02, 0x03, 0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c,
        0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c, 0xa4, 0xac, 0x84, 0x05, 0x15,
        0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x06, 0x16, 0x07, 0x87,
    ];

    #[test]
    fn exactly_41_of_all_opcodes_decode_and_encode_back() {
        for code in 0..=u16::MAX {
            let instruction = Instruction { code, jt: 3, jf: 4, k: 4 };
            let decoded = instruction.operation();
            assert_eq!(decoded.is_ok(), ACCEPTED.contains(&code), "{code:#x}");
            match decoded {
                Ok(operation) => {
                    assert_eq!(Instruction::from(operation).operation(), Ok(operation));
                    assert_eq!(Instruction::from(operation).code, code);
                    assert_eq!(Instruction::from(operation).k == instruction.k, operation.uses_k());
                }
                Err(error) => assert_eq!(error, Unsupported::Opcode(code)),
            }
        }
    }

    #[test]
    fn restricted_constants_end_where_the_kernel_ends_them() {
        let decode = |code, k| Instruction::new(code, k).operation();
        for (code, last, error) in [
            (code::LD_W_ABS, 60, Unsupported::DataOffset(64)),
            (code::LD_MEM, 15, Unsupported::Slot(16)),
            (code::LDX_MEM, 15, Unsupported::Slot(16)),
            (code::ST, 15, Unsupported::Slot(16)),
            (code::STX, 15, Unsupported::Slot(16)),
            (code::LSH, 31, Unsupported::ShiftAmount(32)),
            (code::RSH, 31, Unsupported::ShiftAmount(32)),
        ] {
            assert!(decode(code, last).is_ok());
            let beyond = if code == code::LD_W_ABS { 64 } else { last + 1 };
            assert_eq!(decode(code, beyond), Err(error));
        }
        assert_eq!(decode(code::LD_W_ABS, 61), Err(Unsupported::DataOffset(61)));
        assert_eq!(decode(code::DIV, 0), Err(Unsupported::DivisionByZero));
        assert!(decode(code::DIV, 1).is_ok());
        assert_eq!(decode(code::ST, 256), Err(Unsupported::Slot(256)));
    }
}
