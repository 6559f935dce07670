//! What the tests of this crate share. Everything that attaches a filter happens in forked
//! children.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "all of this runs in tests only")]

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use callgate_bpf::{Instruction, Program};
use callgate_kernel::child::{self, Ending};
use callgate_kernel::{NoNewPrivs, Options, Scope, current_status, load};
use callgate_syscalls::{Arch, Name};

pub(crate) const LOAD: u16 = 0x20;
pub(crate) const JUMP_EQUAL: u16 = 0x15;
pub(crate) const JUMP_SET: u16 = 0x45;
pub(crate) const RETURN: u16 = 0x06;

pub(crate) const ALLOW: u32 = 0x7fff_0000;
pub(crate) const ERRNO: u32 = 0x0005_0000;
pub(crate) const KILL_PROCESS: u32 = 0x8000_0000;
pub(crate) const NOTIFY: u32 = 0x7fc0_0000;

/// Leaves no_new_privs alone.
pub(crate) const LEAVE: Options = Options { no_new_privs: NoNewPrivs::Leave, ..DEFAULT };
const DEFAULT: Options = Options {
    no_new_privs: NoNewPrivs::Set,
    logging: callgate_kernel::Logging::Off,
    speculation: callgate_kernel::Speculation::Mitigated,
};

/// The number of a syscall on this machine.
pub(crate) fn number(name: Name) -> u32 {
    Arch::native().unwrap().syscall(name).unwrap().nr.raw()
}

/// A program that answers one call with one action and the others with another.
pub(crate) fn one_call(name: Name, action: u32, others: u32) -> Program {
    Program::new([
        Instruction::new(LOAD, 0),
        Instruction { code: JUMP_EQUAL, jt: 0, jf: 1, k: number(name) },
        Instruction::new(RETURN, action),
        Instruction::new(RETURN, others),
    ])
    .unwrap()
}

/// A program that allows these calls and kills the process for all others.
pub(crate) fn only(names: &[Name]) -> Program {
    let mut instructions = vec![Instruction::new(LOAD, 0)];
    for &name in names {
        instructions.push(Instruction { code: JUMP_EQUAL, jt: 0, jf: 1, k: number(name) });
        instructions.push(Instruction::new(RETURN, ALLOW));
    }
    instructions.push(Instruction::new(RETURN, KILL_PROCESS));
    Program::new(instructions).unwrap()
}

/// A program that allows everything, padded to a length that tells it from others.
pub(crate) fn allow_all(len: usize) -> Program {
    Program::new(vec![Instruction::new(RETURN, ALLOW); len]).unwrap()
}

/// Runs a closure of assertions in a child.
#[track_caller]
pub(crate) fn in_child(assertions: impl FnOnce()) {
    let ending = child::run(|| match catch_unwind(AssertUnwindSafe(assertions)) {
        Ok(()) => 0,
        Err(panic) => {
            // The test harness keeps what the child prints in memory that ends with the child.
            let text = panic.downcast_ref::<String>().map_or("panic in a child", String::as_str);
            let _ = syscall(libc::SYS_write, [2, text.as_ptr().addr(), text.len(), 0]);
            child::PANIC_CODE
        }
    });
    assert_eq!(ending, Ok(Ending::Exited { code: 0 }), "the child said why on standard error");
}

/// Attaches a program to this thread, which must succeed.
pub(crate) fn confine(program: &Program) {
    load(program, Scope::ThisThread, &Options::default()).unwrap();
}

/// Says why a test can't be made here.
pub(crate) use callgate_testkit::skip;

/// Whether the tests run with all privileges outside of a sandbox; else says what is skipped.
pub(crate) fn privileged(what: &str) -> bool {
    let status = current_status().unwrap();
    let privileged = status.sys_admin && status.filters == Some(0);
    if !privileged {
        skip(&format!("{what} needs CAP_SYS_ADMIN and no outer filter"));
    }
    privileged
}

/// Whether no_new_privs can still be seen to change; else says what is skipped.
pub(crate) fn free_of_no_new_privs() -> bool {
    let free = current_status().unwrap().no_new_privs == Some(false);
    if !free {
        skip("no_new_privs is set already, or this kernel does not say");
    }
    free
}

/// Makes a call that takes numbers, or pointers that the caller keeps alive.
pub(crate) fn syscall(nr: libc::c_long, args: [usize; 4]) -> Result<libc::c_long, i32> {
    let [a, b, c, d] = args;
    // SAFETY: the calls that the tests make this way read at most what their arguments point to,
    // which the tests own.
    match unsafe { libc::syscall(nr, a, b, c, d, 0, 0) } {
        -1 => Err(std::io::Error::last_os_error().raw_os_error().unwrap()),
        result => Ok(result),
    }
}

/// Gives up all privileges of this process for good.
pub(crate) fn become_nobody() {
    const NOBODY: usize = 65_534;
    syscall(libc::SYS_setresuid, [NOBODY, NOBODY, NOBODY, 0]).unwrap();
}

/// Shuts this process into a directory without `/proc`.
pub(crate) fn leave_proc_behind(directory: &CStr) {
    syscall(libc::SYS_chroot, [directory.as_ptr().addr(), 0, 0, 0]).unwrap();
}

/// Sends a signal.
pub(crate) fn kill(pid: u32, signal: i32) {
    let (pid, signal) = (usize::try_from(pid).unwrap(), usize::try_from(signal).unwrap());
    syscall(libc::SYS_kill, [pid, signal, 0, 0]).unwrap();
}
