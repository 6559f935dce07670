//! The load of a context into this process.

use callgate_kernel::{load_by_prctl, load_raw, set_no_new_privs};
use callgate_scmp::{Context, LoadPlan, LoadResult, code};
use callgate_syscalls::{Endian, Errno};

use crate::{Error, state};

/// Loads the filter of a context (`seccomp_load`) and keeps the descriptor for its notifications,
/// where it made one.
///
/// Where the program was made before and nothing has changed since, this allocates nothing.
///
/// # Errors
/// [`Error::Context`] where there is no program to load; [`Error::Kernel`] with what libseccomp
/// returns for a refusal.
///
/// # References
/// seccomp_load(3), seccomp(2).
pub fn load(context: &mut Context) -> Result<(), Error> {
    let plan = context.load_plan(&state::kernel(), state::listener().is_some())?;
    let foreign = context.endian()? != NATIVE_ENDIAN;
    let program = match context.precompute() {
        Ok(compiled) => compiled.program(),
        Err(callgate_scmp::Error::TooLong { .. }) => return attach(&plan, || REFUSED),
        Err(error) => return Err(error.into()),
    };
    attach(&plan, || match plan.flags {
        // What the kernel would say to a program of the other byte order, all of whose opcodes are
        // unknown to it.
        _ if foreign => REFUSED,
        Some(flags) => load_raw(program, flags),
        None => load_by_prctl(program).map(|()| 0),
    })
}

/// How the kernel refuses a program that it can't run.
const REFUSED: Result<i32, Errno> = Err(code::EINVAL);

fn attach(plan: &LoadPlan, answer: impl FnOnce() -> Result<i32, Errno>) -> Result<(), Error> {
    if plan.no_new_privs {
        set_no_new_privs().map_err(|error| {
            Error::Kernel(plan.kernel_error(error.errno().unwrap_or(code::EFAULT)))
        })?;
    }
    match plan.result(answer()) {
        LoadResult::Listener(descriptor) => state::set_listener(descriptor),
        LoadResult::Failed(errno) => return Err(Error::Kernel(errno)),
        _ => {}
    }
    Ok(())
}

const NATIVE_ENDIAN: Endian =
    if cfg!(target_endian = "big") { Endian::Big } else { Endian::Little };
