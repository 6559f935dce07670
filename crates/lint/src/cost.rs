//! What filters cost: calls that the kernel cannot cache, and filters that could be one.

use callgate_bpf::{Hardening, PATH_LEN_MAX};
use callgate_syscalls::{Arch, Name, names};

use crate::finding::{Draft, Findings};
use crate::ground::{Answer, Ground, State};
use crate::subject::What;

/// Calls that programs make all the time.
const FREQUENT: [Name; 14] = [
    names::READ,
    names::WRITE,
    names::FUTEX,
    names::EPOLL_WAIT,
    names::EPOLL_PWAIT,
    names::POLL,
    names::RECVFROM,
    names::SENDTO,
    names::RECVMSG,
    names::SENDMSG,
    names::CLOSE,
    names::FSTAT,
    names::LSEEK,
    names::CLOCK_GETTIME,
];

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    for arch in ground.arches.clone() {
        uncached(ground, findings, arch);
    }
    let What::Stack(stack) = ground.subject.what else { return };
    let count = stack.programs().len();
    if count > 1 {
        let lengths: usize = stack.programs().iter().map(callgate_bpf::Program::len).sum();
        let message = format!(
            "{count} filters of {lengths} instructions run for each call that is not cached; one would do"
        );
        findings.add(ground, Draft::new("L0702", "stack", message));
    }
    let budget = stack.path_len(Hardening::On);
    if budget > PATH_LEN_MAX / 4 * 3 {
        let message = format!(
            "the filters take {budget} of the {PATH_LEN_MAX} instructions that a thread may have on a hardened kernel"
        );
        findings.add(ground, Draft::new("L0703", "budget", message));
    }
}

/// Frequent calls whose arguments are looked at, or which a program allows in a way that the kernel does not see through.
fn uncached(ground: &Ground<'_>, findings: &mut Findings, arch: Arch) {
    let slow: Vec<Name> = FREQUENT
        .into_iter()
        .filter(|&name| match (ground.state(arch, name), arch.syscall(name), ground.subject.what) {
            (Some(State::Part), ..) => true,
            (Some(State::Open), Some(syscall), What::Stack(stack)) => {
                !stack.cacheable(arch.token(), syscall.nr)
            }
            _ => false,
        })
        .collect();
    let Some(&first) = slow.first() else { return };
    let message =
        "the kernel runs the filter for these frequent calls, because it cannot cache the answer";
    let draft = Draft::new("L0701", "cache", message).listing(arch, &ground.made_of(arch, &slow));
    let shown = ground.answer(arch, first).and_then(Answer::made);
    findings.add(ground, draft.on(arch).show_if_any(shown));
}
