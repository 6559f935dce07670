//! Reads calls of libseccomp back, and makes them.

use callgate_policy::{Action, Policy};
use callgate_scmp::{ArgCmp, Attribute, Capabilities, Context, Exactness, Token, resolve_name};
use callgate_syscalls::{Arch, Name};

use super::{
    FUNCTIONS, LibseccompArch, LibseccompFilter, LibseccompRule, OPERATORS, source, token, word,
};
use crate::lines;

/// The policy of the filter that the functions of a text make on a machine, or on the one that its
/// architectures are for.
///
/// The text must be what is written of the calls in it: a line more, and it may mean anything.
pub(crate) fn policy(text: &str, native: Option<Arch>) -> Result<Policy, String> {
    let (filter, function) = filter(text)?;
    let without_blanks = |text: &str| text.split_whitespace().collect::<String>();
    if without_blanks(text) != without_blanks(&source(&filter, function)) {
        return Err("it was changed since it was written".to_owned());
    }
    let native = native.or_else(|| lines::main(filter.arches.iter().map(|own| own.arch)));
    made(&filter, function, native.unwrap_or(Arch::X86_64))
}

/// What a text asks libseccomp for, and the function by which it adds rules.
fn filter(text: &str) -> Result<(LibseccompFilter, &'static str), String> {
    let between = |start: &str, end: &str| {
        let (_, behind) = text.split_once(start)?;
        behind.split_once(end).map(|(inside, _)| inside)
    };
    let default = between("seccomp_init(", ");").and_then(action).ok_or("no seccomp_init")?;
    let foreign = between("SCMP_FLTATR_ACT_BADARCH, ", ");").and_then(action);
    let foreign = foreign.ok_or("no SCMP_FLTATR_ACT_BADARCH")?;
    let is_exact = text.contains(&format!("(rc = {}(", FUNCTIONS[1]));
    let function = FUNCTIONS[usize::from(is_exact)];
    let mut arches = Vec::new();
    // The last function puts the others together, in the order of its lines.
    for line in text.lines().filter_map(|line| line.trim().strip_prefix("if (add(&filter, ")) {
        let named = line.split_once(", ").ok_or("no architecture")?.0;
        let arch = Arch::ALL.into_iter().find(|arch| token(*arch) == named);
        let arch = arch.ok_or_else(|| format!("unknown architecture {named}"))?;
        let body = between(&format!("static int rules_{}(", arch.name()), "\n}\n");
        let rules = rules(body.ok_or_else(|| format!("no rules for {arch}"))?, arch, function)?;
        arches.push(LibseccompArch { arch, token: Token::of(arch).raw(), rules });
    }
    if arches.is_empty() {
        return Err("no architecture is added".to_owned());
    }
    Ok((LibseccompFilter { default, foreign, arches }, function))
}

fn rules(body: &str, arch: Arch, function: &str) -> Result<Vec<LibseccompRule>, String> {
    let rule = |call: &str| {
        let call = call.split_once(")) < 0").ok_or("a call does not end")?.0;
        let bad = || format!("not as it was written: {call}");
        let arguments = call.strip_prefix(function).and_then(|rest| rest.strip_prefix("(filter, "));
        let (verdict, rest) = arguments.and_then(|a| a.split_once(", NR(\"")).ok_or_else(bad)?;
        let (name, rest) = rest.split_once("\"), ").ok_or_else(bad)?;
        let name = Name::parse(name).ok_or_else(bad)?;
        let mut parts = rest.split(", SCMP_A");
        let count: usize = parts.next().and_then(|count| count.parse().ok()).ok_or_else(bad)?;
        let tests: Option<Vec<ArgCmp>> = parts.map(test).collect();
        let tests = tests.filter(|tests| tests.len() == count).ok_or_else(bad)?;
        let number = arch.syscall(name).ok_or_else(bad)?.nr;
        Ok(LibseccompRule { action: action(verdict).ok_or_else(bad)?, name, number, tests })
    };
    body.split("(rc = ").skip(1).map(rule).collect()
}

/// Makes the calls.
fn made(filter: &LibseccompFilter, function: &str, native: Arch) -> Result<Policy, String> {
    let exactness = match function == FUNCTIONS[0] {
        true => Exactness::Adapted,
        false => Exactness::Exact,
    };
    let mut whole: Option<Context> = None;
    for own in &filter.arches {
        let mut other = empty(native, own.arch, filter.default, filter.foreign)?;
        for LibseccompRule { action, name, tests, .. } in &own.rules {
            let number = resolve_name(native, name.as_str());
            let number = number.ok_or_else(|| format!("{native} has no {name}"))?;
            other
                .rule_add(*action, number, tests, exactness, &Capabilities::ALL)
                .map_err(|error| format!("libseccomp refuses the rule of {name}: {error}"))?;
        }
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
