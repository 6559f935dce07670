//! From the rules of a profile to the policy of each architecture.

use std::collections::{BTreeMap, BTreeSet};

use callgate_order::{ArgCmp, Chain, Conflict, Exactness, Multiplexer, Number, Refusal, Syscall};
use callgate_policy::{ArchPolicy, Condition, Known, Unknown};
use callgate_rules::Provenance;
use callgate_syscalls::{Action, Arch, Name, SyscallNr, names};

use crate::chain::{Accepted, Accepting};
use crate::check::{Noted, Rule};
use crate::oci::Arg;
use crate::place::JsonPath;
use crate::scalar::{OperatorName, WidthName};
use crate::{Error, Profile, RULES_PER_SYSCALL_MAX, Reading, WarningKind, mux};

/// The most conditions of one rule that must all hold: libseccomp's rules have one for each
/// argument.
const CONDITIONS_MAX: usize = ArgCmp::COUNT_MAX;

/// The rules that apply, by one reading.
pub(crate) struct Lowering<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) native: Arch,
    pub(crate) reading: Reading,
    /// The positions of the rules in the profile, each with the syscalls that it names.
    pub(crate) rules: Vec<(usize, Vec<Name>)>,
    pub(crate) noted: Noted,
    /// Which warnings were given for which rule, so that each is given for one architecture only.
    pub(crate) given: BTreeSet<(usize, Option<Name>, &'static str)>,
    /// Which rule of the profile each of the policy's comes from.
    pub(crate) provenance: Provenance,
}

