//! Single instructions, and the agreement of running and tracing.
#![expect(clippy::unwrap_used, reason = "a helper fails its test by panicking")]

use callgate_bpf::{Instruction, Operation, Program, assemble};
use callgate_syscalls::{Action, Arch, ArchToken, Endian, SeccompData, SyscallNr};
use callgate_testkit::{Rng, program};

const CALL: SeccompData = SeccompData {
    nr: SyscallNr::new(0x0102_0304),
    arch: ArchToken::new(0x1112_1314),
    instruction_pointer: 0x2122_2324_3132_3334,
    args: [
        0x4142_4344_5152_5354,
        0x6162_6364_7172_7374,
        0x8182_8384_9192_9394,
        0xa1a2_a3a4_b1b2_b3b4,
        0xc1c2_c3c4_d1d2_d3d4,
        0xe1e2_e3e4_f1f2_f3f4,
    ],
};

fn result(text: &str) -> u32 {
    assemble(text, Endian::Little).unwrap().run(&CALL, Endian::Little).raw()
}

#[test]
fn each_word_is_the_half_that_the_byte_order_puts_there() {
    let words = |endian| {
        (0..16).map(move |index| {
            let load = Instruction::new(0x20, index * 4);
            Program::new([load, Instruction::new(0x16, 0)]).unwrap().run(&CALL, endian).raw()
        })
    };
    let little = [
        0x0102_0304,
        0x1112_1314,
        0x3132_3334,
        0x2122_2324,
        0x5152_5354,
        0x4142_4344,
        0x7172_7374,
        0x6162_6364,
        0x9192_9394,
        0x8182_8384,
        0xb1b2_b3b4,
        0xa1a2_a3a4,
        0xd1d2_d3d4,
        0xc1c2_c3c4,
        0xf1f2_f3f4,
        0xe1e2_e3e4,
    ];
    assert!(words(Endian::Little).eq(little));
    let big = (0..16usize).map(|i| if i < 2 { little[i] } else { little[i ^ 1] });
    assert!(words(Endian::Big).eq(big));
}

#[test]
fn arithmetic_wraps_and_is_unsigned() {
    for (text, value) in [
        ("ret a", 0),
        ("txa \n ret a", 0),
        ("ld #7 \n ret a", 7),
        ("ldx #7 \n txa \n ret a", 7),
        ("ld len \n ret a", 64),
        ("ldx len \n txa \n ret a", 64),
        ("ld #0xffffffff \n add #2 \n ret a", 1),
        ("ld #1 \n sub #2 \n ret a", 0xffff_ffff),
        ("ld #0x80000001 \n mul #2 \n ret a", 2),
        ("ld #0x80000001 \n div #2 \n ret a", 0x4000_0000),
        ("ld #6 \n and #3 \n ret a", 2),
        ("ld #6 \n or #3 \n ret a", 7),
        ("ld #6 \n xor #3 \n ret a", 5),
        ("ld #0x80000001 \n lsh #1 \n ret a", 2),
        ("ld #0x80000001 \n rsh #1 \n ret a", 0x4000_0000),
        ("ld #1 \n neg \n ret a", 0xffff_ffff),
        ("ld #0x80000000 \n neg \n ret a", 0x8000_0000),
        ("ld #9 \n tax \n ld #4 \n add x \n ret a", 13),
        ("ld #9 \n st M[15] \n ld #1 \n ld M[15] \n ret a", 9),
        ("ldx #9 \n stx M[0] \n ld M[0] \n ret a", 9),
        ("ld #9 \n st M[3] \n ldx M[3] \n txa \n ret a", 9),
    ] {
        assert_eq!(result(text), value, "{text}");
    }
}

#[test]
fn division_by_x_equal_to_zero_ends_with_zero() {
    assert_eq!(result("ld #8 \n ldx #2 \n div x \n ret a"), 4);
    assert_eq!(result("ld #8 \n div x \n ret ALLOW"), 0);
}

#[test]
fn shifts_by_x_take_it_modulo_32_and_say_where_architectures_differ() {
    for (x, value, differs) in
        [(1, 2, false), (31, 0x8000_0000, false), (32, 1, true), (33, 2, true)]
    {
        let text = format!("ld #1 \n ldx #{x} \n lsh x \n ret a");
        let trace = assemble(&text, Endian::Little).unwrap().trace(&CALL, Endian::Little);
        assert_eq!(trace.action.raw(), value);
        assert_eq!(trace.steps[2].depends_on_architecture(), differs, "{x}");
        assert!(!trace.steps[1].depends_on_architecture());
    }
}

#[test]
fn branches_compare_unsigned_and_take_the_right_way() {
    for (test, operand, holds) in [
        ("jeq", 5u32, true),
        ("jeq", 4, false),
        ("jgt", 4, true),
        ("jgt", 5, false),
        ("jgt", 0x8000_0000, false),
        ("jge", 5, true),
        ("jge", 6, false),
        ("jge", 0xffff_ffff, false),
        ("jset", 4, true),
        ("jset", 2, false),
        ("jset", 0, false),
    ] {
        for form in [
            format!("ld #5 \n {test} #{operand}, y, n"),
            format!("ldx #{operand} \n ld #5 \n {test} x, y, n"),
        ] {
            let text = format!("{form} \n ret #9 \n n: ret #0 \n y: ret #1");
            assert_eq!(result(&text), u32::from(holds), "{text}");
        }
    }
}

