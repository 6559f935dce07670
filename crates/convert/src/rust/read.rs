//! Reads the calls of a builder back, and makes them.

use callgate_policy::{Action, Operator, Policy};
use callgate_rules::{
    Answer, Baseline, Cond, Header, Relation, Rule, Rules, Target, UnknownAnswer, Value, Verdict,
    arg, resolve,
};
use callgate_syscalls::{Arch, Errno, KernelVersion, Name};

/// The policy that the calls of a text build.
///
/// Nothing may stand before or behind them but what is written there: it could mean anything.
pub(crate) fn policy(text: &str) -> Result<Policy, String> {
    let calls = text.strip_prefix(super::HEAD).ok_or("it was changed since it was written")?;
    let calls = calls.trim_start().strip_prefix("Filter::builder(").ok_or("no builder")?;
    let (default, calls) = calls.split_once(")\n").ok_or("no default")?;
    let default = action(default).ok_or_else(|| format!("unknown action {default}"))?;
    let mut header = Header::new(Verdict::from(default));
    let mut rules = Vec::new();
    let mut arches = Vec::new();
    let mut is_built = false;
    let mut calls = calls.split("        .");
    if calls.next().is_none_or(|before| !before.is_empty()) {
        return Err("something stands before the calls".to_owned());
    }
    for call in calls {
        let bad = || format!("not as it was written: {call}");
        if is_built {
            return Err(bad());
        }
        let call = call.trim_end();
        let call = call.strip_suffix("\n}").filter(|call| *call == "build()").unwrap_or(call);
        let (method, inside) = call.split_once('(').ok_or_else(bad)?;
        let inside = inside.strip_suffix(')').ok_or_else(bad)?;
        match method {
            "arches" => arches = list(inside, arch).ok_or_else(bad)?,
            "foreign" => {
                header.foreign = Answer::new(Verdict::from(action(inside).ok_or_else(bad)?));
            }
            "unknown" => header.unknown = Some(unknown(inside).ok_or_else(bad)?),
            "allow" => rules.extend(answers(Action::ALLOW, inside).ok_or_else(bad)?),
            "answer" => {
                let (verdict, names) = inside.split_once(", [").ok_or_else(bad)?;
                let verdict = action(verdict).ok_or_else(bad)?;
                rules.extend(answers(verdict, &format!("[{names}")).ok_or_else(bad)?);
            }
            "rule" => rules.push(rule(inside).ok_or_else(bad)?),
            "build" if inside.is_empty() => is_built = true,
            _ => return Err(bad()),
        }
    }
    if !is_built {
        return Err("the filter is not built".to_owned());
    }
    let native = arches.first().copied().ok_or("no architectures")?;
    let target = Target { arches: Some(arches), ..Target::new(native) };
    let resolved = resolve(&Rules { header, rules }, &target).map_err(|mistakes| {
        mistakes.first().map_or_else(String::new, |mistake| mistake.kind.to_string())
    });
    Ok(resolved?.0)
}

/// `[A, B]`, on one line or several.
fn list<T>(text: &str, one: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let inside = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    let words = inside.split(',').map(str::trim).filter(|word| !word.is_empty());
    words.map(one).collect()
}

fn arch(text: &str) -> Option<Arch> {
    let word = text.strip_prefix("Arch::")?;
    Arch::ALL.into_iter().find(|arch| format!("{arch:?}") == word)
}

fn name(text: &str) -> Option<Name> {
    Name::parse(&text.strip_prefix("names::")?.to_lowercase())
}

fn answers(action: Action, names: &str) -> Option<Vec<Rule>> {
    let rule = |word: &str| Some(Rule::new(name(word)?, None, Verdict::from(action)));
    list(names, rule)
}

/// `KernelVersion::new(6, 12), ACTION`.
fn unknown(text: &str) -> Option<UnknownAnswer> {
    let (kernel, answer) = text.strip_prefix("KernelVersion::new(")?.split_once("), ")?;
    let (major, minor) = kernel.split_once(", ")?;
    let kernel = KernelVersion::new(major.parse().ok()?, minor.parse().ok()?);
    let answer = Answer::new(Verdict::from(action(answer)?));
    Some(UnknownAnswer { baseline: Baseline::Kernel(kernel), answer })
}

/// `names::SOCKET, CONDITION, ACTION`.
fn rule(text: &str) -> Option<Rule> {
    let (syscall, rest) = text.split_once(", ")?;
    let (condition, verdict) = rest.rsplit_once(", ")?;
    let tests: Option<Vec<Cond>> = condition.split(" & ").map(test).collect();
    let condition = tests?.into_iter().reduce(|all, one| all & one)?;
    Some(Rule::new(name(syscall)?, Some(condition), Verdict::from(action(verdict)?)))
}

/// `arg(0usize).all_bits().unsigned().masked(0x1_u64).eq(0x1_u64)`, or `arg(1usize).lt(0_i32)`.
fn test(text: &str) -> Option<Cond> {
    let (index, rest) = text.strip_prefix("arg(")?.split_once("usize)")?;
    let argument = arg(index.parse::<usize>().ok()?);
    match rest {
        ".lt(0_i32)" => return Some(argument.lt(0_i32)),
        ".ge(0_i32)" => return Some(argument.ge(0_i32)),
        _ => {}
    }
    let (mut argument, rest) = match rest.strip_prefix(".low32().unsigned()") {
        Some(rest) => (argument.low32().unsigned(), rest),
        None => (argument.all_bits().unsigned(), rest.strip_prefix(".all_bits().unsigned()")?),
    };
    let mut rest = rest;
    if let Some(masked) = rest.strip_prefix(".masked(") {
        let (mask, behind) = masked.split_once(')')?;
        argument = argument.masked(number(mask)?);
        rest = behind;
    }
    let (method, value) = rest.strip_prefix('.')?.strip_suffix(')')?.split_once('(')?;
    let operator = match method {
        "eq" => Operator::Eq,
        "ne" => Operator::Ne,
        "lt" => Operator::Lt,
        "le" => Operator::Le,
        "gt" => Operator::Gt,
        "ge" => Operator::Ge,
        _ => return None,
    };
    Some(argument.test(Relation::Compare(operator, Value::from(number(value)?))))
}

fn number(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?.strip_suffix("_u64")?, 16).ok()
}

/// The action of an expression that [`super::word`] writes.
fn action(text: &str) -> Option<Action> {
    let call = |start: &str, end: &str| -> Option<u16> {
        text.strip_prefix(start)?.strip_suffix(end)?.parse().ok()
    };
    let raw = || {
        let digits = text.strip_prefix("Action::from_raw(0x")?.strip_suffix(')')?;
        u32::from_str_radix(digits, 16).ok().map(Action::from_raw)
    };
    let constants = [
        Action::ALLOW,
        Action::LOG,
        Action::USER_NOTIFY,
        Action::KILL_THREAD,
        Action::KILL_PROCESS,
    ];
    let known = constants.into_iter().find(|action| super::word(*action) == text);
    known
        .or_else(|| Some(Errno::new(call("Errno::new(", ").action()")?).action()))
        .or_else(|| call("Action::trap(", ")").map(Action::trap))
        .or_else(|| call("Action::trace(", ")").map(Action::trace))
        .or_else(raw)
}
