//! The gate between a program and its use.

use std::time::Duration;

use callgate_bpf::Program;
use callgate_policy::Policy;

use crate::prover::for_each_common;
use crate::{Error, Options, Prover, Scope, recheck};

/// A program that was proved to mean the same as a policy. Only [`prove()`] makes one.
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
    /// The time it took.
    pub time: Duration,
}

impl Proved {
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

/// Proves that a program returns, for every call, exactly the action that the policy decides.
///
/// # Errors
/// [`Error::Refuted`] with all differences; [`Error::Undecided`] within these limits; [`Error::Disagreement`] and
/// [`Error::Partition`] for bugs of callgate. None of these yields a program.
///
/// Claim: C-PROVER
pub fn prove(policy: &Policy, program: Program, options: &Options) -> Result<Proved, Error> {
    let mut prover = Prover::new(options.clone());
    let meant = prover.policy(policy)?;
    let written = prover.program(&program)?;
    if !prover.equal(&meant, &written, Scope::Exact)? {
        return Err(Error::Refuted(prover.differences(&meant, &written, Scope::Exact)?));
    }
    let mut obligations = 0;
    for_each_common(&meant.classes, &written.classes, |_| {
        obligations += 1;
        Ok::<(), Error>(())
    })?;
    let calls = recheck(policy, &program, options.calls_max)?;
    let usage = prover.usage();
    let certificate = Certificate { obligations, nodes: usage.nodes, calls, time: usage.time };
    Ok(Proved { program, certificate })
}
