//! What a profile says, done by hand: to a thread that stands in front of a call which its filter
//! hands over, where nobody takes it any more.
//!
//! Such a call fails with `ENOSYS` by itself. An errno is put in place of that one; what kills is
//! loaded as a filter, [as elsewhere](super::again), and so comes before the other. Where a filter of
//! the program's own would [hand the call over](super::own) as well, to somebody who may let it pass,
//! it is not made at all.

use callgate_kernel::Tid;
use callgate_kernel::parts::steer::{self, Stand};
use callgate_kernel::parts::{self, errno};
use callgate_syscalls::{Action, ActionKind, Errno, SeccompData};

use super::Refused;
use super::again::{prepare, wait_for_stop};
use super::answer::Instead;
use super::mark::MARK;
use super::thread::SignalState;
use super::trap::roll_back;
use registers::Registers;

/// What became of a thread.
pub(super) enum Did {
    Runs,
    /// It does not run, and is still to be looked at.
    Stands(Stand),
    /// Something else ends it.
    Instead(Instead),
    /// It runs, and its call is to return this when it does.
    Returns(u64),
}

impl From<Option<Stand>> for Did {
    fn from(stand: Option<Stand>) -> Self {
        stand.map_or(Self::Runs, Self::Stands)
    }
}

/// Does to a call what the profile says; without it, if it must not be made.
pub(super) fn answer(
    thread: Tid,
    refused: &Refused,
    action: Action,
    is_made: bool,
) -> Result<Did, Errno> {
    if !is_made && !action.kind().may_execute() {
        registers::change(thread, Registers::without_call)?;
    }
    match action.kind() {
        ActionKind::Allow | ActionKind::Log | ActionKind::UserNotify | ActionKind::Trace => {
            steer::go_to_call(thread).map(|()| Did::Runs)
        }
        // Whoever is handed even what is no call may take its time, and be traced itself.
        ActionKind::Errno if !is_made => {
            let result = failed_with(action.normalised().data().into());
            steer::go_to_call(thread).map(|()| Did::Returns(result))
        }
        ActionKind::Errno => fail(thread, action.normalised().data()).map(Did::from),
        ActionKind::Trap if SignalState::of(thread).is_some_and(|it| it.sigsys_is_handled) => {
            trap(thread, refused, action).map(Did::from)
        }
        ActionKind::Trap | ActionKind::KillThread => end(thread, refused, action),
        ActionKind::KillProcess | ActionKind::Unknown => end(thread, refused, Action::KILL_PROCESS),
    }
}

/// Makes a load in front of which a thread stands, with the mark that lets it pass.
pub(super) fn make_marked(thread: Tid, call: &SeccompData) -> Result<Option<Stand>, Errno> {
    let first = call.args[0];
    registers::change(thread, |it| it.with_first(first & 0xffff_ffff | MARK))?;
    if let ended @ Some(_) = go_out(thread)? {
        return Ok(ended);
    }
    registers::change(thread, |it| it.with_first(first))?;
    steer::go_to_call(thread).map(|()| None)
}

/// Has the call that a thread has made return something else.
pub(super) fn make_return(thread: Tid, result: u64) -> Result<(), Errno> {
    registers::change(thread, |it| it.returning(result))
}

fn fail(thread: Tid, reason: u16) -> Result<Option<Stand>, Errno> {
    if let ended @ Some(_) = go_out(thread)? {
        return Ok(ended);
    }
    let handed_over = failed_with(libc::ENOSYS.into());
    registers::change(thread, |it| match it.result() == handed_over {
        true => it.returning(failed_with(reason.into())),
        // A filter of the program's own came first.
        false => it,
    })?;
    steer::go_to_call(thread).map(|()| None)
}

fn failed_with(reason: i64) -> u64 {
    u64::from_ne_bytes((-reason).to_ne_bytes())
}

fn trap(thread: Tid, refused: &Refused, action: Action) -> Result<Option<Stand>, Errno> {
    if let ended @ Some(_) = go_out(thread)? {
        return Ok(ended);
    }
    let process = SignalState::of(thread).ok_or(errno(libc::ESRCH))?.process;
    steer::send_sigsys(process, thread)?;
    loop {
        steer::go_to_call(thread)?;
        match wait_for_stop(None, thread)? {
            Stand::AtSignal(libc::SIGSYS) => break,
            ended @ Stand::Ended(_) => return Ok(Some(ended)),
            _ => {}
        }
    }
    roll_back(thread, &refused.call)?;
    steer::set_trap(thread, &refused.call, action)?;
    steer::go_to_call_with(thread, libc::SIGSYS).map(|()| None)
}

fn end(thread: Tid, refused: &Refused, action: Action) -> Result<Did, Errno> {
    if let Some(ended) = go_out(thread)? {
        return Ok(Did::Stands(ended));
    }
    if prepare(thread, refused, action).is_err() {
        return end_otherwise(thread);
    }
    // In front of the call again, which is known already.
    if let Some(ended) = go_out(thread)? {
        return Ok(Did::Stands(ended));
    }
    steer::go_to_call(thread).map(|()| Did::Runs)
}

/// Ends the process of a thread that could not be made to load a filter.
fn end_otherwise(thread: Tid) -> Result<Did, Errno> {
    let signals = SignalState::of(thread).ok_or(errno(libc::ESRCH))?;
    let instead = match signals.sigsys_ends {
        true => steer::send(signals.process, libc::SIGSYS).map(|()| Instead::PlainSigsys)?,
        false => parts::kill(signals.process).map(|()| Instead::Sigkill)?,
    };
    steer::go_to_call(thread).map(|()| Did::Instead(instead))
}

/// Lets a thread go to the next stop at a call; returns its end if that comes first.
fn go_out(thread: Tid) -> Result<Option<Stand>, Errno> {
    let mut signal = 0;
    loop {
        steer::go_to_call_with(thread, signal)?;
        match wait_for_stop(None, thread)? {
            Stand::AtCall => return Ok(None),
            ended @ Stand::Ended(_) => return Ok(Some(ended)),
            Stand::AtSignal(met) => signal = met,
            _ => signal = 0,
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod registers {
    use super::*;
    pub(super) use callgate_kernel::parts::registers::Registers;

    pub(super) fn change(
        thread: Tid,
        to: impl FnOnce(Registers) -> Registers,
    ) -> Result<(), Errno> {
        to(Registers::of(thread)?).set(thread)
    }
}

/// Nothing is taken over where registers are not known.
#[cfg(not(target_arch = "x86_64"))]
mod registers {
    use super::*;

    #[derive(Clone, Copy)]
    pub(super) struct Registers;

    impl Registers {
        pub(super) const fn result(self) -> u64 {
            0
        }

        pub(super) const fn returning(self, _: u64) -> Self {
            self
        }

        pub(super) const fn without_call(self) -> Self {
            self
        }

        pub(super) const fn with_first(self, _: u64) -> Self {
            self
        }
    }

    pub(super) fn change(_: Tid, _: impl FnOnce(Registers) -> Registers) -> Result<(), Errno> {
        Err(errno(libc::ENOSYS))
    }
}
