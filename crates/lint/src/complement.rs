//! Deny lists that look like allow lists: what conditions let through, in words.

use callgate_facts::{Constant, Constants};
use callgate_syscalls::{Arch, Name, names};

use crate::finding::{Draft, Findings};
use crate::ground::{Ground, State, arg_is};
use crate::words;

/// Arguments that choose among many things, and what these are called.
const SELECTORS: [(Name, usize, &str); 7] = [
    (names::SOCKET, 0, "families"),
    (names::SOCKETPAIR, 0, "families"),
    (names::PRCTL, 0, "options"),
    (names::KEYCTL, 0, "operations"),
    (names::BPF, 0, "commands"),
    (names::PTRACE, 0, "requests"),
    (names::FCNTL, 1, "commands"),
];

/// So few that are made are an allow list.
const MANY: usize = 8;

/// So far behind the last value that has a name nothing has one.
const BEYOND: i64 = 0x101;

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    for arch in ground.arches.clone() {
        for (name, index, kind) in SELECTORS {
            if ground.is(arch, name, State::Part) {
                complement(ground, findings, (arch, name), (index, kind));
            }
        }
    }
}

fn complement(
    ground: &mut Ground<'_>,
    findings: &mut Findings,
    (arch, name): (Arch, Name),
    (index, kind): (usize, &str),
) {
    let Some(usage) = Constants::of_register(arch, name, index).next() else { return };
    let (mut made, mut refused) = (Vec::new(), Vec::new());
    let mut values = Vec::new();
    for constant in usage.constants.members() {
        let Some(value) = constant.on(arch) else { continue };
        // Other names of a value are no other values.
        if values.contains(&value) {
            continue;
        }
        values.push(value);
        let value = 0_u64.wrapping_add_signed(value);
        match ground.made_where(arch, name, &arg_is(index, value)) {
            Some(call) => made.push((constant, call)),
            None => refused.push(constant),
        }
    }
    if made.len() < MANY || refused.is_empty() || refused.len() >= made.len() {
        return;
    }
    // Who lists what is made refuses also what nobody has thought of yet, however long the list is.
    let beyond = values.iter().max().map_or(0, |highest| highest.saturating_add(BEYOND));
    let beyond = arg_is(index, 0_u64.wrapping_add_signed(beyond));
    if ground.made_where(arch, name, &beyond).is_none() {
        return;
    }
    let few = words::list(refused.iter().map(|constant| constant.name()));
    let message = format!("{name} is made with {} {kind} and refused with {few}", made.len());
    let shown = telling(&made);
    let draft = Draft::of("L0306", name, message).on(arch).show_if_any(shown);
    findings.add(ground, draft);
}

type Made = (Constant, crate::ground::Call);

/// The call that surprises most.
fn telling(made: &[Made]) -> Option<crate::ground::Call> {
    let surprising = ["AF_ALG", "AF_PACKET", "AF_NETLINK", "AF_VSOCK", "PR_SET_MM"];
    let found = surprising
        .iter()
        .find_map(|name| made.iter().find(|(constant, _)| constant.name() == *name));
    found.or(made.last()).map(|(_, call)| *call)
}
