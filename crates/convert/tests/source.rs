//! Source code that is written is compiled and run, and what it builds is proved equal.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use callgate_bpf::Program;
use callgate_convert::{Format, Nearest, SourceCode, convert};
use callgate_policy::{Action, ArchPolicy, Comparison, Condition, Field, Operator, Policy};
use callgate_prover::{Options, prove};
use callgate_raise::{Agreement, compare};
use callgate_syscalls::{Arch, Endian, Name};

/// What `convert` writes of [`policy`]; written anew with `CALLGATE_BLESS`.
#[expect(unreachable_pub, reason = "who takes the file decides who sees the function")]
#[rustfmt::skip]
#[path = "source/filter.rs"]
mod written;

/// Answers, ranges, masks and an errno of its own.
fn policy() -> Policy {
    let mut rules = ArchPolicy::new(Action::errno(1).unwrap());
    let mut rule = |name: &str, condition: Condition, action| {
        let nr = Arch::X86_64.syscall(Name::parse(name).unwrap()).unwrap().nr;
        rules.rule(nr, condition, action);
    };
    for name in ["read", "write", "close", "exit_group"] {
        rule(name, Condition::always(), Action::ALLOW);
    }
    let arg0 = |operator, value| Comparison::new(Field::Arg0, operator, value).into();
    rule("socket", arg0(Operator::Lt, 3), Action::ALLOW);
    // Of two such conditions on one syscall libseccomp 2.5.4 makes a filter that permits more.
    rule("lseek", arg0(Operator::Gt, 1 << 33), Action::LOG);
    let flags = Comparison::masked(Field::Arg2, 6, Operator::Eq, 0);
    rule("mprotect", flags.into(), Action::ALLOW);
    rule("ptrace", Condition::always(), Action::KILL_PROCESS);
    rule("clone3", Condition::always(), Action::errno(38).unwrap());
    Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, rules).build().unwrap()
}

fn text(format: Format) -> String {
    convert(&policy(), format, Nearest::Equal).unwrap().text
}

fn is_equal(program: Program) -> bool {
    prove(&policy(), program, &Options::default()).is_ok()
}

#[test]
fn rust_builds_the_filter() {
    let text = text(Format::Rust);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/source/filter.rs");
    if std::env::var_os("CALLGATE_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), text);
    let filter = written::filter().unwrap();
    assert!(is_equal(filter.program().clone()));
}

/// A folder that is gone afterwards.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a program in C writes.
fn output(source: &str, name: &str, library: Option<&str>) -> Vec<u8> {
    let folder = format!("callgate-convert-{name}-{}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(folder));
    std::fs::create_dir_all(&folder.0).unwrap();
    let [file, program] = ["f.c", "f"].map(|name| folder.0.join(name));
    std::fs::write(&file, source).unwrap();
    let headers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scmp-capi/include");
    let mut compiler = Command::new("cc");
    compiler.args(["-Wall", "-Wextra", "-Werror", "-I"]).arg(headers).arg(&file).arg("-o");
    let status = compiler.arg(&program).args(library).status().unwrap();
    assert!(status.success(), "{source}");
    let output = Command::new(&program).output().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[test]
fn calls_of_libseccomp_make_the_filter() {
    let main = "#include <unistd.h>\nint main(void)\n{\n\tscmp_filter_ctx filter = callgate_filter();\n\n\
                \treturn filter == NULL || seccomp_export_bpf(filter, 1) != 0;\n}\n";
    // Debian's library, with our headers: what it makes of the calls is not ours.
    let bytes = output(&(text(Format::Libseccomp) + main), "calls", Some("-lseccomp"));
    assert!(is_equal(Program::from_bytes(&bytes, Endian::Little).unwrap()));
}

/// Each change that a person makes, and none that a formatter makes of blanks alone in C.
#[test]
fn source_code_is_read_as_it_was_written_and_not_otherwise() {
    for format in [Format::Rust, Format::Libseccomp] {
        let text = text(format);
        let code = SourceCode::of(&text).unwrap();
        assert_eq!(code, SourceCode::Written(format));
        let read = code.policy(&text).unwrap();
        assert!(matches!(compare(&policy(), &read), Ok(Agreement::Equal)), "{format}");
        let lines: Vec<&str> = text.lines().collect();
        for at in 1..lines.len() {
            let mut doubled = lines.clone();
            doubled.insert(at, "system();");
            assert!(code.policy(&doubled.join("\n")).is_err(), "{format}: line {at} added");
        }
        let changes = match format {
            Format::Rust => [
                ("names::READ", "names::RAED"),
                ("lt(0x3_u64)", "lt(3)"),
                (".build()", ".build().map(f)"),
                (".allow([", ".allow([x(), "),
            ],
            _ => [
                ("NR(\"read\")", "NR(\"raed\")"),
                ("LT, 0x3)", "LT, 3)"),
                ("SCMP_ACT_LOG", "x()"),
                ("return filter;", "return 0;"),
            ],
        };
        for (from, to) in changes {
            let changed = text.replace(from, to);
            assert_ne!(changed, text, "{format}: {from}");
            assert!(code.policy(&changed).is_err(), "{format}: {from} as {to}");
        }
    }
    let spaced = text(Format::Libseccomp).replace('\t', "  ");
    assert!(SourceCode::Written(Format::Libseccomp).policy(&spaced).is_ok());
}

#[test]
fn the_array_of_c_is_the_program() {
    let main = "#include <unistd.h>\nint main(void)\n{\n\
                \treturn write(1, filter, sizeof(filter)) != sizeof(filter);\n}\n";
    let bytes = output(&(text(Format::C) + main), "array", None);
    assert!(is_equal(Program::from_bytes(&bytes, Endian::native()).unwrap()));
}
