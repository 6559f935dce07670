//! Variants of one operation that get different answers.

use callgate_facts::{Family, Groups};
use callgate_syscalls::{ActionKind, Arch, Name, names};

use crate::finding::{Draft, Findings};
use crate::ground::{Answer, Ground, State};

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

/// Calls that send a signal.
const SIGNALS: &[Name] = &[
    names::KILL,
    names::TKILL,
    names::TGKILL,
    names::RT_SIGQUEUEINFO,
    names::RT_TGSIGQUEUEINFO,
    names::PIDFD_SEND_SIGNAL,
];

/// Calls beside these families of which each does what another one's test refuses: one that is made with any arguments
/// makes the test void. To refuse one of them as a whole leaves the others a use.
const BROTHERS: [&[Name]; 7] = [
    &[names::OPEN, names::OPENAT, names::CREAT],
    &[names::SENDTO, names::SENDMSG, names::SENDMMSG],
    SIGNALS,
    &[names::SETRLIMIT, names::PRLIMIT64],
    &[names::SCHED_SETSCHEDULER, names::SCHED_SETATTR],
    &[
        names::SETUID,
        names::SETUID32,
        names::SETREUID,
        names::SETREUID32,
        names::SETRESUID,
        names::SETRESUID32,
    ],
    &[
        names::SETGID,
        names::SETGID32,
        names::SETREGID,
        names::SETREGID32,
        names::SETRESGID,
        names::SETRESGID32,
    ],
];

/// Calls, and which others are meant by whoever refuses one of them.
type Reach = (&'static [Name], &'static [Name]);

/// Calls of which each means all others.
const fn alike(names: &'static [Name]) -> Reach {
    (names, names)
}

/// Calls of which each that is refused means the others behind it, in groups that are told of once.
///
/// The order is one of reach: who refuses `sendto` means `sendmsg`, but who refuses `sendmsg` may mean descriptors, which
/// `sendto` does not send.
///
/// Rejected: `setrlimit` beside `prlimit64`, by which C libraries also read limits; systemd's `@resources` leaves it out
/// for that; and `nice` beside `setpriority`, since Podman's default refuses it as what nobody calls any more.
const REACHING: &[&[Reach]] = &[
    &[(&[names::OPEN, names::OPENAT], &[names::OPEN, names::OPENAT, names::OPENAT2, names::CREAT])],
    &[
        (
            &[names::SEND, names::SENDTO],
            &[names::SEND, names::SENDTO, names::SENDMSG, names::SENDMMSG],
        ),
        (&[names::SENDMSG], &[names::SENDMMSG]),
    ],
    &[
        (
            &[names::RECV, names::RECVFROM],
            &[
                names::RECV,
                names::RECVFROM,
                names::RECVMSG,
                names::RECVMMSG,
                names::RECVMMSG_TIME64,
            ],
        ),
        (&[names::RECVMSG], &[names::RECVMMSG, names::RECVMMSG_TIME64]),
    ],
    &[(&[names::KILL, names::TKILL, names::TGKILL], SIGNALS)],
    &[
        (&[names::FORK, names::VFORK], &[names::FORK, names::VFORK, names::CLONE, names::CLONE3]),
        (&[names::CLONE], &[names::FORK, names::VFORK, names::CLONE3]),
    ],
    &[alike(&[names::SETUID, names::SETREUID, names::SETRESUID])],
    &[alike(&[names::SETUID32, names::SETREUID32, names::SETRESUID32])],
    &[alike(&[names::SETGID, names::SETREGID, names::SETRESGID])],
    &[alike(&[names::SETGID32, names::SETREGID32, names::SETRESGID32])],
    &[(
        &[names::SCHED_SETSCHEDULER, names::SCHED_SETPARAM],
        &[names::SCHED_SETSCHEDULER, names::SCHED_SETATTR],
    )],
    &[alike(&[names::ACCEPT, names::ACCEPT4])],
    &[alike(&[names::DUP2, names::DUP3])],
    &[alike(&[names::PIPE, names::PIPE2])],
    &[alike(&[names::GETDENTS, names::GETDENTS64])],
    &[alike(&[names::EPOLL_CREATE, names::EPOLL_CREATE1])],
    &[alike(&[names::INOTIFY_INIT, names::INOTIFY_INIT1])],
    &[alike(&[names::MLOCK, names::MLOCK2])],
    &[alike(&[names::UMOUNT, names::UMOUNT2])],
    &[alike(&[names::QUOTACTL, names::QUOTACTL_FD])],
    &[(
        &[names::SETXATTR, names::LSETXATTR],
        &[names::SETXATTR, names::LSETXATTR, names::SETXATTRAT],
    )],
    &[(
        &[names::REMOVEXATTR, names::LREMOVEXATTR],
        &[names::REMOVEXATTR, names::LREMOVEXATTR, names::REMOVEXATTRAT],
    )],
];