impl<'a> Lowering<'a> {
    pub(crate) fn rule(&self, position: usize) -> &'a Rule {
        &self.profile.rules()[position]
    }

    /// The syscalls that are named, each with the positions of the rules that name it.
    pub(crate) fn by_name(&self) -> BTreeMap<Name, Vec<usize>> {
        let mut by_name = BTreeMap::<Name, Vec<usize>>::new();
        for (position, names) in &self.rules {
            names.iter().for_each(|&name| by_name.entry(name).or_default().push(*position));
        }
        by_name
    }

    /// Whether a rule is skipped because of its action.
    pub(crate) fn skips(&self, position: usize, default: Action) -> bool {
        self.reading.skips(self.rule(position).action.on(self.native), default)
    }

    /// The rules that are in force on an architecture.
    pub(crate) fn accept(
        &self,
        arch: Arch,
        default: Action,
        unknown: Option<Unknown>,
    ) -> Result<Accepted, Error> {
        self.check_count(default)?;
        let mut accepting = Accepting::new(arch);
        for (position, names) in &self.rules {
            let rule = self.rule(*position);
            let action = rule.action.on(self.native);
            if self.reading.skips(action, default) {
                continue;
            }
            let lists = self.alternatives(*position)?;
            for &name in names {
                for list in &lists {
                    self.store(&mut accepting, (name, list), (action, default), *position)?;
                }
            }
        }
        let mut accepted = accepting.finish(default).map_err(|_| Error::OutOfMemory)?;
        if self.reading == Reading::Kernel {
            mux::close(&mut accepted);
        }
        if let Some(unknown @ Unknown { known: Known::UpTo(last), .. }) = unknown {
            accepted.cut(last.into(), unknown);
        }
        Ok(accepted)
    }

    /// The policy of the rules that are in force.
    pub(crate) fn policy(
        &mut self,
        accepted: &Accepted,
        default: Action,
        unknown: Option<Unknown>,
    ) -> Result<ArchPolicy, Error> {
        let arch = accepted.arch();
        let mut policy = ArchPolicy::new(default);
        for nr in accepted.numbers().filter_map(real) {
            for asked in accepted.of(nr.into()).rules() {
                policy.rule(nr, asked.condition(arch)?, asked.action);
                self.provenance.push(arch, nr, Some(asked.origin));
            }
        }
        if let Some(unknown) = unknown {
            policy.unknown(unknown);
        }
        if self.reading == Reading::Kernel {
            // What the profile names is known, also where a rule has no effect.
            for nr in self.by_name().keys().filter_map(|name| arch.syscall(*name)).map(|s| s.nr) {
                if policy.rules_for(nr).is_empty() {
                    policy.rule(nr, Condition::always(), default);
                    self.provenance.push(arch, nr, None);
                }
            }
        }
        Ok(policy)
    }

    /// Notes a warning unless the same was given for another architecture.
    pub(crate) fn note(
        &mut self,
        position: usize,
        name: Option<Name>,
        what: &'static str,
        path: impl FnOnce(JsonPath) -> JsonPath,
        kind: WarningKind,
    ) {
        if self.given.insert((position, name, what)) {
            self.noted.push((path(self.rule(position).path.clone()), kind));
        }
    }

    /// Warns of values that a 32-bit architecture can't hold.
    pub(crate) fn note_truncated(&mut self, arch: Arch) {
        if arch.word_bits() == 64 {
            return;
        }
        for index in 0..self.rules.len() {
            let position = self.rules[index].0;
            for (place, arg) in self.rule(position).args.iter().enumerate() {
                let datum =
                    if arg.op == OperatorName::MaskedEq { arg.value_two } else { arg.value };
                let high = datum >> 31;
                // A negative number, extended to 64 bits, loses nothing.
                if datum > u32::MAX.into() && high != u64::MAX >> 31 {
                    let path = |path: JsonPath| path.key("args").index(place).key("value");
                    self.note(position, None, "truncated", path, WarningKind::Truncated { arch });
                }
            }
        }
    }

    /// Warns of widths that the reading skips.
    pub(crate) fn note_width(&mut self) {
        if self.reading.knows_width() {
            return;
        }
        for index in 0..self.rules.len() {
            let position = self.rules[index].0;
            let Some(place) = self.rule(position).args.iter().position(is_narrow) else { continue };
            let path = |path: JsonPath| path.key("args").index(place).key("width");
            let kind = WarningKind::WidthSkipped { reading: self.reading };
            self.note(position, None, "width", path, kind);
        }
    }

    /// Whether a rule compares the low 32 bits of an argument because the profile says so.
    pub(crate) fn narrows(&self, position: usize, argument: u8) -> bool {
        let mut args = self.rule(position).args.iter().filter(|arg| is_narrow(arg));
        self.reading.knows_width() && args.any(|arg| arg.index.raw() == argument)
    }

    /// Warns of rules that are skipped because their action is the default.
    pub(crate) fn note_default(&mut self, default: Action) {
        for index in 0..self.rules.len() {
            let (position, names) = &self.rules[index];
            let (position, first) = (*position, names.first().copied());
            if self.skips(position, default) {
                self.note(position, first, "default", |path| path, WarningKind::EqualsDefault);
            }
        }
    }

    fn check_count(&self, default: Action) -> Result<(), Error> {
        let mut counts = BTreeMap::<Name, usize>::new();
        for (position, names) in &self.rules {
            if self.skips(*position, default) {
                continue;
            }
            let alternatives = match self.are_alternatives(*position) {
                true => self.rule(*position).args.len(),
                false => 1,
            };
            for &name in names {
                let count = counts.entry(name).or_default();
                *count += alternatives;
                if *count > RULES_PER_SYSCALL_MAX {
                    let place = self.profile.place(&self.rule(*position).path);
                    return Err(Error::TooManyRules { place, name });
                }
            }
        }
        Ok(())
    }

    /// The conditions of a rule that are read.
    fn conditions(&self, position: usize) -> &'a [Arg] {
        let args = self.rule(position).args.as_slice();
        args.get(..self.reading.conditions_max()).unwrap_or(args)
    }

    fn are_alternatives(&self, position: usize) -> bool {
        self.reading.is_runtime() && repeats_index(self.conditions(position))
    }

    /// The lists of conditions of a rule: any of the lists is enough, and all of a list's
    /// conditions must hold.
    fn alternatives(&self, position: usize) -> Result<Vec<&'a [Arg]>, Error> {
        let args = self.conditions(position);
        if self.are_alternatives(position) {
            return Ok(args.chunks(1).collect());
        }
        if args.len() > CONDITIONS_MAX {
            let path = self.rule(position).path.clone().key("args");
            let reason = format!("more than {CONDITIONS_MAX} conditions that must all hold");
            return Err(Error::Invalid { place: self.profile.place(&path), reason });
        }
        Ok(vec![args])
    }

    /// Stores what a rule says about one syscall.
    fn store(
        &self,
        accepting: &mut Accepting,
        (name, args): (Name, &[Arg]),
        (action, default): (Action, Action),
        position: usize,
    ) -> Result<(), Error> {
        let arch = accepting.arch();
        let comparisons: Vec<ArgCmp> = args.iter().map(comparison).collect();
        let origin = u32::try_from(position).unwrap_or(u32::MAX);
        let yielding = (!self.reading.is_runtime()).then_some(default);
        let mut add = |number: Number, mut chain: Chain| {
            if self.reading.knows_width() {
                narrow(&mut chain, args, arch, number);
            }
            accepting.add(number, chain, (action, yielding), origin).map_err(Refused::Rule)
        };
        let stored = match self.reading.is_runtime() {
            true => Syscall::named(self.native, name).map_or(Ok(()), |syscall| {
                let exactness = Exactness::Adapted;
                syscall.rules(arch, &comparisons, exactness, |rule| add(rule.number, rule.chain))
            }),
            false => callgate_order::read(arch, &comparisons)
                .map_err(Refused::Order)
                .and_then(|chain| mux::own(arch, name).map_or(Ok(()), |number| add(number, chain))),
        };
        stored.map_err(|refused| self.refused(&refused, name, arch, position))
    }

    fn refused(&self, refused: &Refused, name: Name, arch: Arch, position: usize) -> Error {
        let place = self.profile.place(&self.rule(position).path);
        match refused {
            Refused::Rule(Refusal::OutOfMemory) => Error::OutOfMemory,
            Refused::Order(error) => Error::Invalid { place, reason: error.to_string() },
            Refused::Rule(Refusal::Conflict(Conflict { origin })) => {
                let earlier = usize::try_from(*origin).ok();
                let earlier = earlier.and_then(|at| self.profile.rules().get(at));
                let other = earlier.map_or_else(String::new, |rule| rule.path.to_string());
                Error::Conflict { place, other, name, arch }
            }
        }
    }
}

