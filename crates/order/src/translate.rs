//! From a number and comparisons as a caller writes them to what each architecture stores.
//!
//! Callers use the numbers of the native architecture. Other architectures find theirs by name. An
//! architecture that multiplexes a call gets two rules: one on the multiplexer with the call as
//! first argument, and one on the call itself. On the multiplexer the comparisons of the other
//! arguments are kept as they are, as libseccomp does.

use callgate_syscalls::{Arch, Name};

use crate::chain::{self, ArgCmp, Chain};
use crate::mux::{self, Multiplexer};
use crate::resolve::{name_of, number_of};
use crate::{Error, Number};

const EQ: u32 = 4;

/// Whether a rule may be adapted to architectures that can't express it as given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two kinds of functions")]
pub enum Exactness {
    /// As `seccomp_rule_add`: rules for calls that an architecture lacks or multiplexes are adapted
    /// or left out.
    Adapted,
    /// As `seccomp_rule_add_exact`: such a rule is an error.
    Exact,
}

/// A rule as one architecture stores it.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "these are all parts of a stored rule")]
pub struct StoredRule {
    /// The number, negative for a syscall that the architecture does not have.
    pub number: Number,
    /// The comparisons.
    pub chain: Chain,
}

/// A syscall as a caller names it: by a number of the native architecture.
#[derive(Clone, Copy, Debug)]
pub struct Syscall {
    native: Arch,
    number: Number,
    name: Option<Name>,
}

impl Syscall {
    /// The syscall with a number of the native architecture, or with a pseudo number.
    #[must_use]
    pub fn new(native: Arch, number: Number) -> Self {
        Self { native, number, name: name_of(native, number) }
    }

    /// The syscall of that name, as a caller resolves it on the native architecture; every known
    /// name has a number or a pseudo number.
    #[must_use]
    pub fn named(native: Arch, name: Name) -> Option<Self> {
        number_of(native, name).map(|number| Self { native, number, name: Some(name) })
    }

    /// The rules that one architecture stores for that of a caller: none where it lacks the syscall
    /// and may adapt, two where it multiplexes the call.
    ///
    /// # Errors
    /// [`Error::Untranslatable`]; for exact rules [`Error::NotOnArch`] and [`Error::Multiplexed`];
    /// those of `store`.
    pub fn rules<E: From<Error>>(
        &self,
        arch: Arch,
        comparisons: &[ArgCmp],
        exactness: Exactness,
        mut store: impl FnMut(StoredRule) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut plain = |number| {
            let chain = chain::read(arch, comparisons)?;
            store(StoredRule { number, chain })
        };
        let number = self.number;
        if number == Number::ERROR {
            return plain(number);
        }
        let own = self.on(arch)?;
        let exact = exactness == Exactness::Exact;
        if let Some(call) = self.call(arch, own)? {
            if exact && !comparisons.is_empty() {
                return Err(Error::Multiplexed { arch }.into());
            }
            return multiplexed(arch, &call, comparisons, store);
        }
        match own.raw() >= 0 {
            true => plain(own),
            false if exact => Err(Error::NotOnArch { number, arch }.into()),
            false if arch.multiplexes() => Ok(()),
            false => plain(own),
        }
    }

    /// The number whose priority is meant on one architecture; none where it lacks the syscall.
    ///
    /// # Errors
    /// [`Error::Untranslatable`].
    pub fn priority(&self, arch: Arch) -> Result<Option<Number>, Error> {
        if self.number == Number::ERROR {
            return Ok(Some(self.number));
        }
        let own = self.on(arch)?;
        let mux = Multiplexer::of_pseudo(own).filter(|_| arch.multiplexes());
        Ok(match mux {
            Some(mux) => mux.number(arch),
            None => Some(own).filter(|own| own.raw() >= 0),
        })
    }

    /// The number of the syscall on an architecture, by its name.
    fn on(&self, arch: Arch) -> Result<Number, Error> {
        let Self { native, number, name } = *self;
        if arch == native {
            return Ok(number);
        }
        name.and_then(|name| number_of(arch, name)).ok_or(Error::Untranslatable { number, arch })
    }

    /// The multiplexed call that is meant, by pseudo number or by name; `own` is the architecture's
    /// number.
    fn call(&self, arch: Arch, own: Number) -> Result<Option<Call>, Error> {
        if !arch.multiplexes() {
            return Ok(None);
        }
        let Some((name, pseudo)) = self.name.and_then(|name| Some((name, mux::pseudo(name)?)))
        else {
            return match Multiplexer::of_pseudo(own) {
                Some(_) => Err(Error::Untranslatable { number: own, arch }),
                None => Ok(None),
            };
        };
        let direct = arch.syscall(name).map(|syscall| syscall.nr.into());
        let mux = Multiplexer::of_pseudo(pseudo);
        Ok(mux.map(|mux| Call { mux, pseudo, direct: direct.unwrap_or(pseudo) }))
    }
}

/// A call that an architecture multiplexes.
struct Call {
    mux: Multiplexer,
    pseudo: Number,
    /// Its own number, or the pseudo number where it has none.
    direct: Number,
}

