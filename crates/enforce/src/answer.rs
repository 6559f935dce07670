//! What happens to a refused call: what the filter says, no more and no less.

use callgate_kernel::parts::steer;
use callgate_kernel::parts::{self, errno};
use callgate_kernel::{Error, Tid};
use callgate_syscalls::{Action, ActionKind, Errno};

use super::desk::{Desk, Reached};
use super::thread::SignalState;
use super::{Enforcer, Means, Refused, again, kernel, trap};

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever enforces has to look at each")]
pub enum Answered {
    /// It happened to the call what the filter says.
    AsTheFilter,
    /// The call had ended before: by a signal, or with its thread.
    Gone,
    /// The thread can't be steered from here, and something else happened to it.
    Instead(Instead),
}

/// What happened to a thread that can't be steered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever enforces has to look at each")]
pub enum Instead {
    /// SIGSYS ended its process, though not with what a filter sends along with it; where the
    /// filter kills threads, all of them ended.
    PlainSigsys,
    /// Its process handles or ignores SIGSYS, and SIGKILL ended it.
    Sigkill,
    /// Its handler of SIGSYS was told of a signal without what a filter sends along.
    BareTrap,
    /// The call failed with `ENOSYS`: its thread is in a pid namespace that can't be seen from
    /// here.
    Enosys,
}

impl From<Reached> for Answered {
    fn from(reached: Reached) -> Self {
        match reached {
            Reached::Yes => Self::AsTheFilter,
            Reached::Gone => Self::Gone,
        }
    }
}

impl Enforcer {
    /// Does to a call what a filter does that returns this action.
    ///
    /// Of a command that is [watched](Enforcer::watch) from the start the kernel does that, and the
    /// action is not looked at.
    ///
    /// A filter that hands the call to a listener or a tracer of its own has none: the call fails
    /// with `ENOSYS`, as the kernel has it.
    ///
    /// # Errors
    /// [`Error::Kernel`] for what the kernel should not say.
    pub fn answer(&mut self, refused: &Refused, action: Action) -> Result<Answered, Error> {
        let answered = match &mut self.means {
            Means::Desk(desk) => answer(desk, refused, action),
            Means::Watch(watch) => watch.answer(refused, action),
        };
        answered.map_err(|errno| kernel("answering a call", errno))
    }
}

fn answer(desk: &mut Desk, refused: &Refused, action: Action) -> Result<Answered, Errno> {
    let reached = match action.kind() {
        ActionKind::Allow | ActionKind::Log => desk.go_on(refused),
        ActionKind::Errno => desk.fail(refused, Errno::new(action.normalised().data())),
        ActionKind::UserNotify | ActionKind::Trace => desk.fail(refused, errno(libc::ENOSYS)),
        ActionKind::Trap | ActionKind::KillThread => return signal(desk, refused, action),
        ActionKind::KillProcess | ActionKind::Unknown => {
            return signal(desk, refused, Action::KILL_PROCESS);
        }
    };
    reached.map(Answered::from)
}

fn signal(desk: &mut Desk, refused: &Refused, action: Action) -> Result<Answered, Errno> {
    let Some(thread) = refused.thread else {
        desk.fail(refused, errno(libc::ENOSYS))?;
        return Ok(Answered::Instead(Instead::Enosys));
    };
    let Some(signals) = SignalState::of(thread).filter(|_| desk.waits(refused)) else {
        return Ok(Answered::Gone);
    };
    let handled = action.kind() == ActionKind::Trap && signals.sigsys_is_handled;
    let done = match handled {
        true => trap::send(desk, thread, refused, action),
        false => again::make(desk, thread, refused, action),
    };
    match done {
        Ok(()) => Ok(Answered::AsTheFilter),
        Err(_) if !desk.waits(refused) && !exists(thread) => Ok(Answered::AsTheFilter),
        Err(_) if handled => {
            let sent = steer::send_sigsys(signals.process, thread);
            desk.give(refused, i64::from(refused.call.nr.raw()))?;
            let _ = steer::detach(thread, 0);
            sent.map(|()| Answered::Instead(Instead::BareTrap))
        }
        Err(_) => end(desk, thread, refused, &signals),
    }
}

/// Ends the process of a thread that can't be steered: before the call returns.
fn end(
    desk: &Desk,
    thread: Tid,
    refused: &Refused,
    signals: &SignalState,
) -> Result<Answered, Errno> {
    let plain = signals.sigsys_ends && steer::send(signals.process, libc::SIGSYS).is_ok();
    let instead = match plain {
        true => Instead::PlainSigsys,
        false => {
            parts::kill(signals.process)?;
            Instead::Sigkill
        }
    };
    desk.fail(refused, errno(libc::ENOSYS))?;
    // Where steering got as far as to stop it; it meets the signal first.
    let _ = steer::detach(thread, 0);
    Ok(Answered::Instead(instead))
}

fn exists(thread: Tid) -> bool {
    SignalState::of(thread).is_some()
}
