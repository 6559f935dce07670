//! Processes and namespaces: clone, clone3, unshare, setns.

use callgate_syscalls::{Action, Arch, Errno, Name, names};

use crate::finding::{Draft, Findings};
use crate::ground::{Answer, Call, Ground, State, arg_bits, arg_is, clone_flags, constant};

/// The flags that make namespaces, by the name of each.
const NAMESPACES: [&str; 7] = [
    "CLONE_NEWUSER",
    "CLONE_NEWNS",
    "CLONE_NEWPID",
    "CLONE_NEWNET",
    "CLONE_NEWIPC",
    "CLONE_NEWUTS",
    "CLONE_NEWCGROUP",
];

/// The other flags that `unshare` takes: with any bit beside them and those of namespaces it fails (`check_unshare_flags`,
/// kernel/fork.c).
const UNSHARED: [&str; 6] =
    ["CLONE_FILES", "CLONE_FS", "CLONE_SYSVSEM", "CLONE_VM", "CLONE_SIGHAND", "CLONE_THREAD"];

/// The flags with which `clone` makes processes and threads: none, a signal at the end, as fork, vfork and
/// `pthread_create` of glibc have them.
const PLAIN: [u64; 5] = [0, 0x11, 0x0120_0011, 0x4111, 0x003d_0f00];

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    for arch in ground.arches.clone() {
        clone3(ground, findings, arch);
        whole_flags(ground, findings, arch);
        wrong_argument(ground, findings, arch);
        unshare(ground, findings, arch);
        setns(ground, findings, arch);
    }
}

/// A namespace flag that `clone` is refused with, and the call.
fn refused_flag(ground: &mut Ground<'_>, arch: Arch) -> Option<(&'static str, u64, Call)> {
    if ground.is(arch, names::CLONE, State::Open) {
        return None;
    }
    NAMESPACES.into_iter().find_map(|flag| {
        let bit = constant(flag, arch)?;
        let flags = clone_flags(arch);
        let with_flag = arg_bits(flags, bit, bit);
        let refused = ground.refused_for(arch, names::CLONE, &[flags], &with_flag)?;
        Some((flag, bit, refused))
    })
}

fn clone3(ground: &mut Ground<'_>, findings: &mut Findings, arch: Arch) {
    let made = ground.answer(arch, names::CLONE3).and_then(Answer::made);
    let clone_is_made = ground.state(arch, names::CLONE).is_some_and(|state| state != State::Shut);
    match made {
        Some(made) => {
            let Some((flag, _, refused)) = refused_flag(ground, arch) else { return };
            let message = format!(
                "clone is refused with {flag}, and clone3, whose flags are behind a pointer, is made with any"
            );
            let draft =
                Draft::of("L0401", names::CLONE3, message).on(arch).show(made).show(refused);
            let help = ground.statement(&made.1, names::CLONE3, "enosys clone3");
            findings.add(ground, draft.help(help));
        }
        None if clone_is_made => {
            let refused = ground.answer(arch, names::CLONE3).and_then(Answer::refused);
            let Some(refused) = refused.filter(|(action, _)| *action != enosys(arch)) else {
                return;
            };
            let message = format!(
                "clone3 is refused by {}: C libraries go on with clone after ENOSYS alone",
                refused.0
            );
            let help = ground.statement(&refused.1, names::CLONE3, "enosys clone3");
            findings.add(
                ground,
                Draft::of("L0402", names::CLONE3, message).on(arch).show(refused).help(help),
            );
        }
        None => {}
    }
}

/// What a kernel answers that does not have a call.
pub(crate) fn enosys(arch: Arch) -> Action {
    Errno::from_name("ENOSYS", arch).unwrap_or(Errno::ENOSYS).action()
}

/// A call of `clone` or `unshare` with a flag that is made, and that the kernel takes: beside some
/// flags it answers with EINVAL, and no namespace is there. (`copy_process` and `copy_ipcs`,
/// kernel/fork.c and ipc/namespace.c; `unshare` has no such company.)
pub(crate) fn made_with(
    ground: &mut Ground<'_>,
    (arch, name): (Arch, Name),
    flag: &str,
    bit: u64,
) -> Option<Call> {
    let bits = |names: &[&str]| {
        names.iter().filter_map(|name| constant(name, arch)).fold(0, |all, bit| all | bit)
    };
    if name != names::CLONE {
        let unknown = !bits(&NAMESPACES) & !bits(&UNSHARED);
        return ground.made_where(arch, name, &arg_bits(0, unknown | bit, bit));
    }
    let never = match flag {
        "CLONE_NEWUSER" => bits(&["CLONE_THREAD", "CLONE_FS"]),
        "CLONE_NEWPID" => bits(&["CLONE_THREAD"]),
        "CLONE_NEWNS" => bits(&["CLONE_FS"]),
        "CLONE_NEWIPC" => bits(&["CLONE_SYSVSEM"]),
        _ => 0,
    };
    // A thread shares handlers with its process, and with them memory.
    let shared = bits(&["CLONE_VM", "CLONE_SIGHAND"]);
    let thread = bits(&["CLONE_THREAD"]);
    let takes = [
        (bits(&["CLONE_SIGHAND"]) | thread, 0),
        (shared | thread, shared),
        (shared | thread, shared | thread),
    ];
    // The kernel does not look at the upper half, and a call without anything there convinces more.
    let halves = [!u64::from(u32::MAX), 0];
    let takes = halves.into_iter().flat_map(|half| takes.map(|(mask, with)| (mask | half, with)));
    let mut takes = takes.filter(|(_, with)| with & never == 0);
    takes.find_map(|(mask, with)| {
        let condition = arg_bits(clone_flags(arch), mask | never | bit, with | bit);
        ground.made_where(arch, name, &condition)
    })
}

