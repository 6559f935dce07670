//! Reads snapd's profiles.

use callgate_policy::Operator;
use callgate_rules::{Answer, Cond, ErrnoSpec, Origin, Relation, Rule, Value, Verdict};

use crate::context::{self, Context, code, unsigned};
use crate::piece::Piece;
use crate::{Exactness, Layer, LayerArches, Order, Part, Refused, Written};

/// The calls whose negative arguments snapd compares in 32 bits.
pub const NEGATIVE_IN_32_BITS: [&str; 20] = [
    "chown",
    "chown32",
    "copy_file_range",
    "fchown",
    "fchown32",
    "fchownat",
    "lchown",
    "lchown32",
    "setgid",
    "setgid32",
    "setregid",
    "setregid32",
    "setresgid",
    "setresgid32",
    "setresuid",
    "setresuid32",
    "setreuid",
    "setreuid32",
    "setuid",
    "setuid32",
];

/// Reads a profile: what is allowed, and from version 2.59 what is denied besides.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(mut context: Context<'_>) -> Result<Written, Refused> {
    let (text, source) = context.text();
    let whole = Piece::whole(&text, source);
    // What snapd does with calls that are not listed stands in no profile.
    let mut default = Answer::new(Verdict::Errno(ErrnoSpec::EPERM));
    let (mut allowed, mut denied) = (Vec::new(), Vec::new());
    for line in whole.lines().map(Piece::trim) {
        match line.text {
            "" => {}
            "@unrestricted" => default = context::answer(Verdict::Allow, line),
            "@complain" => default = context::answer(Verdict::Log, line),
            text if text.starts_with('#') => {}
            text if text.starts_with('@') => {
                let message = "expected @unrestricted or @complain";
                context.error(code::SYNTAX, line, message);
            }
            text if text.starts_with('~') => {
                let refusal = Verdict::Errno(ErrnoSpec::Number(13));
                denied.extend(rule(line.from(1), refusal, &mut context));
            }
            _ => allowed.extend(rule(line, Verdict::Allow, &mut context)),
        }
    }
    let layer = |default, rules| Layer {
        arches: LayerArches::Compat,
        is_lenient: true,
        order: Order::Libseccomp(Exactness::Adapted),
        ..Layer::new(context::rules(default, Verdict::KillThread, rules))
    };
    let mut layers = Vec::new();
    if default.verdict == Verdict::Allow {
        if let Some(Origin::Text(span)) = denied.first().map(|rule: &Rule| rule.origin) {
            let message = "snapd makes no filter of an @unrestricted profile: nothing is denied";
            context.warn_at(code::DOUBTFUL, span, message);
        }
        // Nothing is filtered, not even what is foreign.
        layers.push(Layer::new(context::rules(default, Verdict::Allow, Vec::new())));
    } else {
        if !denied.is_empty() {
            layers.push(layer(Answer::new(Verdict::Allow), denied));
        }
        layers.push(layer(default, allowed));
    }
    context.finish(vec![Part { name: String::new(), layers }])
}

fn rule(line: Piece<'_>, verdict: Verdict, context: &mut Context<'_>) -> Option<Rule> {
    let mut words = line.words();
    let word = words.next()?;
    let name = context.name_if_known(word)?;
    let mut conditions = Vec::new();
    for (index, word) in words.enumerate() {
        if index >= 6 {
            let message = format!("too many arguments for {name}: syscalls have six");
            context.error(code::LIMIT, word, message);
            return None;
        }
        if word.text != "-" {
            conditions.push(condition(index, word, name.as_str(), context)?);
        }
    }
    let condition = (!conditions.is_empty()).then(|| Cond::all(conditions));
    Some(context::rule(vec![context::subject(name, word)], condition, verdict, line))
}

fn condition(index: usize, word: Piece<'_>, name: &str, context: &mut Context<'_>) -> Option<Cond> {
    let register = context::register(index);
    if let Some((mask, value)) = word.split_once('|').filter(|(mask, _)| !mask.text.is_empty()) {
        let (mask, value) = (number(mask, name, context)?, number(value, name, context)?);
        let relation = Relation::Compare(Operator::Eq, value);
        return Some(context::test(register.masked(mask), relation, word));
    }
    if let Some(bits) = word.strip("|") {
        let bits = number(bits, name, context)?;
        let relation = Relation::Compare(Operator::Eq, bits.clone());
        return Some(context::test(register.masked(bits), relation, word));
    }
    let operators = [
        (">=", Operator::Ge),
        ("<=", Operator::Le),
        ("!", Operator::Ne),
        ("<", Operator::Lt),
        (">", Operator::Gt),
    ];
    let found =
        operators.into_iter().find_map(|(sign, operator)| Some((word.strip(sign)?, operator)));
    let (digits, operator) = found.unwrap_or((word, Operator::Eq));
    let value = number(digits, name, context)?;
    let register = match operator == Operator::Eq && NEGATIVE_IN_32_BITS.contains(&name) {
        true => register.masked(u32::MAX),
        false => register,
    };
    let value = match digits.text.starts_with('-') {
        true => Value::number(value.on(callgate_syscalls::Arch::X86_64).ok()? & 0xffff_ffff),
        false => value,
    };
    Some(context::test(register, Relation::Compare(operator, value), word))
}

fn number(word: Piece<'_>, name: &str, context: &mut Context<'_>) -> Option<Value> {
    if let Some(number) = unsigned(word.text, 10) {
        return Some(Value::from(number));
    }
    if let Some(number) = word.text.strip_prefix('-').and_then(|digits| unsigned(digits, 10)) {
        if !NEGATIVE_IN_32_BITS.contains(&name) {
            let message = format!("snapd takes no negative number as an argument of {name}");
            context.error(code::MEANING, word, message);
            return None;
        }
        return Some(Value::number(-i128::from(number)));
    }
    if word.text.starts_with("u:") || word.text.starts_with("g:") {
        let message = match &word.text[2..] {
            "root" => return Some(Value::from(0_u32)),
            _ => "users and groups have numbers on the machine alone: write the number",
        };
        context.error(code::MEANING, word, message);
        return None;
    }
    let value = context::constant(word.text);
    if value.is_none() {
        let message = format!("unknown constant {:?}", context::shortened(word.text));
        context.error(code::UNKNOWN, word, message);
    }
    value
}
