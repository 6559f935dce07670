//! Drift: a part of a system begins to make another call, and filters that were right become wrong.

use callgate_syscalls::{Arch, Name};

use super::{Confidence, syscalls, text};
use crate::constant::{Constant, arch_bit};
use crate::generated::history as tables;

/// What a caller does when its call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fallback {
    /// The error goes to the program.
    None,
    /// Another way, but on `ENOSYS` only; any other error goes to the program.
    Enosys,
    /// Another way, on any error.
    Any,
    /// The result is not looked at.
    Ignored,
    /// Tried once, and any error is fine; but a filter that kills ends the program.
    Probe,
    /// The process ends.
    Abort,
}

/// When a call is made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Occasion {
    /// Every program of the part, or every one that it starts, makes it.
    Start,
    /// Where others, or older versions, make one of these.
    For(Vec<Name>),
    /// For the call of the same name without its last suffix.
    Twins,
    /// Only in programs that use the function.
    Use,
}

/// A call that a part of a system makes since some version.
///
/// # Examples
/// ```
/// use callgate_facts::{Drift, Fallback};
/// use callgate_syscalls::{Arch, names};
///
/// let clone3 = Drift::of(names::CLONE3).find(|drift| drift.part() == "glibc").expect("glibc");
/// assert_eq!((clone3.since(), clone3.fallback()), ("2.34", Fallback::Enosys));
/// assert!(clone3.is_on(Arch::X86_64) && !clone3.is_on(Arch::Aarch64));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Drift(u16);

impl Drift {
    /// All that is known.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).take(tables::DRIFT.len()).map(Self)
    }

    /// What is known of a syscall.
    pub fn of(syscall: Name) -> impl Iterator<Item = Self> {
        Self::all().filter(move |drift| drift.syscalls().contains(&syscall))
    }

    /// The part that makes the call: `glibc`, `musl`, `Go`, `libuv`.
    #[must_use]
    pub fn part(self) -> &'static str {
        text(self.row().5[0])
    }

    /// Its first version that does; `all` or `any` where it always did.
    #[must_use]
    pub fn since(self) -> &'static str {
        text(self.row().5[1])
    }

    /// Whether it does on an architecture.
    #[must_use]
    pub fn is_on(self, arch: Arch) -> bool {
        self.row().0 & arch_bit(arch) != 0
    }

    /// The syscalls: at least one.
    #[must_use]
    pub fn syscalls(self) -> &'static [Name] {
        let (_, start, end, ..) = self.row();
        syscalls(start, end)
    }

    /// The call, with the argument that matters.
    #[must_use]
    pub fn call(self) -> &'static str {
        text(self.row().5[2])
    }

    /// What in the part makes the call.
    #[must_use]
    pub fn caller(self) -> &'static str {
        text(self.row().5[3])
    }

    /// When it is made.
    #[must_use]
    pub fn occasion(self) -> Occasion {
        match text(self.row().5[8]) {
            "start" => Occasion::Start,
            "twins" => Occasion::Twins,
            "use" => Occasion::Use,
            made_for => Occasion::For(made_for.split(' ').filter_map(Name::parse).collect()),
        }
    }

    /// The arguments of a call of it that are always the same: registers, from 0, with their values.
    #[must_use]
    pub fn arguments(self, arch: Arch, call: Name) -> Vec<(usize, u64)> {
        let words = text(self.row().5[9]).split(' ');
        words.filter_map(|word| argument(arch, call, word)).collect()
    }

    /// The condition that a call of it has these arguments, in callgate's language.
    #[must_use]
    pub fn condition(self, call: Name) -> Option<String> {
        let words = text(self.row().5[9]).split(' ');
        let of_call = |word: &'static str| {
            let (argument, constants) =
                word.strip_prefix(call.as_str())?.strip_prefix('.')?.split_once('=')?;
            Some(format!("{argument} == {constants}"))
        };
        let all: Vec<String> = words.filter_map(of_call).collect();
        (!all.is_empty()).then(|| all.join(" and "))
    }

    /// What the caller does when it is refused.
    #[must_use]
    pub fn fallback(self) -> Fallback {
        self.row().3
    }

    /// What happens when the answer is `ENOSYS`, in words.
    #[must_use]
    pub fn on_enosys(self) -> &'static str {
        text(self.row().5[4])
    }

    /// What happens when the answer is `EPERM`, in words.
    #[must_use]
    pub fn on_eperm(self) -> &'static str {
        text(self.row().5[5])
    }

    /// What an allow list that is older lacks.
    #[must_use]
    pub fn lacking(self) -> &'static str {
        text(self.row().5[6])
    }

    /// How this is known.
    #[must_use]
    pub fn confidence(self) -> Confidence {
        self.row().4
    }

    /// Where this is known from: commits, issues; empty where it is generally known.
    #[must_use]
    pub fn source(self) -> &'static str {
        text(self.row().5[7])
    }

    fn row(self) -> (u32, u16, u16, Fallback, Confidence, [u16; 10]) {
        tables::DRIFT[usize::from(self.0)]
    }
}

/// Register and value of `mmap.prot=PROT_READ|PROT_WRITE`, if it is about this call.
fn argument(arch: Arch, call: Name, word: &str) -> Option<(usize, u64)> {
    let (place, constants) = word.split_once('=')?;
    let name = place.strip_prefix(call.as_str())?.strip_prefix('.')?;
    let register = arch.signature(call)?.arguments().position(|argument| argument.name == name)?;
    let values = constants.split('|').map(|constant| Constant::parse(constant)?.on(arch));
    let value = values.collect::<Option<Vec<i64>>>()?.into_iter().fold(0, |all, one| all | one);
    Some((register, 0_u64.wrapping_add_signed(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_known_where_they_are_said() {
        for drift in Drift::all() {
            let words = text(drift.row().5[9]);
            let said = words.split(' ').filter(|word| !word.is_empty()).count();
            let arches = Arch::ALL.into_iter().filter(|arch| drift.is_on(*arch));
            let found = arches.map(|arch| {
                let calls = drift.syscalls().iter();
                calls.map(|call| drift.arguments(arch, *call).len()).sum::<usize>()
            });
            assert_eq!(found.max().unwrap_or(0), said, "{drift:?} {words}");
        }
        let is_of_42 = |drift: &Drift| (drift.part(), drift.since()) == ("glibc", "2.42");
        let guards = Drift::all().find(is_of_42).expect("it is known");
        let madvise = callgate_syscalls::names::MADVISE;
        assert_eq!(guards.arguments(Arch::X86_64, madvise), [(2, 102)]);
    }
}
