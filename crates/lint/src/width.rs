//! Arguments of which the kernel reads less than the filter, and pointers.

use callgate_facts::{Constants, Form, LowHalf};
use callgate_policy::{Comparison, Condition, Field, Operator};
use callgate_prover::Ambiguity;
use callgate_syscalls::{Arch, ArgumentWidth, Name};

use crate::finding::{Draft, Findings};
use crate::ground::{Ground, State};
use crate::words;

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    for arch in ground.arches.clone() {
        let tested: Vec<Name> = ground
            .answers(arch)
            .filter(|(_, answer)| answer.actions.len() > 1)
            .map(|(name, _)| name)
            .collect();
        for name in tested {
            let wrong = wrong_halves(ground, findings, arch, name);
            let others = |found: &Ambiguity| !wrong.contains(&found.argument);
            for found in ground.ambiguities(arch, name).into_iter().filter(others) {
                ambiguous(ground, findings, (arch, name), &found);
            }
            low_halves(ground, findings, (arch, name), &wrong);
            pointers(ground, findings, arch, name);
        }
    }
}

/// The upper half of an argument, in the mask of a comparison.
const UPPER: u64 = !(u32::MAX as u64);

/// Arguments whose upper halves are told apart although nothing that the kernel reads is there.
fn wrong_halves(
    ground: &mut Ground<'_>,
    findings: &mut Findings,
    arch: Arch,
    name: Name,
) -> Vec<usize> {
    let count = arch.signature(name).map_or(0, |signature| signature.arguments().len());
    let is_idle = |index: &usize| has_idle_half(arch, name, *index);
    let mut wrong = Vec::new();
    for index in (0..count).filter(is_idle) {
        let Some([one, other]) = two_upper_halves(ground, (arch, name), index) else { continue };
        let argument = argument_name(arch, name, index);
        let message = format!(
            "{name} is decided by the upper half of {argument}, where nothing is that the kernel reads or has a name for"
        );
        let about = format!("{name}.{index}");
        let draft = Draft::new("L0208", about, message).named(name).on(arch);
        findings.add(ground, draft.show(one).show(other));
        wrong.push(index);
    }
    wrong
}

/// Whether no call that means something has a value in the upper half of an argument, but for copies of the sign.
fn has_idle_half(arch: Arch, name: Name, index: usize) -> bool {
    let argument = arch.signature(name).and_then(|signature| signature.arguments().nth(index));
    let Some(argument) = argument else { return false };
    if has_narrow_type(arch, name, index) {
        return true;
    }
    let mut usages = Constants::of_register(arch, name, index).peekable();
    let is_low = |value: i64| value <= u32::MAX.into();
    usages.peek().is_some()
        && Form::of(argument) != Some(Form::Address)
        && usages.all(|usage| {
            usage.constants.members().filter_map(|constant| constant.on(arch)).all(is_low)
        })
}

/// Whether the kernel reads no upper half of an argument whatever the others are.
fn has_narrow_type(arch: Arch, name: Name, index: usize) -> bool {
    let argument = arch.signature(name).and_then(|signature| signature.arguments().nth(index));
    let is_narrow = argument.is_some_and(|argument| {
        matches!(
            argument.width,
            ArgumentWidth::Bits8 | ArgumentWidth::Bits16 | ArgumentWidth::Bits32
        )
    });
    is_narrow || arch.word_bits() == 32
}

