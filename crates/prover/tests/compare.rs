//! Verdicts on pairs made for them: scopes, order, limits, and programs unlike those of any compiler.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

use callgate_bpf::{
    Alu, DataWord, Instruction, Operand, Operation, Program, Register, Shift, Stack, Test,
};
use callgate_policy::{ArchPolicy, Comparison, Condition, Field, Operator, Policy};
use callgate_prover::{Error, Options, Prover, Scope, Undecided, WideShift, prove};
use callgate_syscalls::{Action, Arch, ArchToken, SeccompData, SyscallNr, names};
use callgate_testkit::plain;

const ALLOW: Action = Action::ALLOW;
const KILL: Action = Action::KILL_PROCESS;
const SCOPES: [Scope; 3] = [Scope::Exact, Scope::Effective, Scope::KernelReads];

fn program(operations: &[Operation]) -> Program {
    let instructions: Vec<Instruction> = operations.iter().map(|&o| o.into()).collect();
    Program::new(instructions).unwrap()
}

fn ret(action: Action) -> Operation {
    Operation::Return(action.raw())
}

fn branch(test: Test, k: u32, jt: u8, jf: u8) -> Operation {
    Operation::Branch { test, operand: Operand::K(k), jt, jf }
}

fn word(offset: u32) -> Operation {
    Operation::LoadData(DataWord::at_offset(offset).unwrap())
}

fn equal(left: &Program, right: &Program, scope: Scope) -> Result<bool, Error> {
    let mut prover = Prover::default();
    let (left, right) = (prover.program(left)?, prover.program(right)?);
    prover.equal(&left, &right, scope)
}

fn policy(default: Action, nr: SyscallNr, rules: &[(Comparison, Action)]) -> Policy {
    let mut arch = ArchPolicy::new(default);
    for &(comparison, action) in rules {
        arch.rule(nr, Condition::compare(comparison), action);
    }
    Policy::builder(KILL).arch(Arch::X86_64, arch).build().unwrap()
}

#[test]
fn data_that_the_kernel_ignores_counts_only_exactly() {
    for (left, right, equal_effect) in [
        (0x7fff_0000, 0x7fff_0001, true),
        (0x0005_1000, 0x0005_0fff, true),
        (0x8000_0000, 0x8000_ffff, true),
        (0x0005_0001, 0x0005_0002, false),
        (0x0003_0001, 0x0003_0002, false),
        (0x7ff0_0001, 0x7ff0_0002, false),
        (0x8000_0000, 0x0001_0000, false),
    ] {
        let [left, right] = [left, right].map(|raw| program(&[ret(Action::from_raw(raw))]));
        assert_eq!(equal(&left, &right, Scope::Exact), Ok(false));
        assert_eq!(equal(&left, &right, Scope::Effective), Ok(equal_effect), "{left:?} {right:?}");
        assert_eq!(equal(&left, &left, Scope::Exact), Ok(true));
    }
}

#[test]
fn an_allow_list_may_be_strict_about_bits_the_kernel_ignores() {
    let ioctl = Arch::X86_64.syscall(names::IOCTL).unwrap().nr;
    let narrow = Comparison::low32(Field::Arg1, u32::MAX, Operator::Eq, 0x5401);
    let wide = Comparison::new(Field::Arg1, Operator::Eq, 0x5401);
    for (default, rule, verdict) in [(KILL, ALLOW, true), (ALLOW, KILL, false)] {
        let (left, right) =
            (policy(default, ioctl, &[(narrow, rule)]), policy(default, ioctl, &[(wide, rule)]));
        let mut prover = Prover::default();
        let (left, right) = (prover.policy(&left).unwrap(), prover.policy(&right).unwrap());
        assert_eq!(prover.equal(&left, &right, Scope::Exact), Ok(false));
        assert_eq!(prover.equal(&left, &right, Scope::KernelReads), Ok(verdict));
        let differences = prover.differences(&left, &right, Scope::KernelReads).unwrap();
        assert_eq!(differences.is_empty(), verdict);
    }
}

