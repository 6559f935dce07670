//! Programs with the bugs that filter generators have had, each against the policy it was meant for.
//!
//! A case is the smallest trigger of a bug class: a policy, the program that the bug makes of it, and the call on which
//! it shows. Each must be refuted with a witness, and a correct program for the same policy must be proved.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

use callgate_bpf::{Alu, DataWord, Instruction, Operand, Operation, Program, Test};
use callgate_policy::{ArchPolicy, Comparison, Condition, Field, Operator, Policy};
use callgate_prover::{Error, Options, Prover, Scope, prove, recheck};
use callgate_syscalls::{Action, Arch, Endian, SeccompData, SyscallNr};
use callgate_testkit::plain::{self, Assembler};

const ALLOW: Action = Action::ALLOW;
const KILL: Action = Action::KILL_PROCESS;
/// The number of the syscall that cases are about.
const NR: SyscallNr = SyscallNr::new(16);

struct Case {
    bug: &'static str,
    policy: Policy,
    program: Program,
    trigger: SeccompData,
}

fn errno(number: u16) -> Action {
    Action::errno(number).unwrap()
}

fn call(arg0: u64) -> SeccompData {
    SeccompData::new(Arch::X86_64, NR).with_args([arg0, 0, 0, 0, 0, 0])
}

/// A policy for one syscall of x86_64; everything else gets `default`.
fn policy(default: Action, rules: &[(Comparison, Action)]) -> Policy {
    let mut arch = ArchPolicy::new(default);
    for &(comparison, action) in rules {
        arch.rule(NR, Condition::compare(comparison), action);
    }
    Policy::builder(KILL).arch(Arch::X86_64, arch).build().unwrap()
}

fn arg0(operator: Operator, value: u64) -> Comparison {
    Comparison::new(Field::Arg0, operator, value)
}

fn word(offset: u32) -> DataWord {
    DataWord::at_offset(offset).unwrap()
}

const LOW: u32 = 16;
const HIGH: u32 = 20;

/// A program whose checks of arch and number are right, with this body for the syscall.
fn for_syscall(default: Action, body: impl FnOnce(&mut Assembler)) -> Program {
    let mut asm = Assembler::default();
    let [foreign, x32, other] = [(); 3].map(|()| asm.label());
    asm.load(DataWord::ARCH);
    asm.require(Test::Equal, Arch::X86_64.token().raw(), foreign);
    asm.load(DataWord::NR);
    asm.require(Test::Equal, NR.raw(), other);
    body(&mut asm);
    asm.place(other);
    let native = asm.label();
    asm.require(Test::GreaterOrEqual, 0x4000_0000, native);
    asm.require(Test::Equal, u32::MAX, x32);
    asm.place(native);
    asm.ret(default);
    asm.place(foreign);
    asm.place(x32);
    asm.ret(KILL);
    checked(asm.instructions())
}

fn checked(instructions: Vec<Instruction>) -> Program {
    Program::new(instructions).unwrap()
}

/// ALLOW where the loaded word passes the test, else on.
fn allow_if(asm: &mut Assembler, test: Test, k: u32) {
    let next = asm.label();
    asm.require(test, k, next);
    asm.ret(ALLOW);
    asm.place(next);
}

/// Row 1: of two rules whose high words differ, the false branch of one is lost in the merge.
fn merge_loses_a_branch() -> Case {
    let rules = [(arg0(Operator::Lt, 1), ALLOW), (arg0(Operator::Lt, 0x1_0000_0001), ALLOW)];
    let program = for_syscall(KILL, |asm| {
        let above_zero = asm.label();
        asm.load(word(HIGH));
        asm.require(Test::Equal, 0, above_zero);
        asm.load(word(LOW));
        allow_if(asm, Test::Equal, 0);
        // Here argument 0 is below 2^32, so the second rule holds.
        asm.ret(KILL);
        asm.place(above_zero);
        let no = asm.label();
        asm.require(Test::Equal, 1, no);
        asm.load(word(LOW));
        allow_if(asm, Test::Equal, 0);
        asm.place(no);
        asm.ret(KILL);
    });
    Case { bug: "row 1", policy: policy(KILL, &rules), program, trigger: call(5) }
}

