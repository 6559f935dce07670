//! A way from policies to programs that is too simple to be wrong in interesting ways: the prover's
//! tests need correct programs and must not use the compiler.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

use callgate_bpf::{DataWord, Instruction, Operand, Operation, Program, Test};
use callgate_policy::{
    ArchPolicy, Comparison, Condition, Field, Known, Operator, Policy, Unknown, View,
};
use callgate_syscalls::{Action, Arch, ArchToken, Endian, SyscallNr, X32_BIT};

/// Instructions whose jumps lead to labels.
#[derive(Debug, Default)]
pub struct Assembler {
    items: Vec<Item>,
    labels: Vec<Option<usize>>,
}

/// A place in the program.
#[derive(Clone, Copy, Debug)]
pub struct Label(usize);

#[derive(Debug)]
enum Item {
    Plain(Operation),
    Jump(Label),
}

impl Assembler {
    /// A label without a place.
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Places a label before the next instruction.
    pub fn place(&mut self, label: Label) {
        self.labels[label.0] = Some(self.items.len());
    }

    /// Appends an instruction.
    pub fn push(&mut self, operation: Operation) {
        self.items.push(Item::Plain(operation));
    }

    /// Loads a word of the call.
    pub fn load(&mut self, word: DataWord) {
        self.push(Operation::LoadData(word));
    }

    /// Returns an action.
    pub fn ret(&mut self, action: Action) {
        self.push(Operation::Return(action.raw()));
    }

    /// Goes to `other` where the test fails, else on.
    pub fn require(&mut self, test: Test, k: u32, other: Label) {
        self.push(Operation::Branch { test, operand: Operand::K(k), jt: 1, jf: 0 });
        self.items.push(Item::Jump(other));
    }

    /// The instructions.
    ///
    /// # Panics
    /// Where a label that is used was not placed.
    pub fn instructions(self) -> Vec<Instruction> {
        let labels = self.labels;
        let resolve = |(index, item)| match item {
            Item::Plain(operation) => Instruction::from(operation),
            Item::Jump(Label(label)) => {
                let target = labels[label].expect("the label was placed");
                Operation::Jump(u32::try_from(target - index - 1).unwrap()).into()
            }
        };
        self.items.into_iter().enumerate().map(resolve).collect()
    }
}

/// A program for a policy; `None` where it exceeds 4096 instructions.
pub fn program(policy: &Policy) -> Option<Program> {
    Program::new(instructions(policy)).ok()
}

/// A program for a policy, of any length.
pub fn instructions(policy: &Policy) -> Vec<Instruction> {
    let mut asm = Assembler::default();
    let mut tokens: Vec<ArchToken> = policy.arches().map(|(arch, _)| arch.token()).collect();
    tokens.dedup();
    for token in tokens {
        let next = asm.label();
        asm.load(DataWord::ARCH);
        asm.require(Test::Equal, token.raw(), next);
        of_token(&mut asm, policy, token);
        asm.place(next);
    }
    asm.ret(policy.foreign());
    asm.instructions()
}

fn of_token(asm: &mut Assembler, policy: &Policy, token: ArchToken) {
    let native = Arch::of_call(token, SyscallNr::new(0)).expect("a known token");
    asm.load(DataWord::NR);
    if token == Arch::X86_64.token() {
        let (below, minus_one) = (asm.label(), asm.label());
        asm.require(Test::GreaterOrEqual, X32_BIT, below);
        asm.require(Test::Greater, u32::MAX - 1, minus_one);
        let both = asm.label();
        asm.items.push(Item::Jump(both));
        asm.place(minus_one);
        of_arch(asm, policy, Arch::X32);
        asm.place(below);
        asm.place(both);
    }
    of_arch(asm, policy, native);
}

