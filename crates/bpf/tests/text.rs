//! Assembler and disassembler, against each other and against text that people write.

use callgate_bpf::{
    AsmError, AsmErrorKind, CheckError, Instruction, Listing, Program, Style, Unsupported, assemble,
};
use callgate_syscalls::{Action, Arch, Endian};
use callgate_testkit::{Rng, program};

const LITTLE: Style = Style { endian: Endian::Little, arch: None };
const WORD: &str = "nr, arch, instruction_pointer.lo, args[0].lo (or .hi), or a byte offset";
const BIG: Style = Style { endian: Endian::Big, arch: Some(Arch::S390x) };

fn text(program: &Program, style: Style) -> String {
    Listing::new(program, style).to_string()
}

#[test]
fn every_program_survives_its_text() {
    let mut rng = Rng::with_seed(3);
    for round in 0..20_000 {
        let length = if round % 500 == 0 { Program::LEN_MAX } else { 60 };
        let program = program::program(&mut rng, length);
        for style in [LITTLE, BIG] {
            let text = text(&program, style);
            let again = assemble(&text, Endian::Little);
            assert_eq!(again.as_ref(), Ok(&program), "round {round}:\n{text}");
        }
        let canonical = program.canonical();
        let text = text(&canonical, LITTLE);
        assert!(!text.contains('{'), "round {round}:\n{text}");
        assert_eq!(assemble(&text, Endian::Big).as_ref(), Ok(&canonical));
    }
}

#[test]
fn every_opcode_survives_with_garbage_in_each_field() {
    let ret = Instruction::new(0x06, 0);
    let mut seen = 0;
    for code in 0..=u16::MAX {
        let garbage = Instruction { code, jt: 1, jf: 2, k: 4 };
        let store = Instruction::new(0x02, 4);
        if let Ok(program) = Program::new([store, garbage, ret, ret, ret, ret, ret]) {
            assert_eq!(assemble(&text(&program, LITTLE), Endian::Little), Ok(program));
            seen += 1;
        }
    }
    assert_eq!(seen, 41);
}

#[test]
fn listings_name_what_the_program_established() {
    let source = "\
        ld [arch]\n\
        jne #AUDIT_ARCH_X86_64, other\n\
        ld [nr]\n\
        jge #0x40000000, kill\n\
        jeq #x86_64:openat, args, no\n\
        args: ld [args[1].lo]\n\
        jset #0x3, no\n\
        ret ALLOW\n\
        no: ret ERRNO(EPERM)\n\
        other: jne #AUDIT_ARCH_I386, kill\n\
        ld [nr]\n\
        jeq #x86:openat, kill\n\
        ret #0x7fff0001\n\
        kill: ret KILL_PROCESS\n";
    let program = assemble(source, Endian::Little).unwrap();
    let expected = "\
.endian little
        ld   [arch]
        jne  #0xc000003e, L9                 ; AUDIT_ARCH_X86_64
        ld   [nr]
        jge  #0x40000000, L13
        jne  #257, L8                        ; openat
        ld   [args[1].lo]
        jset #0x3, L8
        ret  ALLOW
L8:     ret  ERRNO(1)                        ; EPERM
L9:     jne  #0x40000003, L13                ; AUDIT_ARCH_I386
        ld   [nr]
        jeq  #295, L13                       ; openat
        ret  #0x7fff0001                     ; acts as ALLOW
L13:    ret  KILL_PROCESS
";
    assert_eq!(text(&program, LITTLE), expected);
}

#[test]
fn halves_are_named_by_byte_order() {
    let program = Program::new([Instruction::new(0x20, 16), Instruction::new(0x16, 0)]).unwrap();
    assert!(text(&program, LITTLE).contains("ld   [args[0].lo]"));
    assert!(text(&program, BIG).starts_with(".endian big\n"));
    assert!(text(&program, BIG).contains("ld   [args[0].hi]"));
    let high = assemble("ld [args[0].hi] \n ret a", Endian::Big).unwrap();
    assert_eq!(high.instructions()[0].k, 16);
}

