//! Tracers in a command that is traced itself, of which a thread has one.

use callgate_kernel::{Tid, status_of};
use callgate_syscalls::{Arch, SeccompData, names};

const TRACEME: u64 = 0;
const ATTACH: u64 = 16;
const SEIZE: u64 = 0x4206;

/// Whether a call asks for a thread to be traced that has a tracer. What it asks of others is not
/// in the way.
pub(super) fn asks_for_traced(thread: Tid, call: &SeccompData) -> bool {
    let arch = Arch::of_call(call.arch, call.nr);
    let name = arch.and_then(|arch| Some(arch.syscall_at(call.nr)?.name));
    let whom = match call.args[0] {
        _ if name != Some(names::PTRACE) => None,
        TRACEME => Some(thread),
        ATTACH | SEIZE => u32::try_from(call.args[1]).ok().and_then(Tid::new),
        _ => None,
    };
    whom.and_then(|whom| status_of(whom).ok()).is_some_and(|status| status.tracer.is_some())
}
