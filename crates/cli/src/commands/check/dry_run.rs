//! Asking the running kernel about a program, without loading it.
//!
//! A thread that holds a listener may not have a second one. Asked for it, the kernel first judges the program as
//! for any load, its JIT included, and only then refuses: what gets so far is accepted.

use callgate_bpf::{Instruction, Program};
use callgate_kernel::child::{self, Ending};
use callgate_kernel::{Error, Interruption, Options, Scope, load_with_listener};
use callgate_syscalls::Action;

/// What the kernel says of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted,
    Refused,
    /// The kernel would not be asked: it has no listeners, or this process is under a filter that does not allow it.
    None,
}

/// Asks the running kernel, from a child process.
///
/// # Errors
/// [`Error::Kernel`] where no child can be made.
pub(crate) fn ask(program: &Program) -> Result<Answer, Error> {
    let ending = child::run(|| match judged(program) {
        Ok(()) | Err(Error::ListenerExists) => ACCEPTED,
        Err(Error::ProgramRefused) => REFUSED,
        Err(_) => NOT_ASKED,
    })?;
    Ok(match ending {
        Ending::Exited { code: ACCEPTED } => Answer::Accepted,
        Ending::Exited { code: REFUSED } => Answer::Refused,
        _ => Answer::None,
    })
}

const ACCEPTED: u8 = 0;
const REFUSED: u8 = 1;
const NOT_ASKED: u8 = 2;

fn judged(program: &Program) -> Result<(), Error> {
    let allow = Program::new([Instruction::new(0x06, Action::ALLOW.raw())]);
    let allow = allow.map_err(|_| Error::ProgramRefused)?;
    let load = |program| {
        load_with_listener(program, Scope::ThisThread, &Options::default(), Interruption::AnySignal)
    };
    let _listener = match load(&allow) {
        Ok(listener) => listener,
        // A listener of an outer sandbox serves as well.
        Err(Error::ListenerExists) => return load(program).map(drop),
        Err(error) => return Err(error),
    };
    load(program).map(drop)
}
