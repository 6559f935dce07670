//! Syscalls that some architectures also offer through one number: `socketcall` and `ipc`.
//!
//! The first argument says which call is meant. For `socketcall` the other arguments are behind a pointer, where filters
//! cannot look; `ipc` shifts them.
//!
//! libseccomp adds to a rule for `socket` one for `socketcall` with that first argument, and keeps conditions on the
//! others although they then mean something else. Here, a rule without conditions opens or closes both ways. A rule with
//! conditions, which cannot be tested there, opens only the direct way if it allows, and closes the other way altogether
//! if it refuses. What the profile says about `socketcall` or `ipc` itself goes first.
//!
//! References: `net/socket.c`, `ipc/syscall.c`, `include/uapi/linux/net.h`, `include/uapi/linux/ipc.h`.

use callgate_policy::Operator;
use callgate_syscalls::Name;

use crate::chain::Test;

/// A number that stands for several syscalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Multiplexer {
    Socketcall,
    Ipc,
}

const SOCKET_CALLS: [&str; 20] = [
    "socket",
    "bind",
    "connect",
    "listen",
    "accept",
    "getsockname",
    "getpeername",
    "socketpair",
    "send",
    "recv",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "accept4",
    "recvmmsg",
    "sendmmsg",
];

const IPC_CALLS: [(&str, u32); 12] = [
    ("semop", 1),
    ("semget", 2),
    ("semctl", 3),
    ("semtimedop", 4),
    ("msgsnd", 11),
    ("msgrcv", 12),
    ("msgget", 13),
    ("msgctl", 14),
    ("shmat", 21),
    ("shmdt", 22),
    ("shmget", 23),
    ("shmctl", 24),
];

impl Multiplexer {
    pub(crate) const ALL: [Self; 2] = [Self::Socketcall, Self::Ipc];

    pub(crate) fn name(self) -> Option<Name> {
        Name::parse(match self {
            Self::Socketcall => "socketcall",
            Self::Ipc => "ipc",
        })
    }

    /// The test of the first argument that says that `name` is meant.
    pub(crate) fn test(self, name: Name) -> Option<Test> {
        let (call, mask) = match self {
            Self::Socketcall => {
                let position = SOCKET_CALLS.iter().position(|call| *call == name.as_str())?;
                (u32::try_from(position).ok()? + 1, u32::MAX)
            }
            // The high half of the number is a version of the interface.
            Self::Ipc => {
                let (_, call) = IPC_CALLS.iter().find(|(call, _)| *call == name.as_str())?;
                (*call, 0xffff)
            }
        };
        Some(Test {
            argument: 0,
            operator: Operator::Eq,
            mask: mask.into(),
            datum: call.into(),
            low32: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        let test = |multiplexer: Multiplexer, name| {
            multiplexer.test(Name::parse(name).unwrap()).map(|test| test.datum)
        };
        assert_eq!(test(Multiplexer::Socketcall, "socket"), Some(1));
        assert_eq!(test(Multiplexer::Socketcall, "sendto"), Some(11));
        assert_eq!(test(Multiplexer::Socketcall, "sendmmsg"), Some(20));
        assert_eq!(test(Multiplexer::Ipc, "shmctl"), Some(24));
        assert_eq!(test(Multiplexer::Ipc, "socket"), None);
        assert_eq!(test(Multiplexer::Socketcall, "read"), None);
    }
}
