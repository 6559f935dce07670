//! Arguments of which the kernel reads less than the filter, and pointers.

use callgate_facts::Form;
use callgate_prover::Ambiguity;
use callgate_syscalls::{Arch, Name};

use crate::finding::{Draft, Findings};
use crate::ground::{Ground, State};

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    for arch in ground.arches.clone() {
        let tested: Vec<Name> = ground
            .answers(arch)
            .filter(|(_, answer)| answer.actions.len() > 1)
            .map(|(name, _)| name)
            .collect();
        for name in tested {
            for found in ground.ambiguities(arch, name) {
                ambiguous(ground, findings, (arch, name), &found);
            }
            pointers(ground, findings, arch, name);
        }
    }
}

fn ambiguous(
    ground: &Ground<'_>,
    findings: &mut Findings,
    (arch, name): (Arch, Name),
    found: &Ambiguity,
) {
    // A call that is logged instead of made is no way around anything.
    let [plain, freer] = [found.plain.1, found.freer.1].map(|action| action.kind());
    if plain.executes() || !freer.may_execute() {
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

/// Whether both calls are ways in which programs write the same negative number.
fn is_sign(found: &Ambiguity) -> bool {
    let values = [found.plain.0, found.freer.0].map(|call| call.args[found.argument]);
    let [one, other] = values.map(|value| 0_i64.wrapping_add_unsigned(value));
    let low = u64::from(u32::MAX);
    let is_negative = |value: i64| (i64::from(i32::MIN)..0).contains(&value);
    let zero_extended = |value: u64| value <= low && value >> 31 == 1;
    is_negative(one) && zero_extended(values[1]) || is_negative(other) && zero_extended(values[0])
}

fn argument_name(arch: Arch, name: Name, index: usize) -> String {
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
