//! Variants of one operation that get different answers.

use callgate_facts::{Family, Groups};
use callgate_syscalls::{Arch, Name, names};

use crate::finding::{Draft, Findings};
use crate::ground::{Answer, Ground, State};
use crate::words;

/// Families whose members all reach the same: who refuses one of them means the others.
const ALIKE: [&str; 20] = [
    "access",
    "chmod",
    "chown",
    "clock-set",
    "exec",
    "fcntl",
    "kexec",
    "link",
    "mkdir",
    "mknod",
    "mmap",
    "module",
    "mprotect",
    "read",
    "readlink",
    "rename",
    "stat",
    "unlink",
    "utime",
    "write",
];

/// Members that reach less than the others, or something else.
const OTHERS: [Name; 9] = [
    names::RMDIR,
    names::ADJTIMEX,
    names::CLOCK_ADJTIME,
    names::CLOCK_ADJTIME64,
    names::DELETE_MODULE,
    names::FSTAT,
    // Nothing calls these any more.
    names::OLDSTAT,
    names::OLDLSTAT,
    names::OLDFSTAT,
];

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    let families: Vec<Family> = Groups::LATEST.families().collect();
    for arch in ground.arches.clone() {
        for &family in families.iter().filter(|family| ALIKE.contains(&family.name())) {
            let members: Vec<Name> =
                family.members_on(arch).filter(|name| !OTHERS.contains(name)).collect();
            hole(ground, findings, (arch, family), &members);
            untested(ground, findings, (arch, family), &members);
        }
    }
}

/// A member is refused on purpose, and another one is not.
fn hole(
    ground: &mut Ground<'_>,
    findings: &mut Findings,
    (arch, family): (Arch, Family),
    members: &[Name],
) {
    let refused = members.iter().copied().find(|&name| {
        let is_meant = ground.is(arch, name, State::Shut) && ground.is_restricted(arch, name);
        // ENOSYS says that the kernel does not have the variant: callers then take the other one, as is meant.
        let answer = ground.answer(arch, name).and_then(Answer::refused);
        is_meant && answer.is_some_and(|(action, _)| action != crate::process::enosys(arch))
    });
    let Some(refused) = refused else { return };
    let open: Vec<Name> =
        members.iter().copied().filter(|&name| ground.is(arch, name, State::Open)).collect();
    let Some(&first) = open.first() else { return };
    let message =
        format!("{refused} is refused, and its variants are made: {}", words::names(&open));
    let mut draft = Draft::new("L0408", family.name(), message).named(first).on(arch);
    draft = draft.show_if_any(ground.answer(arch, first).and_then(Answer::made));
    draft = draft.show_if_any(ground.answer(arch, refused).and_then(Answer::refused));
    findings.add(ground, draft);
}

/// The arguments of a member are tested, and those of another one are not.
fn untested(
    ground: &Ground<'_>,
    findings: &mut Findings,
    (arch, family): (Arch, Family),
    members: &[Name],
) {
    let tested = members.iter().copied().find(|&name| {
        // A call that is handed over whole is not tested.
        let answer = ground.answer(arch, name);
        answer.is_some_and(|answer| answer.refused().is_some() && answer.made().is_some())
    });
    let Some(tested) = tested else { return };
    let open: Vec<Name> =
        members.iter().copied().filter(|&name| ground.is(arch, name, State::Open)).collect();
    let Some(&first) = open.first() else { return };
    let message = format!(
        "arguments of {tested} are tested, and its variants are made with any: {}",
        words::names(&open)
    );
    let mut draft = Draft::new("L0410", family.name(), message).named(first).on(arch);
    draft = draft.show_if_any(ground.answer(arch, first).and_then(Answer::made));
    draft = draft.show_if_any(ground.answer(arch, tested).and_then(Answer::refused));
    findings.add(ground, draft);
}
