//! The intersection and the union of two policies, in the words of both.
//!
//! The rules of a number are paired, the left's order first: for each call the first pair that
//! holds has the first rule of either side that does. The result is proved to mean what the
//! prover's own algebra says before it is returned.

use std::collections::BTreeSet;
use std::fmt;

use callgate_policy::{Action, ArchPolicy, Condition, Known, Policy, SyscallNr, Unknown};
use callgate_prover::{Options, Prover, Scope};
use callgate_syscalls::Arch;

/// How two policies become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers offer both")]
pub enum Algebra {
    /// The stricter of both actions for each call, as the kernel ranks them; the left's where they
    /// rank the same.
    Intersect,
    /// The action that permits more for each call; the left's where neither does.
    Union,
}

/// Why two policies have no combination that is a policy.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum CombineError {
    /// The rules of a number would be too many.
    TooMany {
        /// The architecture.
        arch: Arch,
        /// The number.
        nr: SyscallNr,
    },
    /// The two tell apart known and unknown syscalls in ways that no policy has.
    Baselines {
        /// The architecture.
        arch: Arch,
    },
    /// The parts make no policy.
    Policy(callgate_policy::Error),
    /// The proof failed.
    Prover(callgate_prover::Error),
    /// The rules do not mean the combination: a bug of this crate.
    Wrong,
}

/// The most rules of one number.
const RULES_MAX: usize = 4096;
/// The most numbers that are named because only one side knows them.
const NUMBERS_MAX: u32 = 16_384;

/// The policy that permits what both permit, or what either permits.
///
/// # Errors
/// [`CombineError`].
pub fn combine(left: &Policy, right: &Policy, how: Algebra) -> Result<Policy, CombineError> {
    let foreign = how.apply(left.foreign(), right.foreign());
    let arches: BTreeSet<Arch> =
        left.arches().chain(right.arches()).map(|(arch, _)| arch).collect();
    let mut builder = Policy::builder(foreign);
    let mut none_named = true;
    for arch in &arches {
        let of = |policy: &Policy| {
            policy.arch(*arch).cloned().unwrap_or_else(|| ArchPolicy::new(policy.foreign()))
        };
        let combined = arch_policy(*arch, &of(left), &of(right), how)?;
        if !is_constant(&combined, foreign) {
            none_named = false;
            builder = builder.arch(*arch, combined);
        }
    }
    if none_named {
        let first = arches.first().copied().unwrap_or(Arch::X86_64);
        builder = builder.arch(first, ArchPolicy::new(foreign));
    }
    let policy = builder.build().map_err(CombineError::Policy)?;
    prove(left, right, how, &policy)?;
    Ok(policy)
}

fn prove(
    left: &Policy,
    right: &Policy,
    how: Algebra,
    combined: &Policy,
) -> Result<(), CombineError> {
    let mut prover = Prover::new(Options::default().times(4));
    let mut prove = || {
        let [l, r] = [prover.policy(left)?, prover.policy(right)?];
        let meant = match how {
            Algebra::Intersect => prover.intersect(&l, &r)?,
            Algebra::Union => prover.union(&l, &r)?,
        };
        let combined = prover.policy(combined)?;
        prover.equal(&meant, &combined, Scope::Exact)
    };
    match prove().map_err(CombineError::Prover)? {
        true => Ok(()),
        false => Err(CombineError::Wrong),
    }
}

/// Whether an architecture answers everything as foreign ones are answered.
fn is_constant(policy: &ArchPolicy, action: Action) -> bool {
    policy.default_action() == action
        && policy.unknown_action().is_none_or(|unknown| unknown.action == action)
        && policy.rules().all(|(_, list)| list.iter().all(|rule| rule.action() == action))
}

fn arch_policy(
    arch: Arch,
    left: &ArchPolicy,
    right: &ArchPolicy,
    how: Algebra,
) -> Result<ArchPolicy, CombineError> {
    let mut combined = ArchPolicy::new(how.apply(left.default_action(), right.default_action()));
    let mut numbers: BTreeSet<SyscallNr> =
        left.rules().chain(right.rules()).map(|(nr, _)| nr).collect();
    let largest = numbers.last().copied();
    if let Some(known) = known(left.unknown_action(), right.unknown_action(), largest) {
        let answer = |side: &ArchPolicy| {
            side.unknown_action().map_or(side.default_action(), |unknown| unknown.action)
        };
        let action = how.apply(answer(left), answer(right));
        if action != combined.default_action() {
            combined.unknown(Unknown { known, action });
        }
        let differing = known_to_one(arch, left, right, known);
        numbers.extend(differing.ok_or(CombineError::Baselines { arch })?);
    }
    for nr in numbers {
        rules(&mut combined, (arch, nr), left, right, how)?;
    }
    Ok(combined)
}

