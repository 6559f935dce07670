//! What a filter answers to a call, asked of the running kernel without making the call.

use std::sync::atomic::{AtomicU32, Ordering};

use callgate_bpf::{Instruction, Program, Stack};
use callgate_syscalls::Errno;
use libc::c_long;

use super::{Ending, run_forked};
use crate::sys::shared::Shared;
use crate::sys::{self, disposable, process};
use crate::{Error, Options, Scope, load};

/// A syscall with its arguments. 32-bit architectures pass the low halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its number.
    pub nr: callgate_syscalls::SyscallNr,
    /// Its arguments.
    pub args: [u64; 6],
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The filters let it go on: to the kernel, a log, a tracer or a supervisor.
    Passed,
    /// It failed.
    Failed(Errno),
    /// It ended the process that made it.
    Ended(Ending),
}

/// The errno of what passes: the largest that the kernel returns for a filter, and no error's.
pub const PASSED: Errno = Errno::new(4095);

/// Makes a call in a forked child that has loaded these filters, and says what became of it.
///
/// The call is made for real, and the kernel asks the filters; nothing is executed all the same. An
/// older filter of the child refuses every call with an errno that no error has, and of several
/// answers the kernel takes the strictest and, of equal ones, that of the newest filter: kills,
/// traps and errors come through, and what only allows, logs, traces or notifies does not. So any
/// call with any arguments can be asked about, also `reboot`.
///
/// # Errors
/// [`Error::Kernel`] where children can't be made, or can't load the filters.
///
/// # Examples
/// ```
/// use callgate_bpf::{Stack, assemble};
/// use callgate_kernel::child::{Answer, Question, ask};
/// use callgate_syscalls::{Endian, Errno, SyscallNr};
///
/// let text = "ld [0]\n jeq #77, no\n ret #0x7fff0000\n no: ret #0x50001";
/// let filter = assemble(text, Endian::native())?;
/// let stack = Stack::new([filter]);
/// let of = |nr| ask(&stack, Question { nr: SyscallNr::new(nr), args: [0; 6] });
/// assert_eq!(of(77)?, Answer::Failed(Errno::new(1)));
/// assert_eq!(of(78)?, Answer::Passed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn ask(filters: &Stack, question: Question) -> Result<Answer, Error> {
    let guard = guard().map_err(|_| not_loaded(sys::errno(libc::EINVAL)))?;
    let report =
        Shared::<AtomicU32>::new().map_err(|errno| Error::Kernel { call: "mmap", errno })?;
    // SAFETY: the child only makes syscalls, and writes to memory that is shared by atomics.
    let ending = unsafe { run_forked(|| attempt(&guard, filters, question, report.value())) }?;
    read(report.value().load(Ordering::Acquire), ending)
}

/// How far the child came, in the upper half of its report; an errno is in the lower.
const CALLED: u32 = 1 << 16;
const RETURNED: u32 = 2 << 16;
const NOT_LOADED: u32 = 3 << 16;

/// How long a child may take to end, for C libraries that try to exit for ever.
const SECONDS_MAX: u32 = 2;

fn attempt(guard: &Program, filters: &Stack, question: Question, report: &AtomicU32) -> u8 {
    let write = |state: u32, errno: Errno| {
        report.store(state | u32::from(errno.raw()), Ordering::Release);
    };
    disposable::alarm(SECONDS_MAX);
    let loaded = load(guard, Scope::ThisThread, &Options::default());
    let loaded = loaded.map_err(|error| error.errno().unwrap_or(Errno::new(0)));
    let loaded = loaded.and_then(|_| filters.programs().iter().try_for_each(load_behind));
    if let Err(errno) = loaded {
        write(NOT_LOADED, errno);
        return 0;
    }
    write(CALLED, Errno::new(0));
    let nr = i32::from_ne_bytes(question.nr.raw().to_ne_bytes());
    // SAFETY: the child exists for this call, which `guard` keeps the kernel from executing.
    let result = unsafe { disposable::any_syscall(nr, question.args) };
    write(RETURNED, result.err().unwrap_or(Errno::new(0)));
    leave()
}

/// Loads a filter under the guard, which knows this call by its password.
fn load_behind(program: &Program) -> Result<(), Errno> {
    sys::set_mode_filter_with_password(program.instructions(), PASSWORD)
}

