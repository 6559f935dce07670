//! Calls that are likely to tell a wrong filter from a right one.

use callgate_policy::{
    Arch, ArchToken, Comparison, Condition, Field, Policy, SeccompData, SyscallNr, View,
};
use fastrand::Rng;

use crate::policy::{number, value};

/// A random call aimed at a policy: its architectures and numbers, the constants of the rules for
/// that number, their neighbours, and values that differ in one half or one bit.
#[must_use]
pub fn aimed_at(rng: &mut Rng, policy: &Policy) -> SeccompData {
    let arches: Vec<Arch> = policy.arches().map(|(arch, _)| arch).collect();
    let arch = arches[rng.usize(0..arches.len())];
    let mut numbers = policy.arch(arch).into_iter().flat_map(|p| p.rules()).map(|(nr, _)| nr);
    let count = policy.arch(arch).map_or(0, |p| p.rules().len());
    let nr = match rng.u8(0..8) {
        0 => number(rng, arch),
        1 => SyscallNr::new(rng.u32(..)),
        _ if count == 0 => number(rng, arch),
        _ => numbers.nth(rng.usize(0..count)).unwrap_or(SyscallNr::new(0)),
    };
    let nr = match rng.u8(0..12) {
        0 => SyscallNr::new(nr.raw().wrapping_add(1)),
        1 => SyscallNr::new(nr.raw().wrapping_sub(1)),
        2 => SyscallNr::new(nr.raw() ^ (1 << rng.u32(0..32))),
        _ => nr,
    };
    let constants = constants(policy, arch, nr);
    let mut call = SeccompData::new(arch, nr);
    if rng.u8(0..30) == 0 {
        call.arch = ArchToken::new(call.arch.raw() ^ (1 << rng.u32(0..32)));
    }
    call.instruction_pointer = near(rng, &constants, Field::InstructionPointer);
    for (field, arg) in Field::ARGS.into_iter().zip(&mut call.args) {
        *arg = near(rng, &constants, field);
    }
    call
}

fn constants(policy: &Policy, arch: Arch, nr: SyscallNr) -> Vec<Comparison> {
    let mut found = Vec::new();
    for rule in policy.arch(arch).map_or(&[][..], |rules| rules.rules_for(nr)) {
        collect(rule.condition(), &mut found);
    }
    found
}

fn collect(condition: &Condition, found: &mut Vec<Comparison>) {
    match condition.view() {
        View::Compare(comparison) => found.push(*comparison),
        View::All(list) | View::Any(list) => list.iter().for_each(|part| collect(part, found)),
    }
}

/// A value near a constant that the field is compared with, where there is one.
fn near(rng: &mut Rng, constants: &[Comparison], field: Field) -> u64 {
    let of_field: Vec<&Comparison> = constants.iter().filter(|c| c.field() == field).collect();
    if of_field.is_empty() || rng.u8(0..10) == 0 {
        return value(rng);
    }
    let comparison = of_field[rng.usize(0..of_field.len())];
    let exact = comparison.value() | (rng.u64(..) & !comparison.mask());
    match rng.u8(0..8) {
        0 => exact.wrapping_add(1),
        1 => exact.wrapping_sub(1),
        2 => exact ^ (1 << rng.u32(0..64)),
        3 => exact.rotate_left(32),
        4 => exact ^ (rng.u64(..) << 32),
        _ => exact,
    }
}
