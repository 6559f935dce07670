//! Running a function under a filter whose listener stays here.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{io, mem, thread};

use callgate_bpf::{Program, Stack};
use callgate_syscalls::Errno;

use super::{Child, start_forked};
use crate::exec::{Handover, load_handing_over};
use crate::load::listener_flags;
use crate::notify::handover::{receive, send};
use crate::sys::errno_of;
use crate::sys::shared::Shared;
use crate::{Error, Interruption, Options, Supervised, refusal};

/// The exit code of a child that the kernel refused something.
const NOT_CONFINED: u8 = 125;

/// Starts a closure in a forked child under a filter, and returns the filter's listener. Otherwise
/// as [`run_forked`](super::run_forked).
///
/// Of the child's calls only the closure's are under the filter: the listener is sent by a thread that
/// is not under it, and has no more to do when the closure begins. The child keeps no copy of it.
///
/// # Safety
/// As [`run_forked`](super::run_forked).
///
/// # Errors
/// [`Error::Kernel`] where the process can't be forked, and what
/// [`load_with_listener`](crate::load_with_listener) says in the child.
pub unsafe fn start_supervised(
    program: &Program,
    options: &Options,
    interruption: Interruption,
    closure: impl FnOnce() -> u8,
) -> Result<Supervised, Error> {
    let fail = |call, errno| Error::Kernel { call, errno };
    let pair = UnixStream::pair().map_err(|error| fail("socketpair", errno_of(&error)));
    let (here, there) = pair?;
    let refused = Shared::<AtomicU32>::new().map_err(|errno| fail("mmap", errno))?;
    let stack = Stack::new([program.clone()]);
    let (report, flags) = (refused.value(), listener_flags(options, interruption));
    let in_child = move || match confine(&stack, options, interruption, there) {
        Ok(()) => closure(),
        Err(errno) => {
            report.store(errno.raw().into(), Ordering::Release);
            NOT_CONFINED
        }
    };
    // SAFETY: before the closure, for which the caller answers, the child starts a thread, which
    // takes the allocator of the C library, loads a filter and sends a descriptor.
    let child = unsafe { start_forked(in_child) }?;
    let message = receive(here.as_fd(), &mut [0]);
    match message.map(|message| message.descriptors.into_iter().next()) {
        Ok(Some(listener)) => Ok(Supervised { child, listener }),
        Ok(None) => Err(not_confined(child, |raw| refusal::explain(raw, flags), &refused)),
        Err(errno) => {
            child.kill()?;
            child.wait()?;
            Err(fail("recvmsg", errno))
        }
    }
}

/// Why the child sent nothing: it has ended, or is about to.
fn not_confined(
    child: Child,
    explain: impl FnOnce(Errno) -> Error,
    refused: &Shared<AtomicU32>,
) -> Error {
    if let Err(error) = child.wait() {
        return error;
    }
    match u16::try_from(refused.value().load(Ordering::Acquire)) {
        Ok(0) | Err(_) => {
            let call = "starting a child, which was killed";
            Error::Kernel { call, errno: Errno::new(0) }
        }
        Ok(raw) => explain(Errno::new(raw)),
    }
}

/// In the child: loads the filter and has its listener sent.
fn confine(
    stack: &Stack,
    options: &Options,
    interruption: Interruption,
    socket: UnixStream,
) -> Result<(), Errno> {
    let handover = Arc::new(Handover::default());
    let giver = Arc::clone(&handover);
    let give = move |listener: OwnedFd| {
        let sent = send(socket.as_fd(), b"L", listener.as_fd());
        sent.map(drop).map_err(|errno| io::Error::from_raw_os_error(errno.raw().into()))
    };
    let started = thread::Builder::new().spawn(move || giver.run(give));
    let thread = started.map_err(|error| errno_of(&error))?;
    let loaded = load_handing_over(stack, options, interruption, &handover);
    match loaded {
        Ok(()) => handover.wait_until_given(),
        Err(_) => handover.abandon(),
    }
    // Not joined, which takes a call: it has nothing left to do but to end.
    mem::forget(thread);
    loaded.map_err(|error| error.errno().unwrap_or(Errno::new(0)))
}

#[cfg(test)]
mod tests {
    use callgate_bpf::Instruction;
    use callgate_syscalls::{Action, Arch, names};

    use super::*;
    use crate::child::Ending;
    use crate::notify::{Format, Response};

    /// getppid gets an action, all else is allowed.
    fn program(action: Action) -> Program {
        let getppid = Arch::native().and_then(|arch| arch.syscall(names::GETPPID)).unwrap();
        let test = Instruction { code: 0x15, jt: 0, jf: 1, k: getppid.nr.raw() };
        let ends = [action, Action::ALLOW].map(|action| Instruction::new(0x06, action.raw()));
        Program::new([Instruction::new(0x20, 0), test, ends[0], ends[1]]).unwrap()
    }

    #[test]
    fn a_function_waits_for_answers_and_nothing_else_does() {
        let program = program(Action::USER_NOTIFY);
        let call = || u8::from(std::os::unix::process::parent_id() != 77);
        let options = Options::default();
        // SAFETY: the closure makes a syscall.
        let started =
            unsafe { start_supervised(&program, &options, Interruption::AnySignal, call) };
        let Supervised { child, listener, .. } = started.unwrap();
        let format = Format::of_kernel().unwrap().unwrap();
        let asked = format.receive(listener.as_fd()).unwrap();
        assert_eq!(asked.pid, child.id().raw());
        let response = Response { id: asked.id, val: 77, error: 0, flags: 0 };
        format.respond(listener.as_fd(), response).unwrap();
        assert_eq!(child.wait(), Ok(Ending::Exited { code: 0 }));
    }

    #[test]
    fn the_kernels_refusal_is_that_of_the_load() {
        // Without a listener to hand calls to, the kernel takes no second one.
        let program = program(Action::USER_NOTIFY);
        let inner = program.clone();
        let options = Options::default();
        let call = move || {
            // SAFETY: the closure does nothing.
            let again =
                unsafe { start_supervised(&inner, &options, Interruption::AnySignal, || 0) };
            u8::from(!matches!(again, Err(Error::ListenerExists)))
        };
        // SAFETY: the closure forks once more, and this process waits for nobody else.
        let started =
            unsafe { start_supervised(&program, &options, Interruption::AnySignal, call) };
        let Supervised { child, listener, .. } = started.unwrap();
        assert_eq!(child.wait(), Ok(Ending::Exited { code: 0 }));
        drop(listener);
    }
}
