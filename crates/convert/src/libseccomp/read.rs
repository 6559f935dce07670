//! Reads calls of libseccomp back, and makes them.

use callgate_policy::{Action, Policy};
use callgate_scmp::{ArgCmp, Attribute, Capabilities, Context, Exactness, Token, resolve_name};
use callgate_syscalls::Arch;

use super::{FUNCTIONS, OPERATORS, token, word};

/// The policy of the filter that the functions of a text make on a machine.
pub(super) fn policy(text: &str, native: Arch) -> Result<Policy, String> {
    let between = |start: &str, end: &str| {
        let (_, behind) = text.split_once(start)?;
        behind.split_once(end).map(|(inside, _)| inside)
    };
    let default = between("seccomp_init(", ");").and_then(action).ok_or("no seccomp_init")?;
    let foreign = between("SCMP_FLTATR_ACT_BADARCH, ", ");").and_then(action);
    let foreign = foreign.ok_or("no SCMP_FLTATR_ACT_BADARCH")?;
    let mut whole: Option<Context> = None;
    // The last function puts the others together, in the order of its lines.
    for line in text.lines().filter_map(|line| line.trim().strip_prefix("if (add(&filter, ")) {
        let named = line.split_once(", ").ok_or("no architecture")?.0;
        let arch = Arch::ALL.into_iter().find(|arch| token(*arch) == named);
        let arch = arch.ok_or_else(|| format!("unknown architecture {named}"))?;
        let mut other = empty(native, arch, default, foreign)?;
        let body = between(&format!("static int rules_{}(", arch.name()), "\n}\n");
        rules(&mut other, body.ok_or_else(|| format!("no rules for {arch}"))?, native)?;
        match &mut whole {
            Some(whole) => whole.merge(&mut other).map_err(|error| error.to_string())?,
            None => whole = Some(other),
        }
    }
    let whole = whole.ok_or("no architecture is added")?;
    whole.policy().map_err(|error| error.to_string())
}

fn empty(native: Arch, arch: Arch, default: Action, foreign: Action) -> Result<Context, String> {
    let make = || {
        let mut context = Context::new(native, default, &Capabilities::ALL)?;
        if arch != native {
            context.arch_remove(Token::of(native))?;
            context.arch_add(Token::of(arch))?;
        }
        context.attr_set(Attribute::ActBadArch, foreign.raw(), &Capabilities::ALL)?;
        Ok(context)
    };
    make().map_err(|error: callgate_scmp::Error| error.to_string())
}

fn rules(context: &mut Context, body: &str, native: Arch) -> Result<(), String> {
    let calls = body.split("(rc = ").skip(1);
    for call in calls {
        let call = call.split_once(")) < 0").ok_or("a call does not end")?.0;
        let bad = || format!("not as it was written: {call}");
        let (function, arguments) = call.split_once("(filter, ").ok_or_else(bad)?;
        let exactness = match FUNCTIONS.iter().position(|known| *known == function) {
            Some(0) => Exactness::Adapted,
            Some(_) => Exactness::Exact,
            None => return Err(bad()),
        };
        let (verdict, rest) = arguments.split_once(", NR(\"").ok_or_else(bad)?;
        let (name, rest) = rest.split_once("\"), ").ok_or_else(bad)?;
        let mut parts = rest.split(", SCMP_A");
        let count: usize = parts.next().and_then(|count| count.parse().ok()).ok_or_else(bad)?;
        let tests: Option<Vec<ArgCmp>> = parts.map(test).collect();
        let tests = tests.filter(|tests| tests.len() == count).ok_or_else(bad)?;
        let number = resolve_name(native, name).ok_or_else(bad)?;
        let action = action(verdict).ok_or_else(bad)?;
        context
            .rule_add(action, number, &tests, exactness, &Capabilities::ALL)
            .map_err(|error| format!("libseccomp refuses the rule of {name}: {error}"))?;
    }
    Ok(())
}

/// `0(SCMP_CMP_EQ, 0x1)`.
fn test(text: &str) -> Option<ArgCmp> {
    let (index, inside) = text.strip_suffix(')')?.split_once("(SCMP_CMP_")?;
    let mut words = inside.split(", ");
    let operator = words.next()?;
    let place = OPERATORS.iter().position(|known| *known == operator)?;
    let values = words.map(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok());
    let values: Option<Vec<u64>> = values.collect();
    let (datum_a, datum_b) = match *values?.as_slice() {
        [value] if operator != "MASKED_EQ" => (value, 0),
        [mask, value] if operator == "MASKED_EQ" => (mask, value),
        _ => return None,
    };
    Some(ArgCmp { arg: index.parse().ok()?, op: u32::try_from(place + 1).ok()?, datum_a, datum_b })
}

fn action(text: &str) -> Option<Action> {
    let data = || -> Option<u16> { text.split_once('(')?.1.strip_suffix(')')?.parse().ok() };
    let candidates = [
        Some(Action::ALLOW),
        Some(Action::LOG),
        Some(Action::USER_NOTIFY),
        Some(Action::trap(0)),
        Some(Action::KILL_THREAD),
        Some(Action::KILL_PROCESS),
        data().and_then(Action::errno),
        data().map(Action::trace),
    ];
    candidates.into_iter().flatten().find(|action| word(*action).as_deref() == Some(text))
}
