//! Who answers when the enforcer has been killed: another process with the same listener.
//!
//! A listener that nobody holds lets every call fail with `ENOSYS`, where the filter may kill. So a
//! child holds it too, and waits for the end of the enforcer. If that comes before the end of all
//! that is under the filter, each call that is handed over from then on ends its process, and so
//! does each that the enforcer has received and not answered. Between
//! the command's start and the child's, a moment in which nothing is answered yet, nobody guards.

use std::io::Read;
use std::os::unix::net::UnixStream;

use callgate_kernel::Tid;
use callgate_kernel::parts::steer;
use callgate_kernel::parts::{self, Fork, errno, errno_of};
use callgate_syscalls::Errno;

use super::desk::Desk;
use super::thread::SignalState;

/// The child, and the end of a connection that closes with the last process that enforces.
#[derive(Debug)]
pub(super) struct Guarded {
    child: Tid,
    #[expect(dead_code, reason = "it is there to be closed")]
    connection: UnixStream,
}

/// Starts the child. Signals have to be held back already: what a terminal sends to all must not
/// end it first.
pub(super) fn start(desk: &mut Desk) -> Result<Guarded, Errno> {
    let (ours, theirs) = UnixStream::pair().map_err(|error| errno_of(&error))?;
    desk.share_open()?;
    // SAFETY: this process has one thread (`Enforcer::start`), which goes on in the child with a
    // copy of all that it owns.
    match unsafe { parts::fork() }? {
        Fork::Parent(child) => Ok(Guarded { child, connection: ours }),
        Fork::Child => {
            drop(ours);
            guard(desk, theirs)
        }
    }
}

/// Ends the child, with which its copy of the listener is gone.
pub(super) fn end(guarded: Guarded) {
    // It may have been killed, and waited for.
    let _ = parts::kill(guarded.child);
    let _ = steer::wait_for_child(guarded.child);
}

fn guard(desk: &mut Desk, mut enforcer: UnixStream) -> ! {
    steer::close_input_and_output();
    // Nothing is ever sent.
    let _ = enforcer.read(&mut [0]);
    for (id, thread) in desk.left() {
        let _ = end_maker(desk, id, thread);
    }
    while let Ok(true) = end_next(desk) {}
    parts::exit_now(0)
}

/// Ends the process that makes the next call; whether anybody is left who can make one.
fn end_next(desk: &mut Desk) -> Result<bool, Errno> {
    let ready = match callgate_kernel::notify::wait(desk.listener(), None, None) {
        Err(reason) if reason == errno(libc::EINTR) => return Ok(true),
        other => other?,
    };
    if !ready.call {
        return Ok(!ready.ended);
    }
    desk.receive()?;
    let Some(refused) = desk.next_waiting() else { return Ok(true) };
    end_maker(desk, refused.id, refused.thread).map(|()| true)
}

/// Ends the process of a thread whose call waits; where that can't be, the call fails.
fn end_maker(desk: &Desk, id: u64, thread: Option<Tid>) -> Result<(), Errno> {
    let signals = thread.and_then(SignalState::of);
    match signals.is_none_or(|signals| parts::kill(signals.process).is_err()) {
        true => desk.fail_at(id, errno(libc::ENOSYS)).map(drop),
        false => Ok(()),
    }
}
