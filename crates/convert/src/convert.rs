//! From a policy to a text that was proved.

use callgate_policy::Policy;
use callgate_raise::{
    Agreement, Differing, Raised, Refusals, compare, freedom, permits_no_more, raise, stricter,
};
use callgate_syscalls::Arch;

use crate::printer::Printer;
use crate::{Format, NotConverted};

/// What is written where a form cannot say a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the command line has a word for each")]
pub enum Nearest {
    /// Nothing: that is an error.
    Equal,
    /// The nearest policy that permits no more.
    Stricter,
}

/// A text, and what it was proved to mean.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Converted {
    /// The text.
    pub text: String,
    /// What it means, as its readers read it.
    pub policy: Policy,
    /// Calls that nobody makes, which readers refuse in another way than the policy.
    pub refusals: Refusals,
    /// Where the text permits less than the policy.
    pub stricter: Vec<Differing>,
}

/// Writes a policy in a form. Claim: C-CONVERT.
///
/// ```
/// use callgate_convert::{Format, Nearest, convert};
/// use callgate_policy::{Action, Arch, ArchPolicy, Condition, Policy, SyscallNr};
///
/// let mut x86_64 = ArchPolicy::new(Action::ALLOW);
/// x86_64.rule(SyscallNr::new(101), Condition::always(), Action::errno(1).unwrap());
/// let policy = Policy::builder(Action::KILL_THREAD).arch(Arch::X86_64, x86_64).build()?;
/// let profile = convert(&policy, Format::Docker, Nearest::Equal)?;
/// assert!(profile.text.contains("\"ptrace\""));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`NotConverted`].
pub fn convert(
    policy: &Policy,
    format: Format,
    nearest: Nearest,
) -> Result<Converted, NotConverted> {
    let printer = format.printer();
    let inexpressible = |what| NotConverted::Inexpressible { format, what };
    let raised = raise(policy).map_err(|found| inexpressible(found.to_string()))?;
    let equal = attempt(printer, &raised, policy, format);
    match (equal, nearest) {
        (Err(NotConverted::Inexpressible { .. }), Nearest::Stricter) => {
            let says = |arch: Arch, name, test: &_| printer.says(arch, name, test);
            let has_action = |action| printer.has_action(action);
            let has_default = |action| printer.has_default(action);
            let less = stricter(&raised, &says, printer.repeats(), &has_action, &has_default);
            let meant = less.policy().map_err(|error| inexpressible(error.to_string()))?;
            let written = attempt(printer, &less, &meant, format)?;
            let stricter = permits_no_more(&written.policy, policy);
            match stricter.map_err(NotConverted::Unproved)? {
                Some(mut stricter) => {
                    stricter.retain(|found| freedom(found.read) < freedom(found.meant));
                    Ok(Converted { stricter, ..written })
                }
                None => Err(inexpressible("the nearest that can be said permits more".to_owned())),
            }
        }
        (result, _) => result,
    }
}

fn attempt(
    printer: &dyn Printer,
    raised: &Raised,
    meant: &Policy,
    format: Format,
) -> Result<Converted, NotConverted> {
    let text = printer
        .print(raised, meant)
        .map_err(|what| NotConverted::Inexpressible { format, what })?;
    let read =
        printer.read(&text, meant).map_err(|reason| NotConverted::Unreadable { format, reason })?;
    let refusals = match compare(meant, &read).map_err(NotConverted::Unproved)? {
        Agreement::Equal => Refusals::default(),
        Agreement::OtherRefusals(refusals) => refusals,
        Agreement::Differ(differing) => {
            return Err(NotConverted::Inexpressible { format, what: first(&differing) });
        }
    };
    Ok(Converted { text, policy: read, refusals, stricter: Vec::new() })
}

/// The first difference in words.
fn first(differing: &[Differing]) -> String {
    let found = differing.iter().find(|found| found.name.is_some()).or(differing.first());
    found.map_or_else(String::new, |found| format!("it would be read as another filter: {found}"))
}
