//! A policy with the filters that were proved to mean it together.

use callgate_bpf::{Program, Stack};
use callgate_build::{BuiltStack, Proof};
use callgate_kernel::{Options, Scope};
use callgate_policy::Policy;

use crate::Error;

/// What a policy means, in as few filters as it takes: one, or several on top of each other where
/// one would be longer than the kernel accepts.
///
/// Each filter more costs every call that filters are run for, so a [`Filter`](crate::Filter),
/// which is never more than one, says so instead of growing.
///
/// # Examples
/// ```
/// use callgate::{Action, Arch, FilterStack, Policy};
/// use callgate_policy::{ArchPolicy, Comparison, Condition, Field, Operator, SyscallNr};
///
/// // 1,300 pairs of arguments, too many for one filter.
/// let mut rules = ArchPolicy::new(Action::KILL_PROCESS);
/// for index in 0..1300 {
///     let is = |field, value| Comparison::new(field, Operator::Eq, value).into();
///     let pair = Condition::all([is(Field::Arg0, 3 * index), is(Field::Arg1, 7 * index)])?;
///     rules.rule(SyscallNr::new(1), pair, Action::ALLOW);
/// }
/// let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, rules).build()?;
/// let filters = FilterStack::from_policy(policy)?;
/// assert_eq!(filters.programs().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FilterStack {
    policy: Policy,
    built: BuiltStack,
}

impl FilterStack {
    /// Compiles a policy and proves the filters to have its effect.
    ///
    /// # Errors
    /// [`Error::Compile`] where all filters that a process can have do not suffice,
    /// [`Error::Proof`] where they were not proved.
    pub fn from_policy(policy: Policy) -> Result<Self, Error> {
        Self::compile_with(policy, &callgate_compiler::Options::default())
    }

    /// As [`FilterStack::from_policy`], for calls that are made as often as the options say.
    ///
    /// # Errors
    /// As [`FilterStack::from_policy`].
    pub fn compile_with(
        policy: Policy,
        options: &callgate_compiler::Options,
    ) -> Result<Self, Error> {
        let built = callgate_build::stack(&policy, options)?;
        Ok(Self { policy, built })
    }

    pub(crate) const fn new(policy: Policy, built: BuiltStack) -> Self {
        Self { policy, built }
    }

    /// What the filters mean together.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The filters, in the order in which they are loaded: the last refuses the loading of more,
    /// where the policy does.
    #[must_use]
    pub fn programs(&self) -> &[Program] {
        self.stack().programs()
    }

    /// The filters as the kernel runs them.
    #[must_use]
    pub const fn stack(&self) -> &Stack {
        self.built.stack()
    }

    /// How the filters were proved.
    #[must_use]
    pub const fn proof(&self) -> &Proof {
        self.built.proof()
    }

    /// Installs the filters one after the other, for good.
    ///
    /// # Errors
    /// [`Error::Kernel`]; the filters before the one that the kernel refused stay installed.
    pub fn load(&self, scope: Scope) -> Result<(), Error> {
        self.load_with(scope, &Options::default())
    }

    /// Installs the filters with options: no_new_privs, logging, mitigations.
    ///
    /// # Errors
    /// As [`FilterStack::load`].
    pub fn load_with(&self, scope: Scope, options: &Options) -> Result<(), Error> {
        Ok(callgate_kernel::load_stack(self.stack(), scope, options)?)
    }
}
