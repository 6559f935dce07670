//! Where a reading permits what the kernel's would refuse, or refuses what it would permit.

use std::collections::BTreeSet;

use callgate_order::{Number, Test};
use callgate_syscalls::{Action, Arch, Name};

use crate::baseline::KnownSyscalls;
use crate::chain::{Accepted, Args, Decisions};
use crate::lower::{Lowering, is_multiplexer, is_narrow, real, repeats_index};
use crate::place::JsonPath;
use crate::{Cause, Options, Profile, Reading, WarningKind, lint, witness};

/// The other reading of a profile.
pub(crate) struct Comparison<'a> {
    other: Option<(Lowering<'a>, KnownSyscalls)>,
}

impl<'a> Comparison<'a> {
    /// The reading to compare a chosen one with: the kernel's, or for that the one that the profile
    /// is written for. There is none where the profile can't be read so.
    pub(crate) fn new(profile: &'a Profile, options: &Options, reading: Reading) -> Self {
        let other = match reading {
            Reading::Kernel => profile.reading(),
            Reading::Runc | Reading::Crun | Reading::Docker => Reading::Kernel,
        };
        let lowering = (other != reading).then(|| profile.select(options, other).ok()).flatten();
        let known = |lowering: Lowering<'a>| {
            let known = profile.known(options, &lowering);
            (lowering, known)
        };
        Self { other: lowering.map(known) }
    }

    /// Notes, for each syscall of an architecture, a call on which the readings differ.
    pub(crate) fn note(&self, lowering: &mut Lowering<'_>, accepted: &Accepted, default: Action) {
        let Some((other, known)) = &self.other else { return };
        let arch = accepted.arch();
        let Ok(other_accepted) = other.accept(arch, default, known.on(arch, default)) else {
            return;
        };
        let numbers: BTreeSet<Number> =
            accepted.numbers().chain(other_accepted.numbers()).collect();
        for number in numbers {
            let (one, two) = (accepted.of(number), other_accepted.of(number));
            let name = real(number).and_then(|nr| arch.syscall_at(nr)).map(|syscall| syscall.name);
            let Some(name) = name else { continue };
            let Some(args) = difference(&one, &two) else { continue };
            let found = Difference { arch, name, args };
            let is_cut = accepted.is_cut(number) || other_accepted.is_cut(number);
            found.note(lowering, other, &one, &two, is_cut);
        }
    }
}

/// A call that one of two readings refuses.
fn difference(one: &Decisions<'_>, two: &Decisions<'_>) -> Option<Args> {
    let tests: Vec<Test> = one.tests().chain(two.tests()).collect();
    witness::find(&tests, |args| lint::differ(one.decide(args), two.decide(args)))
}

struct Difference {
    arch: Arch,
    name: Name,
    args: Args,
}

impl Difference {
    fn note(
        &self,
        lowering: &mut Lowering<'_>,
        other: &Lowering<'_>,
        one: &Decisions<'_>,
        two: &Decisions<'_>,
        is_cut: bool,
    ) {
        let Self { arch, name, args } = *self;
        let (actions, default) = ((one.decide(&args), two.decide(&args)), two.default());
        let deciding = one.decisive(&args).or(two.decisive(&args));
        let first = deciding.or(one.rules().first()).or(two.rules().first());
        let Some(position) = first.map(|rule| rule.origin) else { return };
        let (position, cause) = if is_cut {
            (position, Cause::Unknown)
        } else if is_multiplexer(name) && !self.is_named(lowering) {
            (position, Cause::Multiplexer(arch))
        } else {
            self.cause(lowering, other, default).unwrap_or((position, Cause::Other))
        };
        let kind = WarningKind::Readings {
            name,
            cause,
            call: lint::call(name, arch, args),
            chosen: (lowering.reading, actions.0),
            other: (other.reading, actions.1),
        };
        let path = |path: JsonPath| match cause {
            Cause::Conditions | Cause::Width => path.key("args"),
            _ => path,
        };
        lowering.note(position, Some(name), "readings", path, kind);
    }

    fn is_named(&self, lowering: &Lowering<'_>) -> bool {
        lowering.rules.iter().any(|(_, names)| names.contains(&self.name))
    }

    /// Why the readings differ, and the rule that is to blame.
    fn cause(
        &self,
        lowering: &Lowering<'_>,
        other: &Lowering<'_>,
        default: Action,
    ) -> Option<(usize, Cause)> {
        let named = |lowering: &Lowering<'_>| -> BTreeSet<usize> {
            let names = lowering.rules.iter().filter(|(_, names)| names.contains(&self.name));
            names.map(|(position, _)| *position).collect()
        };
        let (mine, theirs) = (named(lowering), named(other));
        if let Some(&position) = mine.symmetric_difference(&theirs).next() {
            return Some((position, Cause::Circumstances));
        }
        let has = |wanted: &dyn Fn(usize) -> bool| mine.iter().copied().find(|&at| wanted(at));
        let repeats = |at: usize| repeats_index(&lowering.rule(at).args);
        let has_width = |at: usize| lowering.rule(at).args.iter().any(is_narrow);
        let is_skipped = |at| lowering.skips(at, default) != other.skips(at, default);
        if let Some(position) = has(&repeats) {
            return Some((position, Cause::Conditions));
        }
        if let Some(position) = has(&is_skipped) {
            return Some((position, Cause::DefaultAction));
        }
        has(&has_width).map(|position| (position, Cause::Width))
    }
}
