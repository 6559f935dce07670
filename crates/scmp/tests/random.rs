//! Random rule sets against what rules mean on their own, and the text against the policy's order.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper fails its test by panicking")]

mod support;

use callgate_policy::{Action, Arch, SeccompData, SyscallNr};
use callgate_scmp::{ArgCmp, Context, Error};
use fastrand::Rng;
use support::{ALLOW, E1, E2, E3, H, IOCTL, KILL, TRAP, add, cmp, context};

const VALUES: [u64; 12] =
    [0, 1, 5, 7, 0x105, 0xffff_ffff, H, H + 1, H + 5, 2 * H, u64::MAX - 1, u64::MAX];
const MASKS: [u64; 6] = [0xf, 0xff, 0xffff_ffff, u64::MAX, !0xffff_ffff, H + 15];

fn comparison(rng: &mut Rng, arg: u32) -> ArgCmp {
    let op = rng.u32(1..=7);
    let value = VALUES[rng.usize(..VALUES.len())];
    match op {
        7 => cmp(arg, op, MASKS[rng.usize(..MASKS.len())], value),
        _ => cmp(arg, op, value, 0),
    }
}

/// Whether a comparison holds, as the manual page says it.
fn holds(arch: Arch, comparison: &ArgCmp, args: &[u64; 6]) -> bool {
    let ArgCmp { arg, op, datum_a, datum_b } = *comparison;
    let word = if arch.word_bits() == 64 { u64::MAX } else { u64::from(u32::MAX) };
    let (a, b, mask) = (args[arg as usize] & word, datum_a & word, datum_a & word);
    match op {
        1 => a != b,
        2 => a < b,
        3 => a <= b,
        4 => a == b,
        5 => a >= b,
        6 => a > b,
        _ => a & mask == datum_b & mask,
    }
}

type Accepted = Vec<(Action, Vec<ArgCmp>)>;

fn rules(rng: &mut Rng, arch: Arch) -> (Context, Accepted, usize) {
    let mut context = context(arch);
    let mut accepted = Vec::new();
    let mut refused = 0;
    for _ in 0..rng.usize(1..=6) {
        let action = [ALLOW, TRAP, E1, E2, E3][rng.usize(..5)];
        let mut comparisons = Vec::new();
        for arg in 0..3 {
            if rng.u8(..3) == 0 {
                comparisons.push(comparison(rng, arg));
            }
        }
        if rng.u8(..4) == 0 {
            comparisons =
                accepted.last().map_or(comparisons, |(_, last): &(_, Vec<_>)| last.clone());
        }
        match add(&mut context, action, IOCTL, &comparisons) {
            Ok(()) => accepted.push((action, comparisons)),
            Err(Error::Conflict { .. }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    (context, accepted, refused)
}

#[test]
fn the_verdict_is_that_of_a_rule_that_holds_and_the_default_where_none_does() {
    let mut rng = Rng::with_seed(6);
    let (mut refused, mut hits) = (0, 0);
    for round in 0..600 {
        let arch = if round % 3 == 0 { Arch::X86 } else { Arch::X86_64 };
        let nr = SyscallNr::new(if arch == Arch::X86 { 54 } else { 16 });
        let (mut context, accepted, conflicts) = rules(&mut rng, arch);
        refused += conflicts;
        let policy = context.policy().unwrap();
        context.precompute().unwrap();
        for _ in 0..60 {
            let args: [u64; 6] = std::array::from_fn(|_| VALUES[rng.usize(..VALUES.len())]);
            let verdict = policy.decide(&SeccompData::new(arch, nr).with_args(args));
            let holding =
                accepted.iter().filter(|(_, all)| all.iter().all(|c| holds(arch, c, &args)));
            let actions: Vec<Action> = holding.map(|(action, _)| *action).collect();
            let right =
                if actions.is_empty() { verdict == KILL } else { actions.contains(&verdict) };
            assert!(right, "{verdict} of {actions:?} for {args:x?} in {accepted:x?}");
            hits += usize::from(!actions.is_empty());
        }
    }
    assert!(refused > 5 && hits > 10_000, "{refused} conflicts, {hits} hits");
}

#[test]
fn the_order_of_independent_rules_is_not_that_of_their_addition() {
    let mut rng = Rng::with_seed(7);
    for _ in 0..200 {
        let value = |rng: &mut Rng| VALUES[rng.usize(..VALUES.len())];
        let op = rng.u32(1..=6);
        let (a, b) = (cmp(0, op, value(&mut rng), 0), cmp(0, op, value(&mut rng), 0));
        if a == b {
            continue;
        }
        let [mut one, mut other] = [context(Arch::X86_64), context(Arch::X86_64)];
        for (context, list) in [(&mut one, [(E1, a), (E2, b)]), (&mut other, [(E2, b), (E1, a)])] {
            for (action, comparison) in list {
                add(context, action, IOCTL, &[comparison]).unwrap();
            }
        }
        assert_eq!(one.policy(), other.policy(), "{a:x?} {b:x?}");
    }
}
