//! Random programs and policies: the diagrams against the simulator and the specification.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

use callgate_bpf::{DataWord, Instruction, Operation, Program, Stack};
use callgate_policy::{ArchPolicy, Policy};
use callgate_prover::{
    Error, Options, Prover, Scope, Undecided, WideShift, attribute, prove, recheck,
};
use callgate_syscalls::{Action, ActionKind, Arch, Endian, SeccompData, SyscallNr};
use callgate_testkit::{Rng, call, plain, policy, program};

const SEEDS: u64 = 4_000;
const CALLS: usize = 60;

fn endian_of(call: &SeccompData) -> Endian {
    let arch = Arch::ALL.into_iter().find(|arch| arch.token() == call.arch);
    arch.map_or(Endian::Little, Arch::endian)
}

fn options() -> Options {
    // Small, because random arithmetic makes diagrams of any size.
    Options { bytes_max: 1 << 20, tests_max: 1 << 17, ..Options::default() }
}

#[test]
fn programs_mean_what_the_simulator_does() {
    let (mut decided, mut depending, mut tried) = (0, 0, 0);
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let length = rng.usize(2..24);
        let program = program::program(&mut rng, length);
        let mut prover = Prover::new(options());
        let meaning = match prover.program(&program) {
            Ok(meaning) => meaning,
            Err(Error::Undecided(Undecided::Memory { .. } | Undecided::Work { .. })) => continue,
            Err(error) => panic!("seed {seed}: {error}"),
        };
        decided += 1;
        for _ in 0..CALLS {
            let call = program::call(&mut rng, &program);
            let trace = program.trace(&call, endian_of(&call));
            match prover.decide(&meaning, &call) {
                Ok(action) => assert_eq!(action, trace.action, "seed {seed}: {call:?}"),
                Err(Error::Undecided(Undecided::ShiftAmount)) => {
                    depending += 1;
                    let marked = trace.steps.iter().any(|step| step.depends_on_architecture());
                    assert!(marked, "seed {seed}: {call:?}");
                }
                Err(error) => panic!("seed {seed}: {error}"),
            }
            tried += 1;
        }
    }
    println!("{decided} of {SEEDS} programs decided, {tried} calls, {depending} wide shifts");
    assert!(decided > SEEDS * 8 / 10, "{decided} decided");
    assert!(depending > 100, "{depending} wide shifts");
}

#[test]
fn wide_shifts_can_be_taken_as_on_x86() {
    let mut wide = 0;
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let program = program::program(&mut rng, 12);
        let mut prover = Prover::new(Options { wide_shift: WideShift::Modulo32, ..options() });
        let Ok(meaning) = prover.program(&program) else { continue };
        for _ in 0..CALLS {
            let call = program::call(&mut rng, &program);
            let trace = program.trace(&call, endian_of(&call));
            assert_eq!(prover.decide(&meaning, &call), Ok(trace.action), "seed {seed}: {call:?}");
            wide += u32::from(trace.steps.iter().any(|step| step.depends_on_architecture()));
        }
    }
    assert!(wide > 100, "{wide} wide shifts");
}

#[test]
fn policies_mean_what_they_decide() {
    for seed in 0..1_000 {
        let mut rng = Rng::with_seed(seed);
        let policy = policy::policy(&mut rng);
        let mut prover = Prover::default();
        let meaning = prover.policy(&policy).unwrap();
        for _ in 0..400 {
            let call = call::aimed_at(&mut rng, &policy);
            let expected = policy.decide(&call);
            assert_eq!(prover.decide(&meaning, &call), Ok(expected), "seed {seed}: {call:?}");
        }
    }
}