/// Two calls that differ only in an upper half that is neither zero nor copies of the sign, with different answers.
///
/// A filter may well refuse all upper halves that are not zero, so that these two are left out.
fn two_upper_halves(
    ground: &mut Ground<'_>,
    (arch, name): (Arch, Name),
    index: usize,
) -> Option<[Answered; 2]> {
    let field = Field::arg(index).ok()?;
    let odd = [0, UPPER].map(|value| Comparison::masked(field, UPPER, Operator::Ne, value));
    let odd = Condition::all(odd.map(Condition::from)).ok()?;
    let candidates = ground.ask(arch, name, &odd);
    if candidates.len() < 2 {
        return None;
    }
    candidates.into_iter().find_map(|(_, call)| {
        let same =
            Field::ARGS.into_iter().zip(call.args).enumerate().map(|(at, (field, value))| {
                let mask = if at == index { u32::MAX.into() } else { u64::MAX };
                Comparison::masked(field, mask, Operator::Eq, value & mask).into()
            });
        let same = Condition::all(same.chain([odd.clone()])).ok()?;
        match ground.ask(arch, name, &same)[..] {
            [one, .., other] => Some([one, other]),
            _ => None,
        }
    })
}

fn ambiguous(
    ground: &mut Ground<'_>,
    findings: &mut Findings,
    (arch, name): (Arch, Name),
    found: &Ambiguity,
) {
    // A call that is logged instead of made is no way around anything.
    let [plain, freer] = [found.plain.1, found.freer.1].map(|action| action.kind());
    if plain.executes() || !freer.may_execute() {
        return;
    }
    if is_short_sign((arch, name), found) && !is_exception(ground, found) {
        return;
    }
    let argument = argument_name(arch, name, found.argument);
    let (code, message) = if is_sign(found) {
        let message = format!(
            "{argument} of {name} is compared with 64 bits of which the kernel reads 32: a negative number has two answers"
        );
        ("L0202", message)
    } else if arch.word_bits() == 32 {
        let message = format!(
            "{argument} of {name} is compared with 64 bits on a 32-bit architecture, where 64-bit programs choose the high half"
        );
        ("L0203", message)
    } else {
        let message = format!(
            "a refusal of {name} is evaded by bits of {argument} that the kernel does not read"
        );
        ("L0201", message)
    };
    let about = format!("{name}.{}", found.argument);
    let (call, action) = found.freer;
    let draft = Draft::new(code, about, message).named(name).on(arch).show((action, call));
    findings.add(ground, draft.show((found.plain.1, found.plain.0)));
}

/// Arguments of which the kernel reads the low half under some values of another, such as `arg` of fcntl.
fn low_halves(
    ground: &mut Ground<'_>,
    findings: &mut Findings,
    (arch, name): (Arch, Name),
    wrong: &[usize],
) {
    let Some(signature) = arch.signature(name) else { return };
    for low in LowHalf::of(name, arch) {
        let at = |name| signature.arguments().position(|argument| argument.name == name);
        let (Some(index), Some(command)) = (at(low.argument), at(low.command)) else { continue };
        if has_narrow_type(arch, name, index) || wrong.contains(&index) {
            continue;
        }
        let mut first = None;
        let mut evaded = Vec::new();
        for value in low.values() {
            let Some(is_value) = value.on(arch).and_then(|on| low_is(command, on)) else {
                continue;
            };
            let Some(found) = ground.freer_with(arch, name, (index, UPPER), &is_value) else {
                continue;
            };
            if found.plain.1.kind().executes() || !found.freer.1.kind().may_execute() {
                continue;
            }
            evaded.push(value.name());
            first.get_or_insert(found);
        }
        let Some(found) = first else { continue };
        let message = format!(
            "a refusal of {name} is evaded by the upper half of {}, which the kernel does not read under {}",
            argument_name(arch, name, index),
            words::list(evaded)
        );
        let draft = Draft::new("L0201", format!("{name}.{index}"), message).named(name).on(arch);
        let (call, action) = found.freer;
        findings.add(ground, draft.show((action, call)).show((found.plain.1, found.plain.0)));
    }
}

/// The condition that the low half of an argument has a value.
fn low_is(index: usize, value: i64) -> Option<Condition> {
    let low = u64::from(u32::MAX);
    let value = 0_u64.wrapping_add_signed(value) & low;
    Some(Comparison::masked(Field::arg(index).ok()?, low, Operator::Eq, value).into())
}

