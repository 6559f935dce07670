//! Syscalls that some architectures also offer through one number, `socketcall` and `ipc`, against
//! what the kernel does.
//!
//! The first argument says which call is meant. For `socketcall` the other arguments are behind a
//! pointer, where filters can't look; `ipc` shifts them. Runtimes keep conditions on the others,
//! although they then mean something else. [`Reading::Kernel`](crate::Reading::Kernel) does not: a
//! rule without conditions opens or closes both ways. A rule with conditions, which can't be tested
//! there, opens only the direct way if it allows, and closes the other way altogether if it
//! refuses. What the profile says about `socketcall` or `ipc` itself goes first.
//!
//! References: `net/socket.c`, `ipc/syscall.c`, `include/uapi/linux/net.h`,
//! `include/uapi/linux/ipc.h`.

use callgate_order::{Class, Multiplexer, Number, Step, StoredOperator, Test, resolve_name};
use callgate_syscalls::{Action, Arch, Name};

use crate::chain::{Accepted, Decisions};
use crate::check::is_permissive;

/// The number of a syscall itself, or its pseudo number.
pub(crate) fn own(arch: Arch, name: Name) -> Option<Number> {
    let direct = arch.syscall(name).map(|syscall| syscall.nr.into());
    direct.or_else(|| resolve_name(arch, name.as_str()))
}

/// Adds the rules that go to `socketcall` and `ipc` because of rules for what they stand for.
pub(crate) fn close(accepted: &mut Accepted) {
    let arch = accepted.arch();
    if !arch.multiplexes() {
        return;
    }
    for multiplexer in Multiplexer::ALL {
        let Some(through) = multiplexer.number(arch) else { continue };
        if accepted.of(through).only().is_some() {
            continue;
        }
        for (name, call) in sorted_calls(multiplexer) {
            let derived = own(arch, name).and_then(|number| derive(&accepted.of(number)));
            if let Some((action, origin)) = derived {
                accepted.add_behind(through, step(multiplexer, call), action, origin);
            }
        }
    }
}

fn sorted_calls(multiplexer: Multiplexer) -> Vec<(Name, u32)> {
    let mut calls: Vec<_> = multiplexer.calls().collect();
    calls.sort_unstable();
    calls
}

/// Whether a multiplexer is told to make a call.
pub(crate) fn step(multiplexer: Multiplexer, call: u32) -> Step {
    let mask = match multiplexer {
        Multiplexer::Socketcall => u32::MAX,
        // The high half of the number is a version of the interface.
        Multiplexer::Ipc => 0xffff,
    };
    let stored = StoredOperator::MaskedEqual;
    let test = Test { arg: 0, stored, mask: mask.into(), datum: call.into() };
    Step { test, answer: true, class: Class::Equality }
}

/// What the rules of a call say about the multiplexer: an action, and the rule that it comes from.
fn derive(decisions: &Decisions<'_>) -> Option<(Action, usize)> {
    let first = decisions.rules().first()?;
    let action = match first.steps.is_empty() {
        true => first.action,
        false => {
            let refusing = decisions.rules().iter().map(|rule| rule.action);
            let refusing = refusing
                .filter(|&action| !is_permissive(action) && is_permissive(decisions.default()));
            refusing.min_by_key(|action| action.precedence())?
        }
    };
    Some((action, first.origin))
}