#[test]
fn constants_have_names() {
    for (constant, value) in [
        ("#7", 7),
        ("#0x7", 7),
        ("#0xffffffff", u32::MAX),
        ("#4294967295", u32::MAX),
        ("ALLOW", Action::ALLOW.raw()),
        ("#ALLOW", Action::ALLOW.raw()),
        ("LOG", Action::LOG.raw()),
        ("USER_NOTIF", Action::USER_NOTIFY.raw()),
        ("KILL", Action::KILL_THREAD.raw()),
        ("KILL_THREAD", Action::KILL_THREAD.raw()),
        ("KILL_PROCESS", Action::KILL_PROCESS.raw()),
        ("ERRNO(1)", 0x5_0001),
        ("ERRNO(EPERM)", 0x5_0001),
        ("ERRNO( 4095 )", 0x5_0fff),
        ("ERRNO(x86_64:ENOSYS)", 0x5_0026),
        ("ERRNO(mips:ENOSYS)", 0x5_0059),
        ("TRAP(65535)", 0x3_ffff),
        ("TRACE(0)", 0x7ff0_0000),
        ("#AUDIT_ARCH_AARCH64", 0xc000_00b7),
        ("#x86_64:read", 0),
        ("#x32:read", 0x4000_0000),
    ] {
        let program = assemble(&format!("ret {constant}"), Endian::Little).unwrap();
        assert_eq!(program.instructions(), [Instruction::new(0x06, value)], "{constant}");
    }
}

#[test]
fn people_write_it_in_many_ways() {
    let expected = assemble("a: ld [nr] \n jeq #0, b \n ja b \n b: ret a", Endian::Little).unwrap();
    for source in [
        "ld [0];comment\njeq #0,b\n ja b\n\nb:\n ret a",
        "a: c:\tld [ nr ] // comment\r\n jeq   #0x0 , b\r\n jmp b\r\nb: ret %a\r\n",
        "// comment\n.endian big\nld [nr]\njeq #0, b, d\nd: ja b\nb: ret a",
    ] {
        assert_eq!(assemble(source, Endian::Little).as_ref(), Ok(&expected), "{source}");
    }
}

fn check_error(source: &str, line: usize, column: usize, kind: AsmErrorKind) {
    let error = AsmError { line, column, kind };
    assert_eq!(assemble(source, Endian::Little), Err(error), "{source}");
}

fn check_expected(source: &str, column: usize, expected: &'static str, found: &str) {
    let found = found.to_owned();
    check_error(source, 1, column, AsmErrorKind::Expected { expected, found });
}

#[test]
fn errors_say_where_and_what_was_expected() {
    check_expected("ld", 3, "[word], #constant, len or M[slot]", "");
    check_expected("ldx [nr]", 5, "#constant, len or M[slot]", "[");
    check_expected("ld [nr", 7, "a closing bracket", "");
    check_expected("ld [args.lo]", 5, WORD, "args.lo");
    check_expected("ld [args[0].mid]", 12, ".lo or .hi", ".mid");
    check_expected("st 1", 4, "M[slot]", "1");
    check_expected("add 1", 5, "#constant or x", "1");
    check_expected("add #0x", 6, "a number or a name", "0x");
    check_expected("add #12ab", 6, "a number or a name", "12ab");
    check_expected("jeq #1 end", 8, "a comma and a label", "end");
    check_expected("jeq #1, 5", 9, "a label", "5");
    check_expected("ret", 4, "an action, #constant or a", "");
    check_expected("ret a b", 7, "the end of the line", "b");
    check_expected("tax {x=1}", 6, "jt, jf or k", "x");
    check_expected(".endian middle", 9, "little or big", "middle");
    check_expected("\u{1f980}", 1, "a label or an instruction", "\u{1f980}");
    check_error("ld [args[6].lo]", 1, 10, too_large("6", 5));
}

