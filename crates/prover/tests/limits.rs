//! What a proof costs at most: memory on programs that are written to be hard, and stack.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

use callgate_bpf::{Alu, DataWord, Instruction, Operand, Operation, Program, Shift, Test};
use callgate_policy::{Action, Arch, ArchPolicy, Comparison, Condition, Field, Operator, Policy};
use callgate_prover::{Error, Options, Undecided, prove};
use callgate_syscalls::SyscallNr;
use callgate_testkit::plain;

fn word(offset: u32) -> Operation {
    Operation::LoadData(DataWord::at_offset(offset).unwrap())
}

/// A program that allows calls for which a body leaves a certain value in A.
fn program(body: Vec<Operation>) -> Program {
    let test = Operation::Branch { test: Test::Equal, operand: Operand::K(0x1234), jt: 0, jf: 1 };
    let ends = [test, Operation::Return(0x7fff_0000), Operation::Return(0)];
    let code: Vec<Instruction> = body.into_iter().chain(ends).map(Instruction::from).collect();
    Program::new(code).unwrap()
}

/// Programs that no diagram of a reasonable size describes.
fn hard() -> Vec<(&'static str, Program)> {
    let times =
        |op| program(vec![word(16), Operation::CopyAToX, word(24), Operation::Alu(op, Operand::X)]);
    let shifts = |to| {
        let low = Operation::Alu(Alu::And, Operand::K(31));
        let once = [Operation::CopyAToX, word(24), Operation::ShiftByX(to)];
        let start = [word(16), low, Operation::CopyAToX, word(32), Operation::ShiftByX(to)];
        program([start.as_slice(), &[low], &once, &[low], &once].concat())
    };
    let mut sums = vec![word(16)];
    for round in 0..40 {
        let mask = Operation::Alu(Alu::And, Operand::K(0x5555_5555_u32.rotate_left(round)));
        let offset = 16 + 4 * (round % 12);
        sums.extend([
            mask,
            Operation::CopyAToX,
            word(offset),
            Operation::Alu(Alu::Add, Operand::X),
        ]);
    }
    vec![
        ("product", times(Alu::Mul)),
        ("sum of shifted words", shifts(Shift::Left)),
        ("sums of masked words", program(sums)),
    ]
}

/// The most memory that this process has had, in KiB.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

#[test]
fn hard_programs_end_undecided_within_the_budget() {
    let policy = Policy::builder(Action::KILL_THREAD)
        .arch(Arch::X86_64, ArchPolicy::new(Action::KILL_THREAD))
        .build()
        .unwrap();
    let before = peak();
    for (what, program) in hard() {
        let verdict = prove(&policy, program, &Options::default()).map(|_| ());
        let undecided = matches!(
            verdict,
            Err(Error::Undecided(Undecided::Memory { .. } | Undecided::Work { .. }))
        );
        assert!(undecided, "{what}: {verdict:?}");
    }
    let grown = peak() - before;
    println!("{grown} KiB beside the {before} KiB that the test itself takes");
    assert!(grown < 48 << 10, "{grown} KiB");
}

/// Threads of C programs have 16 KiB, and whoever calls the prover needs some of it.
#[test]
fn proofs_take_little_stack() {
    let mut rules = ArchPolicy::new(Action::KILL_PROCESS);
    for index in 0..60_u64 {
        let is = |field, operator, value| Condition::from(Comparison::new(field, operator, value));
        let mut condition = Condition::all([
            is(Field::Arg0, Operator::Eq, 3 * index),
            is(Field::Arg1, if index % 7 == 0 { Operator::Gt } else { Operator::Eq }, index << 30),
        ]);
        // As deep as conditions may be.
        for _ in 0..if index % 50 == 0 { 60 } else { 0 } {
            let deeper = [condition.unwrap(), is(Field::Arg2, Operator::Ne, index)];
            condition = Condition::any(deeper);
        }
        let nr = SyscallNr::new(u32::try_from(1 + index % 3).unwrap());
        rules.rule(nr, condition.unwrap(), Action::ALLOW);
    }
    let builder = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, rules);
    let policy = builder.build().unwrap();
    let program = plain::program(&policy).unwrap();
    let small = std::thread::Builder::new().stack_size(16 << 10);
    let proof = small.spawn(move || prove(&policy, program, &Options::default()).map(|_| ()));
    assert_eq!(proof.unwrap().join().unwrap(), Ok(()));
}
