//! Words that several forms share: numbers, architectures, calls, values of arguments.

use callgate_facts::{Constant, Constants};
use callgate_syscalls::{Arch, ArchToken, Name, SyscallNr};

/// A number in decimal, in hexadecimal with `0x`, or in octal with a leading 0; negative in two's
/// complement.
pub(crate) fn number(word: &str) -> Option<u64> {
    let (negative, digits) = word.strip_prefix('-').map_or((false, word), |rest| (true, rest));
    // A second sign is none.
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let value = match (digits.strip_prefix("0x"), digits.strip_prefix('0')) {
        (Some(hexadecimal), _) => u64::from_str_radix(hexadecimal, 16).ok()?,
        (None, Some(octal)) if !octal.is_empty() => u64::from_str_radix(octal, 8).ok()?,
        _ => digits.parse().ok()?,
    };
    Some(if negative { value.wrapping_neg() } else { value })
}

/// A number of 32 bits, which may be negative.
pub(crate) fn number32(word: &str) -> Option<u32> {
    match word.strip_prefix('-') {
        Some(_) => word.parse::<i32>().ok().map(|n| u32::from_ne_bytes(n.to_ne_bytes())),
        None => u32::try_from(number(word)?).ok(),
    }
}

/// An architecture: `AUDIT_ARCH_X86_64`, `x86_64`, `i386`, or a number.
pub(crate) fn token(word: &str) -> Option<ArchToken> {
    if let Some(number) = number32(word) {
        return Some(ArchToken::new(number));
    }
    let of_kernel = Arch::ALL.into_iter().find(|arch| arch.audit_name() == Some(word));
    let arch = of_kernel.or_else(|| match &*word.to_ascii_lowercase() {
        // What libaudit calls Arm, of either byte order.
        "armeb" => Some(Arch::Arm),
        name => Arch::from_word(name),
    });
    arch.map(Arch::token)
}

/// The architecture of a token for calls whose number is not known yet.
pub(crate) fn arch_of(token: ArchToken) -> Option<Arch> {
    Arch::of_call(token, SyscallNr::new(0))
}

/// The number of a call: a number, `mkdir`, `__NR_mkdir` or `SYS_mkdir`.
pub(crate) fn call(word: &str, token: ArchToken) -> Option<SyscallNr> {
    if let Some(number) = number32(word) {
        return Some(SyscallNr::new(number));
    }
    let name = word.strip_prefix("__NR_").or_else(|| word.strip_prefix("SYS_")).unwrap_or(word);
    let (arch, name) = (arch_of(token)?, Name::parse(alias(name))?);
    Some(arch.syscall(name)?.nr)
}

/// The kernel's name of a call that strace and audit name otherwise.
pub(crate) fn alias(name: &str) -> &str {
    match name {
        "pread" => "pread64",
        "pwrite" => "pwrite64",
        other => other,
    }
}

/// The value of an argument: a number, or names of constants joined by `|`.
pub(crate) fn value(text: &str, set: Option<Constants>, arch: Arch) -> Option<u64> {
    if let Some(parts) = text.trim().strip_prefix("_IOC(") {
        return ioctl(parts.strip_suffix(')')?, arch);
    }
    text.split('|').try_fold(0, |union, part| Some(union | one(part.trim(), set, arch)?))
}

/// A request of ioctl(2) that strace has no name for: direction, type, number and size
/// (`include/uapi/asm-generic/ioctl.h`, and `asm/ioctl.h` of those that differ).
fn ioctl(parts: &str, arch: Arch) -> Option<u64> {
    let mut parts = parts.split(',').map(str::trim);
    let mut next = || parts.next();
    let (directions, kind, nr, size) = (next()?, number(next()?)?, number(next()?)?, next()?);
    let (none, read, write, size_bits) = match arch.name() {
        name if name.starts_with("mips") || name.starts_with("ppc") => (1, 2, 4, 13),
        name if name.starts_with("parisc") => (0, 1, 2, 14),
        _ => (0, 2, 1, 14),
    };
    let direction = directions.split('|').try_fold(0, |all, word| {
        Some(
            all | match word.trim() {
                "_IOC_NONE" => none,
                "_IOC_READ" => read,
                "_IOC_WRITE" => write,
                other => number(other)?,
            },
        )
    })?;
    let size = number(size)?;
    let fits = kind < 1 << 8 && nr < 1 << 8 && size < 1 << size_bits && direction < 8;
    fits.then_some(direction << (16 + size_bits) | size << 16 | kind << 8 | nr)
}