/// Row 4: the low words are compared whatever the high words say.
fn order_ignores_high_words() -> Case {
    let program = for_syscall(KILL, |asm| {
        asm.load(word(HIGH));
        allow_if(asm, Test::Greater, 1);
        asm.load(word(LOW));
        allow_if(asm, Test::Greater, 5);
        asm.ret(KILL);
    });
    let policy = policy(KILL, &[(arg0(Operator::Gt, 0x1_0000_0005), ALLOW)]);
    Case { bug: "row 4", policy, program, trigger: call(6) }
}

/// Row 5: of eight values one is lost.
fn optimiser_loses_a_value() -> Case {
    let rules: Vec<_> = (1..=8).map(|value| (arg0(Operator::Eq, value), ALLOW)).collect();
    let program = for_syscall(KILL, |asm| {
        let no = asm.label();
        asm.load(word(HIGH));
        asm.require(Test::Equal, 0, no);
        asm.load(word(LOW));
        (1..=7).for_each(|value| allow_if(asm, Test::Equal, value));
        asm.place(no);
        asm.ret(KILL);
    });
    Case { bug: "row 5", policy: policy(KILL, &rules), program, trigger: call(8) }
}

/// Row 6: a ladder of thresholds is climbed from the wrong end.
fn ladder_in_the_wrong_order() -> Case {
    let steps: Vec<u16> = (5..=12).rev().collect();
    let rung = |&step: &u16| (arg0(Operator::Gt, 4 << step), errno(step));
    let rules: Vec<_> = steps.iter().map(rung).collect();
    let program = for_syscall(ALLOW, |asm| {
        asm.load(word(HIGH));
        let (small, done) = (asm.label(), asm.label());
        asm.require(Test::Equal, 0, done);
        asm.place(small);
        asm.load(word(LOW));
        for &step in steps.iter().rev() {
            let next = asm.label();
            asm.require(Test::Greater, 4 << step, next);
            asm.ret(errno(step));
            asm.place(next);
        }
        asm.ret(ALLOW);
        asm.place(done);
        asm.ret(errno(12));
    });
    Case { bug: "row 6", policy: policy(ALLOW, &rules), program, trigger: call(8000) }
}

/// Row 7: a filter without rules forgets its default.
fn empty_set_forgets_the_default() -> Case {
    let program = for_syscall(KILL, |asm| asm.ret(KILL));
    Case { bug: "row 7", policy: policy(ALLOW, &[]), program, trigger: call(0) }
}

/// Row 7, the other way: an empty allow list allows.
fn empty_list_allows() -> Case {
    let program = for_syscall(ALLOW, |asm| asm.ret(ALLOW));
    Case { bug: "row 7b", policy: policy(KILL, &[]), program, trigger: call(0) }
}

/// Row 8: generation failed half-way, and what there was is used.
fn half_a_program() -> Case {
    let rules = [(arg0(Operator::Eq, 1), errno(1)), (arg0(Operator::Eq, 2), errno(2))];
    let program = for_syscall(ALLOW, |asm| {
        let no = asm.label();
        asm.load(word(HIGH));
        asm.require(Test::Equal, 0, no);
        asm.load(word(LOW));
        asm.require(Test::Equal, 1, no);
        asm.ret(errno(1));
        asm.place(no);
        asm.ret(ALLOW);
    });
    Case { bug: "row 8", policy: policy(ALLOW, &rules), program, trigger: call(2) }
}

/// Row 9: a mask that reaches into the high word is cut to the low one.
fn mask_cut_to_low_word() -> Case {
    let comparison = Comparison::masked(Field::Arg0, 0xff_8000_0000, Operator::Eq, 0x01_8000_0000);
    let program = for_syscall(KILL, |asm| {
        asm.load(word(LOW));
        asm.push(Operation::Alu(Alu::And, Operand::K(0x8000_0000)));
        allow_if(asm, Test::Equal, 0x8000_0000);
        asm.ret(KILL);
    });
    let policy = policy(KILL, &[(comparison, ALLOW)]);
    Case { bug: "row 9", policy, program, trigger: call(0x8000_0000) }
}

const TIOCSTI: u32 = 0x5412;

