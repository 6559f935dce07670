//! One program in every form, as the tools print it.
//!
//! Claim: C-DUMPS

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use callgate_bpf::{Instruction, Program};
use callgate_dumps::{Form, Options, read};
use callgate_syscalls::Endian;

/// The program of all files in `tests/forms`: four calls of x86_64 are allowed, others get EIO.
fn program() -> Program {
    let row = |code, jt, jf, k| Instruction { code, jt, jf, k };
    Program::new([
        row(0x20, 0, 0, 4),
        row(0x15, 0, 8, 0xc000_003e),
        row(0x20, 0, 0, 0),
        row(0x35, 6, 0, 0x4000_0000),
        row(0x15, 4, 0, 1),
        row(0x15, 3, 0, 3),
        row(0x15, 2, 0, 32),
        row(0x15, 1, 0, 60),
        row(0x06, 0, 0, 0x0005_0005),
        row(0x06, 0, 0, 0x7fff_0000),
        row(0x06, 0, 0, 0),
    ])
    .expect("a program")
}

/// The form of a file by its name.
fn form_of(name: &str) -> Form {
    let stem = name.split('.').next().unwrap_or_default();
    match stem {
        "xxd-p" | "od-an" => return Form::Hex,
        "seccomp-tools-asmable" => return Form::SeccompToolsAsm,
        "python-fromhex" => return Form::Python,
        "go" => return Form::C,
        _ => {}
    }
    let exact = Form::from_name(stem);
    let prefix = || Form::all().filter(|form| stem.starts_with(form.name())).last();
    exact.or_else(prefix).expect(name)
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forms");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("a readable folder")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    files
}

#[test]
fn every_form_of_a_program_is_read_as_that_program() {
    let mut seen = Vec::new();
    let mut wrong = Vec::new();
    for path in files() {
        let name = path.file_name().expect("a readable folder").to_str().unwrap().to_owned();
        let bytes = fs::read(&path).expect("a readable folder");
        let form = form_of(&name);
        seen.push(form);
        let endian = if name.contains("-big") || name.contains("escaped-lines") {
            Endian::Big
        } else {
            Endian::Little
        };
        for from in [None, Some(form)] {
            let options = Options { form: from, ..Options::default() };
            match read(&bytes, &options) {
                Ok(dump)
                    if dump.checked == Ok(program())
                        && dump.form == form
                        && dump.endian == endian => {}
                Ok(dump) => wrong.push(format!(
                    "{name} ({from:?}): {:?}, {:?}, {:?}",
                    dump.form, dump.endian, dump.checked
                )),
                Err(error) => wrong.push(format!("{name} ({from:?}): {error}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Each form has a file; ELF files are compiled by their own test.
    let missing: Vec<_> =
        Form::all().filter(|form| *form != Form::Elf && !seen.contains(form)).collect();
    assert_eq!(missing, []);
}

#[test]
fn object_files_hold_programs_by_name() {
    let folder = std::env::temp_dir().join(format!("callgate-dumps-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let compiled = |name: &str, source: &str| {
        let (input, output) = (folder.join("f.c"), folder.join(name));
        fs::write(&input, source).expect("written");
        let mut compiler = Command::new("cc");
        let status = compiler.args(["-c", "-o"]).arg(&output).arg(&input).status();
        assert!(status.expect("a C compiler").success());
        fs::read(output).expect("an object file")
    };
    let array =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forms/c-array.c"));
    let array = array.expect("a file").replace("struct sock_filter", "const struct sock_filter");
    let source = format!("#include <linux/filter.h>\nint other[3] = {{1, 2, 3}};\n{array}");
    let one = compiled("one.o", &source);
    let read_as = |bytes: &[u8], name| read(bytes, &Options { name, ..Options::default() });
    let dump = read_as(&one, None).expect("the only program");
    assert_eq!((dump.form, dump.checked), (Form::Elf, Ok(program())));
    assert_eq!(read_as(&one, Some("filter")).expect("by name").checked, Ok(program()));
    let error = read_as(&one, Some("filtre")).expect_err("no such symbol").to_string();
    assert!(error.contains("filtre") && error.contains("there is filter"), "{error}");
    let error = read_as(&one, Some("other")).expect_err("12 bytes").to_string();
    assert!(error.contains("12 bytes"), "{error}");
    let section = array.replace("filter[]", "f[] __attribute__((section(\"bpf\")))");
    let two = format!("{source}\n{section}");
    let two = compiled("two.o", &two);
    assert!(read_as(&two, None).expect_err("two").to_string().contains("2 programs"));
    assert_eq!(read_as(&two, Some("bpf")).expect("a section").checked, Ok(program()));
    assert!(read_as(b"\x7fELF\x02\x01\x01", None).is_err());
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn strace_prints_what_is_loaded() {
    // The real tool, on a program whose filter is loaded for real.
    let folder = std::env::temp_dir().join(format!("callgate-strace-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let source =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forms/c-macros.c"));
    let source = source.expect("a file");
    let head = "#include <errno.h>\n#include <linux/audit.h>\n#include <stddef.h>\n\
                #include <sys/prctl.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n\
                #ifndef __X32_SYSCALL_BIT\n#define __X32_SYSCALL_BIT 0x40000000\n#endif\n";
    let main =
        "int main(void) { prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); load(); syscall(__NR_exit, 0); }";
    fs::write(folder.join("f.c"), format!("{head}{source}{main}")).expect("written");
    let run = |command: &mut Command| command.current_dir(&folder).output();
    let compiled = run(Command::new("cc").args(["-o", "f", "f.c"])).expect("a C compiler");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let traced = run(Command::new("strace").args(["-v", "-e", "prctl,seccomp", "-o", "t", "./f"]));
    let skipped = !cfg!(target_arch = "x86_64")
        || !traced.as_ref().is_ok_and(|traced| traced.status.success());
    if skipped {
        println!("skipped: strace can't trace here");
    } else {
        let trace = fs::read(folder.join("t")).expect("a trace");
        let dump = read(&trace, &Options::default()).expect("the filter in the trace");
        assert_eq!((dump.form, dump.checked), (Form::Strace, Ok(program())));
    }
    fs::remove_dir_all(folder).expect("removed");
}
