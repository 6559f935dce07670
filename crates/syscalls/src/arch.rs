//! Architectures as seccomp sees them: the audit token in `seccomp_data.arch`, byte order, word
//! size.
//!
//! References: `include/uapi/linux/audit.h` (`AUDIT_ARCH_*`), seccomp(2).

use core::fmt;
use core::str::FromStr;

/// A syscall ABI: one column of syscall numbers, one byte order, one word size.
///
/// Names are those of OCI profiles and libseccomp without `SCMP_ARCH_`, in lower case.
/// [`Arch::X32`] shares its audit token with [`Arch::X86_64`]; the two are told apart by the number
/// ([`Arch::of_call`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Arch {
    /// 32-bit x86 (i386).
    X86,
    /// 64-bit x86 (amd64).
    X86_64,
    /// 64-bit x86 with 32-bit pointers; numbers carry [`X32_BIT`](crate::X32_BIT).
    X32,
    /// 32-bit Arm, EABI, little endian.
    Arm,
    /// 64-bit Arm (arm64).
    Aarch64,
    /// 64-bit LoongArch.
    Loongarch64,
    /// Motorola 68000 family.
    M68k,
    /// 32-bit MIPS (o32), big endian.
    Mips,
    /// 32-bit MIPS (o32), little endian.
    Mipsel,
    /// 64-bit MIPS (n64), big endian.
    Mips64,
    /// 64-bit MIPS (n64), little endian.
    Mipsel64,
    /// 64-bit MIPS with 32-bit pointers (n32), big endian.
    Mips64n32,
    /// 64-bit MIPS with 32-bit pointers (n32), little endian.
    Mipsel64n32,
    /// 32-bit PA-RISC.
    Parisc,
    /// 64-bit PA-RISC.
    Parisc64,
    /// 32-bit PowerPC.
    Ppc,
    /// 64-bit PowerPC, big endian.
    Ppc64,
    /// 64-bit PowerPC, little endian.
    Ppc64le,
    /// 64-bit RISC-V.
    Riscv64,
    /// 31-bit IBM Z.
    S390,
    /// 64-bit IBM Z.
    S390x,
    /// SuperH, little endian.
    Sh,
    /// SuperH, big endian.
    Sheb,
}

/// The order in which an ABI stores a word's bytes, and so the halves of a 64-bit argument in
/// `seccomp_data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endian {
    /// The low half of a 64-bit argument comes first.
    Little,
    /// The high half of a 64-bit argument comes first.
    Big,
}

impl Endian {
    /// The byte order of the machine this code was compiled for.
    #[must_use]
    pub const fn native() -> Self {
        if cfg!(target_endian = "big") { Self::Big } else { Self::Little }
    }
}

/// An audit architecture token (`AUDIT_ARCH_*`): the value a filter reads at offset 4 of
/// `seccomp_data`.
///
/// Any 32-bit value can be held: a filter must decide on tokens that nobody has assigned yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArchToken(u32);

impl ArchToken {
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
}

impl fmt::Display for ArchToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl Arch {
    /// Every architecture, in the order of the enumeration.
    pub const ALL: [Self; 23] = [
        Self::X86,
        Self::X86_64,
        Self::X32,
        Self::Arm,
        Self::Aarch64,
        Self::Loongarch64,
        Self::M68k,
        Self::Mips,
        Self::Mipsel,
        Self::Mips64,
        Self::Mipsel64,
        Self::Mips64n32,
        Self::Mipsel64n32,
        Self::Parisc,
        Self::Parisc64,
        Self::Ppc,
        Self::Ppc64,
        Self::Ppc64le,
        Self::Riscv64,
        Self::S390,
        Self::S390x,
        Self::Sh,
        Self::Sheb,
    ];

    /// The token the kernel reports for this ABI.
    #[must_use]
    pub const fn token(self) -> ArchToken {
        ArchToken(match self {
            Self::X86 => 0x4000_0003,
            Self::X86_64 | Self::X32 => 0xc000_003e,
            Self::Arm => 0x4000_0028,
            Self::Aarch64 => 0xc000_00b7,
            Self::Loongarch64 => 0xc000_0102,
            Self::M68k => 0x0000_0004,
            Self::Mips => 0x0000_0008,
            Self::Mipsel => 0x4000_0008,
            Self::Mips64 => 0x8000_0008,
            Self::Mipsel64 => 0xc000_0008,
            Self::Mips64n32 => 0xa000_0008,
            Self::Mipsel64n32 => 0xe000_0008,
            Self::Parisc => 0x0000_000f,
            Self::Parisc64 => 0x8000_000f,
            Self::Ppc => 0x0000_0014,
            Self::Ppc64 => 0x8000_0015,
            Self::Ppc64le => 0xc000_0015,
            Self::Riscv64 => 0xc000_00f3,
            Self::S390 => 0x0000_0016,
            Self::S390x => 0x8000_0016,
            Self::Sh => 0x4000_002a,
            Self::Sheb => 0x0000_002a,
        })
    }

