//! Random profiles, read here and handed to libseccomp's interface as runtimes do: both must mean
//! the same.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper fails its test by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use callgate_formats::{Arches, Options, Profile};
use callgate_policy::Policy;
use callgate_prover::{Options as Limits, Prover, Scope};
use callgate_scmp::{ArgCmp, Capabilities, Context, Error, Exactness, Number, Token, resolve_name};
use callgate_syscalls::{Action, Arch, KernelVersion, SeccompData, names};
use fastrand::Rng;

const KERNEL: Capabilities = Capabilities::ALL;

/// Values at the borders of words, and next to each other.
const VALUES: [u64; 14] = [
    0,
    1,
    5,
    7,
    0x105,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 32,
    (1 << 32) + 1,
    (1 << 32) + 5,
    2 << 32,
    u64::MAX << 32,
    u64::MAX - 1,
    u64::MAX,
];

/// Masks that leave out a half, reach over the border, or are one bit.
const MASKS: [u64; 9] = [
    1,
    0xf,
    0xff,
    0xffff_ffff,
    u64::MAX,
    u64::MAX << 32,
    (u64::MAX << 32) + 1,
    (1 << 32) + 15,
    1 << 63,
];

/// Two plain calls, two that x86 multiplexes, of which it has the second by no number of its own,
/// and two of `ipc`.
const NAMES: [&str; 6] = ["ioctl", "personality", "socket", "accept", "shmget", "msgctl"];

const OPERATORS: [&str; 8] = ["", "NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];

/// Names of actions in profiles, with their words.
const ACTIONS: [(&str, Action); 5] = [
    ("ALLOW", Action::ALLOW),
    ("LOG", Action::LOG),
    ("ERRNO", Action::from_raw(0x0005_0001)),
    ("TRAP", Action::trap(0)),
    ("KILL_PROCESS", Action::KILL_PROCESS),
];

#[derive(Clone, Debug)]
struct Rule {
    name: &'static str,
    action: usize,
    args: Vec<ArgCmp>,
}

#[derive(Clone, Debug)]
struct Sample {
    arches: Vec<Arch>,
    default: usize,
    rules: Vec<Rule>,
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())]
}

fn comparison(rng: &mut Rng, arg: u32) -> ArgCmp {
    let op = rng.u32(1..=7);
    match op {
        7 => ArgCmp { arg, op, datum_a: pick(rng, &MASKS), datum_b: pick(rng, &VALUES) },
        _ => ArgCmp { arg, op, datum_a: pick(rng, &VALUES), datum_b: 0 },
    }
}

