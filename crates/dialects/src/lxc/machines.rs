//! The machines that liblxc knows.
//!
//! References: lxc `src/lxc/seccomp.c`, 4.0.6 to 7.0, which are alike in this.

use callgate_syscalls::Arch;

/// Sections with the machines on which their rules count. They count for every architecture of such
/// a machine then, not only for the one that is named.
const SECTIONS: [(&str, &[Arch]); 16] = [
    ("x86", &[Arch::X86, Arch::X86_64]),
    ("x32", &[Arch::X86_64]),
    ("x86_64", &[Arch::X86_64]),
    ("arm", &[Arch::Arm, Arch::Aarch64]),
    ("arm64", &[Arch::Aarch64]),
    ("ppc64le", &[Arch::Ppc64le]),
    ("ppc64", &[Arch::Ppc64]),
    ("ppc", &[Arch::Ppc, Arch::Ppc64]),
    ("mips64", &[Arch::Mips64]),
    ("mips64n32", &[Arch::Mips64]),
    ("mips", &[Arch::Mips, Arch::Mips64]),
    ("mipsel64", &[Arch::Mipsel64]),
    ("mipsel64n32", &[Arch::Mipsel64]),
    ("mipsel", &[Arch::Mipsel, Arch::Mipsel64]),
    ("s390x", &[Arch::S390x]),
    ("s390", &[Arch::S390]),
];

/// The machine that only later versions know.
const LOONGARCH64: (&str, &[Arch]) = ("loongarch64", &[Arch::Loongarch64]);

/// The machines on which the rules of a section count; empty for all, none for a section that liblxc
/// refuses.
pub(super) fn of_section(word: &str) -> Option<Vec<Arch>> {
    let is_word = |name: &str| word == name || word == name.to_uppercase();
    if is_word("all") {
        return Some(Vec::new());
    }
    let mut sections = SECTIONS.iter().chain([&LOONGARCH64]);
    sections.find(|(name, _)| is_word(name)).map(|(_, machines)| machines.to_vec())
}

/// The machines on which rules count that stand in no section.
pub(super) fn known() -> Vec<Arch> {
    let named = |arch: &Arch| {
        SECTIONS.iter().chain([&LOONGARCH64]).any(|(_, machines)| machines.contains(arch))
    };
    Arch::ALL.into_iter().filter(named).collect()
}

/// The architectures for which filters are made on a machine.
pub(crate) fn arches(native: Arch) -> Vec<Arch> {
    match native {
        Arch::X86_64 => vec![Arch::X86, Arch::X32, Arch::X86_64],
        Arch::Aarch64 => vec![Arch::Arm, Arch::Aarch64],
        Arch::Ppc64 => vec![Arch::Ppc, Arch::Ppc64],
        Arch::Mips64 => vec![Arch::Mips, Arch::Mips64n32, Arch::Mips64],
        Arch::Mipsel64 => vec![Arch::Mipsel, Arch::Mipsel64n32, Arch::Mipsel64],
        own => vec![own],
    }
}