/// Exits by the call that the guard allows; where the filters forbid it, as the C library can.
fn leave() -> u8 {
    let nr = i32::try_from(libc::SYS_exit_group).unwrap_or(-1);
    // SAFETY: the call ends this child, which exists for it.
    let _ = unsafe { disposable::any_syscall(nr, [0, 0, 0, 0, 0, PASSWORD.into()]) };
    process::exit_now(0)
}

fn read(report: u32, ending: Ending) -> Result<Answer, Error> {
    let errno = sys::errno(i32::from((report & 0xffff) as u16));
    match report & !0xffff {
        CALLED => Ok(match ending {
            // `exit` and `exit_group` with the password of the guard, which no test has by chance.
            Ending::Exited { .. } => Answer::Passed,
            ending => Answer::Ended(ending),
        }),
        RETURNED if errno == PASSED => Ok(Answer::Passed),
        RETURNED => Ok(Answer::Failed(errno)),
        _ => Err(not_loaded(errno)),
    }
}

const fn not_loaded(errno: Errno) -> Error {
    Error::Kernel { call: "attaching the program in a child", errno }
}

/// In the last argument of a call that is the child's own; neither of the two reads it.
const PASSWORD: u32 = 0x6a7e_0c1d;

/// Refuses every call by [`PASSED`], except those by which the child loads filters and ends.
fn guard() -> Result<Program, callgate_bpf::CheckError> {
    const LAST_ARGUMENT: u32 = 56 + if cfg!(target_endian = "big") { 4 } else { 0 };
    let load = |offset| Instruction::new(0x20, offset);
    let equal = |value, jt, jf| Instruction { jt, jf, ..Instruction::new(0x15, value) };
    let number = |nr: c_long| u32::try_from(nr).unwrap_or(u32::MAX);
    Program::new([
        load(LAST_ARGUMENT),
        equal(PASSWORD, 0, 3),
        load(0),
        equal(number(libc::SYS_seccomp), 2, 0),
        equal(number(libc::SYS_exit_group), 1, 0),
        Instruction::new(0x06, 0x0005_0000 | u32::from(PASSED.raw())),
        Instruction::new(0x06, 0x7fff_0000),
    ])
}

#[cfg(test)]
mod tests {
    use callgate_bpf::assemble;
    use callgate_syscalls::{Endian, SyscallNr};

    use super::super::Signal;
    use super::*;

    fn of(answers: &[&str], nr: c_long) -> Result<Answer, Error> {
        let each = answers.iter();
        let each = each.map(|a| assemble(&format!("ret #{a}"), Endian::native()).unwrap());
        let nr = SyscallNr::new(u32::try_from(nr).unwrap());
        ask(&Stack::new(each.collect::<Vec<_>>()), Question { nr, args: [0; 6] })
    }

    #[test]
    fn each_action_has_its_answer_and_nothing_is_executed() {
        let killed = Answer::Ended(Ending::Killed { signal: Signal::SYS });
        for (action, expected) in [
            ("0x80000000", killed),
            ("0x00000000", killed),
            ("0x00030007", killed),
            ("0x00050001", Answer::Failed(Errno::new(1))),
            ("0x00050026", Answer::Failed(Errno::new(38))),
            ("0x00050ffe", Answer::Failed(Errno::new(4094))),
            ("0x7fc00000", Answer::Passed),
            ("0x7ff00003", Answer::Passed),
            ("0x7ffc0000", Answer::Passed),
            ("0x7fff0000", Answer::Passed),
        ] {
            // A pause would last, and an exit leave no answer.
            for nr in [libc::SYS_ppoll, libc::SYS_exit_group, libc::SYS_seccomp, libc::SYS_prctl] {
                assert_eq!(of(&[action], nr), Ok(expected), "{action} of {nr}");
            }
        }
        // An errno of 0 pretends success.
        assert_eq!(of(&["0x00050000"], libc::SYS_ppoll), Ok(Answer::Failed(Errno::new(0))));
    }

    #[test]
    fn several_filters_answer_together() {
        let allow = "0x7fff0000";
        let stack = ["0x00050001", allow];
        // The first forbids that the second is loaded.
        assert_eq!(of(&stack, libc::SYS_ppoll), Err(not_loaded(Errno::new(1))));
        assert_eq!(of(&[allow, "0x00050002"], 39), Ok(Answer::Failed(Errno::new(2))));
        assert_eq!(of(&[], 39), Ok(Answer::Passed));
    }
}