fn one(word: &str, set: Option<Constants>, arch: Arch) -> Option<u64> {
    if matches!(word, "NULL" | "IPC_PRIVATE") {
        return Some(0);
    }
    // strace writes the flag as a part of the operation's name.
    let private = word.strip_suffix("_PRIVATE").filter(|word| word.starts_with("FUTEX_"));
    if let Some(operation) = private {
        return Some(one(operation, set, arch)? | one("FUTEX_PRIVATE_FLAG", set, arch)?);
    }
    if let Some(number) = number(word) {
        return Some(number);
    }
    // What the set does not have may be an old name of what it has.
    let known = set.and_then(|set| set.value(word, arch).ok());
    known.or_else(|| Some(0_u64.wrapping_add_signed(Constant::parse(word)?.on(arch)?)))
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::names;

    use super::*;

    #[test]
    fn numbers_are_as_programs_print_them() {
        for (word, expected) in [
            ("0", Some(0)),
            ("0777", Some(0o777)),
            ("0x1f", Some(0x1f)),
            ("-1", Some(u64::MAX)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("--1", None),
            ("-+1", None),
            ("+1", None),
            ("0x", None),
            ("09", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(number(word), expected, "{word:?}");
        }
        assert_eq!(number32("-1"), Some(u32::MAX));
        assert_eq!(number32("4294967296"), None);
    }

    #[test]
    fn operations_carry_their_flag() {
        let operations = Constants::of(names::FUTEX, "op").next().map(|usage| usage.constants);
        for (text, expected) in [
            ("FUTEX_WAIT_PRIVATE", Some(128)),
            ("FUTEX_WAKE_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME", Some(10 | 128 | 256)),
            ("FUTEX_NOTHING_PRIVATE", None),
        ] {
            assert_eq!(value(text, operations, Arch::X86_64), expected, "{text}");
        }
        assert_eq!(value("IPC_PRIVATE", None, Arch::X86_64), Some(0));
    }

    #[test]
    fn requests_without_a_name_have_their_value() {
        let value = |text, arch| value(text, None, arch);
        for (text, arch, expected) in [
            ("_IOC(_IOC_READ, 0x54, 0x99, 0x4)", Arch::X86_64, Some(0x8004_5499)),
            ("_IOC(_IOC_READ|_IOC_WRITE, 0x54, 0x1, 0)", Arch::X86_64, Some(0xc000_5401)),
            ("_IOC(_IOC_NONE, 0x54, 0x14, 0)", Arch::X86_64, Some(0x5414)),
            ("_IOC(_IOC_NONE, 0x54, 0x14, 0)", Arch::Ppc64le, Some(0x2000_5414)),
            ("_IOC(_IOC_WRITE, 0x54, 0x14, 0x8)", Arch::Mips64, Some(0x8008_5414)),
            ("_IOC(_IOC_READ, 0x154, 0x99, 0x4)", Arch::X86_64, None),
            ("_IOC(_IOC_READ, 0x54, 0x99)", Arch::X86_64, None),
            ("_IOC(_IOC_READ, 0x54, 0x99, 0x4", Arch::X86_64, None),
        ] {
            assert_eq!(value(text, arch), expected, "{text} on {arch:?}");
        }
    }

    #[test]
    fn architectures_and_calls_have_several_names() {
        let x86_64 = Arch::X86_64.token();
        for word in ["AUDIT_ARCH_X86_64", "x86_64", "0xc000003e", "3221225534"] {
            assert_eq!(token(word), Some(x86_64), "{word}");
        }
        assert_eq!(token("AUDIT_ARCH_I386"), Some(Arch::X86.token()));
        assert_eq!(token("AUDIT_ARCH_SHEL"), Some(Arch::Sh.token()));
        assert_eq!(token("AUDIT_ARCH_SH"), Some(Arch::Sheb.token()));
        assert_eq!(token("ppc64el"), Some(Arch::Ppc64le.token()));
        assert_eq!(token("armeb"), Some(Arch::Arm.token()));
        assert_eq!(token("pdp11"), None);
        for word in ["mkdir", "__NR_mkdir", "83", "SYS_mkdir"] {
            assert_eq!(call(word, x86_64), Some(SyscallNr::new(83)), "{word}");
        }
    }
}