#[test]
fn bits_that_the_kernel_reads_count_in_every_scope() {
    let ioctl = Arch::X86_64.syscall(names::IOCTL).unwrap().nr;
    let of_argument_2 = |value| Comparison::new(Field::Arg2, Operator::Eq, value);
    let left = policy(KILL, ioctl, &[(of_argument_2(7), ALLOW)]);
    let right = policy(KILL, ioctl, &[(of_argument_2(0x1_0000_0007), ALLOW)]);
    let mut prover = Prover::default();
    let (left, right) = (prover.policy(&left).unwrap(), prover.policy(&right).unwrap());
    for scope in SCOPES {
        assert_eq!(prover.equal(&left, &right, scope), Ok(false), "{scope:?}");
    }
}

#[test]
fn differences_say_where_and_for_what() {
    let socket = SyscallNr::new(41);
    let family = |value| Comparison::low32(Field::Arg0, u32::MAX, Operator::Eq, value);
    let eperm = Action::errno(1).unwrap();
    let left = policy(KILL, socket, &[(family(40), eperm), (family(38), eperm)]);
    let right = policy(KILL, socket, &[(family(40), ALLOW), (family(38), eperm)]);
    let mut prover = Prover::default();
    let (left, right) = (prover.policy(&left).unwrap(), prover.policy(&right).unwrap());
    let differences = prover.differences(&left, &right, Scope::Exact).unwrap();
    let [difference] = differences.as_slice() else { panic!("{differences:?}") };
    assert_eq!((difference.left, difference.right), (eperm, ALLOW));
    assert_eq!(difference.numbers, [(socket, socket)]);
    assert_eq!(difference.first_token, Arch::X86_64.token());
    assert_eq!(difference.last_token, Arch::X86_64.token());
    assert_eq!(difference.witness.args, [40, 0, 0, 0, 0, 0]);
    assert_eq!(difference.when.as_ref().unwrap().to_string(), "args[0].lo == 0x28");
    assert_eq!(
        difference.to_string(),
        "ERRNO(1) against ALLOW for syscall 41 of arch 0xc000003e, args[0] = 0x28"
    );
}

