//! What a compilation can be told beside the policy.

use callgate_policy::KernelVersion;

use crate::Weights;

/// What a compilation can be told beside the policy. None of it changes what a program means, only
/// how fast which calls are decided.
///
/// # Examples
/// ```
/// use callgate_compiler::{Options, Weights, compile_with};
/// use callgate_policy::{Action, Arch, ArchPolicy, KernelVersion, Policy};
///
/// let policy = Policy::builder(Action::KILL_PROCESS)
///     .arch(Arch::X86_64, ArchPolicy::new(Action::ALLOW))
///     .build()?;
/// let weights = Weights::parse("read 900\nopenat 100\n")?;
/// let options = Options { weights, kernel: Some(KernelVersion::new(6, 12)) };
/// let program = compile_with(&policy, &options)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How often calls are made.
    pub weights: Weights,
    /// The oldest kernel that the filter is for. From 5.11 on, the kernel answers for calls that
    /// are allowed whatever their arguments without running the filter, so that their place in it
    /// hardly matters.
    pub kernel: Option<KernelVersion>,
}
