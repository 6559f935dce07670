//! From syscall names to numbers and back, for any architecture.
//!
//! References: seccomp_syscall_resolve_name(3).

use callgate_syscalls::{Arch, Name, SyscallNr, X32_BIT};

use crate::mux::{self, Multiplexer};
use crate::{Number, pseudo};

/// The number of a syscall on an architecture, a pseudo number where it has none or multiplexes the
/// call.
///
/// `None` for names that no architecture has.
#[must_use]
pub fn resolve_name(arch: Arch, name: &str) -> Option<Number> {
    number_of(arch, Name::parse(name)?)
}

/// As [`resolve_name`], but with the number of the multiplexer for a multiplexed call.
#[must_use]
pub fn resolve_name_rewrite(arch: Arch, name: &str) -> Option<Number> {
    let number = resolve_name(arch, name)?;
    let mux = Multiplexer::of_pseudo(number).filter(|_| arch.multiplexes());
    Some(mux.and_then(|mux| mux.number(arch)).unwrap_or(number))
}

/// The name of a number or pseudo number on an architecture.
///
/// Numbers without MIPS's base or x32's bit are accepted as well. A pseudo number has a name only
/// where the architecture lacks the syscall or multiplexes it.
#[must_use]
pub fn resolve_number(arch: Arch, number: Number) -> Option<&'static str> {
    name_of(arch, number).map(Name::as_str)
}

/// The pseudo number of a syscall (`__PNR_*`), whether or not an architecture needs it.
#[must_use]
pub fn pseudo_number(name: &str) -> Option<Number> {
    pseudo_of(Name::parse(name)?)
}

fn pseudo_of(name: Name) -> Option<Number> {
    mux::pseudo(name).or_else(|| pseudo::number(name).map(Number::new))
}

/// As [`resolve_name`], of a known name.
pub(crate) fn number_of(arch: Arch, name: Name) -> Option<Number> {
    let multiplexed = if arch.multiplexes() { mux::pseudo(name) } else { None };
    let direct = || arch.syscall(name).map(|syscall| syscall.nr.into());
    multiplexed.or_else(direct).or_else(|| pseudo_of(name))
}

/// As [`resolve_number`].
pub(crate) fn name_of(arch: Arch, number: Number) -> Option<Name> {
    if number.raw() >= 0 {
        return arch.syscall_at(with_base(arch, number)).map(|syscall| syscall.name);
    }
    let multiplexed = mux::name(number);
    if arch.multiplexes() && multiplexed.is_some() {
        return multiplexed;
    }
    let lacked = |name: &Name| arch.syscall(*name).is_none();
    multiplexed.into_iter().chain(pseudo::names(number.raw())).find(lacked)
}

/// A number as filters see it, from one that may lack the base of its architecture.
fn with_base(arch: Arch, number: Number) -> SyscallNr {
    let base = number_base(arch);
    let raw = number.unsigned().raw();
    SyscallNr::new(if raw < base { raw + base } else { raw })
}

/// Where the numbers of an architecture begin.
#[must_use]
pub const fn number_base(arch: Arch) -> u32 {
    match arch {
        Arch::Mips | Arch::Mipsel => 4000,
        Arch::Mips64 | Arch::Mipsel64 => 5000,
        Arch::Mips64n32 | Arch::Mipsel64n32 => 6000,
        Arch::X32 => X32_BIT,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(arch: Arch, name: &str) -> Option<i32> {
        resolve_name(arch, name).map(Number::raw)
    }

    #[test]
    fn names_resolve_to_numbers_with_their_base_or_to_pseudo_numbers() {
        for (arch, name, expected) in [
            (Arch::X86_64, "read", Some(0)),
            (Arch::X32, "read", Some(0x4000_0000)),
            (Arch::Mips, "read", Some(4003)),
            (Arch::Mips64, "read", Some(5000)),
            (Arch::Mipsel64n32, "read", Some(6000)),
            (Arch::X86, "socket", Some(-101)),
            (Arch::X86_64, "send", Some(-109)),
            (Arch::Aarch64, "open", Some(-10_166)),
            (Arch::X86_64, "subpage_prot", Some(-10_207)),
            (Arch::X86_64, "spu_run", Some(-10_189)),
            (Arch::X86_64, "oldwait4", None),
            (Arch::X86_64, "no_such_call", None),
        ] {
            assert_eq!(number(arch, name), expected, "{name} on {arch}");
        }
    }

    #[test]
    fn numbers_resolve_to_names_with_and_without_base() {
        for (arch, number, expected) in [
            (Arch::Mips, 3, Some("read")),
            (Arch::Mips, 4003, Some("read")),
            (Arch::X32, 0, Some("read")),
            (Arch::X32, 0x4000_0000, Some("read")),
            (Arch::X86, 359, Some("socket")),
            (Arch::X86, -101, Some("socket")),
            (Arch::X86_64, -101, None),
            (Arch::X86_64, -109, Some("send")),
            (Arch::X86_64, -10_191, Some("sys_debug_setcontext")),
            (Arch::X86_64, -10_001, None),
            (Arch::X86_64, -1, None),
            (Arch::X86_64, 99_999, None),
            (Arch::X86, -100, None),
        ] {
            assert_eq!(resolve_number(arch, Number::new(number)), expected, "{number} on {arch}");
        }
    }

    #[test]
    fn rewriting_touches_multiplexed_calls_only() {
        let rewritten = |arch, name| resolve_name_rewrite(arch, name).map(Number::raw);
        assert_eq!(rewritten(Arch::X86, "socket"), Some(102));
        assert_eq!(rewritten(Arch::Mips, "shmctl"), Some(4117));
        assert_eq!(rewritten(Arch::X86_64, "send"), Some(-109));
        assert_eq!(rewritten(Arch::X86_64, "socket"), Some(41));
        assert_eq!(rewritten(Arch::X86, "arch_prctl"), number(Arch::X86, "arch_prctl"));
        assert_eq!(rewritten(Arch::X86, "no_such_call"), None);
    }

    #[test]
    fn every_name_has_a_number_everywhere_and_its_own_number_leads_back_to_it() {
        for arch in Arch::ALL {
            for name in Name::all() {
                let number = number_of(arch, name).unwrap();
                let back = name_of(arch, number).unwrap();
                // Two names share a pseudo number.
                assert!(back == name || number.raw() == -10_191, "{name} on {arch}");
            }
        }
    }
}
