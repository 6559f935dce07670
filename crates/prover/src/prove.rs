//! The gate between a program and its use.

use callgate_bpf::{Program, Stack};
use callgate_policy::Policy;

use crate::prover::for_each_common;
use crate::recheck::recheck_stack;
use crate::{Error, Meaning, Options, Prover, Scope, Usage, recheck};

/// A program that was proved to mean the same as a policy. Only [`prove()`] and [`prove_pieces`](crate::prove_pieces) make
/// one.
///
/// # Examples
/// ```
/// use callgate_bpf::{Instruction, Program};
/// use callgate_policy::{Action, Arch, ArchPolicy, Policy};
/// use callgate_prover::{Error, Options, prove};
///
/// let policy = Policy::builder(Action::ALLOW)
///     .arch(Arch::X86_64, ArchPolicy::new(Action::ALLOW))
///     .build()?;
/// let always = |action: Action| Program::new([Instruction::new(0x06, action.raw())]);
/// let proved = prove(&policy, always(Action::ALLOW)?, &Options::default())?;
/// assert!(proved.certificate().obligations > 0);
///
/// // A difference comes with a call that shows it.
/// let refuted = prove(&policy, always(Action::LOG)?, &Options::default());
/// assert!(matches!(refuted, Err(Error::Refuted(differences)) if !differences.is_empty()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proved {
    program: Program,
    certificate: Certificate,
}

/// Filters on top of each other that were proved to have the effect of a policy together. Only [`prove_stack`] makes
/// them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvedStack {
    stack: Stack,
    certificate: Certificate,
}

/// What a proof consisted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Certificate {
    /// The pairs of classes (arch tokens and numbers) whose functions were found to be the same. At least one.
    pub obligations: usize,
    /// The diagram nodes that were made.
    pub nodes: usize,
    /// The calls on which specification and simulator were found to agree.
    pub calls: usize,
    /// The work that it took, in tests: see [`Options::tests_max`].
    pub tests: u64,
    /// The memory in bytes that it took: see [`Options::bytes_max`].
    pub bytes: usize,
}

impl Certificate {
    const fn new(obligations: usize, calls: usize, usage: Usage) -> Self {
        let Usage { nodes, bytes, tests } = usage;
        Self { obligations, nodes, calls, tests, bytes }
    }
}

impl Proved {
    /// A program that [`prove_pieces`](crate::prove_pieces) has proved.
    pub(crate) const fn in_pieces(program: Program, certificate: Certificate) -> Self {
        Self { program, certificate }
    }

    /// The program.
    #[must_use]
    pub const fn program(&self) -> &Program {
        &self.program
    }

    /// The program, no longer known to be proved.
    #[must_use]
    pub fn into_program(self) -> Program {
        self.program
    }

    /// What the proof consisted of.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

impl ProvedStack {
    /// The filters.
    #[must_use]
    pub const fn stack(&self) -> &Stack {
        &self.stack
    }

    /// What the proof consisted of.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

/// Proves that a program returns, for every call, exactly the action that the policy decides.
///
/// # Errors
/// [`Error::Refuted`] with all differences; [`Error::Undecided`] within these limits; [`Error::Disagreement`] and
/// [`Error::Partition`] for bugs of callgate. None of these yields a program.
///
/// Claim: C-PROVER
pub fn prove(policy: &Policy, program: Program, options: &Options) -> Result<Proved, Error> {
    let mut prover = Prover::about(policy, std::slice::from_ref(&program), options)?;
    let meant = prover.policy(policy)?;
    let written = prover.program(&program)?;
    let obligations = obligations(&mut prover, &meant, &written, Scope::Exact)?;
    let calls = recheck(policy, &program, options.calls_max)?;
    let usage = prover.usage();
    let certificate = Certificate::new(obligations, calls, usage);
    Ok(Proved { program, certificate })
}

/// Proves that the kernel does with every call under several filters what it would do on the policy's action. A single
/// filter has to return that very action, as for [`prove()`].
///
/// # Errors
/// As [`prove()`].
///
/// # Examples
/// ```
/// use callgate_bpf::{Instruction, Program, Stack};
/// use callgate_policy::{Action, Arch, ArchPolicy, Condition, Policy, SyscallNr};
/// use callgate_prover::{Error, Options, prove_stack};
///
/// let errno = Action::errno(1).ok_or("an errno")?;
/// let mut rules = ArchPolicy::new(Action::ALLOW);
/// for nr in [5, 7] {
///     rules.rule(SyscallNr::new(nr), Condition::always(), errno);
/// }
/// let policy = Policy::builder(Action::ALLOW).arch(Arch::Aarch64, rules).build()?;
///
/// // Each refuses one of the two.
/// let refuses = |nr| Program::new([
///     Instruction::new(0x20, 4),                                        // ld [arch]
///     Instruction { code: 0x15, jt: 0, jf: 3, k: 0xc000_00b7 },         // jeq #aarch64, next, +3
///     Instruction::new(0x20, 0),                                        // ld [nr]
///     Instruction { code: 0x15, jt: 0, jf: 1, k: nr },                  // jeq #nr, next, +1
///     Instruction::new(0x06, errno.raw()),
///     Instruction::new(0x06, Action::ALLOW.raw()),
/// ]);
/// let both = Stack::new([refuses(5)?, refuses(7)?]);
/// assert_eq!(prove_stack(&policy, both.clone(), &Options::default())?.stack(), &both);
///
/// let twice = Stack::new([refuses(5)?, refuses(5)?]);
/// assert!(matches!(prove_stack(&policy, twice, &Options::default()), Err(Error::Refuted(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Claim: C-STACK
pub fn prove_stack(policy: &Policy, stack: Stack, options: &Options) -> Result<ProvedStack, Error> {
    if let [only] = stack.programs() {
        let Proved { certificate, .. } = prove(policy, only.clone(), options)?;
        return Ok(ProvedStack { stack, certificate });
    }
    let mut prover = Prover::about(policy, stack.programs(), options)?;
    let meant = prover.policy(policy)?;
    let written = prover.stack(&stack)?;
    let obligations = obligations(&mut prover, &meant, &written, Scope::Effective)?;
    let calls = recheck_stack(policy, &stack, options.calls_max)?;
    let usage = prover.usage();
    let certificate = Certificate::new(obligations, calls, usage);
    Ok(ProvedStack { stack, certificate })
}

/// How many pairs of classes there are, all of them found to be the same.
fn obligations(
    prover: &mut Prover,
    meant: &Meaning<'_>,
    written: &Meaning<'_>,
    scope: Scope,
) -> Result<usize, Error> {
    if !prover.equal(meant, written, scope)? {
        return Err(Error::Refuted(prover.differences(meant, written, scope)?));
    }
    let mut obligations = 0;
    for_each_common(&meant.classes, &written.classes, |_| {
        obligations += 1;
        Ok::<(), Error>(())
    })?;
    Ok(obligations)
}

#[cfg(test)]
mod tests;
