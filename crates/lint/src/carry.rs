//! Calls that one architecture refuses, made on another with the same arguments.

use callgate_facts::Constants;
use callgate_policy::{Comparison, Condition, Field, Operator};
use callgate_syscalls::{Arch, Name, SeccompData, SyscallNr};

use crate::ground::{Answer, Call, Ground, State, arg_is};

/// The half of an argument that 32-bit kernels do not have.
const UPPER: u64 = !(u32::MAX as u64);

/// One call by two numbers.
#[derive(Clone, Copy)]
pub(crate) struct Carried {
    pub(crate) refused: Call,
    pub(crate) made: Call,
}

/// A number under which an architecture's arguments of a call arrive.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    /// Whose registers the arguments are in.
    pub(crate) arch: Arch,
    /// What the filter sees.
    pub(crate) at: (Arch, SyscallNr),
}

impl Target {
    pub(crate) fn of(arch: Arch, name: Name) -> Option<Self> {
        Some(Self { arch, at: (arch, arch.syscall(name)?.nr) })
    }
}

/// A call that is refused on an architecture, and made with the same arguments under another number.
///
/// An argument goes by its name, since its register can be another one; what cannot be said there,
/// such as an argument that the other call does not have and that matters, or a constant with
/// another value, is not claimed.
pub(crate) fn carried(
    ground: &mut Ground<'_>,
    (from, name): (Arch, Name),
    to: Target,
) -> Option<Carried> {
    let plain = plain(from, name)?;
    let found = first_carried(ground, (from, name), to, &plain);
    if found.is_some() || !is_told_apart(ground, to) {
        return found;
    }
    // The other number is tested, too: whether for the same values, is a matter of each.
    let count = from.signature(name)?.arguments().len();
    let values = (0..count).flat_map(|index| telling(from, name, index));
    for (index, value) in values.collect::<Vec<_>>() {
        let condition = Condition::all([plain.clone(), arg_is(index, value)]).ok()?;
        let found = first_carried(ground, (from, name), to, &condition);
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The condition that a call has nothing in the upper halves of its registers.
fn plain(arch: Arch, name: Name) -> Option<Condition> {
    let count = arch.signature(name)?.arguments().len();
    let low = Field::ARGS.into_iter().take(count);
    let low = low.map(|field| Comparison::masked(field, UPPER, Operator::Eq, 0).into());
    Condition::all(low).ok()
}

fn first_carried(
    ground: &mut Ground<'_>,
    (from, name): (Arch, Name),
    to: Target,
    condition: &Condition,
) -> Option<Carried> {
    let answers = ground.ask(from, name, condition);
    let refused = answers.into_iter().filter(|(action, _)| !action.kind().may_execute());
    refused.collect::<Vec<_>>().into_iter().find_map(|refused| {
        let call = moved(ground, &refused.1, (from, name), to)?;
        let action = ground.decide(&call).filter(|action| action.kind().executes())?;
        Some(Carried { refused, made: (action, call) })
    })
}

/// Whether some calls of the other number are made and some are not.
fn is_told_apart(ground: &mut Ground<'_>, to: Target) -> bool {
    let (arch, nr) = to.at;
    let actions = ground.ask_number(arch, nr, &Condition::always());
    Answer { actions }.state() == State::Part
}

/// Values that callers pass in an argument: the constants that it takes.
fn telling(arch: Arch, name: Name, index: usize) -> Vec<(usize, u64)> {
    let usages = Constants::of_register(arch, name, index);
    let values = usages.flat_map(|usage| usage.constants.members());
    let values = values.filter_map(|constant| constant.on(arch));
    let mut values: Vec<u64> = values.filter_map(|value| u64::try_from(value).ok()).collect();
    values.retain(|value| value & UPPER == 0);
    values.sort_unstable();
    values.dedup();
    values.into_iter().map(|value| (index, value)).collect()
}

/// The same call under another number.
fn moved(
    ground: &mut Ground<'_>,
    call: &SeccompData,
    (from, name): (Arch, Name),
    to: Target,
) -> Option<SeccompData> {
    let (here, there) = (from.signature(name)?, to.arch.signature(name)?);
    let (arch, nr) = to.at;
    let mut carried = SeccompData::new(arch, nr);
    carried.instruction_pointer = call.instruction_pointer;
    for (index, argument) in here.arguments().enumerate() {
        let value = call.args[index];
        match there.arguments().position(|other| other.name == argument.name) {
            Some(_) if !is_same_value(value, (from, to.arch), name, index) => return None,
            Some(register) => carried.args[register] = value,
            None if is_refused_for(ground, call, (from, name), index) => return None,
            None => {}
        }
    }
    Some(carried)
}

/// Whether a call could be made with another value in an argument.
fn is_refused_for(
    ground: &mut Ground<'_>,
    call: &SeccompData,
    (arch, name): (Arch, Name),
    index: usize,
) -> bool {
    let others = (0..call.args.len()).filter(|other| *other != index);
    let same = Condition::all(others.map(|other| arg_is(other, call.args[other])));
    same.map_or(true, |same| ground.made_where(arch, name, &same).is_some())
}

/// Whether a value means the same on two architectures: each constant in it has the value there that it has here.
fn is_same_value(value: u64, (from, to): (Arch, Arch), name: Name, index: usize) -> bool {
    Constants::of_register(from, name, index).all(|usage| {
        let spelled = usage.constants.spell(value, from).constants;
        spelled.iter().all(|constant| constant.on(from) == constant.on(to))
    })
}
