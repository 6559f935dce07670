//! Flags that are compared whole: a refusal is evaded by one more that changes nothing.

use callgate_facts::{Constant, Constants};
use callgate_policy::Condition;
use callgate_syscalls::{Arch, Name};

use crate::finding::{Draft, Findings};
use crate::ground::{Ground, constant};
use crate::words;

/// By set of constants: flags beside which the others mean what they mean without.
const IDLE: [(&str, &[&str]); 17] = [
    ("execveat-flags", &["AT_SYMLINK_NOFOLLOW"]),
    ("fsmount-flags", &["FSMOUNT_CLOEXEC"]),
    ("futex-operation", &["FUTEX_PRIVATE_FLAG"]),
    ("map-flags", &["MAP_NORESERVE"]),
    ("memfd-flags", &["MFD_CLOEXEC"]),
    ("memory-protection", &["PROT_SEM"]),
    ("mempolicy-mode", &["MPOL_F_STATIC_NODES"]),
    ("message-flags", &["MSG_NOSIGNAL"]),
    ("mount-flags", &["MS_SILENT"]),
    ("open-flags", &["O_CLOEXEC", "O_NOCTTY"]),
    ("open-tree-flags", &["OPEN_TREE_CLOEXEC"]),
    ("perf-open-flags", &["PERF_FLAG_FD_CLOEXEC"]),
    ("personality", &["SHORT_INODE"]),
    ("scheduler-policy", &["SCHED_RESET_ON_FORK"]),
    ("shm-get-flags", &["SHM_NORESERVE"]),
    ("socket-type", &["SOCK_CLOEXEC", "SOCK_NONBLOCK"]),
    ("umount-flags", &["UMOUNT_NOFOLLOW"]),
];

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    for arch in ground.arches.clone() {
        for (name, arguments) in ground.tested(arch) {
            for index in arguments {
                let flags = idle_flags(arch, name, index);
                if !flags.is_empty() {
                    whole(ground, findings, (arch, name), index, &flags);
                }
            }
        }
    }
}

/// The flags of an argument that change nothing, each with its bit.
fn idle_flags(arch: Arch, name: Name, index: usize) -> Vec<(Constant, u32)> {
    // What another argument decides about may be no flags at all.
    let usages =
        Constants::of_register(arch, name, index).filter(|usage| usage.condition.is_none());
    let lists = usages.filter_map(|usage| {
        IDLE.iter().find(|(set, _)| *set == usage.constants.name()).map(|(_, flags)| *flags)
    });
    let with_bit = |flag: &&str| {
        let bit = u32::try_from(constant(flag, arch)?).ok().filter(|bit| *bit != 0)?;
        Some((Constant::parse(flag)?, bit))
    };
    lists.flatten().filter_map(with_bit).collect()
}

fn whole(
    ground: &mut Ground<'_>,
    findings: &mut Findings,
    (arch, name): (Arch, Name),
    index: usize,
    flags: &[(Constant, u32)],
) {
    let bits = flags.iter().fold(0, |bits, (_, bit)| bits | bit);
    let Some(found) = ground.freer_with(arch, name, (index, bits.into()), &Condition::always())
    else {
        return;
    };
    let ((refused, denied), (made, allowed)) = (found.plain, found.freer);
    if denied.kind().may_execute()
        || !allowed.kind().executes()
        || !is_exception(ground, &refused, index)
    {
        return;
    }
    let more = made.args[index] ^ refused.args[index];
    let more = flags.iter().filter(|(_, bit)| more & u64::from(*bit) != 0);
    let more = words::list(more.map(|(constant, _)| constant.name()));
    let argument = crate::width::argument_name(arch, name, index);
    let message = format!(
        "{argument} of {name} is compared whole: with {more} beside it, which changes nothing else, the refused call is made"
    );
    let draft = Draft::new("L0403", format!("{name}.{index}"), message).named(name).on(arch);
    findings.add(ground, draft.show((allowed, made)).show((denied, refused)));
}

/// Whether a call is refused for the value of an argument in particular: with one that nobody passes, it is made.
///
/// Who lists the values that are made, or wants one of the flags to be there, has refused what is meant.
fn is_exception(
    ground: &mut Ground<'_>,
    refused: &callgate_syscalls::SeccompData,
    index: usize,
) -> bool {
    let mut odd = *refused;
    odd.args[index] = 1 << 30;
    ground.decide(&odd).is_some_and(|action| action.kind().executes())
}
