//! Random policies: small, dense in the constants that expose mistakes at word borders.

use callgate_policy::{
    Action, Arch, ArchPolicy, Comparison, Condition, Field, KernelVersion, Known, Operator, Policy,
    SyscallNr, Unknown,
};
use fastrand::Rng;

/// Values around which 64-bit comparisons go wrong.
const VALUES: [u64; 12] = [
    0,
    1,
    2,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0001,
    0x2_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_0000_0000,
    u64::MAX,
];

/// A random policy for one to four architectures.
///
/// # Panics
/// Never: every generated part is valid.
#[must_use]
pub fn policy(rng: &mut Rng) -> Policy {
    let mut arches = Arch::ALL;
    rng.shuffle(&mut arches);
    // x86's three ABIs share tables, tokens and kernels: they deserve more than their share.
    if rng.bool() {
        arches[..3].copy_from_slice(&[Arch::X86_64, Arch::X32, Arch::X86]);
        rng.shuffle(&mut arches[..3]);
    }
    let count = rng.usize(1..=4);
    let mut seen = Vec::new();
    let mut builder = Policy::builder(action(rng));
    for arch in &arches[..count] {
        if !seen.contains(arch) {
            seen.push(*arch);
            builder = builder.arch(*arch, arch_policy(rng, *arch));
        }
    }
    builder.build().expect("architectures are distinct and numbers are their own")
}

/// Random rules for one architecture.
fn arch_policy(rng: &mut Rng, arch: Arch) -> ArchPolicy {
    let mut policy = ArchPolicy::new(action(rng));
    if rng.u8(0..3) == 0 {
        let kernel = KernelVersion::new(rng.u8(3..=7), rng.u8(0..=19));
        let known = if rng.bool() { Known::Kernel(kernel) } else { Known::UpTo(number(rng, arch)) };
        policy.unknown(Unknown { known, action: action(rng) });
    }
    for _ in 0..rng.usize(0..=40) {
        let nr = number(rng, arch);
        for _ in 0..rng.usize(1..=3) {
            let condition = if rng.bool() { Condition::always() } else { condition(rng, 3) };
            policy.rule(nr, condition, action(rng));
        }
    }
    policy
}

/// A number that can occur on an architecture: mostly small, so that runs and gaps appear.
#[must_use]
pub fn number(rng: &mut Rng, arch: Arch) -> SyscallNr {
    loop {
        let base = arch.syscalls().next().map_or(0, |first| first.nr.raw());
        let nr = match rng.u8(0..12) {
            0 => rng.u32(..),
            1 => {
                [0, 0x3fff_ffff, 0x4000_0000, 0x7fff_ffff, u32::MAX - 1, u32::MAX][rng.usize(0..6)]
            }
            _ => base.wrapping_add(rng.u32(0..60)),
        };
        let nr = SyscallNr::new(nr);
        if Arch::of_call(arch.token(), nr) == Some(arch) {
            return nr;
        }
    }
}

/// A random action, known kinds mostly.
pub fn action(rng: &mut Rng) -> Action {
    let errno = |n| Action::errno(n).unwrap_or(Action::KILL_PROCESS);
    match rng.u8(0..12) {
        0..4 => Action::ALLOW,
        4 => Action::KILL_PROCESS,
        5 => Action::KILL_THREAD,
        6 => errno(rng.u16(0..=4095)),
        7 => errno(1),
        8 => Action::trap(rng.u16(..)),
        9 => Action::trace(rng.u16(0..3)),
        10 => Action::LOG,
        _ => Action::from_raw(rng.u32(..)),
    }
}

/// A random condition of at most that depth.
///
/// # Panics
/// Never: the depth is far below the limit.
pub fn condition(rng: &mut Rng, depth: u8) -> Condition {
    let choice = if depth == 0 { 0 } else { rng.u8(0..6) };
    let parts = |rng: &mut Rng| -> Vec<Condition> {
        (0..rng.usize(0..=3)).map(|_| condition(rng, depth - 1)).collect()
    };
    match choice {
        0..=2 => comparison(rng).into(),
        3 => Condition::all(parts(rng)).expect("depth is below the limit"),
        4 => Condition::any(parts(rng)).expect("depth is below the limit"),
        _ => condition(rng, depth - 1).negated(),
    }
}

/// A random comparison of any field, width, mask and operator.
#[must_use]
pub fn comparison(rng: &mut Rng) -> Comparison {
    let field = match rng.u8(0..8) {
        0 => Field::InstructionPointer,
        // Few fields, so that conditions meet on the same one.
        1 => Field::ARGS[rng.usize(0..6)],
        _ => Field::ARGS[rng.usize(0..2)],
    };
    let operator = Operator::ALL[rng.usize(0..Operator::ALL.len())];
    let mask = match rng.u8(0..4) {
        0 => value(rng),
        1 => 1 << rng.u32(0..64),
        _ => u64::MAX,
    };
    let value = value(rng);
    if rng.bool() {
        Comparison::masked(field, mask, operator, value)
    } else {
        Comparison::low32(field, low_half(mask), operator, low_half(value))
    }
}

/// A random value near those that matter.
#[must_use]
pub fn value(rng: &mut Rng) -> u64 {
    let base = VALUES[rng.usize(0..VALUES.len())];
    match rng.u8(0..6) {
        0 => base.wrapping_add(1),
        1 => base.wrapping_sub(1),
        2 => rng.u64(..),
        _ => base,
    }
}

/// The low 32 bits.
#[must_use]
pub fn low_half(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}
