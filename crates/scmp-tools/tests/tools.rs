//! libseccomp's commands as scripts meet them: output, messages and exit status; one beside the
//! installed one.
#![expect(clippy::unwrap_used, reason = "what cannot be had fails the test that needs it")]

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use callgate_bpf::Instruction;
use callgate_syscalls::Endian;

const INSTALLED: &str = "/usr/bin/scmp_sys_resolver";

/// ld nr; jset 3 (0: ALLOW); then for syscall 5 an errno, for 1 an action that has no name, else a
/// trap.
const PROGRAM: [Instruction; 8] = [
    Instruction::new(0x20, 0),
    Instruction { code: 0x45, jt: 1, jf: 0, k: 3 },
    Instruction::new(0x06, 0x7fff_0000),
    Instruction { code: 0x15, jt: 0, jf: 1, k: 5 },
    Instruction::new(0x06, 0x0005_0026),
    Instruction { code: 0x15, jt: 0, jf: 1, k: 1 },
    Instruction::new(0x06, 0x7fc0_0000),
    Instruction::new(0x06, 0x0003_0007),
];

/// A file that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, endian: Endian, instructions: &[Instruction]) -> Self {
        let path =
            std::env::temp_dir().join(format!("callgate-scmp-tools-{}-{name}", std::process::id()));
        let bytes: Vec<u8> = instructions.iter().flat_map(|i| i.to_bytes(endian)).collect();
        fs::write(&path, bytes).unwrap();
        Self(path)
    }

    fn name(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is only clutter.
        let _ = fs::remove_file(&self.0);
    }
}

fn tool(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scmp"));
    command.arg0(name).args(args).stdin(Stdio::null());
    command
}

/// Exit status, standard output, standard error.
type Said = (i32, String, String);

