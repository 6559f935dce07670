//! Small scopes, completely: every program and every policy of a bounded shape against brute force.
//!
//! Two bits of input matter, so brute force is four calls, and a function is a table of four actions. Functions must agree
//! with the table, equal tables must be proved equal, and different ones refuted.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

use std::collections::BTreeMap;

use callgate_bpf::{
    Alu, DataWord, Instruction, Operand, Operation, Program, Register, Shift, ShiftAmount, Slot,
    Test,
};
use callgate_policy::{ArchPolicy, Comparison, Condition, Field, Operator, Policy};
use callgate_prover::{Meaning, Options, Prover, Scope, WideShift};
use callgate_syscalls::{Action, Arch, Endian, SeccompData, SyscallNr};

type Table = [Action; 4];

/// The four calls that differ in the bits that programs look at; the bits beside them vary as well.
fn calls() -> [SeccompData; 4] {
    [0, 1, 2, 3].map(|bits: u64| {
        let nr = SyscallNr::new(if bits & 1 == 1 { 0x8001 } else { 0xfffe });
        let high = 0x1ead_beef_0000_0000 * bits;
        SeccompData::new(Arch::X86_64, nr).with_args([high | bits >> 1, 7, 0, 0, 0, 0])
    })
}

/// Puts bit 0 of argument 0 in X and bit 0 of the number in A.
fn prologue() -> [Operation; 5] {
    let and = Operation::Alu(Alu::And, Operand::K(1));
    let argument = DataWord::at_offset(16).unwrap();
    [
        Operation::LoadData(argument),
        and,
        Operation::CopyAToX,
        Operation::LoadData(DataWord::NR),
        and,
    ]
}

fn branch(test: Test, operand: Operand, jt: u8, jf: u8) -> Operation {
    Operation::Branch { test, operand, jt, jf }
}

/// The instructions that decide most, for the longer programs.
fn small_alphabet() -> Vec<Operation> {
    let slot = Slot::new(0).unwrap();
    vec![
        Operation::LoadImmediate(Register::A, 3),
        Operation::LoadSlot(Register::X, slot),
        Operation::StoreSlot(Register::A, slot),
        Operation::CopyXToA,
        Operation::Alu(Alu::Add, Operand::X),
        Operation::Alu(Alu::Sub, Operand::K(1)),
        Operation::DivideByX,
        Operation::ShiftByX(Shift::Left),
        branch(Test::Equal, Operand::X, 0, 1),
        branch(Test::Greater, Operand::K(0), 1, 0),
        branch(Test::AnyBit, Operand::K(1), 2, 1),
        Operation::Jump(1),
        Operation::Return(7),
        Operation::ReturnA,
    ]
}

fn full_alphabet() -> Vec<Operation> {
    let one = ShiftAmount::new(1).unwrap();
    let slot = Slot::new(15).unwrap();
    let mut all = small_alphabet();
    all.extend([
        Operation::LoadImmediate(Register::X, 40),
        Operation::LoadLength(Register::A),
        Operation::LoadLength(Register::X),
        Operation::LoadSlot(Register::A, slot),
        Operation::StoreSlot(Register::X, slot),
        Operation::Alu(Alu::Mul, Operand::X),
        Operation::Alu(Alu::Or, Operand::K(2)),
        Operation::Alu(Alu::And, Operand::X),
        Operation::Alu(Alu::Xor, Operand::X),
        Operation::DivideBy(std::num::NonZeroU32::new(3).unwrap()),
        Operation::ShiftBy(Shift::Left, one),
        Operation::ShiftBy(Shift::Right, one),
        Operation::ShiftByX(Shift::Right),
        Operation::Negate,
        Operation::CopyAToX,
        branch(Test::GreaterOrEqual, Operand::X, 0, 1),
        branch(Test::AnyBit, Operand::X, 1, 0),
        branch(Test::Equal, Operand::K(64), 0, 1),
    ]);
    all
}

/// Every program of the prologue, up to `length` instructions of an alphabet, and `RET A`, that the checker accepts.
fn programs(alphabet: &[Operation], length: u32) -> Vec<Program> {
    let mut programs = Vec::new();
    for length in 0..=length {
        for mut index in 0..alphabet.len().pow(length) {
            let body = (0..length).map(|_| {
                let operation = alphabet[index % alphabet.len()];
                index /= alphabet.len();
                operation
            });
            let all = prologue().into_iter().chain(body).chain([Operation::ReturnA]);
            let instructions: Vec<Instruction> = all.map(Instruction::from).collect();
            programs.extend(Program::new(instructions));
        }
    }
    programs
}

