//! Rules of one syscall that mean something else than they seem to: each finding with a call that shows it.

use callgate_syscalls::{Arch, ArgumentWidth, Name, SeccompData, SyscallNr};

use crate::WarningKind;
use crate::chain::{Args, Candidate, Chain, Redundant, Test};
use crate::check::is_permissive;
use crate::lower::{Lowering, repeats_index};
use crate::witness;

/// Looks at the rules of a syscall on one architecture.
pub(crate) fn chain(
    lowering: &mut Lowering<'_>,
    name: Name,
    arch: Arch,
    candidates: &[Candidate],
    chain: &Chain,
) {
    for &(loser, winner) in chain.overruled() {
        let by = lowering.rules[winner].path.to_string();
        let kind = WarningKind::Overruled { name, by };
        lowering.note(loser, Some(name), "overruled", |path| path, kind);
    }
    let default = chain.default_action();
    if candidates.iter().any(|candidate| candidate.action == default) {
        skipped(lowering, name, arch, candidates, chain);
    }
    ambiguous(lowering, name, arch, candidates, chain);
    if arch.word_bits() == 64 {
        high_bits(lowering, name, arch, candidates, chain);
    }
}

/// Finds a call that runtimes treat differently because they skip rules whose action is the default.
fn skipped(
    lowering: &mut Lowering<'_>,
    name: Name,
    arch: Arch,
    candidates: &[Candidate],
    chain: &Chain,
) {
    let default = chain.default_action();
    let Ok(runtimes) = Chain::build(default, candidates, Redundant::Skip) else { return };
    let differs = |args: &Args| chain.decide(args) != runtimes.decide(args);
    let rule = candidates.iter().find(|candidate| candidate.action == default);
    if let (Some(rule), Some(args)) = (rule, witness::find(&all_tests(candidates), differs)) {
        let call = call(name, arch, args);
        let kind = WarningKind::SkippedByRuntimes { name, call, runtimes: runtimes.decide(&args) };
        lowering.note(rule.rule, Some(name), "skipped", |path| path, kind);
    }
}

/// Finds a call on which the two readings of several conditions on one argument differ.
fn ambiguous(
    lowering: &mut Lowering<'_>,
    name: Name,
    arch: Arch,
    candidates: &[Candidate],
    chain: &Chain,
) {
    let repeated = |candidate: &&Candidate| repeats_index(&lowering.rules[candidate.rule].args);
    let Some(rule) = candidates.iter().find(repeated) else { return };
    let semantics = lowering.semantics;
    let default = chain.default_action();
    let others = lowering.candidates(name, arch, default, semantics.other());
    let Ok(other) = Chain::build(default, &others, Redundant::KeepRefusals) else { return };
    let differs = |args: &Args| chain.decide(args) != other.decide(args);
    if let Some(args) = witness::find(&all_tests(candidates), differs) {
        let call = call(name, arch, args);
        let (chosen, other) = (chain.decide(&args), other.decide(&args));
        let kind = WarningKind::Ambiguous { name, semantics, call, chosen, other };
        lowering.note(rule.rule, Some(name), "ambiguous", |path| path.key("args"), kind);
    }
}

/// Finds a call that is let through, and refused without the bits that the kernel does not read.
fn high_bits(
    lowering: &mut Lowering<'_>,
    name: Name,
    arch: Arch,
    candidates: &[Candidate],
    chain: &Chain,
) {
    let tests = all_tests(candidates);
    if tests.is_empty() {
        return;
    }
    let Some(signature) = arch.signature(name) else { return };
    for (argument, read) in (0..).zip(signature.arguments().map(|argument| bits(argument.width))) {
        let is_wide = |test: &&Test| test.argument == argument && !test.low32;
        if read == u64::MAX || !tests.iter().any(|test| is_wide(&test)) {
            continue;
        }
        let effective = |args: &Args| {
            let mut args = *args;
            args[usize::from(argument)] &= read;
            chain.decide(&args)
        };
        let escapes =
            |args: &Args| is_permissive(chain.decide(args)) && !is_permissive(effective(args));
        let Some(args) = witness::find(&tests, escapes) else { continue };
        let kind = WarningKind::HighBits {
            name,
            argument,
            call: call(name, arch, args),
            refused: effective(&args),
        };
        let about = candidates.iter().find(|candidate| candidate.tests.iter().any(|t| is_wide(&t)));
        let rule = about.map_or(0, |candidate| candidate.rule);
        lowering.note(rule, Some(name), "high bits", |path| path.key("args"), kind);
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

fn all_tests(candidates: &[Candidate]) -> Vec<Test> {
    candidates.iter().flat_map(|candidate| candidate.tests.iter().copied()).collect()
}

fn call(name: Name, arch: Arch, args: Args) -> SeccompData {
    let nr = arch.syscall(name).map_or(SyscallNr::new(u32::MAX), |syscall| syscall.nr);
    SeccompData::new(arch, nr).with_args(args)
}