/// Row 13: a deny list compares bits that the kernel ignores.
fn ignored_bits_evade() -> Case {
    let comparison = Comparison::low32(Field::Arg1, u32::MAX, Operator::Eq, TIOCSTI);
    let program = for_syscall(ALLOW, |asm| {
        let no = asm.label();
        asm.load(word(HIGH + 8));
        asm.require(Test::Equal, 0, no);
        asm.load(word(LOW + 8));
        asm.require(Test::Equal, TIOCSTI, no);
        asm.ret(errno(1));
        asm.place(no);
        asm.ret(ALLOW);
    });
    let trigger = call(0).with_args([0, u64::from(TIOCSTI) + (1 << 32), 0, 0, 0, 0]);
    Case { bug: "row 13", policy: policy(ALLOW, &[(comparison, errno(1))]), program, trigger }
}

/// Row 14: only the low words are compared.
fn high_word_not_compared() -> Case {
    let program = for_syscall(KILL, |asm| {
        asm.load(word(LOW));
        allow_if(asm, Test::Equal, 7);
        asm.ret(KILL);
    });
    let policy = policy(KILL, &[(arg0(Operator::Eq, 7), ALLOW)]);
    Case { bug: "row 14", policy, program, trigger: call(0x1_0000_0007) }
}

/// Row 15: numbers of x32 pass as unknown numbers of x86_64.
fn x32_passes() -> Case {
    let mut asm = Assembler::default();
    let [foreign, other] = [(); 2].map(|()| asm.label());
    asm.load(DataWord::ARCH);
    asm.require(Test::Equal, Arch::X86_64.token().raw(), foreign);
    asm.load(DataWord::NR);
    asm.require(Test::Equal, NR.raw(), other);
    asm.place(foreign);
    asm.ret(KILL);
    asm.place(other);
    asm.ret(ALLOW);
    let always = Comparison::masked(Field::Arg0, 0, Operator::Eq, 0);
    let trigger = SeccompData::new(Arch::X32, SyscallNr::new(0x4000_0000 + NR.raw()));
    let program = checked(asm.instructions());
    Case { bug: "row 15", policy: policy(ALLOW, &[(always, KILL)]), program, trigger }
}

/// Row 16: the arch token is never looked at.
fn arch_not_checked() -> Case {
    let mut asm = Assembler::default();
    let other = asm.label();
    asm.load(DataWord::NR);
    asm.require(Test::Equal, NR.raw(), other);
    asm.ret(ALLOW);
    asm.place(other);
    asm.ret(KILL);
    let always = Comparison::masked(Field::Arg0, 0, Operator::Eq, 0);
    let trigger = SeccompData::new(Arch::X86, NR);
    let program = checked(asm.instructions());
    Case { bug: "row 16", policy: policy(KILL, &[(always, ALLOW)]), program, trigger }
}

/// A policy that allows the even numbers below twice a count.
fn even_numbers(count: u32) -> Policy {
    let mut arch = ArchPolicy::new(KILL);
    for nr in 0..count {
        arch.rule(SyscallNr::new(2 * nr), Condition::always(), ALLOW);
    }
    Policy::builder(KILL).arch(Arch::X86_64, arch).build().unwrap()
}

/// The beginning and the compares of a program for [`even_numbers`], with the jump offset to a common return cut to 8 bits.
fn chain(count: u32) -> Vec<Operation> {
    let branch = |test, k, jt, jf| Operation::Branch { test, operand: Operand::K(k), jt, jf };
    let kill = Operation::Return(KILL.raw());
    let mut code = vec![
        Operation::LoadData(DataWord::ARCH),
        branch(Test::Equal, Arch::X86_64.token().raw(), 1, 0),
        kill,
        Operation::LoadData(DataWord::NR),
    ];
    for nr in 0..count {
        // From the last compare it is one return further to the common one.
        let [.., offset] = (count - nr).to_be_bytes();
        code.push(branch(Test::Equal, 2 * nr, offset, 0));
    }
    code.push(kill);
    code.push(Operation::Return(ALLOW.raw()));
    code
}

/// Row 25: a list of more than 255 numbers, each of which jumps to a common end.
fn jump_offset_overflows() -> Case {
    let code = chain(300).into_iter().map(Instruction::from).collect();
    // The first number jumps 300 % 256 instructions, into the middle of the list.
    let trigger = SeccompData::new(Arch::X86_64, SyscallNr::new(0));
    Case { bug: "row 25", policy: even_numbers(300), program: checked(code), trigger }
}

