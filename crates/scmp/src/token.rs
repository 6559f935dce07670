//! Architecture tokens as libseccomp's callers write them (`SCMP_ARCH_*`).

use std::fmt;

use callgate_syscalls::Arch;

use crate::Error;

/// An architecture token of libseccomp's interface. It is the kernel's audit token, except for x32,
/// which has its own here, and 0, which stands for the native architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(u32);

impl Token {
    /// The native architecture, whichever that is (`SCMP_ARCH_NATIVE`).
    pub const NATIVE: Self = Self(0);

    const X32: Self = Self(0x4000_003e);

    /// Wraps a raw token.
    #[must_use]
    pub const fn new(raw: u32) -> Self {
        Self(raw)
    }

    /// The raw token.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// The token of an architecture.
    #[must_use]
    pub const fn of(arch: Arch) -> Self {
        match arch {
            Arch::X32 => Self::X32,
            other => Self(other.token().raw()),
        }
    }

    /// The token of the architecture with that name, in lower case; 23 names are known and no
    /// aliases.
    #[must_use]
    pub fn resolve_name(name: &str) -> Option<Self> {
        Arch::from_name(name).map(Self::of)
    }

    /// The architecture that a token stands for, `native` for [`Token::NATIVE`].
    ///
    /// # Errors
    /// [`Error::UnknownToken`].
    pub fn arch(self, native: Arch) -> Result<Arch, Error> {
        if self == Self::NATIVE {
            return Ok(native);
        }
        let known = Arch::ALL.into_iter().find(|&arch| Self::of(arch) == self);
        known.ok_or(Error::UnknownToken { token: self })
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_architecture_has_its_own_token_and_name() {
        for arch in Arch::ALL {
            assert_eq!(Token::of(arch).arch(Arch::Aarch64), Ok(arch));
            assert_eq!(Token::resolve_name(arch.name()), Some(Token::of(arch)));
        }
        assert_eq!(Token::NATIVE.arch(Arch::S390x), Ok(Arch::S390x));
        assert_eq!(Token::of(Arch::X32).raw(), 0x4000_003e);
    }

    #[test]
    fn there_are_no_aliases_and_no_near_misses() {
        for name in ["", "native", "i386", "amd64", "arm64", "hppa", "X86_64", "x86_64 "] {
            assert_eq!(Token::resolve_name(name), None, "{name}");
        }
        let token = Token::new(0xc000_003f);
        assert_eq!(token.arch(Arch::X86), Err(Error::UnknownToken { token }));
    }
}
