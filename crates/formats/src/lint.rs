//! Rules of one syscall that mean something else than they seem to: each finding with a call that
//! shows it.

use callgate_order::{Multiplexer, Test};
use callgate_syscalls::{Action, Arch, ArgumentWidth, Name, SeccompData, SyscallNr};

use crate::WarningKind;
use crate::chain::{Accepted, Args, Decisions};
use crate::check::is_permissive;
use crate::lower::Lowering;
use crate::oci::Arg;
use crate::place::JsonPath;
use crate::{mux, witness};

/// Looks at the rules of each syscall that is named.
pub(crate) fn arch(lowering: &mut Lowering<'_>, accepted: &Accepted) {
    lowering.note_truncated(accepted.arch());
    lowering.note_width();
    lowering.note_default(accepted.default_action());
    for (name, positions) in lowering.by_name() {
        let Some(number) = mux::own(accepted.arch(), name) else { continue };
        let decisions = accepted.of(number);
        multiplexed(lowering, name, accepted, &decisions);
        if accepted.arch().syscall(name).is_some() {
            unused_arguments(lowering, name, accepted.arch(), &positions);
            overruled(lowering, name, &positions, &decisions);
            if accepted.arch().word_bits() == 64 {
                high_bits(lowering, name, accepted.arch(), &decisions);
            }
        }
    }
}

/// Finds conditions on arguments that the syscall does not have.
fn unused_arguments(lowering: &mut Lowering<'_>, name: Name, arch: Arch, positions: &[usize]) {
    let Some(signature) = arch.signature(name) else { return };
    let count = signature.arguments().len();
    for &position in positions {
        let beyond = |arg: &Arg| usize::from(arg.index.raw()) >= count;
        let Some(place) = lowering.rule(position).args.iter().position(beyond) else { continue };
        let argument = lowering.rule(position).args[place].index.raw();
        let path = |path: JsonPath| path.key("args").index(place).key("index");
        let kind = WarningKind::ArgumentUnused { name, argument, count };
        lowering.note(position, Some(name), "unused argument", path, kind);
    }
}

/// Finds rules that lose to one without conditions which does otherwise.
fn overruled(
    lowering: &mut Lowering<'_>,
    name: Name,
    positions: &[usize],
    decisions: &Decisions<'_>,
) {
    let Some(winner) = decisions.only() else { return };
    let by = lowering.rule(winner.origin).path.to_string();
    for &loser in positions {
        let action = lowering.rule(loser).action.on(lowering.native);
        if differ(action, winner.action) && !lowering.skips(loser, decisions.default()) {
            let kind = WarningKind::Overruled { name, by: by.clone() };
            lowering.note(loser, Some(name), "overruled", |path| path, kind);
        }
    }
}

/// Finds calls whose refusal, or whose conditions, a rule for the multiplexer undoes.
fn multiplexed(
    lowering: &mut Lowering<'_>,
    name: Name,
    accepted: &Accepted,
    decisions: &Decisions<'_>,
) {
    let arch = accepted.arch();
    let stands = |mux: &Multiplexer| mux.calls().any(|(call, _)| call == name);
    let through = Multiplexer::ALL.into_iter().find(stands).and_then(|mux| mux.number(arch));
    let Some(through) = through.map(|number| accepted.of(number)) else { return };
    let Some(open) = through.only().filter(|rule| is_permissive(rule.action)) else { return };
    let (first, outcome) = (decisions.rules().first().copied(), open.action);
    if let Some(first) = first.filter(|rule| !rule.steps.is_empty() || !is_permissive(rule.action))
    {
        let kind = WarningKind::Multiplexed { name, arch, outcome };
        lowering.note(first.origin, Some(name), "multiplexed", |path| path, kind);
    }
}

/// Finds a call that is let through, and refused without the bits that the kernel does not read.
fn high_bits(lowering: &mut Lowering<'_>, name: Name, arch: Arch, decisions: &Decisions<'_>) {
    let tests: Vec<Test> = decisions.tests().collect();
    if tests.is_empty() {
        return;
    }
    let Some(signature) = arch.signature(name) else { return };
    for (argument, read) in (0..).zip(signature.arguments().map(|argument| bits(argument.width))) {
        let about = decisions.rules().iter().find(|rule| {
            let is_wide = |arg: u8| arg == argument && !lowering.narrows(rule.origin, argument);
            rule.steps.iter().any(|step| is_wide(step.test.arg))
        });
        let Some(about) = about.filter(|_| read != u64::MAX) else { continue };
        let effective = |args: &Args| {
            let mut args = *args;
            args[usize::from(argument)] &= read;
            decisions.decide(&args)
        };
        let escapes =
            |args: &Args| is_permissive(decisions.decide(args)) && !is_permissive(effective(args));
        let Some(args) = witness::find(&tests, escapes) else { continue };
        let call = call(name, arch, args);
        let kind = WarningKind::HighBits { name, argument, call, refused: effective(&args) };
        let origin = about.origin;
        lowering.note(origin, Some(name), "high bits", |path| path.key("args"), kind);
    }
}

const fn bits(width: ArgumentWidth) -> u64 {
    match width {
        ArgumentWidth::Bits8 => 0xff,
        ArgumentWidth::Bits16 => 0xffff,
        ArgumentWidth::Bits32 => 0xffff_ffff,
        _ => u64::MAX,
    }
}

pub(crate) fn call(name: Name, arch: Arch, args: Args) -> SeccompData {
    let nr = arch.syscall(name).map_or(SyscallNr::new(u32::MAX), |syscall| syscall.nr);
    SeccompData::new(arch, nr).with_args(args)
}

/// What two readings do with a call that one of them refuses.
pub(crate) fn differ(one: Action, other: Action) -> bool {
    is_permissive(one) != is_permissive(other)
}