#[test]
fn errors_name_names() {
    let name = |text: &str| text.to_owned();
    check_error("frob #1", 1, 1, AsmErrorKind::UnknownInstruction(name("frob")));
    check_error("ret FROB", 1, 5, AsmErrorKind::UnknownConstant(name("FROB")));
    check_error("ret FROB(1)", 1, 5, AsmErrorKind::UnknownConstant(name("FROB")));
    check_error("ret #x86_64:frob", 1, 6, AsmErrorKind::UnknownSyscall(name("x86_64:frob")));
    check_error("ret ERRNO(EFROB)", 1, 11, AsmErrorKind::UnknownErrno(name("EFROB")));
    check_error("ret ERRNO(ENOSYS)", 1, 11, AsmErrorKind::UnknownErrno(name("ENOSYS")));
    check_error("ret ERRNO(frob:EPERM)", 1, 11, AsmErrorKind::UnknownErrno(name("frob:EPERM")));
    check_error("\n ja b", 2, 5, AsmErrorKind::UndefinedLabel(name("b")));
    check_error("b: ret a\nb: ret a", 2, 1, AsmErrorKind::DuplicateLabel(name("b")));
    check_error("b: ld len\n ja b\n ret a", 2, 5, AsmErrorKind::BackwardJump(name("b")));
    check_error("ret a {k=1, k=2, jt=256}", 1, 21, too_large("256", 255));
    check_error("ret #1 {k=1}", 1, 9, AsmErrorKind::FieldInUse("k"));
    check_error("ret ERRNO(4096)", 1, 11, too_large("4096", 4095));
    check_error("ret TRAP(65536)", 1, 10, too_large("65536", 65535));
    check_error("ret #4294967296", 1, 6, too_large("4294967296", u32::MAX));
    check_error("ret #0x100000000", 1, 6, too_large("0x100000000", u32::MAX));
}

fn too_large(number: &str, max: u32) -> AsmErrorKind {
    AsmErrorKind::TooLarge { number: number.to_owned(), max }
}

#[test]
fn errors_of_the_checker_keep_their_line() {
    let unsupported = AsmErrorKind::Unsupported;
    check_error("ld [2]", 1, 5, unsupported(Unsupported::DataOffset(2)));
    check_error("ld M[16]", 1, 6, unsupported(Unsupported::Slot(16)));
    check_error("div #0", 1, 5, unsupported(Unsupported::DivisionByZero));
    check_error("lsh #32", 1, 5, unsupported(Unsupported::ShiftAmount(32)));
    let rejected = AsmErrorKind::Rejected;
    check_error("", 1, 1, rejected(CheckError::Length(0)));
    check_error("ret a\n\n tax", 3, 2, rejected(CheckError::NoReturn { index: 1 }));
    let out = assemble("ret a\n jeq #0, end\n ret a\nend:", Endian::Little).unwrap_err();
    assert_eq!((out.line, out.column), (2, 2));
    let too_long = "ret a\n".repeat(4097);
    check_error(&too_long, 4097, 1, AsmErrorKind::TooLong);
    assert!(assemble(&"ret a\n".repeat(4096), Endian::Little).is_ok());
}

#[test]
fn conditional_jumps_reach_255_instructions_and_no_further() {
    let jump = |instruction: &str, between: usize| {
        let body = "ret a\n".repeat(between);
        assemble(&format!("{instruction}\n{body}end: ret a"), Endian::Little)
    };
    for distance in [254, 255] {
        assert_eq!(
            usize::from(jump("jeq #0, end", distance).unwrap().instructions()[0].jt),
            distance
        );
        assert_eq!(
            usize::from(jump("jne #0, end", distance).unwrap().instructions()[0].jf),
            distance
        );
    }
    let label = "end".to_owned();
    let too_long = AsmErrorKind::JumpTooLong { label, distance: 256 };
    assert_eq!(jump("jeq #0, end", 256).unwrap_err().kind, too_long);
    assert_eq!(jump("ja end", 256).unwrap().instructions()[0].k, 256);
    assert_eq!(jump("ja end", 4094).unwrap().instructions()[0].k, 4094);
}

#[test]
fn c_source_lists_the_fields() {
    let program =
        assemble("ld [arch] \n jeq #7, yes \n ret a \n yes: ret ERRNO(1)", Endian::Little);
    let expected = "\
#include <linux/filter.h>

static const struct sock_filter filter[4] = {
\t{ 0x20,   0,   0, 0x00000004 }, /*    0: ld   [arch] */
\t{ 0x15,   1,   0, 0x00000007 }, /*    1: jeq  #0x7, L3 */
\t{ 0x16,   0,   0, 0x00000000 }, /*    2: ret  a */
\t{ 0x06,   0,   0, 0x00050001 }, /*    3: ret  ERRNO(1) ; EPERM */
};
";
    assert_eq!(program.unwrap().to_c(LITTLE), expected);
}
