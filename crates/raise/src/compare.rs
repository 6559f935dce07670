//! What a text was read back as, against what it shall mean.

use callgate_policy::{Action, Policy, SyscallNr};
use callgate_prover::{Error, Options, Prover, Scope};
use callgate_syscalls::{Arch, Name, SeccompData};

use crate::freedom;

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

/// Calls that nobody makes, and that two policies refuse in different ways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusals {
    /// Architectures with numbers that no syscall has: who reads a text infers for itself which
    /// kernel its author knew.
    pub numbers: Vec<Arch>,
    /// Whether there are architectures for which the policy has no rules: most forms have no words
    /// for what happens to their calls.
    pub foreign: bool,
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
        let of = |nr| Arch::of_call(found.first_token, nr);
        for (first, last) in &found.numbers {
            let own = of(*first).and_then(|arch| Some((arch, meant.arch(arch)?)));
            match own {
                None if is_refusal(found.left) && is_refusal(found.right) => {
                    // The numbers of one architecture: its neighbour's are another difference.
                    refusals.foreign = true;
                }
                Some((_, rules))
                    if is_refusal(found.left)
                        && is_refusal(found.right)
                        && rules.rules().len() == 0 =>
                {
                    refusals.foreign = true;
                }
                Some((arch, _))
                    if is_refusal(found.left)
                        && is_refusal(found.right)
                        && of(*last) == Some(arch)
                        && !arch.syscalls().any(|known| (*first..=*last).contains(&known.nr)) =>
                {
                    refusals.numbers.push(arch);
                }
                _ => differing.push(Differing {
                    arch: of(*first),
                    nr: *first,
                    name: of(*first)
                        .and_then(|arch| arch.syscall_at(*first))
                        .map(|syscall| syscall.name),
                    meant: found.left,
                    read: found.right,
                    witness: found.witness,
                }),
            }
        }
    }
    refusals.numbers.sort();
    refusals.numbers.dedup();
    Ok(match differing.is_empty() {
        true => Agreement::OtherRefusals(refusals),
        false => Agreement::Differ(differing),
    })
}

/// Whether the call is not made, and nobody is told that it was.
fn is_refusal(action: Action) -> bool {
    !action.kind().may_execute() && !freedom(action).1
}

/// Whether a policy permits no more than another, and every pair of actions in which it permits
/// less.
///
/// # Errors
/// The prover's, where it did not decide.
pub fn permits_no_more(stricter: &Policy, than: &Policy) -> Result<Option<Vec<Differing>>, Error> {
    let mut prover = Prover::new(Options::default().times(4));
    let [left, right] = [prover.policy(stricter)?, prover.policy(than)?];
    if !prover.subset(&left, &right)? {
        return Ok(None);
    }
    let found = prover.differences(&right, &left, Scope::Exact)?;
    let each = found.into_iter().flat_map(|found| {
        found.numbers.iter().map(|(first, _)| *first).collect::<Vec<_>>().into_iter().map(
            move |nr| {
                let arch = Arch::of_call(found.first_token, nr);
                Differing {
                    arch,
                    nr,
                    name: arch.and_then(|arch| arch.syscall_at(nr)).map(|syscall| syscall.name),
                    meant: found.left,
                    read: found.right,
                    witness: found.witness,
                }
            },
        )
    });
    Ok(Some(each.collect()))
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
