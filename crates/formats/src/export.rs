//! From a policy to an OCI profile, where OCI's format has the words for it.
//!
//! The result is read back and proved to mean the policy before it is returned.

mod words;

use callgate_policy::{Operator, Policy};
use callgate_raise::{Agreement, Differing, Raised, RaisedArch, Refusals, Test, compare, raise};
use callgate_syscalls::{Action, ActionKind, Arch, KernelVersion};

use crate::error::Inexpressible;
use crate::oci::Seccomp;
use crate::scalar::{ActionName, ArchName};
use crate::{Arches, Error, Options, Profile};

pub use words::Multiplexers;

/// An OCI profile made from a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// The profile.
    pub seccomp: Seccomp,
    /// Architectures on which runtimes refuse numbers that no syscall has in another way than the
    /// policy: the format has no word for a baseline kernel, and runtimes infer one.
    pub other_baseline: Vec<Arch>,
}

impl Exported {
    /// Writes a policy as an OCI profile.
    ///
    /// # Errors
    /// [`Error::NotExpressible`] with the part that OCI's format has no words for.
    pub fn new(policy: &Policy) -> Result<Self, Error> {
        let raised =
            raise(policy).map_err(|found| Inexpressible::of_number(found.arch, found.nr))?;
        Self::of(&raised, policy)
    }

    /// Writes rules as an OCI profile that means this policy.
    ///
    /// # Errors
    /// As [`Exported::new`].
    pub fn of(raised: &Raised, policy: &Policy) -> Result<Self, Error> {
        // Readers derive rules for `socketcall` and `ipc` from others. Where that is what is meant
        // nothing is said of the two.
        let short = attempt(raised, policy, Multiplexers::Derived);
        match short {
            Err(Error::NotExpressible(Inexpressible::Rules { .. })) => {
                attempt(raised, policy, Multiplexers::Written)
            }
            short => short,
        }
    }

    /// Rules in the words of the format. Whether readers take them for these rules is not looked
    /// at.
    ///
    /// # Errors
    /// [`Error::NotExpressible`] with the part that the format has no words for.
    pub fn draft(raised: &Raised, multiplexers: Multiplexers) -> Result<Seccomp, Error> {
        let mut raised = raised.clone().without_silent();
        raised.arches = raised.arches.into_iter().map(RaisedArch::counting).collect();
        // Runtimes kill the thread, which refuses too.
        if raised.foreign.kind().may_execute() {
            return Err(Inexpressible::Foreign(raised.foreign).into());
        }
        let (default_action, default_errno_ret) = action_words(default_of(&raised)?)?;
        Ok(Seccomp {
            default_action,
            default_errno_ret,
            architectures: raised.arches.iter().map(|own| ArchName(own.arch)).collect(),
            flags: Vec::new(),
            listener_path: None,
            listener_metadata: None,
            syscalls: words::syscalls(&raised, multiplexers)?,
        })
    }

    /// Whether the format has words for a test on an architecture.
    #[must_use]
    pub fn says(arch: Arch, test: &Test) -> bool {
        let full = Test::full_mask(arch);
        let is_whole = test.mask == full;
        test.argument().is_some()
            && (is_whole || test.mask & !full == 0 && test.operator == Operator::Eq)
    }

    /// Whether the format has a word for an action.
    #[must_use]
    pub fn has_action(action: Action) -> bool {
        action_words(action).is_ok()
    }
}

fn attempt(
    raised: &Raised,
    policy: &Policy,
    multiplexers: Multiplexers,
) -> Result<Exported, Error> {
    let seccomp = Exported::draft(raised, multiplexers)?;
    let arches = seccomp.architectures.iter().map(|own| own.0).collect();
    let refusals = read_back(policy, &seccomp, arches)?;
    let mut other_baseline: Vec<Arch> =
        refusals.numbers.iter().filter_map(|refusal| refusal.arch).collect();
    other_baseline.dedup();
    Ok(Exported { seccomp, other_baseline })
}

impl From<Inexpressible> for Error {
    fn from(what: Inexpressible) -> Self {
        Self::NotExpressible(what)
    }
}

fn default_of(raised: &Raised) -> Result<Action, Inexpressible> {
    let mut defaults = raised.arches.iter().map(|own| own.default);
    let first = defaults.next().unwrap_or(raised.foreign);
    match defaults.all(|default| default == first) {
        true => Ok(first),
        false => Err(Inexpressible::Defaults),
    }
}

fn action_words(action: Action) -> Result<(ActionName, Option<u64>), Inexpressible> {
    let (name, data) = match action.kind() {
        ActionKind::Errno => (ActionName::Errno, Some(u64::from(action.data()))),
        ActionKind::Trace => (ActionName::Trace, Some(u64::from(action.data()))),
        _ if action.data() != 0 => return Err(Inexpressible::Action(action)),
        ActionKind::KillProcess => (ActionName::KillProcess, None),
        ActionKind::KillThread => (ActionName::KillThread, None),
        ActionKind::Trap => (ActionName::Trap, None),
        ActionKind::UserNotify => (ActionName::Notify, None),
        ActionKind::Log => (ActionName::Log, None),
        ActionKind::Allow => (ActionName::Allow, None),
        _ => return Err(Inexpressible::Action(action)),
    };
    Ok((name, data))
}

/// Reads the profile back and compares it with the policy; returns which refusals differ.
fn read_back(policy: &Policy, seccomp: &Seccomp, arches: Vec<Arch>) -> Result<Refusals, Error> {
    let native = arches.first().copied().unwrap_or(Arch::X86_64);
    let mut options = Options::new(native, KernelVersion::new(u8::MAX, u8::MAX));
    options.arches = Arches::Exactly(arches);
    let read_back = serde_json::to_string(seccomp)
        .map_err(|error| Error::Unreadable {
            origin: "export".to_owned(),
            reason: error.to_string(),
        })
        .and_then(|text| Profile::parse(text.as_bytes(), "export"))
        .and_then(|profile| profile.resolve(&options));
    let read_back = match read_back {
        Err(Error::Conflict { name, arch, .. }) => {
            let lost = "runtimes refuse two rules for the same calls".to_owned();
            return Err(Inexpressible::Rules { arch, name, lost }.into());
        }
        Err(Error::TooManyRules { name, .. }) => {
            let lost = "it takes more rules than one syscall may have".to_owned();
            return Err(Inexpressible::Rules { arch: native, name, lost }.into());
        }
        other => other?.policy,
    };
    match compare(policy, &read_back) {
        Ok(Agreement::Equal) => Ok(Refusals::default()),
        Ok(Agreement::OtherRefusals(refusals)) => Ok(refusals),
        Ok(Agreement::Differ(differing)) => Err(differs(&differing, native).into()),
        Err(reason) => Err(Inexpressible::Unproved(reason.to_string()).into()),
    }
}

fn differs(differing: &[Differing], native: Arch) -> Inexpressible {
    let named = differing.iter().find(|found| found.name.is_some()).or(differing.first());
    let Some(found) = named else { return Inexpressible::Defaults };
    let arch = found.arch.unwrap_or(native);
    match found.name {
        None => Inexpressible::Number { arch, nr: found.nr },
        Some(name) => {
            let args: Vec<String> =
                found.witness.args.iter().map(|value| format!("{value:#x}")).collect();
            let lost = format!(
                "{name}({}) would get {} instead of {}",
                args.join(", "),
                found.read,
                found.meant
            );
            Inexpressible::Rules { arch, name, lost }
        }
    }
}
