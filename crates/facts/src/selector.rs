//! The arguments that decide what a call does: the only ones that evidence keeps and that a rule
//! made for one call should test.
//!
//! Pointers, sizes, descriptors and addresses never are. Neither are arguments whose values differ
//! from one C library to the next without meaning anything else, such as the advice of madvise(2).

use callgate_syscalls::{Arch, ArgumentWidth, Name, names};

use crate::Constants;

/// How the value of a selector is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reading {
    /// As the kernel reads the number.
    Value,
    /// A pointer, of which only counts whether it is NULL: 0 or 1.
    Given,
}

/// An argument that decides what a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selector {
    /// The kernel's name for it.
    pub name: &'static str,
    /// The register, from 0.
    pub register: usize,
    /// How it is read.
    pub reading: Reading,
    /// The bits that the kernel reads.
    pub width: ArgumentWidth,
}

/// The most selectors that a call has.
pub const SELECTORS_MAX: usize = 3;

/// Calls with their selectors, the one that decides most first.
const SELECTORS: &[(Name, &[&str])] = &[
    (names::SOCKET, &["family", "type", "protocol"]),
    (names::SOCKETPAIR, &["family", "type", "protocol"]),
    (names::SETSOCKOPT, &["level", "optname"]),
    (names::SOCKETCALL, &["call"]),
    (names::IPC, &["call"]),
    (names::IOCTL, &["cmd"]),
    (names::FCNTL, &["cmd"]),
    (names::FCNTL64, &["cmd"]),
    (names::PRCTL, &["option"]),
    (names::CLONE, &["clone_flags"]),
    (names::UNSHARE, &["unshare_flags"]),
    (names::SETNS, &["flags"]),
    (names::MMAP, &["prot"]),
    (names::MMAP2, &["prot"]),
    (names::MPROTECT, &["prot"]),
    (names::PKEY_MPROTECT, &["prot"]),
    (names::PERSONALITY, &["personality"]),
    (names::PTRACE, &["request"]),
    (names::KEYCTL, &["option"]),
    (names::BPF, &["cmd"]),
    (names::PRLIMIT64, &["new_rlim"]),
    (names::SECCOMP, &["op"]),
    (names::SCHED_SETSCHEDULER, &["policy"]),
    (names::QUOTACTL, &["cmd"]),
    (names::SHMCTL, &["cmd"]),
    (names::SEMCTL, &["cmd"]),
    (names::MSGCTL, &["cmd"]),
];

/// The selectors of a call on an architecture; none for most.
///
/// ```
/// use callgate_facts::selectors;
/// use callgate_syscalls::{Arch, names};
///
/// let of_socket: Vec<_> = selectors(Arch::X86_64, names::SOCKET).map(|s| s.name).collect();
/// assert_eq!(of_socket, ["family", "type", "protocol"]);
/// assert_eq!(selectors(Arch::X86_64, names::READ).count(), 0);
/// ```
pub fn selectors(arch: Arch, call: Name) -> impl Iterator<Item = Selector> {
    let row = SELECTORS.iter().find(|(name, _)| *name == call);
    let wanted = row.map_or(&[][..], |(_, arguments)| arguments);
    wanted.iter().filter_map(move |name| selector(arch, call, name))
}

fn selector(arch: Arch, call: Name, name: &str) -> Option<Selector> {
    let mut arguments = arch.signature(call)?.arguments().enumerate();
    let (register, argument) = arguments.find(|(_, argument)| argument.name == name)?;
    let pointer = argument.c_type.contains('*');
    let reading = if pointer { Reading::Given } else { Reading::Value };
    Some(Selector { name: argument.name, register, reading, width: argument.width })
}

impl Selector {
    /// What counts of a register.
    #[must_use]
    pub const fn of(self, register: u64) -> u64 {
        match (self.reading, self.width) {
            (Reading::Given, _) => (register != 0) as u64,
            (Reading::Value, ArgumentWidth::Bits8) => register & 0xff,
            (Reading::Value, ArgumentWidth::Bits16) => register & 0xffff,
            (Reading::Value, ArgumentWidth::Bits32) => register & 0xffff_ffff,
            (Reading::Value, _) => register,
        }
    }

    /// Whether it decides anything for such a value of the call's first selector: the protocol of a
    /// socket does only where it names what the kernel talks about.
    #[must_use]
    pub fn decides(self, first: u64) -> bool {
        const NETLINK: u64 = 16;
        const PACKET: u64 = 17;
        self.name != "protocol" || first == NETLINK || first == PACKET
    }

    /// The constants that it takes. `value` gives the other arguments, which may decide which.
    pub fn constants(
        self,
        arch: Arch,
        call: Name,
        value: impl Fn(&str) -> Option<u64>,
    ) -> Option<Constants> {
        let mut usages = Constants::of(call, self.name);
        let usage = usages.find(|usage| usage.condition.is_none_or(|c| c.holds(arch, &value)));
        usage.map(|usage| usage.constants)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selector_is_an_argument_somewhere() {
        for (call, arguments) in SELECTORS {
            assert!(arguments.len() <= SELECTORS_MAX, "{call:?}");
            for name in *arguments {
                let known = Arch::ALL.iter().any(|arch| selector(*arch, *call, name).is_some());
                assert!(known, "{call:?} has no {name}");
            }
        }
    }

    #[test]
    fn upper_halves_and_addresses_do_not_count() {
        let only = |call| selectors(Arch::X86_64, call).next().expect("it has one");
        let command = only(names::IOCTL);
        assert_eq!(command.of(0xdead_0000_5401), 0x5401);
        let limit = only(names::PRLIMIT64);
        assert_eq!([limit.of(0), limit.of(0x7fff_1234_5678)], [0, 1]);
        assert_eq!(only(names::CLONE).of(1 << 40 | 0x11), 0x11, "flags are read as 32 bits");
    }
}