fn multiplexed<E: From<Error>>(
    arch: Arch,
    call: &Call,
    comparisons: &[ArgCmp],
    mut store: impl FnMut(StoredRule) -> Result<(), E>,
) -> Result<(), E> {
    let pseudo = call.pseudo;
    let untranslatable = Error::Untranslatable { number: pseudo, arch };
    let number = call.mux.number(arch).ok_or(untranslatable)?;
    let others = comparisons.iter().filter(|comparison| comparison.arg != 0);
    let which = ArgCmp { arg: 0, op: EQ, datum_a: call.mux.call(pseudo).into(), datum_b: 0 };
    // No argument is compared twice, so there is room for all others.
    let mut all = [which; ArgCmp::COUNT_MAX];
    let mut count = 1;
    for (slot, other) in all.iter_mut().skip(1).zip(others) {
        *slot = *other;
        count += 1;
    }
    store(StoredRule { number, chain: chain::read(arch, &all[..count])? })?;
    store(StoredRule { number: call.direct, chain: chain::read(arch, comparisons)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(
        native: Arch,
        arch: Arch,
        number: i32,
        exactness: Exactness,
    ) -> Result<Vec<i32>, Error> {
        let mut numbers = Vec::new();
        Syscall::new(native, Number::new(number)).rules(arch, &[], exactness, |rule| {
            numbers.push(rule.number.raw());
            Ok(())
        })?;
        Ok(numbers)
    }

    #[test]
    fn numbers_are_translated_by_name() {
        let adapted = |native, arch, number| numbers(native, arch, number, Exactness::Adapted);
        for (arch, number, expected) in [
            (Arch::X86_64, 5_000, vec![5_000]),
            (Arch::X86_64, -109, vec![-109]),
            (Arch::X32, 0, vec![0x4000_0000]),
            (Arch::Arm, 2, vec![5]),
            (Arch::Aarch64, 2, vec![-10_166]),
            (Arch::X86, 41, vec![102, 359]),
            (Arch::X86, 43, vec![102, -105]),
            (Arch::X86, -109, vec![102, -109]),
            (Arch::S390x, 29, vec![117, 395]),
            (Arch::X86, -10_207, vec![]),
            (Arch::X86, -1, vec![-1]),
        ] {
            assert_eq!(adapted(Arch::X86_64, arch, number), Ok(expected), "{number} on {arch}");
        }
        for number in [5_000, -10_001, -101, -10_085] {
            let (number, arch) = (number, Arch::X86);
            let error = Error::Untranslatable { number: Number::new(number), arch };
            assert_eq!(adapted(Arch::X86_64, arch, number), Err(error));
        }
        for number in [-100, -200, -205] {
            assert!(adapted(Arch::X86, Arch::X86, number).is_err(), "{number}");
        }
    }

    #[test]
    fn exact_rules_are_not_adapted() {
        let exact = |arch, number| numbers(arch, arch, number, Exactness::Exact);
        let not_on = |number, arch| Err(Error::NotOnArch { number: Number::new(number), arch });
        assert_eq!(exact(Arch::X86_64, -109), not_on(-109, Arch::X86_64));
        assert_eq!(exact(Arch::X86, -10_001), not_on(-10_001, Arch::X86));
        assert_eq!(exact(Arch::X86, 359), Ok(vec![102, 359]));
        let some = [ArgCmp { arg: 1, op: EQ, datum_a: 0, datum_b: 0 }];
        let syscall = Syscall::new(Arch::X86, Number::new(359));
        let refused = syscall.rules(Arch::X86, &some, Exactness::Exact, |_| Ok(()));
        assert_eq!(refused, Err(Error::Multiplexed { arch: Arch::X86 }));
    }

    #[test]
    fn the_multiplexer_gets_the_call_instead_of_the_first_argument() {
        let cmp = |arg, datum_a| ArgCmp { arg, op: EQ, datum_a, datum_b: 0 };
        let given = [cmp(0, 2), cmp(1, 3)];
        let syscall = Syscall::new(Arch::X86_64, Number::new(41));
        let mut data: Vec<Vec<u64>> = Vec::new();
        let stored = syscall.rules(Arch::Ppc64, &given, Exactness::Adapted, |rule| {
            data.push(rule.chain.iter().map(|step| step.test.datum).collect());
            Ok(())
        });
        assert_eq!(stored, Ok::<(), Error>(()));
        assert_eq!(data, [[1, 3], [2, 3]]);
    }

    #[test]
    fn priorities_go_to_the_multiplexer_and_never_to_pseudo_numbers() {
        let on = |arch, number| {
            let own = Syscall::new(Arch::X86_64, Number::new(number)).priority(arch).unwrap();
            own.map(Number::raw)
        };
        assert_eq!(on(Arch::X86, 41), Some(102));
        assert_eq!(on(Arch::X86_64, 41), Some(41));
        assert_eq!(on(Arch::X86_64, -109), None);
        assert_eq!(on(Arch::Aarch64, 2), None);
        assert_eq!(on(Arch::Aarch64, -1), Some(-1));
    }
}
