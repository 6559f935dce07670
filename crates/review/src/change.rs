//! Differences as a reader thinks of them: per architecture, by the names of syscalls.

use callgate_prover::{Difference, freedom};
use callgate_syscalls::{Action, Arch, SeccompData, SyscallNr, X32_BIT};
use serde::Serialize;

use crate::{condition, words};

/// Which side permits more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "more, less or neither")]
pub enum Direction {
    /// B.
    Looser,
    /// A.
    Stricter,
    /// Neither: another errno, say.
    Other,
}

/// Calls of one architecture for which the action changed in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// The architecture, or which tokens that belong to none.
    pub arch: String,
    /// The names of the syscalls.
    pub syscalls: Vec<&'static str>,
    /// Numbers that belong to no syscall: first and last.
    pub other_numbers: Vec<(u32, u32)>,
    /// What the arguments have to be; none where they do not matter or it takes more than a few
    /// words.
    pub when: Option<String>,
    /// The action in A.
    pub from: String,
    /// The action in B.
    pub to: String,
    /// Whether B is the more permissive.
    pub looser: bool,
    /// Which side is the more permissive.
    pub direction: Direction,
    /// A call that was tried on both sides.
    pub example: Option<String>,
    /// The same call as the kernel would show it to the filters.
    #[serde(skip)]
    pub witness: SeccompData,
    /// Who decides about that call in A: the place of a rule, or an instruction.
    pub from_by: Option<String>,
    /// Who decides about it in B.
    pub to_by: Option<String>,
    /// The architecture, if there is one.
    #[serde(skip)]
    pub machine: Option<Arch>,
}

/// The changes in the order of architectures, then of the first syscall. With `arches` only those
/// of calls that these architectures make.
#[must_use]
pub fn changes(differences: &[Difference], arches: &[Arch]) -> Vec<Change> {
    let mut changes: Vec<(Place, Change)> = differences.iter().flat_map(changes_of).collect();
    changes.sort_by_key(|(place, _)| *place);
    let wanted = |change: &Change| {
        arches.is_empty() || change.machine.is_some_and(|arch| arches.contains(&arch))
    };
    changes.into_iter().map(|(_, change)| change).filter(wanted).collect()
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
    let witness = &difference.witness;
    let inside = ranges.iter().any(|&(first, last)| (first..=last).contains(&witness.nr.raw()));
    let machine = match side {
        Side::Arch(arch) => Some(arch),
        Side::Tokens(..) => None,
    };
    let when = difference.when.as_ref().zip(machine).and_then(|(when, arch)| {
        // Several calls share no names of arguments.
        let one =
            if syscalls.len() == 1 { SyscallNr::new(first) } else { SyscallNr::new(u32::MAX) };
        condition::text(when, arch, one)
    });
    let direction = direction(difference.left, difference.right);
    let change = Change {
        arch: arch_text(side),
        syscalls,
        other_numbers,
        when,
        from: words::action(difference.left, witness),
        to: words::action(difference.right, witness),
        looser: direction == Direction::Looser,
        direction,
        example: inside.then(|| words::call(witness)),
        witness: *witness,
        from_by: None,
        to_by: None,
        machine,
    };
    ((side, first), change)
}

/// Which side permits more. Two refusals permit the same, nothing, however they differ in what they
/// do to the caller; to tell it of success that there was none is no refusal.
fn direction(from: Action, to: Action) -> Direction {
    let is_refusal = |action: Action| !action.kind().may_execute() && !freedom(action).1;
    if is_refusal(from) && is_refusal(to) {
        return Direction::Other;
    }
    match freedom(from).cmp(&freedom(to)) {
        std::cmp::Ordering::Less => Direction::Looser,
        std::cmp::Ordering::Greater => Direction::Stricter,
        std::cmp::Ordering::Equal => Direction::Other,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_refusals_permit_the_same() {
        let eperm = Action::errno(1).unwrap();
        for (from, to, expected) in [
            (Action::KILL_PROCESS, Action::KILL_THREAD, Direction::Other),
            (eperm, Action::KILL_PROCESS, Direction::Other),
            (Action::KILL_PROCESS, Action::ALLOW, Direction::Looser),
            (Action::LOG, eperm, Direction::Stricter),
            // The caller takes it for done.
            (eperm, Action::errno(0).unwrap(), Direction::Looser),
        ] {
            assert_eq!(direction(from, to), expected, "{from} {to}");
        }
    }

    #[test]
    fn numbers_without_a_syscall_are_kept_apart() {
        let (names, others) = named(Arch::X86_64, &[(0, 1), (334, 424)]);
        assert_eq!(names[..2], ["read", "write"]);
        assert!(names.contains(&"rseq") && names.contains(&"pidfd_send_signal"));
        assert!(others.iter().all(|&(first, last)| first <= last && last < 424), "{others:?}");
        assert!(!others.is_empty());
    }
}