/// Which numbers count as known in the combination. A side that tells none apart does not care.
fn known(
    left: Option<Unknown>,
    right: Option<Unknown>,
    largest: Option<SyscallNr>,
) -> Option<Known> {
    match (left.map(|unknown| unknown.known), right.map(|unknown| unknown.known)) {
        (None, other) | (other, None) => other,
        (Some(Known::UpTo(one)), Some(Known::UpTo(other))) => {
            let (less, more) = (one.min(other), one.max(other));
            Some(Known::UpTo(if largest.is_some_and(|nr| nr > less) { more } else { less }))
        }
        (Some(Known::Kernel(one)), Some(Known::Kernel(other))) => {
            Some(Known::Kernel(one.max(other)))
        }
        (Some(up_to @ Known::UpTo(_)), _) | (_, Some(up_to)) => Some(up_to),
    }
}

/// The numbers that one side or the combination knows and another does not; `None` for too many.
fn known_to_one(
    arch: Arch,
    left: &ArchPolicy,
    right: &ArchPolicy,
    known: Known,
) -> Option<Vec<SyscallNr>> {
    let sides: Vec<Known> = [left, right]
        .iter()
        .filter_map(|side| side.unknown_action())
        .map(|unknown| unknown.known)
        .chain([known])
        .collect();
    if sides.iter().all(|side| *side == known) {
        return Some(Vec::new());
    }
    let last = |side: &Known| match side {
        Known::UpTo(nr) => *nr,
        Known::Kernel(_) => {
            arch.syscalls().map(|syscall| syscall.nr).max().unwrap_or(SyscallNr::new(0))
        }
    };
    let first = arch.syscalls().map(|syscall| syscall.nr).min().unwrap_or(SyscallNr::new(0));
    // Every side knows or does not know all numbers below the table alike, unless one counts up
    // from zero.
    let is_counting = |side: &Known| matches!(side, Known::UpTo(_));
    let from = match sides.iter().all(is_counting) {
        true => sides.iter().map(last).min()?.raw(),
        false if sides.iter().any(is_counting) => floor(arch),
        false => first.raw(),
    };
    let to = sides.iter().map(last).max()?.raw();
    let numbers = from..=to;
    (to.saturating_sub(from) <= NUMBERS_MAX).then(|| {
        numbers
            .map(SyscallNr::new)
            .filter(|nr| Arch::of_call(arch.token(), *nr) == Some(arch))
            .filter(|nr| {
                let mut knows = sides.iter().map(|side| knows(*side, arch, *nr));
                let one = knows.next();
                knows.any(|other| Some(other) != one)
            })
            .collect()
    })
}

/// The smallest number of an architecture's own.
const fn floor(arch: Arch) -> u32 {
    match arch {
        Arch::X32 => 0x4000_0000,
        _ => 0,
    }
}

fn knows(known: Known, arch: Arch, nr: SyscallNr) -> bool {
    match known {
        Known::UpTo(last) => nr <= last,
        Known::Kernel(kernel) => arch.syscall_at(nr).is_some_and(|syscall| syscall.since <= kernel),
    }
}

/// The rules of one side, with what it says where none holds as the last.
fn complete(arch: Arch, nr: SyscallNr, side: &ArchPolicy) -> Vec<(Condition, Action)> {
    let mut list: Vec<(Condition, Action)> =
        side.rules_for(nr).iter().map(|rule| (rule.condition().clone(), rule.action())).collect();
    if let Some(end) = list.iter().position(|(condition, _)| condition.is_always()) {
        list.truncate(end + 1);
    } else {
        list.push((Condition::always(), side.action_without_rule(arch, nr)));
    }
    list
}

fn rules(
    combined: &mut ArchPolicy,
    (arch, nr): (Arch, SyscallNr),
    left: &ArchPolicy,
    right: &ArchPolicy,
    how: Algebra,
) -> Result<(), CombineError> {
    let [l, r] = [left, right].map(|side| complete(arch, nr, side));
    if l == r {
        l.into_iter().for_each(|(condition, action)| {
            combined.rule(nr, condition, action);
        });
        return Ok(());
    }
    if l.len().saturating_mul(r.len()) > RULES_MAX {
        return Err(CombineError::TooMany { arch, nr });
    }
    for (one, a) in &l {
        for (other, b) in &r {
            let both = match (one.is_always(), other.is_always()) {
                (true, _) => other.clone(),
                (_, true) => one.clone(),
                _ => Condition::all([one.clone(), other.clone()]).map_err(CombineError::Policy)?,
            };
            combined.rule(nr, both, how.apply(*a, *b));
        }
    }
    Ok(())
}

impl Algebra {
    /// The action of the combination where the sides have these.
    #[must_use]
    pub fn apply(self, left: Action, right: Action) -> Action {
        let right_wins = match self {
            Self::Intersect => right.precedence() < left.precedence(),
            Self::Union => right.freedom() > left.freedom(),
        };
        if right_wins { right } else { left }
    }
}

impl fmt::Display for CombineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { arch, nr } => {
                write!(f, "the rules of syscall {nr} on {arch} are too many when combined")
            }
            Self::Baselines { arch } => write!(
                f,
                "on {arch} the two count syscalls as known in ways that cannot be combined"
            ),
            Self::Policy(error) => error.fmt(f),
            Self::Prover(error) => error.fmt(f),
            Self::Wrong => f.write_str("the combined rules do not mean the combination"),
        }
    }
}

impl std::error::Error for CombineError {}
