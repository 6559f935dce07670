//! The headers: that compilers take them, and that they say the same as another libseccomp's.

use std::fs;
use std::path::Path;
use std::process::Command;

use callgate_syscalls::Name;

use super::{Library, PROGRAMS, WARNINGS, output};
use crate::root;

/// The values that both headers are asked for.
const EXPRESSIONS: &[&str] = &[
    "sizeof(struct scmp_version)",
    "sizeof(struct scmp_arg_cmp)",
    "sizeof(scmp_filter_ctx)",
    "sizeof(scmp_datum_t)",
    "sizeof(enum scmp_compare)",
    "sizeof(enum scmp_filter_attr)",
    "sizeof(struct seccomp_notif)",
    "sizeof(struct seccomp_notif_resp)",
    "offsetof(struct scmp_version, major)",
    "offsetof(struct scmp_version, minor)",
    "offsetof(struct scmp_version, micro)",
    "offsetof(struct scmp_arg_cmp, arg)",
    "offsetof(struct scmp_arg_cmp, op)",
    "offsetof(struct scmp_arg_cmp, datum_a)",
    "offsetof(struct scmp_arg_cmp, datum_b)",
    "__alignof__(struct scmp_arg_cmp)",
    "SCMP_FLTATR_ACT_DEFAULT",
    "SCMP_FLTATR_ACT_BADARCH",
    "SCMP_FLTATR_CTL_NNP",
    "SCMP_FLTATR_CTL_TSYNC",
    "SCMP_FLTATR_API_TSKIP",
    "SCMP_FLTATR_CTL_LOG",
    "SCMP_FLTATR_CTL_SSB",
    "SCMP_FLTATR_CTL_OPTIMIZE",
    "SCMP_FLTATR_API_SYSRAWRC",
    "_SCMP_FLTATR_MIN",
    "_SCMP_CMP_MIN",
    "_SCMP_CMP_MAX",
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_KILL",
    "SCMP_ACT_TRAP",
    "SCMP_ACT_ERRNO(38)",
    "SCMP_ACT_ERRNO(0x12345)",
    "SCMP_ACT_NOTIFY",
    "SCMP_ACT_TRACE(7)",
    "SCMP_ACT_TRACE(-1)",
    "SCMP_ACT_LOG",
    "SCMP_ACT_ALLOW",
    "SCMP_ARCH_NATIVE",
    "SCMP_ARCH_X86",
    "SCMP_ARCH_X86_64",
    "SCMP_ARCH_X32",
    "SCMP_ARCH_ARM",
    "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",
    "SCMP_ARCH_PPC64LE",
    "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X",
    "__NR_SCMP_ERROR",
    "__NR_SCMP_UNDEF",
    "SCMP_SYS(read)",
    "SCMP_A0(SCMP_CMP_EQ, -1).datum_a",
    "SCMP_A0_32(SCMP_CMP_EQ, -1).datum_a",
    "SCMP_A5_32(SCMP_CMP_MASKED_EQ, -1, -2).datum_b",
    "SCMP_A5(SCMP_CMP_EQ, 1).arg",
    "SCMP_CMP(3, SCMP_CMP_GT, 9).op",
    "SCMP_CMP32(2, SCMP_CMP_NE, -1).datum_a",
];

/// The headers, and what programs do with their macros, compile without a warning in both
/// languages.
pub(super) fn compile(library: &Library) -> Result<String, String> {
    let source = root().join(PROGRAMS).join("header.c");
    for (compiler, language, standard) in [
        ("gcc", "c", "-std=c99"),
        ("gcc", "c", "-std=gnu17"),
        ("g++", "c++", "-std=c++11"),
        ("g++", "c++", "-std=c++20"),
    ] {
        let mut command = Command::new(compiler);
        command.args(WARNINGS).args(["-x", language, standard, "-fsyntax-only"]).arg(&source);
        // What the program expects is what the other header gives, too.
        output(&mut command)?;
        output(command.arg("-I").arg(library.include()))?;
    }
    Ok("C99, GNU C17, C++11 and C++20 without a warning".into())
}

/// Each expression has the same value with both headers, and so has each system call that both
/// name.
pub(super) fn values(library: &Library) -> Result<String, String> {
    let source = library.folder.join("values.c");
    fs::write(&source, program()).map_err(|error| error.to_string())?;
    let values = |include: Option<&Path>| -> Result<Vec<String>, String> {
        let program = library.folder.join("values");
        let mut compile = Command::new("gcc");
        if let Some(include) = include {
            compile.arg("-I").arg(include);
        }
        output(compile.arg("-o").arg(&program).arg(&source))?;
        Ok(output(&mut Command::new(&program))?.lines().map(str::to_owned).collect())
    };
    let (theirs, ours) = (values(None)?, values(Some(&library.include()))?);
    let differing: Vec<&String> = theirs.iter().filter(|line| !ours.contains(line)).collect();
    let known = theirs.len();
    match differing.first() {
        Some(line) => Err(format!("{} values differ; theirs: {line}", differing.len())),
        None if known < EXPRESSIONS.len() + 2 * 300 => Err(format!("only {known} values")),
        None => Ok(format!("{known} values are the same; ours has {}", ours.len())),
    }
}

/// A program that prints each expression and its value; system calls only where the header has
/// them.
fn program() -> String {
    let mut text = String::from(
        "#include <stddef.h>\n#include <stdio.h>\n#include <seccomp.h>\nint main(void)\n{\n",
    );
    let print =
        |what: &str| format!("\tprintf(\"%s %lld\\n\", \"{what}\", (long long)({what}));\n");
    text.extend(EXPRESSIONS.iter().map(|expression| print(expression)));
    for name in Name::all().map(Name::as_str) {
        let pseudo = format!("__PNR_{name}");
        text.push_str(&format!("#ifdef {pseudo}\n{}#endif\n", print(&pseudo)));
        // A call that every architecture has may be newer than the kernel's headers.
        let guard =
            format!("#if defined __SNR_{name} && (defined {pseudo} || defined __NR_{name})");
        text.push_str(&format!("{guard}\n{}#endif\n", print(&format!("SCMP_SYS({name})"))));
    }
    text.push_str("\treturn 0;\n}\n");
    text
}
