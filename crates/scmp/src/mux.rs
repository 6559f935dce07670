//! Syscalls that some architectures make through `socketcall` and `ipc`, with the call as first argument.
//!
//! References: `include/uapi/linux/net.h` (`SYS_*`), `include/uapi/linux/ipc.h`, seccomp_rule_add(3).

use callgate_syscalls::{Arch, Name, names};

use crate::Number;

/// A syscall that stands for several others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Multiplexer {
    Socketcall,
    Ipc,
}

/// Whether an architecture has `socketcall` and `ipc` beside, or instead of, the calls themselves.
pub(crate) const fn multiplexes(arch: Arch) -> bool {
    matches!(
        arch,
        Arch::X86
            | Arch::M68k
            | Arch::Mips
            | Arch::Mipsel
            | Arch::Ppc
            | Arch::Ppc64
            | Arch::Ppc64le
            | Arch::S390
            | Arch::S390x
            | Arch::Sh
            | Arch::Sheb
    )
}

impl Multiplexer {
    /// The multiplexer whose range of pseudo numbers this is in. The ranges have gaps.
    pub(crate) const fn of_pseudo(number: Number) -> Option<Self> {
        match number.raw() {
            -120..=-100 => Some(Self::Socketcall),
            -224..=-200 => Some(Self::Ipc),
            _ => None,
        }
    }

    /// Its number on an architecture.
    pub(crate) fn number(self, arch: Arch) -> Option<Number> {
        let name = match self {
            Self::Socketcall => names::SOCKETCALL,
            Self::Ipc => names::IPC,
        };
        arch.syscall(name).map(|syscall| syscall.nr.into())
    }

    /// Its first argument for the call with that pseudo number.
    pub(crate) const fn call(self, pseudo: Number) -> u32 {
        match self {
            Self::Socketcall => (-100 - pseudo.raw()).unsigned_abs(),
            Self::Ipc => (-200 - pseudo.raw()).unsigned_abs(),
        }
    }
}

/// The pseudo number of a multiplexed call.
pub(crate) fn pseudo(name: Name) -> Option<Number> {
    let found = CALLS.iter().find(|(known, _)| *known == name.as_str());
    found.map(|&(_, number)| Number::new(number))
}

/// The multiplexed call with that pseudo number.
pub(crate) fn name(pseudo: Number) -> Option<Name> {
    let found = CALLS.iter().find(|&&(_, number)| number == pseudo.raw());
    found.and_then(|(name, _)| Name::parse(name))
}

const CALLS: [(&str, i32); 32] = [
    ("socket", -101),
    ("bind", -102),
    ("connect", -103),
    ("listen", -104),
    ("accept", -105),
    ("getsockname", -106),
    ("getpeername", -107),
    ("socketpair", -108),
    ("send", -109),
    ("recv", -110),
    ("sendto", -111),
    ("recvfrom", -112),
    ("shutdown", -113),
    ("setsockopt", -114),
    ("getsockopt", -115),
    ("sendmsg", -116),
    ("recvmsg", -117),
    ("accept4", -118),
    ("recvmmsg", -119),
    ("sendmmsg", -120),
    ("semop", -201),
    ("semget", -202),
    ("semctl", -203),
    ("semtimedop", -204),
    ("msgsnd", -211),
    ("msgrcv", -212),
    ("msgget", -213),
    ("msgctl", -214),
    ("shmat", -221),
    ("shmdt", -222),
    ("shmget", -223),
    ("shmctl", -224),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_a_name_and_every_multiplexing_architecture_the_numbers() {
        for (text, number) in CALLS {
            let found = name(Number::new(number)).unwrap();
            assert_eq!(found.as_str(), text);
            assert_eq!(pseudo(found), Some(Number::new(number)));
        }
        for arch in Arch::ALL.into_iter().filter(|&arch| multiplexes(arch)) {
            let base = if matches!(arch, Arch::Mips | Arch::Mipsel) { 4000 } else { 0 };
            let number = |mux: Multiplexer| mux.number(arch).map(Number::raw);
            assert_eq!(number(Multiplexer::Socketcall), Some(102 + base), "{arch}");
            assert_eq!(number(Multiplexer::Ipc), Some(117 + base), "{arch}");
        }
    }

    #[test]
    fn calls_count_from_one_in_each_range() {
        for (pseudo, mux, call) in [
            (-101, Multiplexer::Socketcall, 1),
            (-120, Multiplexer::Socketcall, 20),
            (-201, Multiplexer::Ipc, 1),
            (-224, Multiplexer::Ipc, 24),
        ] {
            let pseudo = Number::new(pseudo);
            assert_eq!(Multiplexer::of_pseudo(pseudo), Some(mux));
            assert_eq!(mux.call(pseudo), call);
        }
        for outside in [-99, -121, -199, -225] {
            assert_eq!(Multiplexer::of_pseudo(Number::new(outside)), None, "{outside}");
        }
    }
}
