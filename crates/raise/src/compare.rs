//! What a text was read back as, against what it shall mean.

use callgate_policy::{Action, ArchPolicy, Policy, Rule, SyscallNr};
use callgate_prover::{Error, Options, Prover, Scope};
use callgate_syscalls::{Arch, Name, SeccompData};

/// How far two policies agree.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "callers decide on each")]
pub enum Agreement {
    /// They are the same for every call.
    Equal,
    /// Every difference is about calls that nobody makes and both refuse, with or without killing.
    OtherRefusals(Refusals),
    /// They differ.
    Differ(Vec<Differing>),
}

/// Calls that two policies both refuse, in different ways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusals {
    /// Numbers that no syscall has: who reads a text infers for itself which kernel its author
    /// knew.
    pub numbers: Vec<Refusal>,
    /// Architectures for which the policy has no rules: most forms have no words for what happens
    /// to their calls.
    pub foreign: Vec<Refusal>,
    /// Syscalls, where a form has no word for the action that refuses them.
    pub syscalls: Vec<Refusal>,
}

/// Calls that get one refusal instead of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Refusal {
    /// Their architecture; none for all that neither policy names.
    pub arch: Option<Arch>,
    /// What is meant.
    pub meant: Action,
    /// What was read.
    pub read: Action,
}

/// Calls for which two policies have different actions.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Differing {
    /// The architecture; none where the calls are foreign to both.
    pub arch: Option<Arch>,
    /// The first number.
    pub nr: SyscallNr,
    /// Its name.
    pub name: Option<Name>,
    /// What is meant.
    pub meant: Action,
    /// What was read.
    pub read: Action,
    /// A call that shows it.
    pub witness: SeccompData,
}

/// How far a policy agrees with what it was read back as.
///
/// # Errors
/// The prover's, where it did not decide.
pub fn compare(meant: &Policy, read: &Policy) -> Result<Agreement, Error> {
    let mut prover = Prover::new(Options::default().times(4));
    let [left, right] = [prover.policy(meant)?, prover.policy(read)?];
    if prover.equal(&left, &right, Scope::Exact)? {
        return Ok(Agreement::Equal);
    }
    let mut differing = Vec::new();
    let mut refusals = Refusals::default();
    for found in prover.differences(&left, &right, Scope::Exact)? {
        for one in each(&found) {
            match kind(&one, meant) {
                Some(Kind::Foreign) => refusals.foreign.push(one.0.refusal()),
                Some(Kind::Number) => refusals.numbers.push(one.0.refusal()),
                Some(Kind::Syscall) | None => differing.push(one.0),
            }
        }
    }
    Ok(match differing.is_empty() {
        true => Agreement::OtherRefusals(refusals.sorted()),
        false => Agreement::Differ(differing),
    })
}

/// What is refused in two ways.
enum Kind {
    Foreign,
    Number,
    Syscall,
}

/// What both refuse; none where a call is made.
fn kind((found, last): &(Differing, SyscallNr), meant: &Policy) -> Option<Kind> {
    if !is_refusal(found.meant) || !is_refusal(found.read) {
        return None;
    }
    // The numbers of one architecture: its neighbour's are another difference.
    let Some(arch) = found.arch else { return Some(Kind::Foreign) };
    let Some(rules) = meant.arch(arch) else { return Some(Kind::Foreign) };
    // Where every call of every architecture is refused, how is all that the policy says.
    if is_shut(rules) && meant.arches().any(|(_, other)| !is_shut(other)) {
        return Some(Kind::Foreign);
    }
    let is_known = arch.syscalls().any(|known| (found.nr..=*last).contains(&known.nr));
    let is_one = Arch::of_call(found.witness.arch, *last) == Some(arch);
    Some(if is_one && !is_known { Kind::Number } else { Kind::Syscall })
}

