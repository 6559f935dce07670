//! Errno values in profiles: numbers, and in Podman's files also names.

use callgate_syscalls::{Arch, Errno};

/// An errno value, or a tracer's message, as a profile gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrnoSpec {
    Number(u16),
    /// A name, and its value on most architectures.
    Named(&'static str, u16),
}

impl ErrnoSpec {
    pub(crate) const EPERM: Self = Self::Number(1);
    pub(crate) const ENOSYS: Self = Self::Named("ENOSYS", 38);

    /// The value of a name, or of digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let usual = |text| {
            let errno = Errno::from_name(text, Arch::X86_64)?;
            Some(Self::Named(errno.name(Arch::X86_64)?, errno.raw()))
        };
        usual(text).or_else(|| text.parse().ok().map(Self::Number))
    }

    /// The value on an architecture: MIPS, PA-RISC and others number names in their own way.
    pub(crate) fn on(self, arch: Arch) -> u16 {
        match self {
            Self::Number(number) => number,
            Self::Named(name, usual) => Errno::from_name(name, arch).map_or(usual, Errno::raw),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_digits_and_architectures() {
        let on = |text, arch| ErrnoSpec::parse(text).map(|errno| errno.on(arch));
        assert_eq!(on("EPERM", Arch::X86_64), Some(1));
        assert_eq!(on("ERANGE", Arch::Mips), Some(34));
        assert_eq!(on("ENOSYS", Arch::X86_64), Some(38));
        assert_eq!(on("ENOSYS", Arch::Mipsel64), Some(89));
        assert_eq!(on("ENOSYS", Arch::Parisc), Some(251));
        assert_eq!(on("EWOULDBLOCK", Arch::X86_64), Some(11));
        assert_eq!(on("38", Arch::Mips), Some(38));
        assert_eq!(on("EPREM", Arch::X86_64), None);
    }

    #[test]
    fn the_constants_are_what_their_names_say() {
        assert_eq!(ErrnoSpec::parse("ENOSYS"), Some(ErrnoSpec::ENOSYS));
        assert_eq!(ErrnoSpec::EPERM.on(Arch::X86_64), 1);
    }
}
