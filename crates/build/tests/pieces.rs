//! Rules that are proved in pieces, and programs that are not accepted in pieces.
//!
//! Claim: C-PIECES
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use callgate_bpf::{Instruction, Program};
use callgate_build::{Proof, program};
use callgate_compiler::{Parted, compile_parted};
use callgate_policy::{
    Action, Arch, ArchPolicy, Comparison, Condition, Field, Operator, Policy, SyscallNr,
};
use callgate_prover::{Body, Error, Options, prove_pieces};
use callgate_testkit::{Rng, call};

fn all(list: &[Comparison]) -> Condition {
    Condition::all(list.iter().copied().map(Condition::from)).unwrap()
}

/// Syscalls with the same rules "bit k is set in both arguments", and the rules' number of actions.
fn flags(arches: &[Arch], syscalls: u32, rules: u32, actions: u32) -> Policy {
    let mut builder = Policy::builder(Action::KILL_PROCESS);
    for &arch in arches {
        let mut list = ArchPolicy::new(Action::ALLOW);
        for nr in 0..syscalls {
            for bit in 0..rules {
                let set = |field| Comparison::masked(field, 1 << bit, Operator::Eq, 1 << bit);
                let action = Action::errno(u16::try_from(1 + bit % actions).unwrap()).unwrap();
                let both = all(&[set(Field::Arg0), set(Field::Arg1)]);
                let x32 = if arch == Arch::X32 { 1 << 30 } else { 0 };
                list.rule(SyscallNr::new(x32 | (3 * nr)), both, action);
            }
        }
        builder = builder.arch(arch, list);
    }
    builder.build().unwrap()
}

/// Checks a proof as [`program`] does, with a program of the caller's.
fn verdict(policy: &Policy, program: Program, parted: &Parted) -> Result<usize, Error> {
    let places: Vec<Vec<(usize, usize)>> = parted
        .bodies
        .iter()
        .map(|body| body.pieces.iter().map(|piece| (piece.rule, piece.start)).collect())
        .collect();
    let bodies: Vec<Body<'_>> = parted
        .bodies
        .iter()
        .zip(&places)
        .map(|(body, pieces)| Body { arch: body.arch, nr: body.nr, pieces })
        .collect();
    prove_pieces(policy, program, &bodies, &Options::default()).map(|(_, pieces)| pieces)
}

#[test]
fn equal_bodies_are_one() {
    let one = program(&flags(&[Arch::X86_64], 1, 24, 3)).unwrap();
    let many = program(&flags(&[Arch::X86_64], 13, 24, 3)).unwrap();
    assert!(many.program().len() < one.program().len() + 30, "{}", many.program().len());
    for built in [one, many] {
        assert!(matches!(built.proof(), Proof::Pieces { pieces: 6, .. }), "{:?}", built.proof());
    }
}

#[test]
fn each_byte_order_has_bodies_of_its_own() {
    let policy = flags(&[Arch::X86_64, Arch::Aarch64, Arch::S390x, Arch::X32], 2, 24, 2);
    let built = program(&policy).unwrap();
    assert!(matches!(built.proof(), Proof::Pieces { pieces: 12, .. }), "{:?}", built.proof());
    let mut rng = Rng::with_seed(1);
    for _ in 0..5_000 {
        let call = call::aimed_at(&mut rng, &policy);
        let endian = Arch::of_call(call.arch, call.nr).map_or(Arch::X86_64.endian(), Arch::endian);
        assert_eq!(built.program().run(&call, endian), policy.decide(&call), "{call:?}");
    }
}

/// Rules of all kinds, in pieces of several rules.
fn mixed() -> Policy {
    let mut rules = ArchPolicy::new(Action::KILL_THREAD);
    let above = Comparison::new(Field::Arg1, Operator::Gt, 5 << 32);
    let masked = |mask| Comparison::masked(Field::Arg0, mask, Operator::Eq, 3);
    for nr in [1, 9] {
        for bits in 3..12 {
            rules.rule(SyscallNr::new(nr), all(&[masked(1 << bits | 7), above]), Action::ALLOW);
        }
        let unlike = Comparison::new(Field::Arg1, Operator::Ne, 7);
        rules.rule(SyscallNr::new(nr), unlike.into(), Action::LOG);
    }
    rules.rule(SyscallNr::new(9), Condition::always(), Action::trap(3));
    rules.rule(SyscallNr::new(2), Condition::always(), Action::ALLOW);
    Policy::builder(Action::trap(0)).arch(Arch::X86_64, rules).build().unwrap()
}

