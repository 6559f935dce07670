//! `callgate_denied`.

use std::ffi::c_void;
use std::fmt::Write;
use std::os::fd::AsFd;

use callgate::testing::{Refused, refused};
use callgate_bpf::{Instruction, Operation, Program};
use callgate_kernel::child::{Ending, start_supervised};
use callgate_kernel::{Interruption, Options, Supervised};
use callgate_policy::{Action, SeccompData};
use callgate_syscalls::Endian;
use libc::c_int;

use crate::entry::{code, remember};
use crate::failure::Failure;
use crate::library::exported;

/// What is run under a filter: 0 where all went well.
type Function = unsafe extern "C" fn(*mut c_void) -> c_int;

/// Runs a function in a child under a filter, and counts the calls that the filter refuses.
///
/// # Safety
/// `filter` is NULL or a live context of libseccomp's; the function may be called with `data` in a
/// forked child.
///
/// # References
/// `callgate.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn callgate_denied(
    filter: *mut c_void,
    function: Option<Function>,
    data: *mut c_void,
) -> c_int {
    code(|| {
        let function = function.ok_or_else(|| Failure::invalid("function is NULL"))?;
        if filter.is_null() {
            return Err(Failure::invalid("filter is NULL"));
        }
        // SAFETY: not NULL, and the caller answers for the rest.
        let program = unsafe { exported(filter) }?;
        let asking = asking(&program)?;
        let call = || {
            // SAFETY: the caller's promise; this is the child.
            let result = unsafe { function(data) };
            u8::try_from(result & 0xff).unwrap_or(u8::MAX).max(u8::from(result != 0))
        };
        let (options, interruption) = (Options::default(), Interruption::fewest());
        // SAFETY: the closure calls the function, for which the caller answers.
        let child = unsafe { start_supervised(&asking, &options, interruption, call) }?;
        judge(watch(child, &program)?)
    })
}

/// The program with its refusals handed over, and nothing else changed.
fn asking(program: &Program) -> Result<Program, Failure> {
    let mut instructions: Vec<Instruction> = program.instructions().to_vec();
    for (instruction, operation) in instructions.iter_mut().zip(program.operations()) {
        match operation {
            Operation::Return(word) if !Action::from_raw(word).kind().may_execute() => {
                instruction.k = Action::USER_NOTIFY.raw();
            }
            Operation::ReturnA => {
                return Err(Failure::unsupported("the filter computes its answers"));
            }
            _ => {}
        }
    }
    Program::new(instructions).map_err(Failure::unsupported)
}

/// What was refused, and how the child ended.
fn watch(supervised: Supervised, program: &Program) -> Result<(Refused, Ending), Failure> {
    let Supervised { child, listener, .. } = supervised;
    let decide = |call: &SeccompData| program.run(call, Endian::native());
    let seen = refused(listener.as_fd(), &decide, &|| child.has_ended());
    // Whoever is left under the filter gets ENOSYS from now on, and does not wait for ever.
    drop(listener);
    let ending = child.wait()?;
    Ok((seen?, ending))
}

/// How many calls were refused. Where the function failed and nothing was refused, that is the
/// failure.
fn judge((refused, ending): (Refused, Ending)) -> Result<c_int, Failure> {
    let failed = match ending {
        Ending::Exited { code: 0 } => None,
        Ending::Exited { code } => {
            Some(format!("the function returned {code}, and should return 0"))
        }
        Ending::Killed { signal } => Some(format!("the function was ended by {signal}")),
    };
    let count = c_int::try_from(refused.denials().len()).unwrap_or(c_int::MAX);
    match failed {
        Some(failed) if refused.is_empty() => Err(Failure::new(libc::ECHILD, failed)),
        failed => {
            if !refused.is_empty() {
                let mut text = refused.to_string();
                if let Some(failed) = failed {
                    let _ = writeln!(text, "{failed}");
                }
                remember(text.trim_end());
            }
            Ok(count)
        }
    }
}
