//! A call made again, to see who refuses it.

use callgate_kernel::child::{self, Ending, Signal};
use callgate_kernel::{Error, parts};
use callgate_syscalls::{Errno, SyscallNr};

use crate::sys::quiet::no_core_dump;

/// How a call went that was made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retried {
    /// It did what it was asked for.
    Succeeded,
    /// It failed.
    Failed(Errno),
    /// It ended the process that made it.
    Ended(Signal),
}

/// The largest errno that fits beside a success in an exit code; those beyond are of no refusal.
const ERRNO_MAX: u16 = 254;

/// Makes a call of this machine in a forked child, under the filters that this process has.
///
/// What the child does to itself is gone with it. Whoever asks answers for what the call does beyond,
/// and passes no address: pointers in the arguments are those of this process.
///
/// # Errors
/// [`Error::Kernel`] where the process can't be forked or waited for.
pub fn retry(nr: SyscallNr, args: [u64; 6]) -> Result<Retried, Error> {
    const SECONDS: u32 = 2;
    let raw = i32::from_ne_bytes(nr.raw().to_ne_bytes());
    let in_child = || {
        // Where one of them fails, the call is no worse for it.
        let _ = no_core_dump();
        parts::alarm(SECONDS);
        // SAFETY: this child exists to make the call and end. What the call does to memory,
        // descriptors or signals is the child's own, which only exits afterwards.
        let result = unsafe { parts::any_syscall(raw, args) };
        let code = result.map_or_else(|errno| errno.raw().min(ERRNO_MAX), |_| 0);
        u8::try_from(code).unwrap_or(u8::MAX)
    };
    // SAFETY: the closure makes three syscalls, and uses nothing of this process.
    let ending = unsafe { child::run_forked(in_child) }?;
    Ok(match ending {
        Ending::Exited { code: 0 } => Retried::Succeeded,
        Ending::Exited { code } => Retried::Failed(Errno::new(code.into())),
        Ending::Killed { signal } => Retried::Ended(signal),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_goes_as_the_kernel_lets_it() {
        let number = |nr: libc::c_long| SyscallNr::new(u32::try_from(nr).unwrap_or(u32::MAX));
        let socket = |family: u64| retry(number(libc::SYS_socket), [family, 1, 0, 0, 0, 0]);
        assert_eq!(socket(1), Ok(Retried::Succeeded));
        // No family has this number.
        let errno = Errno::new(u16::try_from(libc::EAFNOSUPPORT).unwrap_or(0));
        assert_eq!(socket(4000), Ok(Retried::Failed(errno)));
        let enosys = Errno::new(u16::try_from(libc::ENOSYS).unwrap_or(0));
        assert_eq!(retry(SyscallNr::new(9999), [0; 6]), Ok(Retried::Failed(enosys)));
    }
}
