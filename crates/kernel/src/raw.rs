//! Loads in the kernel's own words: flags as a number, the answer as a number.
//!
//! For callers who must pass on what they were asked for and what the kernel said, libseccomp's
//! interface above all. All others use [`load`](crate::load()). Nothing here allocates.
//!
//! References: seccomp(2), prctl(2).

use callgate_bpf::Program;
use callgate_syscalls::Errno;
use libc::c_long;

use crate::sys;

/// Attaches a filter with the given flags of `SECCOMP_SET_MODE_FILTER`: 0, a listener's descriptor
/// or the id of a thread in the way, depending on the flags.
///
/// # Errors
/// The kernel's errno.
pub fn load_raw(program: &Program, flags: u32) -> Result<i32, Errno> {
    sys::set_mode_filter(flags.into(), program.instructions()).map(narrow)
}

/// Attaches a filter to the calling thread by `PR_SET_SECCOMP`, which knows no flags, and which
/// kernels before 3.17 have.
///
/// # Errors
/// The kernel's errno.
pub fn load_by_prctl(program: &Program) -> Result<(), Errno> {
    sys::set_seccomp(program.instructions())
}

/// Descriptors and thread ids are ints.
fn narrow(result: c_long) -> i32 {
    i32::try_from(result).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use callgate_bpf::Instruction;

    use super::*;
    use crate::child::{self, Ending};
    use crate::current_status;
    use crate::sys::errno;

    fn allow() -> Program {
        Program::new([Instruction::new(0x06, 0x7fff_0000)]).unwrap()
    }

    #[test]
    fn both_ways_attach_one_filter() {
        let program = allow();
        let ending = child::run(|| {
            let set = crate::set_no_new_privs();
            let before = current_status().map_or(0, |status| status.filters.unwrap_or(0));
            let loaded = (set.is_ok(), load_raw(&program, 0), load_by_prctl(&program));
            let after = current_status().map_or(0, |status| status.filters.unwrap_or(0));
            u8::from(loaded == (true, Ok(0), Ok(())) && after == before + 2)
        });
        assert_eq!(ending.unwrap(), Ending::Exited { code: 1 });
    }

    #[test]
    fn unknown_flags_are_the_kernels_to_refuse() {
        assert_eq!(load_raw(&allow(), 1 << 20), Err(errno(libc::EINVAL)));
    }
}
