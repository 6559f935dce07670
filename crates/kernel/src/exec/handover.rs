//! Replacing the process by a command under filters of which one has a listener that somebody else
//! is given.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use callgate_bpf::{Operation, Program, Stack};
use callgate_syscalls::{Action, ActionKind};

use super::Command;
use crate::load::require_single_thread;
use crate::sys::process::{self, Disposition};
use crate::sys::shared::Slot;
use crate::{Error, Interruption, NoNewPrivs, Options, Scope, load, load_with_listener};

/// Whether a program may hand calls to a listener: one of its answers is `SECCOMP_RET_USER_NOTIF`,
/// or is computed.
#[must_use]
pub fn hands_over(program: &Program) -> bool {
    program.operations().any(|operation| match operation {
        Operation::Return(word) => Action::from_raw(word).kind() == ActionKind::UserNotify,
        Operation::ReturnA => true,
        _ => false,
    })
}

impl Command {
    /// As [`Command::exec_under`], for filters of which one [hands calls over](hands_over): gives
    /// its listener to `give`, and replaces the process by the command once `give` has returned.
    ///
    /// `give` runs in a thread of its own, which is not under the filters and ends with the
    /// execution. So it may make every call, whatever the filters say. What it keeps ends with the
    /// execution, too: it has to send the listener to another process. Where it fails, the reason
    /// goes to standard error, and the process exits with code 126.
    ///
    /// Even the call of execve(2) may be handed over: it waits for its answer.
    ///
    /// # Errors
    /// As [`Command::exec_under`]; [`Error::SeveralListeners`] where the kernel can't have as many
    /// listeners as there are filters that hand calls over.
    #[must_use = "returning is failure"]
    pub fn exec_with_listener(
        &self,
        stack: &Stack,
        options: &Options,
        interruption: Interruption,
        give: impl FnOnce(OwnedFd) -> io::Result<()> + Send + 'static,
    ) -> Error {
        if let Some(action) = self.refused_by(stack) {
            return Error::CommandFiltered { action };
        }
        let filters = stack.programs().iter().filter(|program| hands_over(program)).count();
        if filters > 1 {
            return Error::SeveralListeners { filters };
        }
        if let Err(error) = require_single_thread() {
            return error;
        }
        let ignored = Disposition::of_ignored(self.ignores_sigpipe);
        if let Err(errno) = process::set_sigpipe(ignored) {
            return Error::Kernel { call: "sigaction", errno };
        }
        let handover = Arc::new(Handover::default());
        let giver = Arc::clone(&handover);
        if let Err(reason) = thread::Builder::new().spawn(move || giver.run(give)) {
            return Error::Kernel { call: "clone", errno: crate::sys::errno_of(&reason) };
        }
        match load_handing_over(stack, options, interruption, &handover) {
            Ok(()) => {
                handover.wait_until_given();
                self.replace()
            }
            Err(error) => {
                handover.abandon();
                error
            }
        }
    }
}

/// Loads the filters for this thread, the oldest first.
pub(crate) fn load_handing_over(
    stack: &Stack,
    options: &Options,
    interruption: Interruption,
    handover: &Handover,
) -> Result<(), Error> {
    let mut options = *options;
    for program in stack.programs() {
        if hands_over(program) {
            let listener = load_with_listener(program, Scope::ThisThread, &options, interruption)?;
            handover.listener.put(listener);
            handover.state.store(LOADED, Ordering::Release);
        } else {
            load(program, Scope::ThisThread, &options)?;
        }
        options.no_new_privs = NoNewPrivs::Leave;
    }
    Ok(())
}

/// How the thread that gives the listener away learns of it. All by looking again and again: to
/// wake another thread takes a call, which the filters may refuse.
#[derive(Default)]
pub(crate) struct Handover {
    state: AtomicU8,
    listener: Slot,
}

/// The filter is loaded, and the listener there to be taken.
const LOADED: u8 = 1;
/// There will be none.
const ABANDONED: u8 = 2;
/// The listener was given away.
const GIVEN: u8 = 3;

impl Handover {
    /// Outside of the filters: waits for the listener and gives it away.
    pub(crate) fn run(&self, give: impl FnOnce(OwnedFd) -> io::Result<()>) {
        const PAUSE: Duration = Duration::from_micros(20);
        let listener = loop {
            match self.state.load(Ordering::Acquire) {
                // SAFETY: it is put here by the other thread of this process.
                LOADED => break unsafe { self.listener.take() },
                ABANDONED => return,
                _ => thread::sleep(PAUSE),
            }
        };
        let Some(listener) = listener else { return };
        match give(listener) {
            Ok(()) => self.state.store(GIVEN, Ordering::Release),
            Err(reason) => {
                // The other thread can't say it: the filters may keep it from writing, and even
                // from exiting.
                let line = format!("the filter's listener could not be handed over: {reason}\n");
                process::write_stderr(line.as_bytes());
                process::exit_now(126)
            }
        }
    }

    /// There will be no listener.
    pub(crate) fn abandon(&self) {
        self.state.store(ABANDONED, Ordering::Release);
    }

    /// Under the filters, so without any call.
    pub(crate) fn wait_until_given(&self) {
        while self.state.load(Ordering::Acquire) != GIVEN {
            std::hint::spin_loop();
        }
    }
}
