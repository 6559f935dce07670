//! SIGSYS as a trap sends it, to a process that handles it.
//!
//! Nobody but the kernel may send a signal that says it comes from a filter; a tracer may change
//! what a signal says before it is delivered. So the thread is sent one, stopped in front of it,
//! and let go with what the handler has to see.

use callgate_kernel::Tid;
use callgate_kernel::parts::errno;
use callgate_kernel::parts::steer::{self, Stand};
use callgate_syscalls::{Action, Arch, Errno, SeccompData};

use super::Refused;
use super::again::wait_for_stop;
use super::desk::Desk;
use super::thread::SignalState;

pub(super) fn send(
    desk: &mut Desk,
    thread: Tid,
    refused: &Refused,
    action: Action,
) -> Result<(), Errno> {
    let process = SignalState::of(thread).ok_or(errno(libc::ESRCH))?.process;
    steer::seize(thread)?;
    steer::send_sigsys(process, thread)?;
    desk.give(refused, rolled_back(&refused.call))?;
    loop {
        match wait_for_stop(Some(desk), thread)? {
            Stand::AtSignal(libc::SIGSYS) => break,
            Stand::Ended(_) => return Err(errno(libc::ESRCH)),
            _ => steer::go_on(thread)?,
        }
    }
    roll_back(thread, &refused.call)?;
    steer::set_trap(thread, &refused.call, action)?;
    steer::detach(thread, libc::SIGSYS)
}

/// What is where the result of a call would be when the call was not made.
fn rolled_back(call: &SeccompData) -> i64 {
    match Arch::of_call(call.arch, call.nr) {
        Some(Arch::X86 | Arch::X86_64 | Arch::X32) => {
            i64::from(i32::from_ne_bytes(call.nr.raw().to_ne_bytes()))
        }
        // The first argument and the result share a register.
        _ => i64::from_ne_bytes(call.args[0].to_ne_bytes()),
    }
}

/// Before Linux 5.19 the signal has interrupted the call, which would be made again behind the
/// handler.
#[cfg(target_arch = "x86_64")]
pub(super) fn roll_back(thread: Tid, call: &SeccompData) -> Result<(), Errno> {
    use callgate_kernel::parts::registers::Registers;

    Registers::of(thread)?.rolled_back(call).set(thread)
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn roll_back(_: Tid, _: &SeccompData) -> Result<(), Errno> {
    Ok(())
}
