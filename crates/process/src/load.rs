//! The load of a context into this process.

use callgate_kernel::{load_by_prctl, load_raw, set_no_new_privs};
use callgate_scmp::{Context, LoadResult, code};
use callgate_syscalls::Endian;

use crate::{Error, state};

/// Loads the filter of a context (`seccomp_load`) and keeps the descriptor for its notifications, where it made one.
///
/// Where the program was made before and nothing has changed since, this allocates nothing.
///
/// # Errors
/// [`Error::Context`] where there is no program to load; [`Error::Kernel`] with what libseccomp returns for a refusal.
///
/// # References
/// seccomp_load(3), seccomp(2).
pub fn load(context: &mut Context) -> Result<(), Error> {
    let plan = context.load_plan(&state::kernel(), state::listener().is_some())?;
    let foreign = context.endian()? != NATIVE_ENDIAN;
    let program = match context.precompute() {
        Ok(compiled) => Some(compiled.program()),
        Err(callgate_scmp::Error::TooLong { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    if plan.no_new_privs {
        set_no_new_privs().map_err(|error| {
            Error::Kernel(plan.kernel_error(error.errno().unwrap_or(code::EFAULT)))
        })?;
    }
    let answer = match (program, plan.flags) {
        // What the kernel would say to a program of the other byte order, all of whose opcodes are unknown to it, and to
        // one that is too long for it, which libseccomp makes and we do not.
        _ if foreign => Err(code::EINVAL),
        (None, _) => Err(code::EINVAL),
        (Some(program), Some(flags)) => load_raw(program, flags),
        (Some(program), None) => load_by_prctl(program).map(|()| 0),
    };
    match plan.result(answer) {
        LoadResult::Listener(descriptor) => state::set_listener(descriptor),
        LoadResult::Failed(errno) => return Err(Error::Kernel(errno)),
        _ => {}
    }
    Ok(())
}

const NATIVE_ENDIAN: Endian =
    if cfg!(target_endian = "big") { Endian::Big } else { Endian::Little };