#[test]
fn plain_programs_are_proved_equal_to_their_policies() {
    let mut proved = 0;
    for seed in 0..1_000 {
        let policy = policy::policy(&mut Rng::with_seed(seed));
        let Some(program) = plain::program(&policy) else { continue };
        match prove(&policy, program, &Options::default()) {
            Ok(done) => {
                proved += 1;
                assert!(done.certificate().obligations > 0 && done.certificate().calls > 0);
            }
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    assert!(proved > 900, "{proved}");
}

#[test]
fn combinations_decide_call_by_call() {
    let (mut pairs, mut unknown) = (0, 0);
    for seed in 0..500 {
        let mut rng = Rng::with_seed(seed);
        let policy = policy::policy(&mut rng);
        let program = program::program(&mut rng, 12);
        let mut prover = Prover::new(options());
        let (Ok(left), Ok(right)) = (prover.policy(&policy), prover.program(&program)) else {
            continue;
        };
        let (Ok(both), Ok(either)) = (prover.intersect(&left, &right), prover.union(&left, &right))
        else {
            continue;
        };
        pairs += 1;
        for _ in 0..100 {
            let call = call::aimed_at(&mut rng, &policy);
            let l = policy.decide(&call);
            let (Ok(r), Ok(strict), Ok(loose)) = (
                prover.decide(&right, &call),
                prover.decide(&both, &call),
                prover.decide(&either, &call),
            ) else {
                continue;
            };
            assert_eq!(strict, if r.precedence() < l.precedence() { r } else { l });
            assert_eq!(loose, if freedom(r) > freedom(l) { r } else { l });
        }
        match prover.subset(&left, &either) {
            Ok(true) | Err(Error::Undecided(_)) => {}
            verdict => panic!("seed {seed}: {verdict:?}"),
        }
        // Two filters permit more than one where the kernel prefers the other's answer to a word that it would kill for.
        match prover.excess(&both, &left) {
            Ok(None) | Err(Error::Undecided(_)) => {}
            Ok(Some(call)) if policy.decide(&call).kind() == ActionKind::Unknown => unknown += 1,
            verdict => panic!("seed {seed}: {verdict:?}"),
        }
    }
    println!("{pairs} pairs, {unknown} with more permitted than by an action that no kernel knows");
    assert!(pairs > 400, "{pairs}");
}

/// How much an action permits: the kernel kills on what it does not know, and errno 0 is no error.
fn freedom(action: Action) -> (i32, bool) {
    match action.kind() {
        ActionKind::Unknown => (Action::KILL_PROCESS.precedence(), false),
        kind => (action.precedence(), kind == ActionKind::Errno && action.data() == 0),
    }
}

#[test]
fn stacks_mean_what_the_kernel_makes_of_them() {
    let mut stacks = 0;
    for seed in 0..500 {
        let mut rng = Rng::with_seed(seed);
        let programs: Vec<Program> =
            (0..rng.usize(0..4)).map(|_| program::program(&mut rng, 8)).collect();
        let stack = Stack::new(programs);
        let mut prover = Prover::new(options());
        let Ok(meaning) = prover.stack(&stack) else { continue };
        stacks += 1;
        for program in stack.programs() {
            for _ in 0..20 {
                let call = program::call(&mut rng, program);
                let expected = stack.run(&call, endian_of(&call)).action;
                match prover.decide(&meaning, &call) {
                    Err(Error::Undecided(Undecided::ShiftAmount)) => {}
                    decided => assert_eq!(decided, Ok(expected), "seed {seed}: {call:?}"),
                }
            }
        }
    }
    assert!(stacks > 400, "{stacks}");
}

#[test]
fn policies_come_back_from_their_meaning() {
    let mut written = 0;
    for seed in 0..300 {
        let policy = policy::policy(&mut Rng::with_seed(seed));
        let mut prover = Prover::default();
        let meaning = prover.policy(&policy).unwrap();
        match prover.to_policy(&meaning) {
            Ok(again) => {
                written += 1;
                let again = prover.policy(&again).unwrap();
                assert_eq!(prover.equal(&meaning, &again, Scope::Exact), Ok(true), "seed {seed}");
            }
            Err(error) => assert!(matches!(error, Error::NotExpressible { .. }), "{error}"),
        }
    }
    println!("{written} of 300 policies written back");
    assert!(written > 200, "{written}");
}

/// What brute sampling shows to differ is refuted; what is proved equal does not differ on directed calls.
#[test]
fn verdicts_on_mutants_agree_with_sampling() {
    let (mut refuted, mut proved, mut undecided) = (0, 0, 0);
    for seed in 0..24_000 {
        let mut rng = Rng::with_seed(seed);
        let original = match seed % 4 {
            0 => program::program(&mut rng, 16),
            _ => small_filter(&mut rng),
        };
        let Some(mutant) = mutant(&mut rng, &original) else { continue };
        let mut prover = Prover::new(options());
        let (Ok(left), Ok(right)) = (prover.program(&original), prover.program(&mutant)) else {
            undecided += 1;
            continue;
        };
        let sampled = (0..200).map(|i| {
            let side = if i % 2 == 0 { &original } else { &mutant };
            program::call(&mut rng, side)
        });
        let differing = sampled
            .into_iter()
            .find(|c| original.run(c, endian_of(c)) != mutant.run(c, endian_of(c)));
        match prover.differences(&left, &right, Scope::Exact) {
            Ok(differences) if differences.is_empty() => {
                proved += 1;
                assert_eq!(differing, None, "seed {seed}: proved equal");
            }
            Ok(differences) => {
                refuted += 1;
                for difference in differences {
                    let call = difference.witness;
                    let endian = endian_of(&call);
                    assert_eq!(original.run(&call, endian), difference.left, "seed {seed}");
                    assert_eq!(mutant.run(&call, endian), difference.right, "seed {seed}");
                    assert_ne!(difference.left, difference.right);
                }
            }
            Err(Error::Undecided(_)) => undecided += 1,
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    println!("{refuted} mutants refuted, {proved} proved equal, {undecided} undecided");
    assert!(refuted > 5_000 && proved > 1_000, "{refuted} refuted, {proved} proved");
}

/// A filter with a few conditions for a few numbers.
fn small_filter(rng: &mut Rng) -> Program {
    let mut arch = ArchPolicy::new(policy::action(rng));
    for nr in 0..rng.u32(1..4) {
        let condition = policy::condition(rng, 2);
        arch.rule(SyscallNr::new(nr * 3), condition, policy::action(rng));
    }
    let policy = Policy::builder(policy::action(rng)).arch(Arch::X86_64, arch).build().unwrap();
    plain::program(&policy).unwrap()
}

/// A program with one bit or one field of one instruction changed, where the checker accepts it.
fn mutant(rng: &mut Rng, program: &Program) -> Option<Program> {
    let mut instructions = program.instructions().to_vec();
    let index = rng.usize(..instructions.len());
    let instruction: &mut Instruction = &mut instructions[index];
    match rng.u8(..8) {
        0 => instruction.code ^= 1 << rng.u8(..8),
        1 => instruction.jt ^= 1 << rng.u8(..4),
        2 => instruction.jf ^= 1 << rng.u8(..4),
        3 => instruction.k = instruction.k.wrapping_add(1),
        4 => instruction.k = instruction.k.wrapping_sub(1),
        5 => std::mem::swap(&mut instruction.jt, &mut instruction.jf),
        6 => *instruction = Operation::LoadData(DataWord::new(rng.u8(..16))?).into(),
        _ => instruction.k ^= 1 << rng.u8(..32),
    }
    Program::new(instructions).ok().filter(|mutant| mutant != program)
}

#[test]
fn rechecking_needs_no_diagrams_to_find_a_wrong_program() {
    let allow = Program::new([Instruction::new(0x06, Action::ALLOW.raw())]).unwrap();
    let mut found = 0;
    for seed in 0..200 {
        let policy = policy::policy(&mut Rng::with_seed(seed));
        let mut prover = Prover::default();
        let (meant, written) = (prover.policy(&policy).unwrap(), prover.program(&allow).unwrap());
        let equal = prover.equal(&meant, &written, Scope::Exact).unwrap();
        let rechecked = recheck(&policy, &allow, 4096);
        assert!(!equal || rechecked.is_ok_and(|calls| calls > 0));
        found +=
            u32::from(matches!(recheck(&policy, &allow, 4096), Err(Error::Disagreement { .. })));
    }
    assert!(found > 150, "{found}");
}

/// Each call reaches an instruction to which its decider is attributed.
#[test]
fn returns_are_attributed_to_those_who_decide() {
    let (mut programs, mut attributed) = (0, 0);
    for seed in 0..300 {
        let mut rng = Rng::with_seed(seed);
        let policy = policy::policy(&mut rng);
        // Equal to the policy, or some other program.
        let program = match seed % 3 {
            0 => Some(program::program(&mut rng, 20)),
            _ => plain::program(&policy),
        };
        let Some(program) = program else { continue };
        let found = match attribute(&policy, &program, &Options::default()) {
            Ok(found) => found,
            Err(Error::Undecided(_)) => continue,
            Err(error) => panic!("seed {seed}: {error}"),
        };
        programs += 1;
        attributed += found.iter().map(|at| at.deciders.len()).sum::<usize>();
        for _ in 0..200 {
            let call = call::aimed_at(&mut rng, &policy);
            let trace = program.trace(&call, endian_of(&call));
            let last = trace.steps.last().unwrap().index;
            let by = policy.decisive(&call).by;
            match found.iter().find(|at| at.instruction == last) {
                Some(at) => assert!(at.deciders.contains(&by), "seed {seed}: {call:?}"),
                // A division by zero ends a program as well.
                None => assert_eq!(trace.action, Action::KILL_THREAD, "seed {seed}"),
            }
        }
    }
    println!("{programs} programs, {attributed} attributions");
    assert!(programs > 200 && attributed > 2_000, "{programs} {attributed}");
}