/// Whether both calls are ways in which programs write the same negative number.
fn is_sign(found: &Ambiguity) -> bool {
    let values = [found.plain.0, found.freer.0].map(|call| call.args[found.argument]);
    let [one, other] = values.map(|value| 0_i64.wrapping_add_unsigned(value));
    let low = u64::from(u32::MAX);
    let is_negative = |value: i64| (i64::from(i32::MIN)..0).contains(&value);
    let zero_extended = |value: u64| value <= low && value >> 31 == 1;
    is_negative(one) && zero_extended(values[1]) || is_negative(other) && zero_extended(values[0])
}

/// Whether both calls are ways in which programs write the same negative number of 8 or 16 bits, such as the -1 of the old
/// `chown`, by which an owner stays as it is.
fn is_short_sign((arch, name): (Arch, Name), found: &Ambiguity) -> bool {
    let mut arguments =
        arch.signature(name).into_iter().flat_map(|signature| signature.arguments());
    let bits = match arguments.nth(found.argument).map(|argument| argument.width) {
        Some(ArgumentWidth::Bits8) => 8,
        Some(ArgumentWidth::Bits16) => 16,
        _ => return false,
    };
    let [plain, freer] = [found.plain.0, found.freer.0].map(|call| call.args[found.argument]);
    let signs = [u32::MAX.into(), u64::MAX].map(|all: u64| all >> bits << bits | plain);
    plain >> (bits - 1) == 1 && signs.contains(&freer)
}

/// Whether the refusal is of some values of an argument among many that are made: one that nobody passes is made.
fn is_exception(ground: &mut Ground<'_>, found: &Ambiguity) -> bool {
    let mut odd = found.plain.0;
    odd.args[found.argument] = 0x5a;
    ground.decide(&odd).is_some_and(|action| action.kind().executes())
}

pub(crate) fn argument_name(arch: Arch, name: Name, index: usize) -> String {
    let argument = arch.signature(name).and_then(|signature| signature.arguments().nth(index));
    argument.map_or_else(|| format!("argument {index}"), |argument| format!("`{}`", argument.name))
}

/// Addresses that decide: the call goes on with what stands there when the kernel looks.
fn pointers(ground: &mut Ground<'_>, findings: &mut Findings, arch: Arch, name: Name) {
    let Some(signature) = arch.signature(name) else { return };
    for (index, argument) in signature.arguments().enumerate() {
        if Form::of(argument) != Some(Form::Address) {
            continue;
        }
        let Some([one, other]) = two_addresses(ground, (arch, name), index) else { continue };
        let message = format!(
            "the address `{}` decides about {name}: a filter sees where something stands and not what it is",
            argument.name
        );
        let about = format!("{name}.{index}");
        findings.add(
            ground,
            Draft::new("L0207", about, message).named(name).on(arch).show(one).show(other),
        );
    }
}

type Answered = (callgate_syscalls::Action, callgate_syscalls::SeccompData);

/// Two calls that differ only in an address that is not NULL, with different answers.
fn two_addresses(
    ground: &mut Ground<'_>,
    (arch, name): (Arch, Name),
    index: usize,
) -> Option<[Answered; 2]> {
    if ground.state(arch, name)? == State::Open {
        return None;
    }
    let calls: Vec<Answered> = ground.answer(arch, name)?.actions.clone();
    // NULL is no address but a way of saying that there is none.
    const SOMEWHERE: u64 = 0x7000_1000;
    let own = calls.iter().map(|(_, call)| call.args[index]);
    let addresses: Vec<u64> =
        own.filter(|&address| address != 0).chain([SOMEWHERE, SOMEWHERE + 8]).collect();
    for (_, call) in &calls {
        let mut first: Option<Answered> = None;
        for &address in &addresses {
            let mut changed = *call;
            changed.args[index] = address;
            let answer = (ground.decide(&changed)?, changed);
            match first {
                None => first = Some(answer),
                Some(first) if first.0 != answer.0 => return Some([first, answer]),
                Some(_) => {}
            }
        }
    }
    None
}