/// Whether every call of an architecture is refused.
fn is_shut(rules: &ArchPolicy) -> bool {
    let unknown = rules.unknown_action().map(|unknown| unknown.action);
    let defaults = std::iter::once(rules.default_action()).chain(unknown);
    let listed = rules.rules().flat_map(|(_, list)| list.iter().map(Rule::action));
    defaults.chain(listed).all(is_refusal)
}

/// A difference for each range of numbers, with the last of them.
fn each(found: &callgate_prover::Difference) -> Vec<(Differing, SyscallNr)> {
    let one = |(first, last): &(SyscallNr, SyscallNr)| {
        let arch = Arch::of_call(found.first_token, *first);
        let differing = Differing {
            arch,
            nr: *first,
            name: arch.and_then(|arch| arch.syscall_at(*first)).map(|syscall| syscall.name),
            meant: found.left,
            read: found.right,
            witness: found.witness,
        };
        (differing, *last)
    };
    found.numbers.iter().map(one).collect()
}

impl Differing {
    const fn refusal(&self) -> Refusal {
        Refusal { arch: self.arch, meant: self.meant, read: self.read }
    }
}

impl Refusals {
    /// Whether nothing is refused in two ways.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.foreign.is_empty() && self.syscalls.is_empty()
    }

    /// Adds those of another comparison.
    pub fn extend(&mut self, other: Self) {
        let Self { numbers, foreign, syscalls } = std::mem::take(self);
        let joined = |own: Vec<Refusal>, more| [own, more].concat();
        *self = Self {
            numbers: joined(numbers, other.numbers),
            foreign: joined(foreign, other.foreign),
            syscalls: joined(syscalls, other.syscalls),
        }
        .sorted();
    }

    fn sorted(mut self) -> Self {
        for list in [&mut self.numbers, &mut self.foreign, &mut self.syscalls] {
            list.sort_unstable();
            list.dedup();
        }
        self
    }
}

/// Whether the call is not made, and nobody is told that it was.
pub(crate) fn is_refusal(action: Action) -> bool {
    !action.kind().may_execute() && !action.freedom().1
}

/// Whether a policy permits no more than another: then where it permits less, and what both refuse
/// in different ways. Calls that nobody makes may be refused in any way, as by [`compare`].
///
/// # Errors
/// The prover's, where it did not decide.
pub fn permits_no_more(
    stricter: &Policy,
    than: &Policy,
) -> Result<Option<(Vec<Differing>, Refusals)>, Error> {
    let mut prover = Prover::new(Options::default().times(4));
    let [left, right] = [prover.policy(stricter)?, prover.policy(than)?];
    let is_subset = prover.subset(&left, &right)?;
    let (mut less, mut refusals) = (Vec::new(), Refusals::default());
    for found in prover.differences(&right, &left, Scope::Exact)? {
        for one in each(&found) {
            match kind(&one, than) {
                Some(Kind::Foreign) => refusals.foreign.push(one.0.refusal()),
                Some(Kind::Number) => refusals.numbers.push(one.0.refusal()),
                _ if !is_subset && one.0.read.freedom() > one.0.meant.freedom() => return Ok(None),
                Some(Kind::Syscall) => refusals.syscalls.push(one.0.refusal()),
                None => less.push(one.0),
            }
        }
    }
    Ok(Some((less, refusals.sorted())))
}

impl std::fmt::Display for Differing {
    /// `socket(0x1, 0x0, ...) on x86_64 gets ERRNO(1) instead of ALLOW`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name {
            Some(name) => write!(f, "{name}")?,
            None => write!(f, "syscall {}", self.nr)?,
        }
        let args = self.witness.args.map(|value| format!("{value:#x}"));
        write!(f, "({})", args.join(", "))?;
        match self.arch {
            Some(arch) => write!(f, " on {arch}")?,
            None => write!(f, " of arch {}", self.witness.arch)?,
        }
        write!(f, " gets {} instead of {}", self.read, self.meant)
    }
}
