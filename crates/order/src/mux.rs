//! Syscalls that some architectures make through `socketcall` and `ipc`, with the call as first
//! argument.
//!
//! References: `include/uapi/linux/net.h` (`SYS_*`), `include/uapi/linux/ipc.h`,
//! seccomp_rule_add(3).

use callgate_syscalls::{Arch, Name, names};

use crate::Number;
use crate::pseudo::{NONE, by_name};

/// A syscall that stands for several others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the kernel has these two and will get no more")]
pub enum Multiplexer {
    /// `socketcall`: the other arguments are behind a pointer, where filters can't look.
    Socketcall,
    /// `ipc`: the other arguments are shifted by one.
    Ipc,
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
    #[must_use]
    pub fn number(self, arch: Arch) -> Option<Number> {
        arch.syscall(self.name()).map(|syscall| syscall.nr.into())
    }

    /// Both.
    pub const ALL: [Self; 2] = [Self::Socketcall, Self::Ipc];

    /// The calls that it stands for, each with its first argument.
    pub fn calls(self) -> impl Iterator<Item = (Name, u32)> {
        CALLS.iter().filter_map(move |&(name, pseudo)| {
            let pseudo = Number::new(pseudo.into());
            (Self::of_pseudo(pseudo) == Some(self)).then(|| (name, self.call(pseudo)))
        })
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> Name {
        match self {
            Self::Socketcall => names::SOCKETCALL,
            Self::Ipc => names::IPC,
        }
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
    Some(BY_NAME[name.index()]).filter(|&number| number != NONE).map(|n| Number::new(n.into()))
}

/// Each rule for an architecture that multiplexes asks for one.
static BY_NAME: [i16; Name::COUNT] = by_name(&CALLS);

/// The multiplexed call with that pseudo number.
pub(crate) fn name(pseudo: Number) -> Option<Name> {
    let found = CALLS.iter().find(|&&(_, number)| i32::from(number) == pseudo.raw());
    found.map(|&(name, _)| name)
}

static CALLS: [(Name, i16); 32] = [
    (names::SOCKET, -101),
    (names::BIND, -102),
    (names::CONNECT, -103),
    (names::LISTEN, -104),
    (names::ACCEPT, -105),
    (names::GETSOCKNAME, -106),
    (names::GETPEERNAME, -107),
    (names::SOCKETPAIR, -108),
    (names::SEND, -109),
    (names::RECV, -110),
    (names::SENDTO, -111),
    (names::RECVFROM, -112),
    (names::SHUTDOWN, -113),
    (names::SETSOCKOPT, -114),
    (names::GETSOCKOPT, -115),
    (names::SENDMSG, -116),
    (names::RECVMSG, -117),
    (names::ACCEPT4, -118),
    (names::RECVMMSG, -119),
    (names::SENDMMSG, -120),
    (names::SEMOP, -201),
    (names::SEMGET, -202),
    (names::SEMCTL, -203),
    (names::SEMTIMEDOP, -204),
    (names::MSGSND, -211),
    (names::MSGRCV, -212),
    (names::MSGGET, -213),
    (names::MSGCTL, -214),
    (names::SHMAT, -221),
    (names::SHMDT, -222),
    (names::SHMGET, -223),
    (names::SHMCTL, -224),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_a_name_and_every_multiplexing_architecture_the_numbers() {
        for (call, number) in CALLS {
            let number = Number::new(number.into());
            assert_eq!((name(number), pseudo(call)), (Some(call), Some(number)));
        }
        for arch in Arch::ALL.into_iter().filter(|arch| arch.multiplexes()) {
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
