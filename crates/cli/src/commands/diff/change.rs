//! Differences as a reader thinks of them: per architecture, by the names of syscalls.

use callgate_prover::Difference;
use callgate_syscalls::{Action, Arch, SyscallNr, X32_BIT};
use serde::Serialize;

use callgate_console::describe;

/// Calls of one architecture for which the action changed in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// The architecture, or which tokens that belong to none.
    pub(crate) arch: String,
    /// The names of the syscalls.
    pub(crate) syscalls: Vec<&'static str>,
    /// Numbers that belong to no syscall: first and last.
    pub(crate) other_numbers: Vec<(u32, u32)>,
    /// What the arguments have to be; none where they do not matter or it takes more than a few words.
    pub(crate) when: Option<String>,
    /// The action in A.
    pub(crate) from: String,
    /// The action in B.
    pub(crate) to: String,
    /// Whether B is the more permissive.
    pub(crate) looser: bool,
    /// A call that was tried on both sides.
    pub(crate) example: Option<String>,
}

/// The changes in the order of architectures, then of the first syscall.
pub(crate) fn of(differences: &[Difference]) -> Vec<Change> {
    let mut changes: Vec<(Place, Change)> = differences.iter().flat_map(changes_of).collect();
    changes.sort_by_key(|(place, _)| *place);
    changes.into_iter().map(|(_, change)| change).collect()
}

/// Where a change stands in the report.
type Place = (Side, u32);

/// What the numbers of a change belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Arch(Arch),
    Tokens(u32, u32),
}

fn changes_of(difference: &Difference) -> Vec<(Place, Change)> {
    let (first, last) = (difference.first_token, difference.last_token);
    let arch = Arch::of_call(first, SyscallNr::new(0)).filter(|_| first == last);
    let Some(arch) = arch else {
        let side = Side::Tokens(first.raw(), last.raw());
        return vec![change(difference, side, &ranges(difference))];
    };
    let (mut own, mut x32) = (Vec::new(), Vec::new());
    for (first, last) in ranges(difference) {
        // x32 shares its token with x86_64 and has the numbers in between.
        if arch != Arch::X86_64 || last < X32_BIT || first == u32::MAX {
            own.push((first, last));
            continue;
        }
        x32.push((first.max(X32_BIT), last.min(u32::MAX - 1)));
        own.extend((first < X32_BIT).then_some((first, X32_BIT - 1)));
        own.extend((last == u32::MAX).then_some((last, last)));
    }
    let sides = [(arch, own), (Arch::X32, x32)];
    let present = sides.into_iter().filter(|(_, ranges)| !ranges.is_empty());
    present.map(|(arch, ranges)| change(difference, Side::Arch(arch), &ranges)).collect()
}

fn ranges(difference: &Difference) -> Vec<(u32, u32)> {
    difference.numbers.iter().map(|(first, last)| (first.raw(), last.raw())).collect()
}

fn change(difference: &Difference, side: Side, ranges: &[(u32, u32)]) -> (Place, Change) {
    let first = ranges.first().map_or(0, |range| range.0);
    let (syscalls, other_numbers) = match side {
        Side::Arch(arch) => named(arch, ranges),
        Side::Tokens(..) => (Vec::new(), ranges.to_vec()),
    };
    let arguments = match side {
        Side::Arch(arch) if syscalls.len() == 1 => describe::arguments(arch, SyscallNr::new(first)),
        _ => Vec::new(),
    };
    let witness = &difference.witness;
    let inside = ranges.iter().any(|&(first, last)| (first..=last).contains(&witness.nr.raw()));
    let when = difference.when.as_ref().map(|when| describe::condition(when, &arguments));
    let change = Change {
        arch: arch_text(side),
        syscalls,
        other_numbers,
        when: when.filter(|when| when != "always"),
        from: describe::action(difference.left, witness),
        to: describe::action(difference.right, witness),
        looser: is_looser(difference.left, difference.right),
        example: inside.then(|| describe::call(witness)),
    };
    ((side, first), change)
}

fn is_looser(from: Action, to: Action) -> bool {
    to.precedence() > from.precedence()
}

/// The names of the syscalls with these numbers, and the numbers between them that have no name.
fn named(arch: Arch, ranges: &[(u32, u32)]) -> (Vec<&'static str>, Vec<(u32, u32)>) {
    let (mut names, mut others) = (Vec::new(), Vec::new());
    for &(first, last) in ranges {
        let mut next = Some(first);
        for syscall in arch.syscalls() {
            let nr = syscall.nr.raw();
            if !(first..=last).contains(&nr) {
                continue;
            }
            names.push(syscall.name.as_str());
            others.extend(next.filter(|&next| next < nr).map(|next| (next, nr - 1)));
            next = nr.checked_add(1);
        }
        others.extend(next.filter(|&next| next <= last).map(|next| (next, last)));
    }
    (names, others)
}

fn arch_text(side: Side) -> String {
    match side {
        Side::Arch(arch) => arch.to_string(),
        Side::Tokens(first, last) if first == last => {
            format!("unassigned arch token {first:#010x}")
        }
        Side::Tokens(first, last) => {
            format!("unassigned arch tokens {first:#010x} to {last:#010x}")
        }
    }
}

impl Change {
    /// The syscalls in words: names first, then numbers without one.
    pub(crate) fn subject(&self) -> String {
        const NUMBERS_MAX: usize = 4;
        let mut words: Vec<String> = self.syscalls.iter().map(|name| (*name).to_owned()).collect();
        if !self.other_numbers.is_empty() {
            let range = |&(first, last): &(u32, u32)| match first == last {
                true => describe::nr(SyscallNr::new(first)),
                false => format!(
                    "{} to {}",
                    describe::nr(SyscallNr::new(first)),
                    describe::nr(SyscallNr::new(last))
                ),
            };
            let shown: Vec<_> = self.other_numbers.iter().take(NUMBERS_MAX).map(range).collect();
            let more = if self.other_numbers.len() > NUMBERS_MAX { ", .." } else { "" };
            words.push(format!("numbers without a syscall ({}{more})", shown.join(", ")));
        }
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_without_a_syscall_are_kept_apart() {
        let (names, others) = named(Arch::X86_64, &[(0, 1), (334, 424)]);
        assert_eq!(names[..2], ["read", "write"]);
        assert!(names.contains(&"rseq") && names.contains(&"pidfd_send_signal"));
        assert!(others.iter().all(|&(first, last)| first <= last && last < 424), "{others:?}");
        assert!(!others.is_empty());
    }
}
