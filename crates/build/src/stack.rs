//! Policies that may take several filters on top of each other. The C library has no use for them.
#![cfg_attr(
    not(test),
    expect(clippy::disallowed_methods, reason = "the C library makes one filter at a time")
)]

use callgate_bpf::{Program, Stack};
use callgate_policy::Policy;
use callgate_prover::Options;
use callgate_syscalls::{Action, Arch, SeccompData, names};

use crate::{Built, Error, Proof};

/// Filters that were proved to have the effect of a policy together. Nothing else makes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltStack {
    stack: Stack,
    proof: Proof,
}

impl BuiltStack {
    /// The filters, in the order in which they are loaded: the last refuses the loading of more,
    /// where the policy does.
    #[must_use]
    pub const fn stack(&self) -> &Stack {
        &self.stack
    }

    /// How they were proved.
    #[must_use]
    pub const fn proof(&self) -> &Proof {
        &self.proof
    }
}

impl From<Built> for BuiltStack {
    fn from(built: Built) -> Self {
        let proof = *built.proof();
        Self { stack: Stack::new([built.into_program()]), proof }
    }
}

/// Compiles a policy to as few filters as it takes, and proves them to have its effect: one as
/// [`program`](crate::program()) does, or several where one would be longer than the kernel
/// accepts.
///
/// # Errors
/// [`Error::Compile`] where all filters that a process can have do not suffice, [`Error::Proof`]
/// where they were not proved.
///
/// Claim: C-PROVED
pub fn stack(policy: &Policy, options: &callgate_compiler::Options) -> Result<BuiltStack, Error> {
    let stack = compile_stack(policy, options)?;
    match stack.programs() {
        [only] => crate::escalate(policy, || Ok(only.clone()), false).map(BuiltStack::from),
        _ => prove_stack(policy, stack, &Options::while_waiting(policy)),
    }
}

/// Compiles a policy to as few filters as it takes, in an order in which they can be loaded one
/// after the other.
///
/// # Errors
/// [`Error::Compile`] where all filters that a process can have do not suffice.
pub fn compile_stack(
    policy: &Policy,
    options: &callgate_compiler::Options,
) -> Result<Stack, Error> {
    Ok(loadable(policy, &callgate_compiler::compile_stacked(policy, options)?))
}

/// Proves filters that somebody has compiled to have the effect of a policy together.
///
/// # Errors
/// [`Error::Proof`].
///
/// Claim: C-PROVED
pub fn prove_stack(policy: &Policy, stack: Stack, options: &Options) -> Result<BuiltStack, Error> {
    let proved = callgate_prover::prove_stack(policy, stack, options)?;
    let proof = Proof::Whole(*proved.certificate());
    Ok(BuiltStack { stack: proved.stack().clone(), proof })
}

/// What refuses the loading of filters comes last. Each call is refused by at most one filter, so
/// the order means nothing otherwise.
fn loadable(policy: &Policy, stack: &Stack) -> Stack {
    let mut programs = stack.programs().to_vec();
    let native = Arch::native();
    programs.sort_by_key(|program| {
        let refuses = |arch: Arch| refuses_loading(program, arch);
        let any = policy.arches().any(|(arch, _)| refuses(arch));
        (native.is_some_and(refuses), any)
    });
    Stack::new(programs)
}

fn refuses_loading(program: &Program, arch: Arch) -> bool {
    const SECCOMP_SET_MODE_FILTER: u64 = 1;
    arch.syscall(names::SECCOMP).is_some_and(|seccomp| {
        let args = [SECCOMP_SET_MODE_FILTER, 0, 0, 0, 0, 0];
        let call = SeccompData::new(arch, seccomp.nr).with_args(args);
        program.run(&call, arch.endian()) != Action::ALLOW
    })
}