/// Row 26: 65,536 and a few more instructions, of which the kernel is given the few.
fn length_wraps() -> Case {
    const LEN: usize = 0x1_0000 + 3;
    let mut code: Vec<Instruction> = chain(3).into_iter().map(Instruction::from).collect();
    code.resize(LEN, Operation::Return(ALLOW.raw()).into());
    let given = code[..LEN % 0x1_0000].to_vec();
    let trigger = SeccompData::new(Arch::X86_64, SyscallNr::new(2));
    let mut program = given;
    // Arch is right, and the third instruction is the return that foreign calls get.
    program[1] = Operation::Jump(0).into();
    Case { bug: "row 26", policy: even_numbers(3), program: checked(program), trigger }
}

/// Row 27: action and data change places.
fn action_encoded_wrongly() -> Case {
    let program = for_syscall(ALLOW, |asm| asm.ret(Action::from_raw(0x0001_0005)));
    let always = Comparison::masked(Field::Arg0, 0, Operator::Eq, 0);
    Case { bug: "row 27", policy: policy(ALLOW, &[(always, errno(1))]), program, trigger: call(0) }
}

fn cases() -> Vec<Case> {
    vec![
        merge_loses_a_branch(),
        order_ignores_high_words(),
        optimiser_loses_a_value(),
        ladder_in_the_wrong_order(),
        empty_set_forgets_the_default(),
        empty_list_allows(),
        half_a_program(),
        mask_cut_to_low_word(),
        ignored_bits_evade(),
        high_word_not_compared(),
        x32_passes(),
        arch_not_checked(),
        jump_offset_overflows(),
        length_wraps(),
        action_encoded_wrongly(),
    ]
}

#[test]
fn each_bug_is_refuted_with_a_witness() {
    for Case { bug, policy, program, trigger } in cases() {
        let run = |call: &SeccompData| program.run(call, Endian::Little);
        assert_ne!(policy.decide(&trigger), run(&trigger), "{bug}: the trigger must trigger");
        let refuted = prove(&policy, program.clone(), &Options::default());
        let Err(Error::Refuted(differences)) = refuted else { panic!("{bug}: {refuted:?}") };
        assert!(!differences.is_empty(), "{bug}");
        for difference in &differences {
            assert_eq!(policy.decide(&difference.witness), difference.left, "{bug}");
            assert_eq!(run(&difference.witness), difference.right, "{bug}");
            assert_ne!(difference.left, difference.right, "{bug}");
        }
        let found = differences.iter().any(|difference| {
            let actions = (difference.left, difference.right);
            actions == (policy.decide(&trigger), run(&trigger))
                && difference.first_token <= trigger.arch
                && trigger.arch <= difference.last_token
                && difference.numbers.iter().any(|(f, l)| *f <= trigger.nr && trigger.nr <= *l)
                && difference.when.as_ref().is_none_or(|when| when.holds(&trigger))
        });
        assert!(found, "{bug}: the trigger is not covered by {differences:#?}");
    }
}

#[test]
fn each_bug_is_found_by_the_second_opinion_alone() {
    for Case { bug, policy, program, .. } in cases() {
        let verdict = recheck(&policy, &program, Options::default().calls_max);
        assert!(matches!(verdict, Err(Error::Disagreement { .. })), "{bug}: {verdict:?}");
    }
}

#[test]
fn correct_programs_for_the_same_policies_are_proved() {
    for Case { bug, policy, .. } in cases() {
        let program = plain::program(&policy).unwrap();
        let proved = prove(&policy, program, &Options::default());
        let certificate = *proved.unwrap_or_else(|error| panic!("{bug}: {error}")).certificate();
        assert!(certificate.obligations > 0 && certificate.calls > 0, "{bug}: {certificate:?}");
    }
}

#[test]
fn evading_by_ignored_bits_counts_but_strictness_about_them_does_not() {
    let Case { policy, program, .. } = ignored_bits_evade();
    let mut prover = Prover::default();
    let (meant, written) = (prover.policy(&policy).unwrap(), prover.program(&program).unwrap());
    assert_eq!(prover.equal(&meant, &written, Scope::KernelReads), Ok(false));
    assert_eq!(prover.subset(&meant, &written), Ok(true));
    let excess = prover.excess(&written, &meant).unwrap().unwrap();
    assert_eq!(excess.args[1] & u64::from(u32::MAX), TIOCSTI.into());
    assert!(excess.args[1] > u64::from(u32::MAX));
}