fn said(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn expect(name: &str, args: &[&str], (status, stdout, stderr): (i32, &str, &str)) {
    let expected = (status, stdout.to_owned(), stderr.to_owned());
    assert_eq!(said(&mut tool(name, args)), expected, "{name} {args:?}");
}

#[test]
fn the_resolver_answers_as_documented() {
    let resolver = "scmp_sys_resolver";
    let usage = "usage: scmp_sys_resolver [-h] [-a <arch>] [-t] <name>|<number>\n";
    for (args, answer) in [
        (&["-a", "x86_64", "openat"][..], "257\n"),
        (&["-a", "x86", "socket"], "-101\n"),
        (&["-a", "x86", "-t", "socket"], "102\n"),
        (&["openat", "-a", "aarch64"], "56\n"),
        (&["-a", "x86_64", "0"], "read\n"),
        (&["-a", "x86_64", "--", "-101"], "UNKNOWN\n"),
        (&["-a", "x86", "--", "-101"], "socket\n"),
        (&["no_such_call"], "-1\n"),
        (&["99999"], "UNKNOWN\n"),
    ] {
        expect(resolver, args, (0, answer, ""));
    }
    for args in [&[][..], &["-h"], &["-a", "amd64", "read"]] {
        expect(resolver, args, (22, "", usage));
    }
    let wrong = format!("scmp_sys_resolver: invalid option -- 'x'\n{usage}");
    expect(resolver, &["-x"], (22, "", &wrong));
    let wrong = format!("scmp_sys_resolver: option requires an argument -- 'a'\n{usage}");
    expect(resolver, &["-a"], (22, "", &wrong));
}

#[test]
fn the_resolver_answers_as_the_installed_one() {
    if !Path::new(INSTALLED).exists() {
        return callgate_testkit::skip(&format!("{INSTALLED} is not installed"));
    }
    let words =
        ["read", "socket", "accept", "open", "arch_prctl", "", "0", "4003", "359", "12x", "-5"];
    for arch in ["x86_64", "x86", "x32", "arm", "aarch64", "mips", "ppc64le", "s390x", "hppa", ""] {
        for word in words {
            for args in [&["-a", arch, "--", word][..], &["-t", "-a", arch, word]] {
                let mut theirs = Command::new(INSTALLED);
                theirs.arg0("resolver").args(args);
                let mut ours = Command::new(env!("CARGO_BIN_EXE_scmp"));
                ours.arg("scmp_sys_resolver").args(args);
                let (status, stdout, stderr) = said(&mut theirs);
                let stderr = stderr.replace("resolver:", "scmp_sys_resolver:");
                let stderr = stderr.replace("usage: resolver", "usage: scmp_sys_resolver");
                assert_eq!(said(&mut ours), (status, stdout, stderr), "{args:?}");
            }
        }
    }
}

#[test]
fn the_machine_is_named_and_its_kernel_asked() {
    let native = callgate_syscalls::Arch::native().unwrap();
    let token = callgate_scmp::Token::of(native).raw();
    let signed = i32::from_ne_bytes(token.to_ne_bytes());
    expect("scmp_arch_detect", &[], (0, &format!("{native}\n"), ""));
    expect("scmp_arch_detect", &["-t"], (0, &format!("{signed}\n"), ""));
    expect("scmp_arch_detect", &["-h"], (22, "", "usage: scmp_arch_detect [-h] [-t]\n"));
    let (status, level, stderr) = said(&mut tool("scmp_api_level", &["whatever"]));
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert!((1..=7).contains(&level.trim().parse::<u32>().unwrap()));
}

#[test]
fn the_simulator_answers_calls_and_tells_faults_from_errors() {
    let sim = "scmp_bpf_sim";
    let program = Scratch::new("sim", Endian::Little, &PROGRAM);
    let big = Scratch::new("sim-big", Endian::Big, &PROGRAM);
    let open = Scratch::new("sim-open", Endian::Little, &PROGRAM[..2]);
    let socket = Scratch::new("sim-socket", Endian::Little, &[Instruction::new(0x30, 0)]);
    let empty = Scratch::new("sim-empty", Endian::Little, &[]);
    let (name, arch) = (program.name(), ["-a", "x86_64"]);
    let asked = |more: &[&str], answer| expect(sim, &[&arch[..], more].concat(), answer);
    asked(&["-f", name, "-s", "4"], (0, "ALLOW\n", ""));
    asked(&["-f", name], (0, "ALLOW\n", ""));
    asked(&["-f", name, "-s5", "-0", "0xffff", "-5", "-1"], (0, "ERRNO(38)\n", ""));
    asked(&["-f", name, "-s", "0x7"], (0, "TRAP\n", ""));
    asked(&["-f", name, "-s", "1"], (8, "", "ERROR\n"));
    asked(&["-f", name, "-s", "1", "-v"], (8, "", "ERROR: errno = 33, line = 6\n"));
    expect(sim, &["-a", "s390x", "-f", big.name(), "-s", "5"], (0, "ERRNO(38)\n", ""));
    asked(&["-f", open.name(), "-v"], (8, "", "ERROR: errno = 34, line = 1\n"));
    asked(&["-f", empty.name(), "-v"], (8, "", "ERROR: errno = 34, line = 0\n"));
    asked(&["-f", socket.name(), "-v"], (14, "", "FAULT: errno = 95\n"));
    asked(&["-f", "/no/such/file"], (14, "", "FAULT\n"));
    asked(&["-f", name, "-f", name, "-v"], (14, "", "FAULT\n"));
    expect(sim, &["-v", "-a", "amd64"], (14, "", "FAULT: errno = 22\n"));
    let usage = "usage: scmp_bpf_sim -f <bpf_file> [-v] [-h] -a <arch> -s <syscall_num> \
                 [-0 <a0>] ... [-5 <a5>]\n";
    for args in [&[][..], &["-h"], &["-s", "5"]] {
        expect(sim, args, (22, "", usage));
    }
}

#[test]
fn the_simulator_takes_what_a_kernel_takes() {
    for (len, answer) in [
        (4095, (0, "ALLOW\n", "")),
        (4096, (0, "ALLOW\n", "")),
        (4097, (14, "", "FAULT: errno = 7\n")),
    ] {
        let ret = Instruction::new(0x06, 0x7fff_0000);
        let program = Scratch::new("sim-long", Endian::Little, &vec![ret; len]);
        expect("scmp_bpf_sim", &["-v", "-a", "x86_64", "-f", program.name()], answer);
    }
}

const LISTING: &str = " line  OP   JT   JF   K
=================================
 0000: 0x20 0x00 0x00 0x00000000   ld  $data[0]
 0001: 0x45 0x01 0x00 0x00000003   jset 3    true:0003 false:0002
 0002: 0x06 0x00 0x00 0x7fff0000   ret ALLOW
 0003: 0x15 0x00 0x01 0x00000005   jeq 5    true:0004 false:0005
 0004: 0x06 0x00 0x00 0x00050026   ret ERRNO(38)
 0005: 0x15 0x00 0x01 0x00000001   jeq 1    true:0006 false:0007
 0006: 0x06 0x00 0x00 0x7fc00000   ret 0x7fc00000
 0007: 0x06 0x00 0x00 0x00030007   ret TRAP
";

#[test]
fn the_disassembler_reads_standard_input_and_files() {
    let disasm = "scmp_bpf_disasm";
    let program = Scratch::new("disasm", Endian::Big, &PROGRAM);
    let mut command = tool(disasm, &["-a", "ppc64"]);
    let read = said(command.stdin(File::open(&program.0).unwrap()));
    assert_eq!(read, (0, LISTING.to_owned(), String::new()));
    expect(disasm, &["-a", "m68k", program.name()], (0, LISTING, ""));
    let head = LISTING.lines().take(2).map(|line| format!("{line}\n")).collect::<String>();
    expect(disasm, &[], (0, &head, ""));
    expect(disasm, &["-h"], (22, "", "usage: scmp_bpf_disasm -a <arch> [-d] [-h]\n"));
    let missing = "error: unable to open \"/no/such\" (No such file or directory)\n";
    expect(disasm, &["/no/such"], (2, "", missing));
}

#[test]
fn the_disassembler_draws_graphs() {
    let program = [
        Instruction::new(0x20, 16),
        Instruction::new(0x54, 0xf0),
        Instruction { code: 0x25, jt: 1, jf: 0, k: 257 },
        Instruction::new(0x05, 0),
        Instruction::new(0x06, 0),
    ];
    let program = Scratch::new("graph", Endian::Little, &program);
    let graph = "digraph {
\tstart[shape=\"box\", style=rounded];
\tline0[label=\"ld $data[16]\",shape=parallelogram]
\tstart -> line0
\tline1[label=\"and 0x000000f0\",shape=rectangle]
\tline0 -> line1
\tline2[label=\"jgt 257 \\n(0x00000101)\",shape=diamond]
\tline2 -> line4 [label=\"true\"]
\tline2 -> line3 [label=\"false\"]
\tline1 -> line2
\tline3[label=\"jmp\",shape=hexagon]
\tline3 -> line4
\tline4[label=\"ret KILL\", shape=\"box\", style=rounded]
}
";
    expect("scmp_bpf_disasm", &["-d", "-a", "x86_64", program.name()], (0, graph, ""));
}
