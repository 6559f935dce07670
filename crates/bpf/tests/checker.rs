//! The checker's limits, each from both sides.
#![expect(clippy::unwrap_used, reason = "a helper fails its test by panicking")]

use callgate_bpf::{CheckError, DataWord, Instruction, Jump, Program, Slot, Test, Unsupported};

const RET: Instruction = Instruction::new(0x06, 0);
const NOP: Instruction = Instruction::new(0x00, 0);

fn error(instructions: &[Instruction]) -> CheckError {
    Program::new(instructions).unwrap_err()
}

fn accepts(instructions: &[Instruction]) -> bool {
    Program::new(instructions).is_ok()
}

#[test]
fn one_to_4096_instructions() {
    for (length, accepted) in
        [(0, false), (1, true), (2, true), (4095, true), (4096, true), (4097, false)]
    {
        let instructions = vec![RET; length];
        let program = Program::new(instructions);
        match accepted {
            true => assert_eq!(program.unwrap().len(), length),
            false => assert_eq!(program, Err(CheckError::Length(length))),
        }
    }
    assert_eq!(error(&vec![RET; 65_536]), CheckError::Length(65_536));
}

#[test]
fn of_all_65536_opcodes_41_are_accepted_in_a_program() {
    let accepted: Vec<u16> = (0..=u16::MAX)
        .filter(|code| {
            accepts(&[
                Instruction::new(0x02, 4),
                Instruction::new(*code, 4),
                RET,
                RET,
                RET,
                RET,
                RET,
            ])
        })
        .collect();
    let expected = [
        0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0c, 0x14, 0x15, 0x16, 0x1c, 0x1d, 0x20,
        0x24, 0x25, 0x2c, 0x2d, 0x34, 0x35, 0x3c, 0x3d, 0x44, 0x45, 0x4c, 0x4d, 0x54, 0x5c, 0x60,
        0x61, 0x64, 0x6c, 0x74, 0x7c, 0x80, 0x81, 0x84, 0x87, 0xa4, 0xac,
    ];
    assert_eq!(accepted, expected);
}

#[test]
fn fields_that_an_opcode_ignores_may_hold_anything() {
    for code in [0x07, 0x87, 0x84, 0x16, 0x80, 0x81, 0x0c, 0x3c, 0x6c] {
        let junk = Instruction { code, jt: 255, jf: 254, k: 0xffff_ffff };
        let program = Program::new([junk, RET]).unwrap();
        assert_eq!(program.instructions()[0], junk);
        assert_eq!(program.canonical().instructions()[0], Instruction::new(code, 0));
    }
    assert!(accepts(&[Instruction { code: 0x20, jt: 255, jf: 255, k: 0 }, RET]));
    assert!(accepts(&[Instruction { code: 0x05, jt: 255, jf: 255, k: 0 }, RET]));
    assert!(accepts(&[Instruction { code: 0x1d, jt: 0, jf: 0, k: 0xffff_ffff }, RET]));
    assert!(accepts(&[Instruction { code: 0x06, jt: 9, jf: 9, k: 0 }]));
}

#[test]
fn conditional_jumps_end_at_the_last_instruction() {
    for code in [0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d] {
        for behind in [1usize, 2, 100, 255, 256, 257] {
            let with = |jt, jf| {
                let mut instructions = vec![RET; behind];
                instructions.insert(0, Instruction { code, jt, jf, k: 0 });
                instructions
            };
            for skip in 0..=u8::MAX {
                let inside = usize::from(skip) < behind;
                assert_eq!(accepts(&with(skip, 0)), inside, "{code:#x} jt {skip} of {behind}");
                assert_eq!(accepts(&with(0, skip)), inside, "{code:#x} jf {skip} of {behind}");
            }
        }
    }
    let branch = Instruction { code: 0x15, jt: 0, jf: 1, k: 0 };
    let out = CheckError::JumpOut { index: 0, jump: Jump::IfFalse, target: 2, length: 2 };
    assert_eq!(error(&[branch, RET]), out);
}

#[test]
fn jumps_end_at_the_last_instruction_and_never_wrap() {
    for behind in [1u32, 2, 255, 256, 4095] {
        let mut instructions = vec![RET; usize::try_from(behind).unwrap()];
        instructions.insert(0, NOP);
        for (k, inside) in [
            (behind - 1, true),
            (behind, false),
            (behind + 1, false),
            (0x8000_0000, false),
            (u32::MAX - 1, false),
            (u32::MAX, false),
        ] {
            instructions[0] = Instruction::new(0x05, k);
            assert_eq!(accepts(&instructions), inside, "{k} of {behind}");
        }
    }
}

