//! Differences as a reader thinks of them: per architecture, by the names of syscalls.

use callgate_policy::Condition;
use callgate_prover::Difference;
use callgate_syscalls::{Action, Arch, ArchToken, Endian, SeccompData, SyscallNr, X32_BIT};
use serde::Serialize;

use crate::{condition, words};

/// What is said of a condition that takes more than a line.
const LONG: &str = "a longer condition holds";

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
    /// The architecture, or several that the filters do not tell apart, with tokens that belong to
    /// none.
    pub arch: String,
    /// The names of the syscalls.
    pub syscalls: Vec<&'static str>,
    /// Numbers that belong to no syscall of the architecture: first and last.
    pub other_numbers: Vec<(u32, u32)>,
    /// All numbers, where `arch` are several architectures, on each of which they have names of its
    /// own, or none.
    pub numbers: Vec<(u32, u32)>,
    /// What the arguments have to be, or that this takes more than a line; none where they do not
    /// matter.
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
    let mut changes: Vec<(Place, Change)> =
        differences.iter().flat_map(|difference| changes_of(difference, arches)).collect();
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
    /// All but those of which more is said.
    Tokens(u32, u32),
}

/// The changes of single architectures, and one of all the others that differ in the same way.
fn changes_of(difference: &Difference, arches: &[Arch]) -> Vec<(Place, Change)> {
    let (first, last) = (difference.first_token, difference.last_token);
    let apart = told_apart(first, last, arches);
    let others = first != last || apart.is_empty();
    let single = apart.iter().flat_map(|token| {
        let mut one = difference.clone();
        (one.first_token, one.last_token) = (*token, *token);
        // The filters do the same for every token here.
        one.witness.arch = *token;
        of_one(&one, *token)
    });
    let rest = others.then(|| {
        let mut rest = difference.clone();
        rest.witness.arch = one_of_others(first, last, &apart).unwrap_or(rest.witness.arch);
        let side = Side::Tokens(first.raw(), last.raw());
        change(&rest, side, tokens_text(first, last, &apart), &ranges(difference))
    });
    single.chain(rest).collect()
}

/// A token of a range but for some: of an architecture, so that the call has a name, where it lays
/// out arguments as most do.
fn one_of_others(first: ArchToken, last: ArchToken, apart: &[ArchToken]) -> Option<ArchToken> {
    let inside =
        |arch: &&Arch| (first..=last).contains(&arch.token()) && !apart.contains(&arch.token());
    let named = Arch::ALL.iter().filter(inside).find(|arch| arch.endian() == Endian::Little);
    let free = |token: &u32| !apart.contains(&ArchToken::new(*token));
    let unassigned = || (first.raw()..=last.raw()).find(free).map(ArchToken::new);
    named.map(|arch| arch.token()).or_else(unassigned)
}

