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

    /// The calls that it stands for, in the order of their names, each with the test of the first argument that says
    /// that it is meant.
    pub(crate) fn calls(self) -> Vec<(Name, Test)> {
        let (calls, mask): (Vec<(&str, u32)>, u32) = match self {
            Self::Socketcall => (SOCKET_CALLS.into_iter().zip(1..).collect(), u32::MAX),
            // The high half of the number is a version of the interface.
            Self::Ipc => (IPC_CALLS.to_vec(), 0xffff),
        };
        let test = |call: u32| Test {
            argument: 0,
            operator: Operator::Eq,
            mask: mask.into(),
            datum: call.into(),
            low32: true,
        };
        let named =
            calls.into_iter().filter_map(|(name, call)| Some((Name::parse(name)?, test(call))));
        let mut calls: Vec<_> = named.collect();
        calls.sort_by_key(|(name, _)| *name);
        calls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        let test = |multiplexer: Multiplexer, name| {
            let calls = multiplexer.calls();
            let found = calls.iter().find(|(call, _)| call.as_str() == name);
            found.map(|(_, test)| test.datum)
        };
        for multiplexer in Multiplexer::ALL {
            let names: Vec<Name> = multiplexer.calls().into_iter().map(|(name, _)| name).collect();
            let expected = [SOCKET_CALLS.len(), IPC_CALLS.len()][multiplexer as usize];
            assert_eq!(names.len(), expected, "a name is misspelt");
            assert!(names.is_sorted());
        }
        assert_eq!(test(Multiplexer::Socketcall, "socket"), Some(1));
        assert_eq!(test(Multiplexer::Socketcall, "sendto"), Some(11));
        assert_eq!(test(Multiplexer::Socketcall, "sendmmsg"), Some(20));
        assert_eq!(test(Multiplexer::Ipc, "shmctl"), Some(24));
        assert_eq!(test(Multiplexer::Ipc, "socket"), None);
        assert_eq!(test(Multiplexer::Socketcall, "read"), None);
    }
}