#[test]
fn constants_with_a_limit() {
    let reason = |code, k| match error(&[Instruction::new(code, k), RET]) {
        CheckError::Unsupported { index: 0, reason } => reason,
        other => panic!("{other}"),
    };
    for offset in 0..70 {
        let accepted = accepts(&[Instruction::new(0x20, offset), RET]);
        assert_eq!(accepted, DataWord::at_offset(offset).is_some(), "{offset}");
        assert_eq!(accepted, offset < 64 && offset % 4 == 0, "{offset}");
    }
    // Ancillary data, which socket filters can load and seccomp filters can't.
    assert_eq!(reason(0x20, 0xffff_f000), Unsupported::DataOffset(0xffff_f000));
    for code in [0x64, 0x74] {
        assert!(accepts(&[Instruction::new(code, 31), RET]));
        assert_eq!(reason(code, 32), Unsupported::ShiftAmount(32));
    }
    assert_eq!(reason(0x34, 0), Unsupported::DivisionByZero);
    for code in [0x02, 0x03] {
        assert!(accepts(&[Instruction::new(code, 15), RET]));
        assert_eq!(reason(code, 16), Unsupported::Slot(16));
    }
}

#[test]
fn the_last_instruction_returns() {
    assert!(accepts(&[Instruction::new(0x16, 0)]));
    assert_eq!(error(&[RET, NOP]), CheckError::NoReturn { index: 1 });
    assert_eq!(error(&[NOP]), CheckError::NoReturn { index: 0 });
}

const fn store(slot: u32) -> Instruction {
    Instruction::new(0x02, slot)
}

const fn load(slot: u32) -> Instruction {
    Instruction::new(0x60, slot)
}

const fn jeq(jt: u8, jf: u8) -> Instruction {
    Instruction { code: 0x15, jt, jf, k: 0 }
}

const fn ja(skip: u32) -> Instruction {
    Instruction::new(0x05, skip)
}

fn unwritten(index: usize) -> CheckError {
    CheckError::SlotUnwritten { index, slot: Slot::new(0).unwrap() }
}

#[test]
fn slots_are_written_before_they_are_read() {
    assert!(accepts(&[store(0), load(0), RET]));
    assert!(accepts(&[Instruction::new(0x03, 0), Instruction::new(0x61, 0), RET]));
    assert_eq!(error(&[load(0), RET]), unwritten(0));
    assert_eq!(error(&[store(1), load(0), RET]), unwritten(1));
    // Written on one way only.
    assert_eq!(error(&[jeq(0, 1), store(0), load(0), RET]), unwritten(2));
}

#[test]
fn a_return_hands_its_slots_to_dead_or_jumped_to_code() {
    // Every real way to the load passes the store, but the return before it did not.
    assert_eq!(error(&[jeq(0, 2), store(0), ja(1), RET, load(0), RET]), unwritten(4));
    assert!(accepts(&[store(0), jeq(0, 1), ja(1), RET, load(0), RET]));
    // Dead code behind a jump or a branch may read anything, behind a return what the return could.
    assert!(accepts(&[ja(1), load(0), RET]));
    assert!(accepts(&[jeq(1, 1), load(0), RET]));
    assert_eq!(error(&[RET, load(0), RET]), unwritten(1));
    assert!(accepts(&[store(0), RET, load(0), RET]));
}

#[test]
fn errors_name_the_instruction_the_rule_and_the_way_out() {
    for (instructions, text) in [
        (vec![], "no instructions: a filter needs at least a return"),
        (
            vec![RET; 4097],
            "4097 instructions: the kernel accepts at most 4096, split the filter in two",
        ),
        (
            vec![Instruction::new(0x94, 2), RET],
            "instruction 0: seccomp does not accept opcode 0x0094: compute the remainder with div, mul and sub",
        ),
        (vec![RET, NOP], "instruction 1: the last instruction does not return: end with ret"),
        (
            vec![jeq(0, 3), RET],
            "instruction 0: the jump taken if the test does not hold (jf) leads to instruction 4, \
             but the last one is 1: use a shorter jump",
        ),
        (
            vec![load(0), RET],
            "instruction 0: reads scratch slot 0, which the kernel takes as unwritten here: \
             store to slot 0 before every jump and return above",
        ),
    ] {
        assert_eq!(error(&instructions).to_string(), text);
    }
}

#[test]
fn tests_of_a_name_hold_as_documented() {
    assert!(Test::Greater.holds(0x8000_0000, 1), "comparisons are unsigned");
    assert!(!Test::AnyBit.holds(2, 1));
}