    /// The name, as in OCI profiles without `SCMP_ARCH_`, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86",
            Self::X86_64 => "x86_64",
            Self::X32 => "x32",
            Self::Arm => "arm",
            Self::Aarch64 => "aarch64",
            Self::Loongarch64 => "loongarch64",
            Self::M68k => "m68k",
            Self::Mips => "mips",
            Self::Mipsel => "mipsel",
            Self::Mips64 => "mips64",
            Self::Mipsel64 => "mipsel64",
            Self::Mips64n32 => "mips64n32",
            Self::Mipsel64n32 => "mipsel64n32",
            Self::Parisc => "parisc",
            Self::Parisc64 => "parisc64",
            Self::Ppc => "ppc",
            Self::Ppc64 => "ppc64",
            Self::Ppc64le => "ppc64le",
            Self::Riscv64 => "riscv64",
            Self::S390 => "s390",
            Self::S390x => "s390x",
            Self::Sh => "sh",
            Self::Sheb => "sheb",
        }
    }

    /// The architecture of that name ([`Arch::name`]), exactly.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arch| arch.name() == name)
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
        Self::ALL.into_iter().find(|arch| arch.token() == token)
    }

    /// The ABI this code was compiled for, where seccomp filters exist for it.
    #[must_use]
    pub const fn native() -> Option<Self> {
        let big = cfg!(target_endian = "big");
        if cfg!(target_arch = "x86") {
            Some(Self::X86)
        } else if cfg!(target_arch = "x86_64") {
            Some(if cfg!(target_pointer_width = "32") { Self::X32 } else { Self::X86_64 })
        } else if cfg!(all(target_arch = "arm", target_endian = "little")) {
            Some(Self::Arm)
        } else if cfg!(target_arch = "aarch64") {
            Some(Self::Aarch64)
        } else if cfg!(target_arch = "loongarch64") {
            Some(Self::Loongarch64)
        } else if cfg!(target_arch = "m68k") {
            Some(Self::M68k)
        } else if cfg!(target_arch = "mips") {
            Some(if big { Self::Mips } else { Self::Mipsel })
        } else if cfg!(target_arch = "mips64") {
            Some(if big { Self::Mips64 } else { Self::Mipsel64 })
        } else if cfg!(target_arch = "powerpc") {
            Some(Self::Ppc)
        } else if cfg!(target_arch = "powerpc64") {
            Some(if big { Self::Ppc64 } else { Self::Ppc64le })
        } else if cfg!(target_arch = "riscv64") {
            Some(Self::Riscv64)
        } else if cfg!(target_arch = "s390x") {
            Some(Self::S390x)
        } else {
            None
        }
    }

    /// The byte order of this ABI.
    #[must_use]
    pub const fn endian(self) -> Endian {
        match self {
            Self::M68k
            | Self::Mips
            | Self::Mips64
            | Self::Mips64n32
            | Self::Parisc
            | Self::Parisc64
            | Self::Ppc
            | Self::Ppc64
            | Self::S390
            | Self::S390x
            | Self::Sheb => Endian::Big,
            _ => Endian::Little,
        }
    }

    /// The number of bits in this ABI's `long`: 32 or 64.
    #[must_use]
    pub const fn word_bits(self) -> u8 {
        match self {
            Self::X86_64
            | Self::Aarch64
            | Self::Loongarch64
            | Self::Mips64
            | Self::Mipsel64
            | Self::Parisc64
            | Self::Ppc64
            | Self::Ppc64le
            | Self::Riscv64
            | Self::S390x => 64,
            _ => 32,
        }
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
    use crate::SyscallNr;

    #[test]
    fn names_and_tokens_are_unique_but_for_x32() {
        for (i, a) in Arch::ALL.into_iter().enumerate() {
            assert_eq!(Arch::from_name(a.name()), Some(a));
            for b in Arch::ALL.into_iter().skip(i + 1) {
                assert_ne!(a.name(), b.name());
                assert_eq!(a.token() == b.token(), (a, b) == (Arch::X86_64, Arch::X32));
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