/// Flags that are refused alone and made in company.
fn whole_flags(ground: &mut Ground<'_>, findings: &mut Findings, arch: Arch) {
    for (name, index) in [(names::CLONE, clone_flags(arch)), (names::UNSHARE, 0)] {
        for flag in NAMESPACES {
            let Some(bit) = constant(flag, arch) else { continue };
            let Some(alone) = ground.refused_for(arch, name, &[index], &arg_is(index, bit)) else {
                continue;
            };
            // Everybody can make a user namespace, whatever flag has to be beside it. The others need privileges, and
            // a filter that is about something else, such as threads alone, has compared nothing whole.
            if flag != "CLONE_NEWUSER" && !is_refused_for(ground, &alone, (index, bit)) {
                continue;
            }
            let Some(company) = made_with(ground, (arch, name), flag, bit) else { continue };
            let message = format!(
                "{name} is refused with {flag} alone, and made with {flag} and another flag"
            );
            let draft = Draft::new("L0403", name.as_str(), message).named(name).on(arch);
            findings.add(ground, draft.show(company).show(alone));
            break;
        }
    }
}

/// Whether a call is refused for a flag in particular, and not because it lacks another one: without the flag it is made.
fn is_refused_for(ground: &mut Ground<'_>, refused: &Call, (index, bit): (usize, u64)) -> bool {
    PLAIN.into_iter().any(|plain| {
        let mut executes = |flags: u64| {
            let mut call = refused.1;
            call.args[index] = flags;
            ground.decide(&call).is_some_and(|action| action.kind().executes())
        };
        executes(plain) && !executes(plain | bit)
    })
}

/// On s390 the flags are the second argument of clone.
fn wrong_argument(ground: &mut Ground<'_>, findings: &mut Findings, arch: Arch) {
    if clone_flags(arch) == 0 {
        return;
    }
    let Some(bit) = constant("CLONE_NEWUSER", arch) else { return };
    let refused = ground.refused_where(arch, names::CLONE, &arg_bits(0, bit, bit));
    let (Some(refused), Some(made)) =
        (refused, ground.made_where(arch, names::CLONE, &arg_bits(1, bit, bit)))
    else {
        return;
    };
    if ground.made_where(arch, names::CLONE, &arg_bits(0, bit, 0)).is_some() {
        let message = "clone's first argument is tested for flags, and on this architecture that is the stack: the flags are the second";
        findings.add(
            ground,
            Draft::of("L0404", names::CLONE, message).on(arch).show(made).show(refused),
        );
    }
}

fn unshare(ground: &mut Ground<'_>, findings: &mut Findings, arch: Arch) {
    for flag in NAMESPACES {
        let Some(bit) = constant(flag, arch) else { continue };
        let by_clone = |ground: &mut Ground<'_>| made_with(ground, (arch, names::CLONE), flag, bit);
        let by_unshare =
            |ground: &mut Ground<'_>| ground.made_where(arch, names::UNSHARE, &arg_is(0, bit));
        let refused = match (by_clone(ground), by_unshare(ground)) {
            (None, Some(made)) => Some((names::CLONE, names::UNSHARE, made)),
            (Some(made), None) => Some((names::UNSHARE, names::CLONE, made)),
            _ => None,
        };
        let Some((refused, open, made)) = refused else { continue };
        if !ground.is_restricted(arch, refused) {
            continue;
        }
        let message =
            format!("{refused} is refused with {flag}, and {open} makes the same namespace");
        findings.add(
            ground,
            Draft::new("L0405", "namespaces", message).named(open).on(arch).show(made),
        );
        return;
    }
}

fn setns(ground: &mut Ground<'_>, findings: &mut Findings, arch: Arch) {
    let Some(bit) = constant("CLONE_NEWNS", arch) else { return };
    // The type of the namespace, or 0 for any: with another number the kernel enters none.
    let kinds = [0, bit];
    let made =
        kinds.into_iter().find_map(|kind| ground.made_where(arch, names::SETNS, &arg_is(1, kind)));
    let Some(made) = made else { return };
    let own = ground.made_where(arch, names::UNSHARE, &arg_is(0, bit));
    let is_kept_from = ground.is_restricted(arch, names::UNSHARE) && own.is_none();
    if is_kept_from {
        let message = "unshare is refused, and setns, which enters the namespaces of other processes, is made";
        findings.add(ground, Draft::of("L0406", names::SETNS, message).on(arch).show(made));
        return;
    }
    any_kind(ground, findings, arch);
}

/// A kind of namespace that `setns` is refused with, beside 0, which stands for any.
fn any_kind(ground: &mut Ground<'_>, findings: &mut Findings, arch: Arch) {
    let Some(made) = ground.made_where(arch, names::SETNS, &arg_is(1, 0)) else { return };
    let refused = NAMESPACES.into_iter().find_map(|flag| {
        let kind = arg_is(1, constant(flag, arch)?);
        Some((flag, ground.refused_for(arch, names::SETNS, &[1], &kind)?))
    });
    let Some((flag, refused)) = refused else { return };
    let message =
        format!("setns is refused with {flag}, and made with 0, which enters any namespace");
    let draft = Draft::of("L0406", names::SETNS, message).on(arch).show(made);
    findings.add(ground, draft.show(refused));
}
