//! Other ways into the kernel: the calls of i386 and x32 programs, and those that no filter sees.

use callgate_syscalls::{Action, Errno};

use super::{Finding, JUMP_IF_EQUAL, LOAD, RETURN, ask, attach};
use callgate_kernel::parts::any_syscall;
use callgate_kernel::parts::errno;

use crate::sys::machine;
use callgate_bpf::{Instruction, Program};

/// Whether this kernel takes calls of i386 programs, by which a filter for x86_64 alone can be
/// passed by. There is no answer but on x86_64.
#[must_use]
pub fn ia32_calls() -> Finding {
    let found = ask(&[libc::ENOSYS], || machine::ia32_getpid().map(drop));
    match found {
        // Without i386's entry the instruction is a fault.
        Finding::Unknown(super::Obstacle::Killed(signal)) if signal.raw() == libc::SIGSEGV => {
            Finding::No(errno(libc::ENOSYS))
        }
        other => other,
    }
}

/// Whether this kernel takes calls with x32's numbers. There is no answer but on x86_64.
#[must_use]
pub fn x32_calls() -> Finding {
    ask(&[libc::ENOSYS], || match cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) {
        // SAFETY: x32's getpid, which reads and writes no memory; other kernels have no such
        // number.
        true => unsafe { any_syscall(0x4000_0000 + 39, [0; 6]) }.map(drop),
        false => Err(errno(libc::ENOSYS)),
    })
}

/// Calls of x86_64 that kernels with them let through every filter, because they are their own
/// probes'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UprobeCall {
    /// `uretprobe`, exempt since Linux 6.14.
    Uretprobe,
    /// `uprobe`, exempt since Linux 6.18.
    Uprobe,
}

/// Whether the kernel lets this call through filters that forbid it. There is no answer but on
/// x86_64.
#[must_use]
pub fn exempt_from_filters(call: UprobeCall) -> Finding {
    let nr = match call {
        UprobeCall::Uretprobe => 335,
        UprobeCall::Uprobe => 336,
    };
    let found = ask(&[libc::EDOM], || match cfg!(target_arch = "x86_64") {
        true => exempt(nr),
        false => Err(errno(libc::EDOM)),
    });
    match found {
        // The call was executed, and it is not for those who make it themselves.
        Finding::Unknown(super::Obstacle::Killed(signal)) if signal.raw() == libc::SIGILL => {
            Finding::Yes
        }
        other => other,
    }
}

/// Makes a call that the child's filter answers with `EDOM`, as it answers no call that is
/// executed.
fn exempt(nr: i32) -> Result<(), Errno> {
    let refuse = Action::errno(33).ok_or(errno(libc::EINVAL))?;
    let program = Program::new([
        Instruction::new(LOAD, 0),
        Instruction { code: JUMP_IF_EQUAL, jt: 0, jf: 1, k: nr.unsigned_abs() },
        Instruction::new(RETURN, refuse.raw()),
        Instruction::new(RETURN, Action::ALLOW.raw()),
    ]);
    attach(&program.map_err(|_| errno(libc::EINVAL))?)?;
    // SAFETY: this is a child that exists for this call (`ask`).
    match unsafe { any_syscall(nr, [0; 6]) } {
        Err(reason) if reason == errno(libc::EDOM) => Err(reason),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::KernelVersion;

    use super::*;
    use callgate_kernel::running_kernel;

    #[test]
    fn a_call_that_is_not_exempt_is_refused() {
        if cfg!(target_arch = "x86_64") {
            let refused = ask(&[libc::EDOM], || exempt(337));
            assert_eq!(refused, Finding::No(errno(libc::EDOM)));
        }
    }

    #[test]
    fn exemptions_agree_with_the_release() {
        let kernel = running_kernel().unwrap();
        let expected = |major, minor| {
            cfg!(target_arch = "x86_64") && kernel >= KernelVersion::new(major, minor)
        };
        // Distributions have the first one in older releases too.
        if expected(6, 14) {
            assert_eq!(exempt_from_filters(UprobeCall::Uretprobe), Finding::Yes);
        }
        let uprobe = exempt_from_filters(UprobeCall::Uprobe);
        assert_eq!(uprobe == Finding::Yes, expected(6, 18), "{uprobe:?} on {kernel}");
    }
}
