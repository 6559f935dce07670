//! Changes as rules of container profiles.

use callgate_policy::{Comparison, Condition, Field, Operator, Policy, View};
use callgate_syscalls::{Arch, ArgumentWidth, Errno, Name};

/// The rule that tells callers that there is no such call, where a line of the language does.
pub(super) fn enosys(name: Name, arch: Arch, line: &Policy) -> Option<String> {
    let number = Errno::from_name("ENOSYS", arch)?.raw();
    rule(name, arch, line, &format!("\"SCMP_ACT_ERRNO\",\"errnoRet\":{number}"))
}

/// The rule that allows what a line of the language allows of a call, tested in the same bits; none
/// for what such rules can't say.
pub(super) fn allow(name: Name, arch: Arch, line: &Policy) -> Option<String> {
    rule(name, arch, line, "\"SCMP_ACT_ALLOW\"")
}

/// A rule with an action for the calls that a line speaks of.
fn rule(name: Name, arch: Arch, line: &Policy, action: &str) -> Option<String> {
    let nr = arch.syscall(name)?.nr;
    let [rule] = line.arch(arch)?.rules_for(nr) else { return None };
    let mut comparisons = Vec::new();
    add(rule.condition(), &mut comparisons)?;
    let args: Option<Vec<String>> =
        comparisons.into_iter().map(|one| argument(name, one)).collect();
    let args = match args?.join(",") {
        none if none.is_empty() => none,
        args => format!(",\"args\":[{args}]"),
    };
    Some(format!("{{\"names\":[\"{name}\"],\"action\":{action}{args}}}"))
}

/// The comparisons that all have to hold; none where some have to.
///
/// No deeper than [`Condition::DEPTH_MAX`].
fn add<'c>(condition: &'c Condition, comparisons: &mut Vec<&'c Comparison>) -> Option<()> {
    match condition.view() {
        View::Compare(comparison) => comparisons.push(comparison),
        View::All(list) => return list.iter().try_for_each(|one| add(one, comparisons)),
        View::Any(_) => return None,
    }
    Some(())
}

fn argument(name: Name, comparison: &Comparison) -> Option<String> {
    let index = Field::ARGS.iter().position(|field| *field == comparison.field())?;
    let (mask, value) = (comparison.mask(), comparison.value());
    if comparison.operator() != Operator::Eq {
        return None;
    }
    // A rule is for all ABIs of its machine, of which one may have registers of 64 bits where this
    // one has 32; in those of 32 the other half is 0.
    let is_whole = mask == u64::MAX || (mask == u64::from(u32::MAX) && is_wide(name, index));
    Some(match is_whole {
        true => format!("{{\"index\":{index},\"value\":{value},\"op\":\"SCMP_CMP_EQ\"}}"),
        false => {
            let op = "SCMP_CMP_MASKED_EQ";
            format!("{{\"index\":{index},\"value\":{mask},\"valueTwo\":{value},\"op\":\"{op}\"}}")
        }
    })
}

/// Whether the kernel reads 64 bits of an argument where registers have as many.
fn is_wide(name: Name, index: usize) -> bool {
    let signature = Arch::X86_64.signature(name);
    let argument = signature.and_then(|signature| signature.arguments().nth(index));
    argument.is_some_and(|argument| argument.width == ArgumentWidth::Bits64)
}