#[test]
fn no_changed_instruction_is_accepted() {
    let policy = mixed();
    let parted = compile_parted(&policy).unwrap();
    let pieces = verdict(&policy, parted.program.clone(), &parted).unwrap();
    assert!(pieces > 2, "{pieces}");
    let mut refused = 0;
    for place in 0..parted.program.len() {
        let original = parted.program.instructions()[place];
        for changed in [
            Instruction { k: original.k ^ 1, ..original },
            Instruction { k: original.k ^ 8, ..original },
            Instruction { jt: original.jf, jf: original.jt, ..original },
        ] {
            let mut code = parted.program.instructions().to_vec();
            code[place] = changed;
            let Ok(mutant) = Program::new(code) else { continue };
            if mutant.canonical() == parted.program.canonical() {
                continue;
            }
            let whole = callgate_prover::prove(&policy, mutant.clone(), &Options::default());
            match verdict(&policy, mutant, &parted) {
                // Such as the test at which numbers part that no syscall of the policy has.
                Ok(_) => assert!(whole.is_ok(), "instruction {place}: {changed:?}"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn no_other_claim_about_a_program_is_accepted() {
    let policy = mixed();
    let parted = compile_parted(&policy).unwrap();
    let mut refused = 0;
    for (body, piece) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for change in [-1_isize, 1] {
            for what in 0..2 {
                let mut claimed = parted.clone();
                let place = &mut claimed.bodies[body].pieces[piece];
                let number = if what == 0 { &mut place.start } else { &mut place.rule };
                let Some(changed) = number.checked_add_signed(change) else { continue };
                *number = changed;
                assert!(verdict(&policy, parted.program.clone(), &claimed).is_err(), "{claimed:?}");
                refused += 1;
            }
        }
    }
    assert!(refused > 12, "{refused}");
    // Without its bodies it is a program like any other, of which all is proved at once.
    let bare = Parted { bodies: Vec::new(), ..parted };
    assert_eq!(verdict(&policy, bare.program.clone(), &bare), Ok(0));
}

/// Marks and misses are actions that the policy does not have, whatever it has.
#[test]
fn actions_that_look_like_marks_are_told_apart() {
    let mut rules = ArchPolicy::new(Action::from_raw(0x4000_0000));
    for (index, raw) in [0x4000_0005, 0x4001_0000, 0x4000_0001].into_iter().enumerate() {
        let field = Field::ARGS[index];
        let odd = Comparison::masked(field, 5, Operator::Eq, 1);
        rules.rule(SyscallNr::new(1), odd.into(), Action::from_raw(raw));
    }
    let policy = Policy::builder(Action::from_raw(0x4002_ffff)).arch(Arch::X86_64, rules).build();
    let policy = policy.unwrap();
    let parted = compile_parted(&policy).unwrap();
    assert_eq!(verdict(&policy, parted.program.clone(), &parted), Ok(1));
}

/// Random dense sets of equalities, with and without masks: all are built, and do what they should.
#[test]
fn dense_sets_are_built() {
    let mut in_pieces = 0;
    for seed in 0..60 {
        let mut rng = Rng::with_seed(seed);
        let (syscalls, rules) = (rng.u32(1..12), rng.u32(1..30));
        let (same, masks) = (rng.bool(), rng.bool());
        let mut list = ArchPolicy::new(Action::ALLOW);
        for nr in 0..syscalls {
            let mut rng = Rng::with_seed(if same { seed } else { (seed << 8) | u64::from(nr) });
            for _ in 0..rules {
                let comparison = |rng: &mut Rng| {
                    let field = Field::ARGS[rng.usize(0..6)];
                    let bit = 1 << rng.u32(0..40);
                    match masks && rng.u32(0..4) > 0 {
                        true => Comparison::masked(field, bit, Operator::Eq, bit),
                        false => Comparison::new(field, Operator::Eq, rng.u64(0..50)),
                    }
                };
                let parts: Vec<Comparison> =
                    (0..rng.u32(1..4)).map(|_| comparison(&mut rng)).collect();
                list.rule(SyscallNr::new(nr), all(&parts), Action::errno(rng.u16(1..4)).unwrap());
            }
        }
        let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, list).build();
        let policy = policy.unwrap();
        let built = program(&policy).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        in_pieces += usize::from(matches!(built.proof(), Proof::Pieces { .. }));
        for _ in 0..300 {
            let call = call::aimed_at(&mut rng, &policy);
            let returned = built.program().run(&call, callgate_syscalls::Endian::Little);
            assert_eq!(returned, policy.decide(&call), "seed {seed}: {call:?}");
        }
    }
    assert!(in_pieces > 3, "{in_pieces}");
}
