//! `socketcall` and `ipc`, which stand for many calls and hide their arguments.

use callgate_policy::Condition;
use callgate_syscalls::{Arch, Name, names};

use crate::finding::{Draft, Findings};
use crate::ground::{Answer, Ground, State, arg_is};

/// What `socketcall` makes, by the number that tells it so.
const SOCKET_CALLS: [(Name, u64); 20] = [
    (names::SOCKET, 1),
    (names::BIND, 2),
    (names::CONNECT, 3),
    (names::LISTEN, 4),
    (names::ACCEPT, 5),
    (names::GETSOCKNAME, 6),
    (names::GETPEERNAME, 7),
    (names::SOCKETPAIR, 8),
    (names::SEND, 9),
    (names::RECV, 10),
    (names::SENDTO, 11),
    (names::RECVFROM, 12),
    (names::SHUTDOWN, 13),
    (names::SETSOCKOPT, 14),
    (names::GETSOCKOPT, 15),
    (names::SENDMSG, 16),
    (names::RECVMSG, 17),
    (names::ACCEPT4, 18),
    (names::RECVMMSG, 19),
    (names::SENDMMSG, 20),
];

/// What `ipc` makes.
const IPC_CALLS: [(Name, u64); 12] = [
    (names::SEMOP, 1),
    (names::SEMGET, 2),
    (names::SEMCTL, 3),
    (names::SEMTIMEDOP, 4),
    (names::MSGSND, 11),
    (names::MSGRCV, 12),
    (names::MSGGET, 13),
    (names::MSGCTL, 14),
    (names::SHMAT, 21),
    (names::SHMDT, 22),
    (names::SHMGET, 23),
    (names::SHMCTL, 24),
];

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    for arch in ground.arches.clone() {
        open(ground, findings, arch, ("L0413", names::SOCKETCALL, &SOCKET_CALLS));
        open(ground, findings, arch, ("L0414", names::IPC, &IPC_CALLS));
        shut(ground, findings, arch);
    }
}

/// A call that is tested or refused, and made through the multiplexer.
fn open(
    ground: &mut Ground<'_>,
    findings: &mut Findings,
    arch: Arch,
    (code, through, calls): (&'static str, Name, &[(Name, u64)]),
) {
    for &(name, number) in calls {
        let Some(made) = ground.made_where(arch, through, &arg_is(0, number)) else { continue };
        let state = ground.state(arch, name).or_else(|| state_elsewhere(ground, name));
        let is_meant = match state {
            Some(State::Part) => true,
            Some(State::Shut) => ground.is_restricted(arch, name),
            Some(State::Open) | None => false,
        };
        if !is_meant {
            continue;
        }
        let refused = ground.answer(arch, name).and_then(Answer::refused);
        let message = format!(
            "{name} is tested or refused, and {through}, which hides its arguments, makes it with any"
        );
        let draft = Draft::new(code, through.as_str(), message).named(through).on(arch);
        findings.add(ground, draft.show(made).show_if_any(refused));
        return;
    }
}

/// What another architecture of the filter does with a call that this one has no number for.
fn state_elsewhere(ground: &Ground<'_>, name: Name) -> Option<State> {
    ground.arches.iter().find_map(|&arch| ground.state(arch, name))
}

/// The multiplexer is refused where its calls are not: 32-bit programs made before 2016 know nothing else.
fn shut(ground: &mut Ground<'_>, findings: &mut Findings, arch: Arch) {
    let Some(refused) = ground.refused_where(arch, names::SOCKETCALL, &Condition::always()) else {
        return;
    };
    let inet = arg_is(0, 2);
    let Some(made) = ground.made_where(arch, names::SOCKET, &inet) else { return };
    if ground.made_where(arch, names::SOCKETCALL, &arg_is(0, 1)).is_none() {
        let message = "socket is made and socketcall is refused: 32-bit programs that know socketcall alone lose the network";
        findings.add(
            ground,
            Draft::of("L0415", names::SOCKETCALL, message).on(arch).show(refused).show(made),
        );
    }
}