#[test]
fn conditions_of_differences_hold_exactly_where_the_actions_differ() {
    let nr = SyscallNr::new(1);
    let nothing = policy(KILL, nr, &[]);
    for operator in Operator::ALL {
        for value in [0, 5, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0005, u64::MAX] {
            for mask in [u64::MAX, 0xff, 0xff_0000_0000, 0x1_0000_0001] {
                let comparison = Comparison::masked(Field::Arg3, mask, operator, value);
                let some = policy(KILL, nr, &[(comparison, ALLOW)]);
                let mut prover = Prover::default();
                let (left, right) =
                    (prover.policy(&nothing).unwrap(), prover.policy(&some).unwrap());
                for difference in prover.differences(&left, &right, Scope::Exact).unwrap() {
                    let Some(when) = difference.when else { continue };
                    let near = [value, value ^ 1, value ^ 1 << 32, value ^ 0x80, 0, u64::MAX];
                    for near in near.into_iter().flat_map(|v| [v, v.wrapping_add(1)]) {
                        let mut call = difference.witness;
                        call.args[3] = near;
                        assert_eq!(
                            when.holds(&call),
                            comparison.holds(&call),
                            "{comparison}: {when}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn subsets_follow_the_kernels_order() {
    let [errno, log] = [Action::errno(1).unwrap(), Action::LOG];
    let order =
        [KILL, Action::KILL_THREAD, Action::trap(1), errno, Action::USER_NOTIFY, log, ALLOW];
    for (i, &left) in order.iter().enumerate() {
        for (j, &right) in order.iter().enumerate() {
            let (l, r) = (program(&[ret(left)]), program(&[ret(right)]));
            let mut prover = Prover::default();
            let (l, r) = (prover.program(&l).unwrap(), prover.program(&r).unwrap());
            assert_eq!(prover.subset(&l, &r), Ok(i <= j), "{left} {right}");
            assert_eq!(prover.excess(&l, &r).map(|witness| witness.is_some()), Ok(i > j));
        }
    }
}

#[test]
fn the_newest_filter_wins_ties_and_allow_loses_its_data() {
    let [first, second] = [1, 2].map(|n| program(&[ret(Action::errno(n).unwrap())]));
    let tagged = program(&[ret(Action::from_raw(0x7fff_0001))]);
    let call = SeccompData::new(Arch::X86_64, SyscallNr::new(0));
    let mut prover = Prover::default();
    for (stack, expected) in [
        (Stack::new([first.clone(), second.clone()]), Action::errno(2).unwrap()),
        (Stack::new([second, first, tagged.clone()]), Action::errno(1).unwrap()),
        (Stack::new([tagged]), ALLOW),
        (Stack::default(), ALLOW),
    ] {
        let meaning = prover.stack(&stack).unwrap();
        assert_eq!(prover.decide(&meaning, &call), Ok(expected));
        assert_eq!(stack.run(&call, callgate_syscalls::Endian::Little).action, expected);
    }
}

/// `1 << args[0].lo`, of which only bit 16 is kept for an action.
fn shifting() -> Program {
    program(&[
        word(16),
        Operation::CopyAToX,
        Operation::LoadImmediate(Register::A, 1),
        Operation::ShiftByX(Shift::Left),
        Operation::Alu(Alu::And, Operand::K(0x0001_0000)),
        Operation::ReturnA,
    ])
}

#[test]
fn what_rests_on_wide_shifts_is_undecided_in_every_question() {
    let shifting = shifting();
    let undecided = Error::Undecided(Undecided::ShiftAmount);
    let mut prover = Prover::default();
    let [left, right] = [(); 2].map(|()| prover.program(&shifting).unwrap());
    for scope in SCOPES {
        assert_eq!(prover.equal(&left, &right, scope), Err(undecided.clone()), "{scope:?}");
        assert_eq!(prover.differences(&left, &right, scope), Err(undecided.clone()), "{scope:?}");
    }
    assert_eq!(prover.subset(&left, &right), Err(undecided));
    let options = Options { wide_shift: WideShift::Modulo32, ..Options::default() };
    let mut prover = Prover::new(options);
    let [left, right] = [(); 2].map(|()| prover.program(&shifting).unwrap());
    assert_eq!(prover.equal(&left, &right, Scope::Exact), Ok(true));
    assert_eq!(prover.subset(&left, &right), Ok(true));
}

#[test]
fn shifts_that_are_never_wide_are_decided() {
    let bounded = |mask| {
        program(&[
            word(16),
            Operation::Alu(Alu::And, Operand::K(mask)),
            Operation::CopyAToX,
            Operation::LoadImmediate(Register::A, 1),
            Operation::ShiftByX(Shift::Left),
            Operation::ReturnA,
        ])
    };
    assert_eq!(equal(&bounded(31), &bounded(31), Scope::Exact), Ok(true));
    assert_eq!(equal(&bounded(31), &bounded(15), Scope::Exact), Ok(false));
    let wide = equal(&bounded(63), &bounded(63), Scope::Exact);
    assert_eq!(wide, Err(Error::Undecided(Undecided::ShiftAmount)));
}

#[test]
fn division_by_a_zero_register_kills_the_thread() {
    let divide = program(&[
        word(16),
        Operation::CopyAToX,
        Operation::LoadImmediate(Register::A, 5),
        Operation::DivideByX,
        ret(ALLOW),
    ]);
    let test =
        program(&[word(16), branch(Test::Equal, 0, 1, 0), ret(ALLOW), ret(Action::KILL_THREAD)]);
    assert_eq!(equal(&divide, &test, Scope::Exact), Ok(true));
}

#[test]
fn number_and_arch_may_be_calculated_with() {
    // Odd numbers: 2^31 intervals, so no partition into classes.
    let by_bit = program(&[
        Operation::LoadData(DataWord::NR),
        branch(Test::AnyBit, 1, 0, 1),
        ret(ALLOW),
        ret(KILL),
    ]);
    let by_shift = program(&[
        Operation::LoadData(DataWord::NR),
        Operation::ShiftBy(Shift::Left, callgate_bpf::ShiftAmount::new(31).unwrap()),
        branch(Test::Equal, 0, 0, 1),
        ret(KILL),
        ret(ALLOW),
    ]);
    assert_eq!(equal(&by_bit, &by_shift, Scope::Exact), Ok(true));
    // x32's bit masked away, then a chain, as some hand-written filters do.
    let masked = program(&[
        Operation::LoadData(DataWord::NR),
        Operation::Alu(Alu::And, Operand::K(0xbfff_ffff)),
        branch(Test::Equal, 7, 1, 0),
        ret(KILL),
        ret(ALLOW),
    ]);
    let twice = program(&[
        Operation::LoadData(DataWord::NR),
        branch(Test::Equal, 7, 2, 0),
        branch(Test::Equal, 0x4000_0007, 1, 0),
        ret(KILL),
        ret(ALLOW),
    ]);
    assert_eq!(equal(&masked, &twice, Scope::Exact), Ok(true));
    assert_eq!(equal(&masked, &by_bit, Scope::Exact), Ok(false));
    let little_endian = program(&[
        Operation::LoadData(DataWord::ARCH),
        Operation::Alu(Alu::Sub, Operand::K(0x4000_0000)),
        branch(Test::AnyBit, 0x4000_0000, 1, 0),
        ret(ALLOW),
        ret(KILL),
    ]);
    let by_flag = program(&[
        Operation::LoadData(DataWord::ARCH),
        branch(Test::AnyBit, 0x4000_0000, 0, 1),
        ret(ALLOW),
        ret(KILL),
    ]);
    assert_eq!(equal(&little_endian, &by_flag, Scope::Exact), Ok(true));
}

#[test]
fn differences_of_calculating_programs_replay() {
    let odd = program(&[
        Operation::LoadData(DataWord::NR),
        branch(Test::AnyBit, 1, 0, 1),
        ret(ALLOW),
        ret(KILL),
    ]);
    let seven = program(&[
        Operation::LoadData(DataWord::NR),
        branch(Test::Equal, 7, 0, 1),
        ret(ALLOW),
        ret(KILL),
    ]);
    let mut prover = Prover::default();
    let (left, right) = (prover.program(&odd).unwrap(), prover.program(&seven).unwrap());
    let differences = prover.differences(&left, &right, Scope::Exact).unwrap();
    assert!(!differences.is_empty());
    for difference in differences {
        assert_eq!(difference.witness.nr.raw() & 1, 1);
        assert_ne!(difference.witness.nr.raw(), 7);
        let nr = difference.witness.nr;
        assert!(difference.numbers.iter().any(|(first, last)| *first <= nr && nr <= *last));
    }
}

#[test]
fn limits_are_errors() {
    // The equality of two arguments takes 2^32 nodes.
    let program = program(&[
        word(16),
        Operation::CopyAToX,
        word(24),
        Operation::Branch { test: Test::Equal, operand: Operand::X, jt: 0, jf: 1 },
        ret(ALLOW),
        ret(KILL),
    ]);
    let memory = Options { bytes_max: 10_000, ..Options::default() };
    let verdict = Prover::new(memory).program(&program).map(|_| ());
    assert_eq!(verdict, Err(Error::Undecided(Undecided::Memory { bytes_max: 10_000 })));
    let work = Options { tests_max: 10, ..Options::default() };
    let verdict = Prover::new(work).program(&program).map(|_| ());
    assert_eq!(verdict, Err(Error::Undecided(Undecided::Work { tests_max: 10 })));
    let policy = policy(KILL, SyscallNr::new(0), &[]);
    let proved = prove(&policy, program, &Options { bytes_max: 10_000, ..Options::default() });
    assert!(matches!(proved, Err(Error::Undecided(_))));
}

#[test]
fn meanings_of_other_provers_are_refused() {
    let allow = program(&[ret(ALLOW)]);
    let (mut one, mut other) = (Prover::default(), Prover::default());
    let (left, right) = (one.program(&allow).unwrap(), other.program(&allow).unwrap());
    assert_eq!(one.equal(&left, &right, Scope::Exact), Err(Error::ForeignMeaning));
    assert_eq!(one.subset(&right, &left), Err(Error::ForeignMeaning));
    assert!(matches!(other.intersect(&left, &right), Err(Error::ForeignMeaning)));
    assert!(matches!(other.to_policy(&left), Err(Error::ForeignMeaning)));
}

#[test]
fn conditions_over_every_bit_fit_a_small_stack() {
    let fields = [Field::InstructionPointer].into_iter().chain(Field::ARGS);
    let all = fields.map(|f| Comparison::new(f, Operator::Eq, 0x0123_4567_89ab_cdef).into());
    let mut arch = ArchPolicy::new(KILL);
    arch.rule(SyscallNr::new(0), Condition::all(all).unwrap(), ALLOW);
    let policy = Policy::builder(KILL).arch(Arch::X86_64, arch).build().unwrap();
    let program = plain::program(&policy).unwrap();
    let thread = std::thread::Builder::new().stack_size(256 << 10);
    let proved = thread.spawn(move || prove(&policy, program, &Options::default())).unwrap();
    assert!(proved.join().unwrap().unwrap().certificate().obligations > 0);
}

#[test]
fn only_what_policies_can_say_is_written_back() {
    let by_token = program(&[
        Operation::LoadData(DataWord::ARCH),
        branch(Test::Equal, 0x1234_5678, 0, 1),
        ret(ALLOW),
        ret(KILL),
    ]);
    let odd = program(&[
        Operation::LoadData(DataWord::ARCH),
        branch(Test::Equal, Arch::X86_64.token().raw(), 1, 0),
        ret(KILL),
        Operation::LoadData(DataWord::NR),
        branch(Test::AnyBit, 1, 0, 1),
        ret(ALLOW),
        ret(KILL),
    ]);
    for program in [by_token, odd] {
        let mut prover = Prover::default();
        let meaning = prover.program(&program).unwrap();
        let written = prover.to_policy(&meaning);
        assert!(matches!(written, Err(Error::NotExpressible { .. })), "{written:?}");
    }
}

#[test]
fn a_constant_is_written_back_as_a_policy_without_rules() {
    for action in [ALLOW, KILL] {
        let program = program(&[ret(action)]);
        let mut prover = Prover::default();
        let meaning = prover.program(&program).unwrap();
        let written = prover.to_policy(&meaning).unwrap();
        assert!(written.arches().all(|(_, arch)| arch.rules().len() == 0));
        for token in [Arch::X86_64.token(), Arch::Aarch64.token(), ArchToken::new(0)] {
            for nr in [0, 0x4000_0000, u32::MAX] {
                let mut call = SeccompData::new(Arch::X86_64, SyscallNr::new(nr));
                call.arch = token;
                assert_eq!(written.decide(&call), action, "{call:?}");
            }
        }
        prove(&written, program, &Options::default()).unwrap();
    }
}

#[test]
fn an_intersection_written_back_means_the_same() {
    let nr = SyscallNr::new(9);
    let left = policy(KILL, nr, &[(Comparison::new(Field::Arg2, Operator::Lt, 1 << 33), ALLOW)]);
    let mask = Comparison::masked(Field::Arg2, 0x7, Operator::Eq, 0x5);
    let right = policy(KILL, nr, &[(mask, ALLOW)]);
    let mut prover = Prover::default();
    let (l, r) = (prover.policy(&left).unwrap(), prover.policy(&right).unwrap());
    let both = prover.intersect(&l, &r).unwrap();
    let written = prover.to_policy(&both).unwrap();
    for arg2 in [5, 4, 0x1_0000_000d, 0x2_0000_0005, 0x1_0000_000c] {
        let call = SeccompData::new(Arch::X86_64, nr);
        let call = call.with_args([0, 0, arg2, 0, 0, 0]);
        let expected = left.decide(&call) == ALLOW && right.decide(&call) == ALLOW;
        assert_eq!(written.decide(&call) == ALLOW, expected, "{arg2:#x}");
    }
}

#[test]
fn filters_that_go_on_to_the_next_rule_stay_linear() {
    let nodes = |rules: u32| {
        let mut code = vec![
            Operation::LoadData(DataWord::ARCH),
            branch(Test::Equal, Arch::X86_64.token().raw(), 1, 0),
            ret(KILL),
        ];
        for rule in 0..rules {
            code.extend([Operation::LoadData(DataWord::NR), branch(Test::Equal, 3 * rule, 0, 3)]);
            code.extend([word(16), branch(Test::Equal, rule, 0, 1), ret(ALLOW)]);
        }
        code.push(ret(KILL));
        let program = program(&code);
        let mut prover = Prover::default();
        let meaning = prover.program(&program).unwrap();
        // The gaps between the numbers, the numbers, what is above, and two intervals of other tokens.
        assert_eq!(meaning.classes(), usize::try_from(2 * rules + 2).unwrap());
        prover.usage().nodes
    };
    let (some, twice) = (nodes(200), nodes(400));
    assert!(twice < 5 * some / 2, "{some} nodes for 200 rules, {twice} for 400");
}

/// A program that returns a word.
fn returns(word: u32) -> Program {
    program(&[Operation::Return(word)])
}

#[test]
fn actions_that_no_kernel_knows_rank_as_the_kill_that_they_are() {
    let (log, unknown, refusal) = (returns(0x7ffc_0000), returns(0x7ffe_0000), returns(0x5_0001));
    let mut prover = Prover::default();
    let [log, unknown, refusal] =
        [&log, &unknown, &refusal].map(|program| prover.program(program).unwrap());
    assert_eq!(prover.subset(&log, &unknown), Ok(false));
    assert!(prover.excess(&log, &unknown).unwrap().is_some());
    assert_eq!(prover.subset(&unknown, &refusal), Ok(true));
    for either in [prover.union(&unknown, &refusal), prover.union(&refusal, &unknown)] {
        assert_eq!(prover.equal(&either.unwrap(), &refusal, Scope::Exact), Ok(true));
    }
    // What the kernel makes of two filters is another question: it prefers by number.
    let both = prover.intersect(&unknown, &log).unwrap();
    assert_eq!(prover.equal(&both, &log, Scope::Exact), Ok(true));
}

#[test]
fn a_call_that_fails_with_errno_0_has_not_failed() {
    let (faked, refused) = (returns(0x5_0000), returns(0x5_0001));
    let mut prover = Prover::default();
    let [faked, refused] = [&faked, &refused].map(|program| prover.program(program).unwrap());
    for scope in [Scope::Exact, Scope::Effective, Scope::KernelReads] {
        assert_eq!(prover.equal(&faked, &refused, scope), Ok(false));
    }
    assert_eq!(prover.subset(&faked, &refused), Ok(false));
    assert_eq!(prover.subset(&refused, &faked), Ok(true));
}

/// Both answers depend on bits of socket's first argument that the kernel does not read.
#[test]
fn what_can_be_had_does_not_depend_on_the_side() {
    let with = |high: u16, otherwise: u16| {
        let errno = |errno| Action::errno(errno).unwrap();
        let condition = Comparison::new(Field::Arg0, Operator::Gt, u32::MAX.into());
        let mut rules = ArchPolicy::new(KILL);
        rules.rule(SyscallNr::new(41), condition.into(), errno(high));
        rules.rule(SyscallNr::new(41), Condition::always(), errno(otherwise));
        Policy::builder(KILL).arch(Arch::X86_64, rules).build().unwrap()
    };
    for (left, right, expected) in [
        // A faked success can be had on one side only.
        (with(0, 1), with(1, 1), false),
        (with(0, 1), with(1, 0), true),
        // Which of two refusals is no matter of permission, but it has to be the same one.
        (with(2, 1), with(1, 2), true),
        (with(2, 1), with(2, 2), true),
        (with(2, 1), with(1, 1), false),
    ] {
        let mut prover = Prover::default();
        let (l, r) = (prover.policy(&left).unwrap(), prover.policy(&right).unwrap());
        let forward = prover.equal(&l, &r, Scope::KernelReads);
        assert_eq!(
            (forward, prover.equal(&r, &l, Scope::KernelReads)),
            (Ok(expected), Ok(expected))
        );
    }
}

#[test]
fn what_rests_on_wide_shifts_is_neither_equal_nor_different() {
    let shifts = |action: u32| {
        program(&[
            Operation::LoadImmediate(Register::X, 40),
            word(16),
            Operation::ShiftByX(Shift::Left),
            Operation::Return(action),
        ])
    };
    let (wide, narrow) = (shifts(0x7fff_0000), returns(0x7fff_0000));
    let mut prover = Prover::default();
    let (left, right) = (prover.program(&wide).unwrap(), prover.program(&narrow).unwrap());
    let undecided = Err(Error::Undecided(Undecided::ShiftAmount));
    assert_eq!(prover.equal(&left, &right, Scope::Exact), undecided);
    assert_eq!(prover.equal(&right, &left, Scope::Effective), undecided);
    // Where another call shows a difference, it is one.
    let other = program(&[
        Operation::LoadData(DataWord::NR),
        Operation::Branch { test: Test::Equal, operand: Operand::K(7), jt: 0, jf: 1 },
        Operation::Return(0),
        Operation::LoadImmediate(Register::X, 40),
        Operation::ShiftByX(Shift::Left),
        Operation::Return(0x7fff_0000),
    ]);
    let other = prover.program(&other).unwrap();
    assert_eq!(prover.equal(&other, &right, Scope::Exact), Ok(false));
}