/// Who refuses that the clock is set means also that it is moved, which these do by any amount.
///
/// Allow lists name them for those who read by them how good the clock is.
const CLOCK: Reach = (
    &[names::SETTIMEOFDAY, names::CLOCK_SETTIME, names::CLOCK_SETTIME64, names::STIME],
    &[names::ADJTIMEX, names::CLOCK_ADJTIME, names::CLOCK_ADJTIME64],
);

/// What the names of newer forms of a call end in, which differ in the size of what is behind pointers.
const NEWER: [&str; 3] = ["_time64", "64", "32"];

/// Members that reach less than the others, or something else.
const OTHERS: [Name; 13] = [
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
    // Linux 2.6 took these away, and numbers alone are left.
    names::CREATE_MODULE,
    names::QUERY_MODULE,
    names::GET_KERNEL_SYMS,
    // It takes no protection of its own.
    names::REMAP_FILE_PAGES,
];

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    let families: Vec<Family> = Groups::LATEST.families().collect();
    for arch in ground.arches.clone() {
        for &family in families.iter().filter(|family| ALIKE.contains(&family.name())) {
            let members: Vec<Name> =
                family.members_on(arch).filter(|name| !OTHERS.contains(name)).collect();
            hole(ground, findings, (arch, family.name()), (&members, &members));
            untested(ground, findings, arch, family.name(), &members);
        }
        for rows in REACHING {
            let about = rows[0].1[0].as_str();
            rows.iter().any(|&row| hole(ground, findings, (arch, about), row));
        }
        if !ground.is_allow_list(arch) {
            hole(ground, findings, (arch, "clock-adjust"), CLOCK);
        }
        for members in BROTHERS {
            untested(ground, findings, arch, members[0].as_str(), members);
        }
        for members in forms(arch) {
            untested(ground, findings, arch, members[0].as_str(), &members);
        }
    }
}

/// Calls of an architecture that have a newer form, each with it, but for those of families that are looked at whole.
fn forms(arch: Arch) -> impl Iterator<Item = [Name; 2]> {
    let is_in_family = |name: Name| {
        let family = Groups::LATEST.family_of(name);
        family.is_some_and(|family| ALIKE.contains(&family.name()))
    };
    arch.syscalls().filter(move |syscall| !is_in_family(syscall.name)).filter_map(move |syscall| {
        let newer = NEWER.iter().find_map(|end| Name::parse(&format!("{}{end}", syscall.name)))?;
        arch.syscall(newer).is_some().then_some([syscall.name, newer])
    })
}

/// One of these is refused on purpose, and another one, that reaches as much, is not. Says whether that is so.
fn hole(
    ground: &mut Ground<'_>,
    findings: &mut Findings,
    (arch, about): (Arch, &str),
    (meant, members): (&[Name], &[Name]),
) -> bool {
    let refused = meant.iter().copied().find(|&name| is_refused(ground, arch, name));
    let Some(refused) = refused else { return false };
    let open: Vec<Name> =
        members.iter().copied().filter(|&name| ground.is(arch, name, State::Open)).collect();
    let Some(&first) = open.first() else { return false };
    let message = format!("{refused} is refused, and its variants are made");
    let mut draft = Draft::new("L0408", about, message).on(arch);
    draft = draft.listing(arch, &ground.made_of(arch, &open));
    draft = draft.show_if_any(ground.answer(arch, first).and_then(Answer::made));
    draft = draft.show_if_any(ground.answer(arch, refused).and_then(Answer::refused));
    findings.add(ground, draft);
    true
}

/// Whether a call is refused on purpose, and with it what it does.
fn is_refused(ground: &mut Ground<'_>, arch: Arch, name: Name) -> bool {
    let answer = ground.answer(arch, name).and_then(Answer::refused);
    let Some((action, _)) = answer.filter(|_| ground.is(arch, name, State::Shut)) else {
        return false;
    };
    // ENOSYS says that the kernel does not have the variant: callers then take the other one, as is meant.
    if action == crate::process::enosys(arch) || !ground.is_restricted(arch, name) {
        return false;
    }
    // An allow list that kills spares callers of the old form by an errno: they go on with the one that it has.
    let unlisted = ground.unlisted(arch).map(|(action, _)| action.kind());
    let kills = unlisted.is_some_and(|kind| !kind.may_execute() && kind != ActionKind::Errno);
    !(kills && action.kind() == ActionKind::Errno)
}

/// The arguments of a member are tested, and those of another one are not.
fn untested(
    ground: &Ground<'_>,
    findings: &mut Findings,
    arch: Arch,
    about: &str,
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
    let message = format!("arguments of {tested} are tested, and its variants are made with any");
    let mut draft = Draft::new("L0410", about, message).on(arch);
    draft = draft.listing(arch, &ground.made_of(arch, &open));
    draft = draft.show_if_any(ground.answer(arch, first).and_then(Answer::made));
    draft = draft.show_if_any(ground.answer(arch, tested).and_then(Answer::refused));
    findings.add(ground, draft);
}
