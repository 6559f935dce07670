//! Tests that another call makes void: its flags are behind a pointer, or it does the same in two steps.

use callgate_syscalls::{Arch, Name, names};

use crate::finding::{Draft, Findings};
use crate::ground::{Answer, Ground, State, arg_is, constant};

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    for arch in ground.arches.clone() {
        openat2(ground, findings, arch);
        write_and_execute(ground, findings, arch);
        socketpair(ground, findings, arch);
    }
}

/// Tests of flags or modes of open and openat.
fn openat2(ground: &Ground<'_>, findings: &mut Findings, arch: Arch) {
    let tested =
        [names::OPENAT, names::OPEN].into_iter().find(|&name| ground.is(arch, name, State::Part));
    let Some(tested) = tested else { return };
    let Some(made) = ground.answer(arch, names::OPENAT2).and_then(Answer::made) else { return };
    let message = format!(
        "{tested} is refused with some arguments, and openat2, whose flags are behind a pointer, is made with any"
    );
    let refused = ground.answer(arch, tested).and_then(Answer::refused);
    let draft =
        Draft::of("L0407", names::OPENAT2, message).on(arch).show(made).show_if_any(refused);
    let help = ground.statement(&made.1, names::OPENAT2, "enosys openat2");
    findings.add(ground, draft.help(help));
}

/// Memory that is written and run: who refuses one way means all.
fn write_and_execute(ground: &mut Ground<'_>, findings: &mut Findings, arch: Arch) {
    let both = 2 | 4;
    let refusable = [
        (names::MMAP, 2, both),
        (names::MMAP2, 2, both),
        (names::MPROTECT, 2, 4),
        (names::PKEY_MPROTECT, 2, 4),
    ];
    let has_segments = ground.state(arch, names::SHMGET).is_some_and(|it| it != State::Shut);
    let shared = constant("SHM_EXEC", arch).filter(|_| has_segments);
    let shared = shared.map(|exec| (names::SHMAT, 2, exec));
    let ways: Vec<(Name, usize, u64)> = refusable.into_iter().chain(shared).collect();
    let refused = refusable.into_iter().find_map(|(name, index, prot)| {
        let call = ground.refused_for(arch, name, &[index], &arg_is(index, prot))?;
        (ground.is(arch, name, State::Part)).then_some((name, call))
    });
    let Some((refused_name, refused)) = refused else { return };
    for (name, index, prot) in ways {
        let Some(made) = ground.made_where(arch, name, &arg_is(index, prot)) else { continue };
        let what = match refused_name {
            names::MMAP | names::MMAP2 => "PROT_WRITE|PROT_EXEC",
            _ => "PROT_EXEC",
        };
        let does = match name {
            names::MMAP | names::MMAP2 => "makes memory that is writable and executable",
            names::SHMAT => "maps shared memory executable that is written elsewhere",
            _ => "makes writable memory executable",
        };
        let message = format!("{refused_name} is refused with {what}, and {name} {does}");
        let draft = Draft::new("L0411", "write-and-execute", message).named(name).on(arch);
        findings.add(ground, draft.show(made).show(refused));
        return;
    }
}

/// Datagram pairs of AF_UNIX: each end can be sent on to any path.
fn socketpair(ground: &mut Ground<'_>, findings: &mut Findings, arch: Arch) {
    let Some(dgram) = constant("SOCK_DGRAM", arch) else { return };
    let unix = arg_is(0, 1);
    let Ok(pair) = callgate_policy::Condition::all([unix, arg_is(1, dgram)]) else {
        return;
    };
    let refused = ground.refused_for(arch, names::SOCKET, &[0, 1], &pair);
    let made = ground.made_where(arch, names::SOCKETPAIR, &pair);
    let (Some(refused), Some(made)) = (refused, made) else { return };
    if !ground.is_restricted(arch, names::SOCKET) && reaches(ground, arch).is_none() {
        return;
    }
    let message = "datagram sockets of AF_UNIX are refused, and one of socketpair reaches every path by sendto or connect";
    findings.add(
        ground,
        Draft::of("L0606", names::SOCKETPAIR, message).on(arch).show(made).show(refused),
    );
}

/// A call that sends a datagram to a path.
fn reaches(ground: &Ground<'_>, arch: Arch) -> Option<Name> {
    [names::SENDTO, names::CONNECT, names::SENDMSG]
        .into_iter()
        .find(|&name| ground.state(arch, name).is_some_and(|state| state != State::Shut))
}