#[test]
fn a_trace_holds_each_step_with_the_registers_around_it() {
    let text = "ld [nr] \n jeq #0, skipped \n tax \n ja end \n skipped: ret #1 \n end: ret a";
    let program = assemble(text, Endian::Little).unwrap();
    let trace = program.trace(&SeccompData::new(Arch::X86, 3.into()), Endian::Little);
    let indices: Vec<_> = trace.steps.iter().map(|step| step.index).collect();
    assert_eq!(indices, [0, 1, 2, 3, 5]);
    let registers: Vec<_> =
        trace.steps.iter().map(|s| (s.before.a, s.after.a, s.after.x)).collect();
    assert_eq!(registers, [(0, 3, 0), (3, 3, 0), (3, 3, 3), (3, 3, 3), (3, 3, 3)]);
    assert_eq!(trace.action, Action::from_raw(3));
}

#[test]
fn running_and_tracing_agree_and_caching_never_claims_too_much() {
    let mut rng = Rng::with_seed(7);
    let mut cacheable = 0;
    for round in 0..20_000 {
        let length = if round % 2 == 0 { 4 } else { 40 };
        let program = program::program(&mut rng, length);
        let call = program::call(&mut rng, &program);
        for endian in [Endian::Little, Endian::Big] {
            let action = program.run(&call, endian);
            let trace = program.trace(&call, endian);
            assert_eq!(trace.action, action, "round {round}: {program:?} {call:?}");
            assert!(trace.steps.windows(2).all(|pair| pair[0].index < pair[1].index));
            if program.cacheable(call.arch, call.nr) {
                assert_eq!(action, Action::ALLOW, "round {round}: {program:?} {call:?}");
                cacheable += 1;
            }
        }
        assert_eq!(
            program.canonical().run(&call, Endian::Little),
            program.run(&call, Endian::Little)
        );
        let decoded = program.operations().map(Instruction::from);
        assert!(decoded.eq(program.canonical().instructions().iter().copied()));
    }
    assert!(cacheable > 100, "only {cacheable} cacheable calls: the test proves nothing");
}

#[test]
fn a_second_machine_agrees() {
    let mut rng = Rng::with_seed(8);
    for round in 0..20_000 {
        let program = program::program(&mut rng, 60);
        let call = program::call(&mut rng, &program);
        let endian = if rng.bool() { Endian::Little } else { Endian::Big };
        let expected = second_machine(&program, &call, endian);
        assert_eq!(
            program.run(&call, endian).raw(),
            expected,
            "round {round}: {program:?} {call:?}"
        );
    }
}

/// A machine over operations instead of opcodes, written for being read.
fn second_machine(program: &Program, call: &SeccompData, endian: Endian) -> u32 {
    use callgate_bpf::{Operand, Register};
    let operations: Vec<_> = program.operations().collect();
    let (mut a, mut x, mut slots, mut index) = (0u32, 0u32, [0u32; 16], 0);
    loop {
        let k_or_x = |operand| match operand {
            Operand::K(k) => k,
            Operand::X => x,
        };
        let operation = operations[index];
        index += 1;
        match operation {
            Operation::LoadImmediate(Register::A, k) => a = k,
            Operation::LoadImmediate(Register::X, k) => x = k,
            Operation::LoadData(word) => a = bytes_at(call, endian, word.offset()),
            Operation::LoadLength(Register::A) => a = 64,
            Operation::LoadLength(Register::X) => x = 64,
            Operation::LoadSlot(Register::A, slot) => a = slots[usize::from(slot.index())],
            Operation::LoadSlot(Register::X, slot) => x = slots[usize::from(slot.index())],
            Operation::StoreSlot(Register::A, slot) => slots[usize::from(slot.index())] = a,
            Operation::StoreSlot(Register::X, slot) => slots[usize::from(slot.index())] = x,
            Operation::Alu(op, operand) => a = op.apply(a, k_or_x(operand)),
            Operation::DivideBy(k) => a /= k.get(),
            Operation::DivideByX if x == 0 => return 0,
            Operation::DivideByX => a /= x,
            Operation::ShiftBy(shift, amount) => a = shift.apply(a, amount.bits().into()),
            Operation::ShiftByX(shift) => a = shift.apply(a, x % 32),
            Operation::Negate => a = 0u32.wrapping_sub(a),
            Operation::Jump(skip) => index += usize::try_from(skip).unwrap(),
            Operation::Branch { test, operand, jt, jf } => {
                index += usize::from(if test.holds(a, k_or_x(operand)) { jt } else { jf });
            }
            Operation::Return(k) => return k,
            Operation::ReturnA => return a,
            Operation::CopyAToX => x = a,
            Operation::CopyXToA => a = x,
        }
    }
}

/// The word at an offset of the call as it lies in the memory of such a machine.
fn bytes_at(call: &SeccompData, endian: Endian, offset: u32) -> u32 {
    let word = |value: u32| match endian {
        Endian::Little => value.to_le_bytes(),
        Endian::Big => value.to_be_bytes(),
    };
    let wide = |value: u64| match endian {
        Endian::Little => value.to_le_bytes(),
        Endian::Big => value.to_be_bytes(),
    };
    let mut memory = Vec::new();
    memory.extend(word(call.nr.raw()));
    memory.extend(word(call.arch.raw()));
    memory.extend(wide(call.instruction_pointer));
    memory.extend(call.args.into_iter().flat_map(wide));
    let start = usize::try_from(offset).unwrap();
    let bytes = memory[start..start + 4].try_into().unwrap();
    match endian {
        Endian::Little => u32::from_le_bytes(bytes),
        Endian::Big => u32::from_be_bytes(bytes),
    }
}