/// Checks functions against their tables: each agrees with it, and they are equal exactly if their tables are.
struct Tables<'a> {
    prover: Prover,
    calls: [SeccompData; 4],
    known: BTreeMap<Table, Meaning<'a>>,
    checked: usize,
}

impl<'a> Tables<'a> {
    fn new(calls: [SeccompData; 4]) -> Self {
        // One prover for all.
        let options = Options { wide_shift: WideShift::Modulo32, ..Options::default() }.times(100);
        Self { prover: Prover::new(options), calls, known: BTreeMap::new(), checked: 0 }
    }

    fn check(&mut self, meaning: Meaning<'a>, table: Table, what: &dyn std::fmt::Debug) {
        for (call, action) in self.calls.iter().zip(table) {
            assert_eq!(self.prover.decide(&meaning, call), Ok(action), "{what:?}: {call:?}");
        }
        let known = self.known.entry(table).or_insert_with(|| meaning.clone());
        assert_eq!(self.prover.equal(known, &meaning, Scope::Exact), Ok(true), "{what:?}");
        self.checked += 1;
    }

    /// Refutes the equality of each table with the next.
    fn finish(mut self) -> (usize, usize) {
        let known: Vec<&Meaning<'_>> = self.known.values().collect();
        for pair in known.windows(2) {
            assert_eq!(self.prover.equal(pair[0], pair[1], Scope::Exact), Ok(false));
            let differences = self.prover.differences(pair[0], pair[1], Scope::Exact).unwrap();
            assert!(!differences.is_empty());
        }
        (self.checked, known.len())
    }
}

#[test]
fn all_small_programs_agree_with_brute_force() {
    let mut programs = programs(&full_alphabet(), 3);
    programs.extend(self::programs(&small_alphabet(), 4));
    let mut tables = Tables::new(calls());
    for program in &programs {
        let meaning = tables.prover.program(program).unwrap();
        let table = tables.calls.map(|call| program.run(&call, Endian::Little));
        tables.check(meaning, table, program);
    }
    let (checked, different) = tables.finish();
    println!("{checked} programs, {different} functions");
    assert!(checked > 40_000 && different > 1_000, "{checked} programs, {different} functions");
}

/// Every comparison that looks at the two lowest bits of argument 0.
fn comparisons() -> Vec<Comparison> {
    let mut all = Vec::new();
    for mask in 0..4 {
        for operator in Operator::ALL {
            for value in 0..5 {
                all.push(Comparison::low32(Field::Arg0, mask, operator, value));
                let (mask, value) = (mask.into(), value.into());
                all.push(Comparison::masked(Field::Arg0, mask, operator, value));
            }
        }
    }
    all
}

fn policy(rules: &[(Comparison, Action)]) -> Policy {
    let mut arch = ArchPolicy::new(Action::KILL_PROCESS);
    for &(comparison, action) in rules {
        arch.rule(SyscallNr::new(0), Condition::compare(comparison), action);
    }
    Policy::builder(Action::KILL_THREAD).arch(Arch::X86_64, arch).build().unwrap()
}

#[test]
fn all_policies_of_two_rules_over_two_bits_agree_with_brute_force() {
    let comparisons = comparisons();
    let mut policies = vec![policy(&[])];
    for &first in &comparisons {
        policies.push(policy(&[(first, Action::ALLOW)]));
        for &second in &comparisons {
            policies.push(policy(&[(first, Action::ALLOW), (second, Action::LOG)]));
        }
    }
    let calls = [0, 1, 2, 3]
        .map(|bits| SeccompData::new(Arch::X86_64, SyscallNr::new(0)).with_args([bits; 6]));
    let mut tables = Tables::new(calls);
    for policy in &policies {
        let meaning = tables.prover.policy(policy).unwrap();
        tables.check(meaning, calls.map(|call| policy.decide(&call)), policy);
    }
    let (checked, different) = tables.finish();
    println!("{checked} policies, {different} functions");
    assert!(checked > 50_000 && different > 60, "{checked} policies, {different} functions");
}
