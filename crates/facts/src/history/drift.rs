//! Drift: a part of a system begins to make another call, and filters that were right become wrong.

use callgate_syscalls::{Arch, Name};

use super::{Confidence, syscalls, text};
use crate::constant::arch_bit;
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

    fn row(self) -> (u32, u16, u16, Fallback, Confidence, [u16; 8]) {
        tables::DRIFT[usize::from(self.0)]
    }
}