/// The tokens of a range of which more is said: of the architectures that are asked for, or else of
/// those of which one machine makes calls, where it also makes those that the range ends at, and of
/// x86_64's. For calls of the others a reader needs another machine.
fn told_apart(first: ArchToken, last: ArchToken, asked: &[Arch]) -> Vec<ArchToken> {
    let inside = |arch: &Arch| (first..=last).contains(&arch.token());
    let ends = [first.raw().checked_sub(1), last.raw().checked_add(1)];
    let at_end = |arch: &Arch| ends.contains(&Some(arch.token().raw()));
    let near = |arch: &Arch| {
        let machine = arch.of_machine();
        machine.iter().any(at_end) || machine.contains(&Arch::X86_64) && machine.iter().all(inside)
    };
    let shown: Vec<Arch> = match asked {
        [] if first == last => Arch::ALL.into(),
        [] => Arch::ALL.into_iter().filter(near).collect(),
        asked => asked.into(),
    };
    let mut tokens: Vec<ArchToken> =
        shown.iter().filter(|a| inside(a)).map(|a| a.token()).collect();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

/// The changes of calls with the token of an architecture.
fn of_one(difference: &Difference, token: ArchToken) -> Vec<(Place, Change)> {
    let Some(arch) = Arch::of_call(token, SyscallNr::new(0)) else { return Vec::new() };
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
    let one = |(arch, ranges): (Arch, Vec<_>)| {
        change(difference, Side::Arch(arch), arch.to_string(), &ranges)
    };
    present.map(one).collect()
}

fn ranges(difference: &Difference) -> Vec<(u32, u32)> {
    difference.numbers.iter().map(|(first, last)| (first.raw(), last.raw())).collect()
}

fn change(
    difference: &Difference,
    side: Side,
    arch: String,
    ranges: &[(u32, u32)],
) -> (Place, Change) {
    let first = ranges.first().map_or(0, |range| range.0);
    let ((syscalls, other_numbers), numbers) = match side {
        Side::Arch(arch) => (named(arch, ranges), Vec::new()),
        Side::Tokens(..) => ((Vec::new(), Vec::new()), ranges.to_vec()),
    };
    let witness = &difference.witness;
    let inside = ranges.iter().any(|&(first, last)| (first..=last).contains(&witness.nr.raw()));
    let machine = match side {
        Side::Arch(arch) => Some(arch),
        Side::Tokens(..) => None,
    };
    let when = match difference.when.as_ref() {
        Some(when) if *when == Condition::always() => None,
        when => {
            // Several calls share no names of arguments, and nor do several architectures.
            let one =
                if syscalls.len() == 1 { SyscallNr::new(first) } else { SyscallNr::new(u32::MAX) };
            let arch = machine.unwrap_or(Arch::X86_64);
            let said = when.and_then(|when| condition::text(when, arch, one));
            Some(said.unwrap_or_else(|| LONG.to_owned()))
        }
    };
    let direction = direction(difference.left, difference.right);
    let change = Change {
        arch,
        syscalls,
        other_numbers,
        numbers,
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
    let is_refusal = |action: Action| !action.kind().may_execute() && !action.freedom().1;
    if is_refusal(from) && is_refusal(to) {
        return Direction::Other;
    }
    match from.freedom().cmp(&to.freedom()) {
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

/// The most architectures of a range that are named.
const NAMED_MAX: usize = 4;

/// The architectures in a range of tokens but for some, and that tokens of none are in it.
fn tokens_text(first: ArchToken, last: ArchToken, apart: &[ArchToken]) -> String {
    let inside = |arch: &Arch| (first..=last).contains(&arch.token());
    let others = |arch: &Arch| inside(arch) && !apart.contains(&arch.token());
    let names: Vec<&str> = Arch::ALL.iter().filter(|a| others(a)).map(|a| a.name()).collect();
    let tokens = match first == last {
        true => format!("unassigned arch token {:#010x}", first.raw()),
        false => format!("unassigned arch tokens {:#010x} to {:#010x}", first.raw(), last.raw()),
    };
    let more = names.len().saturating_sub(NAMED_MAX);
    let named = names[..names.len() - more].join(", ");
    match (names.len(), more) {
        (0, _) => tokens,
        (_, 0) => format!("{named}, {tokens}"),
        _ => format!("{named}, {more} more architectures, {tokens}"),
    }
}

#[cfg(test)]
mod tests {
    use callgate_bpf::{Instruction, Program};
    use callgate_policy::{ArchPolicy, Comparison, Field, Operator, Policy};
    use callgate_prover::{Prover, Scope};
    use callgate_syscalls::names;

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

    fn program(instructions: &[(u16, u8, u8, u32)]) -> Program {
        let instruction = |&(code, jt, jf, k)| Instruction { code, jt, jf, k };
        Program::new(instructions.iter().map(instruction).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn calls_of_architectures_that_are_not_told_apart_belong_to_each_of_them() {
        let (kill, allow) = (Action::KILL_PROCESS.raw(), Action::ALLOW.raw());
        let token = Arch::X86_64.token().raw();
        let guarded =
            program(&[(0x20, 0, 0, 4), (0x15, 1, 0, token), (6, 0, 0, kill), (6, 0, 0, allow)]);
        let blind = program(&[(6, 0, 0, allow)]);
        let mut prover = Prover::default();
        let [a, b] = [&guarded, &blind].map(|one| prover.program(one).unwrap());
        let differences = prover.differences(&a, &b, Scope::Exact).unwrap();
        for arch in Arch::ALL.into_iter().filter(|arch| arch.token() != Arch::X86_64.token()) {
            let changes = changes(&differences, &[arch]);
            let named: Vec<_> = changes.iter().flat_map(|change| &change.syscalls).collect();
            assert_eq!(named.len(), arch.syscalls().count(), "{arch}");
            assert!(changes.iter().all(|change| change.looser && change.machine == Some(arch)));
            assert!(changes.iter().all(|change| change.witness.arch == arch.token()), "{arch}");
        }
        // Without a wish, those of the same machine are named, and the others are mentioned.
        let all = changes(&differences, &[]);
        let of = |arch| all.iter().any(|change: &Change| change.machine == Some(arch));
        assert!(of(Arch::X86) && !of(Arch::X86_64) && !of(Arch::Arm));
        let others = all.iter().filter(|change| change.machine.is_none());
        assert!(others.clone().count() > 0);
        for change in others {
            let arch = Arch::of_call(change.witness.arch, SyscallNr::new(0));
            assert!(arch.is_none_or(|arch| change.arch.contains(arch.name())), "{change:?}");
            // Each of the architectures has names of its own for these.
            assert!(change.syscalls.is_empty() && change.other_numbers.is_empty(), "{change:?}");
            assert!(!change.numbers.is_empty(), "{change:?}");
        }
        assert!(all.iter().any(|change| change.arch.contains("arm")), "{all:?}");
    }

    #[test]
    fn a_condition_that_takes_many_words_is_not_left_out() {
        let whole = |value| Comparison::new(Field::Arg1, Operator::Eq, value);
        let odd = (0..40).map(|value| whole(value * 3).into());
        let nr = Arch::X86_64.syscall(names::SETNS).unwrap().nr;
        let mut arch = ArchPolicy::new(Action::ALLOW);
        arch.rule(nr, Condition::any(odd).unwrap(), Action::errno(1).unwrap());
        let refuses = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, arch).build();
        let refuses = refuses.unwrap();
        let all = ArchPolicy::new(Action::ALLOW);
        let allows = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, all).build().unwrap();
        let mut prover = Prover::default();
        let [a, b] = [&refuses, &allows].map(|one| prover.policy(one).unwrap());
        let differences = prover.differences(&a, &b, Scope::Exact).unwrap();
        let [change] = &changes(&differences, &[])[..] else { panic!("{differences:?}") };
        assert_eq!((&change.syscalls[..], change.when.as_deref()), (&["setns"][..], Some(LONG)));
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