/// A rule whose action is not the default, which runtimes would skip.
fn rule(rng: &mut Rng, default: usize, names: &[&'static str]) -> Rule {
    let action = (default + rng.usize(1..ACTIONS.len())) % ACTIONS.len();
    let mut args = Vec::new();
    if rng.u8(..8) != 0 {
        for arg in 0..3 {
            if rng.u8(..2) == 0 {
                args.push(comparison(rng, arg));
            }
        }
    }
    rng.shuffle(&mut args);
    Rule { name: pick(rng, names), action, args }
}

fn sample(rng: &mut Rng, names: &[&'static str]) -> Sample {
    let arches = match rng.u8(..4) {
        0 => vec![Arch::X86_64, Arch::X86, Arch::X32],
        1 => vec![Arch::X86],
        _ => vec![Arch::X86_64],
    };
    let default = rng.usize(..ACTIONS.len());
    let one = [pick(rng, names)];
    let names = if rng.bool() { &one[..] } else { names };
    let rules = (0..rng.usize(1..=6)).map(|_| rule(rng, default, names)).collect();
    Sample { arches, default, rules }
}

impl Sample {
    fn json(&self) -> String {
        let mut rules = String::new();
        for Rule { name, action, args } in &self.rules {
            let mut list = String::new();
            for ArgCmp { arg, op, datum_a, datum_b } in args {
                let comma = if list.is_empty() { "" } else { ", " };
                let op = OPERATORS[*op as usize];
                write!(
                    list,
                    "{comma}{{\"index\": {arg}, \"value\": {datum_a}, \"valueTwo\": {datum_b}, \
                     \"op\": \"SCMP_CMP_{op}\"}}"
                )
                .unwrap();
            }
            let comma = if rules.is_empty() { "" } else { ",\n" };
            let action = ACTIONS[*action].0;
            write!(
                rules,
                "{comma}{{\"names\": [\"{name}\"], \"action\": \"SCMP_ACT_{action}\", \
                 \"args\": [{list}]}}"
            )
            .unwrap();
        }
        let default = ACTIONS[self.default].0;
        format!("{{\"defaultAction\": \"SCMP_ACT_{default}\", \"syscalls\": [{rules}]}}")
    }

    /// As the reader of profiles understands it; `None` for rules that contradict each other.
    fn read(&self) -> Option<Policy> {
        let mut options = Options::new(self.arches[0], KernelVersion::new(6, 12));
        options.arches = Arches::Exactly(self.arches.clone());
        options.unknown = callgate_formats::UnknownSyscalls::Off;
        let profile = Profile::parse(self.json().as_bytes(), "sample").unwrap();
        match profile.resolve(&options) {
            Ok(resolved) => Some(resolved.policy),
            Err(callgate_formats::Error::Conflict { .. }) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// As libseccomp's interface takes it, rule by rule; `None` likewise.
    fn added(&self) -> Option<Policy> {
        let native = self.arches[0];
        let mut context = Context::new(native, ACTIONS[self.default].1, &KERNEL).unwrap();
        for &arch in &self.arches[1..] {
            context.arch_add(Token::of(arch)).unwrap();
        }
        for Rule { name, action, args } in &self.rules {
            let number: Number = resolve_name(native, name).unwrap();
            let action = ACTIONS[*action].1;
            match context.rule_add(action, number, args, Exactness::Adapted, &KERNEL) {
                Ok(()) => {}
                Err(Error::Conflict { .. }) => return None,
                Err(error) => panic!("{error}"),
            }
        }
        Some(context.policy().unwrap())
    }
}

/// How two readings of one profile compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Same,
    BothRefuse,
    OnlyTheReaderRefuses,
    OnlyLibseccompRefuses,
    Looser,
    Stricter,
}

fn compare(sample: &Sample) -> Outcome {
    match (sample.read(), sample.added()) {
        (None, None) => Outcome::BothRefuse,
        (None, Some(_)) => Outcome::OnlyTheReaderRefuses,
        (Some(_), None) => Outcome::OnlyLibseccompRefuses,
        (Some(read), Some(added)) => {
            let mut prover = Prover::new(Limits::default());
            let (read, added) = (prover.policy(&read).unwrap(), prover.policy(&added).unwrap());
            if prover.equal(&read, &added, Scope::Exact).unwrap() {
                Outcome::Same
            } else if prover.excess(&read, &added).unwrap().is_some() {
                Outcome::Looser
            } else {
                Outcome::Stricter
            }
        }
    }
}

/// What comes of that many random profiles whose rules are about some of these calls.
fn outcomes(names: &[&'static str], rounds: usize) -> BTreeMap<Outcome, usize> {
    let mut rng = Rng::with_seed(14);
    let mut counts = BTreeMap::new();
    for _ in 0..rounds {
        let sample = sample(&mut rng, names);
        let outcome = compare(&sample);
        assert!(matches!(outcome, Outcome::Same | Outcome::BothRefuse), "{outcome:?}\n{sample:x?}");
        *counts.entry(outcome).or_default() += 1;
    }
    counts
}

#[test]
fn profiles_read_as_by_runc_mean_what_libseccomps_interface_makes_of_them() {
    for (names, same, refused) in [(&NAMES[..2], 1_900, 5), (&NAMES[2..], 1_200, 100)] {
        let counts = outcomes(names, 2_000);
        assert!(counts[&Outcome::Same] > same, "{counts:?}");
        assert!(counts[&Outcome::BothRefuse] > refused, "{counts:?}");
    }
}

/// A sample of rules for `personality` on x86_64.
fn personality(default: usize, rules: &[(usize, ArgCmp)]) -> Sample {
    let rules =
        rules.iter().map(|&(action, arg)| Rule { name: "personality", action, args: vec![arg] });
    Sample { arches: vec![Arch::X86_64], default, rules: rules.collect() }
}

#[test]
fn a_mask_of_the_whole_high_half_beside_others_refuses_as_in_libseccomp() {
    let masked = ArgCmp { arg: 0, op: 7, datum_a: (u64::MAX << 32) + 1, datum_b: 1 };
    let unequal = ArgCmp { arg: 0, op: 1, datum_a: 256, datum_b: 0 };
    let odd = personality(0, &[(2, masked), (1, unequal)]);
    assert_eq!(compare(&odd), Outcome::Same);
    let nr = Arch::X86_64.syscall(names::PERSONALITY).unwrap().nr;
    let call = |args| SeccompData::new(Arch::X86_64, nr).with_args(args);
    let decide = |sample: &Sample, args| sample.read().unwrap().decide(&call(args));
    assert_eq!(decide(&odd, [1, 0, 0, 0, 0, 0]), ACTIONS[2].1);
    let high = ArgCmp { arg: 2, op: 7, datum_a: u64::MAX << 32, datum_b: 0 };
    let equal = ArgCmp { arg: 2, op: 4, datum_a: 0x7fff_ffff, datum_b: 0 };
    for refusal in [2, 4] {
        let low = personality(1, &[(refusal, high), (0, equal)]);
        assert_eq!(compare(&low), Outcome::Same);
        assert_eq!(decide(&low, [0, 0, 0x7fff_ffff, 0, 0, 0]), ACTIONS[refusal].1);
    }
}
