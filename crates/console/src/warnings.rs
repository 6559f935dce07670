//! What can be told of a profile before a command runs under it.

use std::ffi::{CStr, OsStr};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use callgate_bpf::{Operation, Program, Stack};
use callgate_observe::interpreter_of;
use callgate_syscalls::{Action, ActionKind, Arch, Endian, Name, SeccompData, names};

use crate::output;

/// Warns of what is bound to go wrong. Without a file, only of what is wrong with any.
pub fn all(filters: &Stack, file: Option<&CStr>, default: Option<Action>) {
    if default.is_some_and(|default| default.kind() == ActionKind::Log) {
        output::note(
            &"the kernel's log drops most records (10 in 5 seconds stay, unless auditd runs), so what it lists is not \
              all: `callgate run --explain` shows each call while it runs, `callgate learn` writes a profile",
        );
    }
    warn_of_tracing(filters);
    let Some(arch) = Arch::native() else { return };
    warn_of_no_end(filters, arch);
    let file = file.map(|file| Path::new(OsStr::from_bytes(file.to_bytes())));
    if let Some(file) = file.filter(|file| interpreter_of(file).is_some()) {
        warn_of_no_start(filters, arch, file);
    }
}

/// Says that calls for a tracer fail where there is none. A tracer from outside (ptrace(2), `PTRACE_O_TRACESECCOMP`) may be
/// meant.
fn warn_of_tracing(filters: &Stack) {
    let traces = |operation| match operation {
        Operation::Return(word) => Action::from_raw(word).kind() == ActionKind::Trace,
        _ => false,
    };
    let asks = filters.programs().iter().flat_map(Program::operations).any(traces);
    if asks && !is_traced() {
        output::warning(
            &"the profile hands calls to a tracer (SCMP_ACT_TRACE), and there is none: they fail with ENOSYS",
        );
    }
}

/// Says that a command can start, but not do what every command does sooner or later. The calls have no arguments that a
/// filter would tell apart.
fn warn_of_no_end(filters: &Stack, arch: Arch) {
    let needs = [
        (names::EXIT_GROUP, "no command can end, but is killed or runs on"),
        (names::RT_SIGRETURN, "no command can go on after a signal that it handles"),
    ];
    for (name, what) in needs {
        let Some(action) = answer(filters, arch, name, [0; 6]) else { continue };
        if !action.kind().may_execute() {
            output::warning(&format!("the profile answers {action} to {name}: {what}"));
        }
    }
}

fn is_traced() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|pid| pid.trim() != "0")
}

/// What the dynamic linker of glibc can't do without, as it calls it. Found by refusing each on glibc 2.36, by EPERM and by
/// ENOSYS, on x86_64.
const NEEDED: [(Name, [u64; 6]); 7] = [
    (names::CLOSE, [3, 0, 0, 0, 0, 0]),
    (names::MMAP, [0, 4096, 1, 2, 3, 0]),
    (names::MPROTECT, [4096, 4096, 1, 0, 0, 0]),
    (names::NEWFSTATAT, [3, 0, 0, 0x1000, 0, 0]),
    (names::OPENAT, [0xffff_ff9c, 0, 0x8_0000, 0, 0, 0]),
    (names::READ, [3, 0, 832, 0, 0, 0]),
    (names::ARCH_PRCTL, [0x1002, 0, 0, 0, 0, 0]),
];

/// What it and the C library call at every start, and go on without.
const CALLED: [(Name, [u64; 6]); 7] = [
    (names::ACCESS, [0, 4, 0, 0, 0, 0]),
    (names::BRK, [0; 6]),
    (names::MUNMAP, [4096, 4096, 0, 0, 0, 0]),
    (names::PRLIMIT64, [0, 3, 0, 0, 0, 0]),
    (names::RSEQ, [0, 32, 0, 0x5305_3053, 0, 0]),
    (names::SET_ROBUST_LIST, [0, 24, 0, 0, 0, 0]),
    (names::SET_TID_ADDRESS, [0; 6]),
];

/// Says that a dynamically linked program will not get as far as its first instruction. Other C libraries than glibc
/// need other calls, and so do scripts: nothing is said of them.
fn warn_of_no_start(filters: &Stack, arch: Arch, file: &Path) {
    let refused = |(name, args): &(Name, [u64; 6])| {
        let action = answer(filters, arch, *name, *args)?;
        (!action.kind().may_execute()).then_some((*name, action.kind()))
    };
    let deadly = |(_, kind): &(Name, ActionKind)| *kind != ActionKind::Errno;
    let needed = NEEDED.iter().filter_map(refused);
    let called = CALLED.iter().filter_map(refused).filter(deadly);
    let mut missing: Vec<String> = needed.chain(called).map(|(name, _)| name.to_string()).collect();
    missing.dedup();
    if !missing.is_empty() {
        output::warning(&format!(
            "{} is dynamically linked and will not start: the profile refuses {}. `@startup.dynamic` in the language \
             has what a start takes, and --explain says what is refused",
            file.display(),
            missing.join(", ")
        ));
    }
}

/// The answer to a call, where the architecture has it.
fn answer(filters: &Stack, arch: Arch, name: Name, args: [u64; 6]) -> Option<Action> {
    let call = SeccompData::new(arch, arch.syscall(name)?.nr).with_args(args);
    Some(filters.run(&call, Endian::native()).action)
}