/// Why a rule is not accepted.
enum Refused {
    Order(callgate_order::Error),
    Rule(Refusal),
}

impl From<callgate_order::Error> for Refused {
    fn from(error: callgate_order::Error) -> Self {
        Self::Order(error)
    }
}

/// The number as filters see it, unless it is a pseudo number, which no call has.
pub(crate) fn real(number: Number) -> Option<SyscallNr> {
    (number.raw() >= 0).then(|| number.unsigned())
}

/// Whether a rule has two conditions on one argument.
pub(crate) fn repeats_index(args: &[Arg]) -> bool {
    let distinct: BTreeSet<_> = args.iter().map(|arg| arg.index).collect();
    distinct.len() < args.len()
}

/// Whether the profile wants a condition to compare 32 bits, and does not say the same by a mask.
pub(crate) fn is_narrow(arg: &Arg) -> bool {
    let is_masked = arg.op == OperatorName::MaskedEq && arg.value <= u32::MAX.into();
    arg.width == Some(WidthName::Bits32) && !is_masked
}

/// A condition as libseccomp's interface takes it.
fn comparison(arg: &Arg) -> ArgCmp {
    let op = match arg.op {
        OperatorName::Ne => 1,
        OperatorName::Lt => 2,
        OperatorName::Le => 3,
        OperatorName::Eq => 4,
        OperatorName::Ge => 5,
        OperatorName::Gt => 6,
        OperatorName::MaskedEq => 7,
    };
    ArgCmp { arg: arg.index.raw().into(), op, datum_a: arg.value, datum_b: arg.value_two }
}

/// Leaves the low half of those comparisons that the profile wants in 32 bits, which libseccomp's
/// interface can't say.
fn narrow(chain: &mut Chain, args: &[Arg], arch: Arch, number: Number) {
    for arg in args.iter().filter(|arg| is_narrow(arg)).map(|arg| arg.index.raw()) {
        // On a multiplexer the first argument is the call.
        let is_call =
            arg == 0 && Multiplexer::ALL.iter().any(|mux| mux.number(arch) == Some(number));
        if !is_call {
            chain.narrow(arg);
        }
    }
}

/// Whether a name is that of a multiplexer.
pub(crate) fn is_multiplexer(name: Name) -> bool {
    [names::SOCKETCALL, names::IPC].contains(&name)
}