fn of_arch(asm: &mut Assembler, policy: &Policy, arch: Arch) {
    let Some(rules) = policy.arch(arch) else { return asm.ret(policy.foreign()) };
    for nr in numbers(arch, rules) {
        asm.push(Operation::Branch {
            test: Test::Equal,
            operand: Operand::K(nr.raw()),
            jt: 0,
            jf: 1,
        });
        let list = rules.rules_for(nr);
        let otherwise = rules.action_without_rule(arch, nr);
        match list.first() {
            None => asm.ret(otherwise),
            Some(rule) if rule.condition().is_always() => asm.ret(rule.action()),
            Some(_) => {
                let (body, next) = (asm.label(), asm.label());
                asm.items.push(Item::Jump(body));
                asm.items.push(Item::Jump(next));
                // The jump over the body is behind a failed JEQ, which skips one instruction.
                asm.place(body);
                for rule in list {
                    let other = asm.label();
                    condition(asm, rule.condition(), other, arch.endian());
                    asm.ret(rule.action());
                    asm.place(other);
                }
                asm.ret(otherwise);
                asm.place(next);
                asm.load(DataWord::NR);
            }
        }
    }
    let Some(Unknown { known, action }) = rules.unknown_action() else {
        return asm.ret(rules.default_action());
    };
    if let Known::UpTo(last) = known {
        asm.push(Operation::Branch {
            test: Test::Greater,
            operand: Operand::K(last.raw()),
            jt: 1,
            jf: 0,
        });
        asm.ret(rules.default_action());
    }
    asm.ret(action);
}

fn numbers(arch: Arch, rules: &ArchPolicy) -> Vec<SyscallNr> {
    let mut numbers: Vec<SyscallNr> = rules.rules().map(|(nr, _)| nr).collect();
    if matches!(rules.unknown_action(), Some(Unknown { known: Known::Kernel(_), .. })) {
        numbers.extend(arch.syscalls().map(|syscall| syscall.nr));
        numbers.sort_unstable();
        numbers.dedup();
    }
    numbers
}

fn condition(asm: &mut Assembler, c: &Condition, other: Label, endian: Endian) {
    match c.view() {
        View::Compare(c) => comparison(asm, c, other, endian),
        View::All(list) => list.iter().for_each(|c| condition(asm, c, other, endian)),
        View::Any(list) => {
            let holds = asm.label();
            for c in list {
                let next = asm.label();
                condition(asm, c, next, endian);
                asm.items.push(Item::Jump(holds));
                asm.place(next);
            }
            asm.items.push(Item::Jump(other));
            asm.place(holds);
        }
    }
}

fn comparison(asm: &mut Assembler, c: &Comparison, other: Label, endian: Endian) {
    match c.operator() {
        Operator::Ne | Operator::Lt | Operator::Le => {
            let fails = asm.label();
            comparison(asm, &c.negated(), fails, endian);
            asm.items.push(Item::Jump(other));
            asm.place(fails);
        }
        Operator::Eq => {
            for high in [true, false] {
                let value = half(asm, c, high, endian);
                asm.require(Test::Equal, value, other);
            }
        }
        _ => {
            let test =
                if c.operator() == Operator::Gt { Test::Greater } else { Test::GreaterOrEqual };
            let (not_above, holds) = (asm.label(), asm.label());
            let value = half(asm, c, true, endian);
            asm.require(Test::Greater, value, not_above);
            asm.items.push(Item::Jump(holds));
            asm.place(not_above);
            asm.require(Test::Equal, value, other);
            let value = half(asm, c, false, endian);
            asm.require(test, value, other);
            asm.place(holds);
        }
    }
}

/// Loads one masked half of a field; gives the half of the value that it is compared with.
fn half(asm: &mut Assembler, c: &Comparison, high: bool, endian: Endian) -> u32 {
    let field = match c.field() {
        Field::InstructionPointer => 0,
        field => 1 + Field::ARGS.into_iter().position(|arg| arg == field).unwrap(),
    };
    let second = high == (endian == Endian::Little);
    let index = 2 + 2 * field + usize::from(second);
    asm.load(DataWord::new(u8::try_from(index).unwrap()).unwrap());
    let of = |wide: u64| u32::try_from(if high { wide >> 32 } else { wide << 32 >> 32 }).unwrap();
    asm.push(Operation::Alu(callgate_bpf::Alu::And, Operand::K(of(c.mask()))));
    of(c.value())
}
