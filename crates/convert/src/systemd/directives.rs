//! Directives that load a filter and do nothing else, where the rules are theirs.
//!
//! Which of them are written is a guess from a few calls; that they mean the rules is proved.

use callgate_dialects::{SYSTEMD_NAMESPACES, SYSTEMD_SWITCHES};
use callgate_facts::Constant;
use callgate_policy::Policy;
use callgate_syscalls::{Arch, Name, SeccompData, names};

use super::{Lists, lines_of};
use crate::lines;

/// The directives of all syscalls whose answers depend on their arguments.
pub(super) fn of(lists: &Lists, meant: &Policy) -> Result<String, String> {
    let mut text = String::new();
    let is_in = |list: &[Name]| list.iter().any(|name| lists.conditional.contains_key(name));
    let mut explained: Vec<Name> = Vec::new();
    for (directive, calls) in SYSTEMD_SWITCHES {
        if is_in(calls) {
            text += &format!("{directive}=yes\n");
            explained.extend(calls);
        }
    }
    let namespaces = [names::UNSHARE, names::CLONE, names::SETNS];
    if is_in(&namespaces) {
        text += &restrict_namespaces(meant);
        explained.extend(namespaces);
    }
    if is_in(&[names::SOCKET]) {
        text += &restrict_families(meant);
        explained.push(names::SOCKET);
    }
    match lists.conditional.iter().find(|(name, _)| !explained.contains(name)) {
        Some((_, lost)) => Err(lost.clone()),
        None => Ok(text),
    }
}

/// Whether a call with that first argument is refused, in whatever way: what a directive says
/// instead is for the proof to find.
fn is_refused(meant: &Policy, name: Name, argument: u64) -> bool {
    let native = lines::native(meant);
    let Some(syscall) = native.syscall(name) else { return false };
    let call = SeccompData::new(native, syscall.nr).with_args([argument, 0, 0, 0, 0, 0]);
    !meant.decide(&call).kind().may_execute()
}

fn restrict_namespaces(meant: &Policy) -> String {
    let is_refused = |flag: u64| is_refused(meant, names::UNSHARE, flag);
    let (refused, kept): (Vec<_>, Vec<_>) =
        SYSTEMD_NAMESPACES.iter().partition(|(_, flag)| is_refused(*flag));
    if kept.is_empty() {
        return "RestrictNamespaces=yes\n".to_owned();
    }
    let names: Vec<String> = refused.iter().map(|(name, _)| (*name).to_owned()).collect();
    lines_of("RestrictNamespaces=~", &names)
}

fn restrict_families(meant: &Policy) -> String {
    /// The number of no family.
    const UNKNOWN: u64 = 1 << 20;
    let is_refused = |family: u64| is_refused(meant, names::SOCKET, family);
    let denies_unknown = is_refused(UNKNOWN);
    let mut families: Vec<(u64, &str)> = Constant::all()
        .filter(|one| one.name().starts_with("AF_") && one.name() != "AF_MAX")
        .filter_map(|one| Some((u64::try_from(one.on(Arch::X86_64)?).ok()?, one.name())))
        .filter(|(family, _)| is_refused(*family) != denies_unknown)
        .collect();
    // Of several names for a family the one that everybody writes.
    families.sort_unstable_by_key(|(family, name)| (*family, *name != "AF_UNIX", *name));
    families.dedup_by_key(|(family, _)| *family);
    let words: Vec<String> = families.iter().map(|(_, name)| (*name).to_owned()).collect();
    match (denies_unknown, words.is_empty()) {
        (true, true) => "RestrictAddressFamilies=none\n".to_owned(),
        (true, false) => lines_of("RestrictAddressFamilies=", &words),
        (false, _) => lines_of("RestrictAddressFamilies=~", &words),
    }
}
