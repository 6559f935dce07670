//! Architectures by name, and by the token and number of a call. What is known of each stands in
//! `data/arches.tsv`.
//!
//! References: `include/uapi/linux/audit.h` (`AUDIT_ARCH_*`), seccomp(2).

use core::fmt;
use core::str::FromStr;

use crate::{Arch, ArchToken};

impl Arch {
    /// The architecture of that name ([`Arch::name`]), exactly.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arch| arch.name() == name)
    }

    /// The architecture that somebody calls by this word: [`Arch::name`] or one of
    /// [`Arch::other_names`], exactly.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let called = |arch: &Self| arch.name() == word || arch.other_names().contains(&word);
        Self::ALL.into_iter().find(called)
    }

    /// The ABI that a call with this token and number belongs to; `None` for an unknown token.
    ///
    /// x86_64's token stands for two ABIs. Numbers from 0x4000_0000 up are x32's, except -1, which
    /// a tracer uses to skip a call and which is filtered as a plain x86_64 number. libseccomp
    /// draws the same line.
    #[must_use]
    pub fn of_call(token: ArchToken, nr: crate::SyscallNr) -> Option<Self> {
        if token == Self::X86_64.token() {
            return Some(if nr.is_x32() { Self::X32 } else { Self::X86_64 });
        }
        Self::ALL.iter().copied().find(|arch| arch.token() == token)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text is not the name of an architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownArch;

impl fmt::Display for UnknownArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown architecture; known are")?;
        for (index, arch) in Arch::ALL.into_iter().enumerate() {
            write!(f, "{} {arch}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownArch {}

impl FromStr for Arch {
    type Err = UnknownArch;

    /// Parses [`Arch::name`].
    ///
    /// # Errors
    /// [`UnknownArch`], whose text lists the names.
    fn from_str(text: &str) -> Result<Self, UnknownArch> {
        Self::from_name(text).ok_or(UnknownArch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Endian, SyscallNr};

    #[test]
    fn machines_part_the_architectures() {
        for arch in Arch::ALL {
            assert!(arch.of_machine().contains(&arch), "{arch}");
            assert!(arch.of_machine().iter().all(|mate| mate.of_machine() == arch.of_machine()));
            assert!(arch.of_machine().iter().all(|mate| mate.endian() == arch.endian()), "{arch}");
        }
    }

    #[test]
    fn names_and_tokens_are_unique_but_for_x32() {
        for (i, a) in Arch::ALL.into_iter().enumerate() {
            assert_eq!(Arch::from_name(a.name()), Some(a));
            for b in Arch::ALL.into_iter().skip(i + 1) {
                assert_ne!(a.name(), b.name());
                assert_eq!(a.token() == b.token(), (a, b) == (Arch::X86_64, Arch::X32));
                assert!(a.other_names().iter().all(|word| Arch::from_word(word) == Some(a)));
            }
        }
    }

    #[test]
    fn token_bits_agree_with_byte_order_and_word_size() {
        const LITTLE: u32 = 0x4000_0000;
        const SIXTY_FOUR: u32 = 0x8000_0000;
        const N32: u32 = 0x2000_0000;
        for arch in Arch::ALL {
            let token = arch.token().raw();
            assert_eq!(token & LITTLE != 0, arch.endian() == Endian::Little, "{arch}");
            let long64 = token & SIXTY_FOUR != 0 && token & N32 == 0 && arch != Arch::X32;
            assert_eq!(long64, arch.word_bits() == 64, "{arch}");
        }
    }

    #[test]
    fn x32_begins_at_its_bit_and_excludes_minus_one() {
        let token = Arch::X86_64.token();
        for (nr, arch) in [
            (0, Arch::X86_64),
            (0x3fff_ffff, Arch::X86_64),
            (0x4000_0000, Arch::X32),
            (0x4000_0001, Arch::X32),
            (0x8000_0000, Arch::X32),
            (0xffff_fffe, Arch::X32),
            (0xffff_ffff, Arch::X86_64),
        ] {
            assert_eq!(Arch::of_call(token, SyscallNr::new(nr)), Some(arch), "{nr:#x}");
        }
        assert_eq!(Arch::of_call(ArchToken::new(0), SyscallNr::new(0)), None);
    }
}
