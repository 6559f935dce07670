//! How often calls are made.

use std::collections::BTreeMap;
use std::fmt;

use callgate_bpf::cached_numbers;
use callgate_policy::{Action, Arch, KernelVersion, SyscallNr};
use callgate_syscalls::Name;

use crate::graph::Node;

/// How often calls are made: what is called more is decided in fewer steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weights {
    /// All syscalls that the policy lets through alike, those that it refuses seldom.
    #[default]
    Uniform,
    /// As ordinary programs do it: a shell, an interpreter, a compiler, an archiver, a version
    /// control system.
    Typical,
    /// As it was recorded.
    Recorded(BTreeMap<Name, u64>),
}

/// A line of recorded weights that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidWeights {
    /// The line, counted from 1.
    pub line: usize,
}

impl fmt::Display for InvalidWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: expected the name of a syscall and how often it was called", self.line)
    }
}

impl std::error::Error for InvalidWeights {}

impl Weights {
    #[cfg_attr(
        not(test),
        expect(clippy::disallowed_methods, reason = "the C library reads no weights")
    )]
    /// Reads recorded weights: a name and a count on each line; a name given twice counts together.
    /// Empty lines and those that start with `#` are comments.
    ///
    /// # Errors
    /// [`InvalidWeights`] for the first line of another form, and for names that no architecture
    /// has.
    pub fn parse(text: &str) -> Result<Self, InvalidWeights> {
        let mut counts = BTreeMap::<Name, u64>::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let error = InvalidWeights { line: index + 1 };
            let (name, count) = line.trim().split_once(char::is_whitespace).ok_or(error.clone())?;
            let name = Name::parse(name).ok_or(error.clone())?;
            let count: u64 = count.trim().parse().map_err(|_| error)?;
            let sum = counts.entry(name).or_default();
            *sum = sum.saturating_add(count);
        }
        Ok(Self::Recorded(counts))
    }

    /// Of [`SCALE`] calls, how many are of that syscall; `None` where all are alike.
    fn share(&self, arch: Arch, nr: SyscallNr) -> Option<u32> {
        let name = || arch.syscall_at(nr).map(|syscall| syscall.name);
        match self {
            Self::Uniform => None,
            Self::Typical => {
                let listed =
                    TYPICAL.iter().find(|(typical, _)| Some(*typical) == name().map(Name::as_str));
                Some(listed.map_or(0, |(_, count)| *count))
            }
            Self::Recorded(counts) => {
                let total = counts.values().fold(1u64, |sum, count| sum.saturating_add(*count));
                let count = name().and_then(|name| counts.get(&name)).copied().unwrap_or(0);
                let share = u128::from(count) * u128::from(SCALE) / u128::from(total);
                Some(u32::try_from(share).unwrap_or(SCALE))
            }
        }
    }
}

/// What shares are of.
const SCALE: u32 = 10_000;

/// How often a syscall is made that the policy lets through, against [`REFUSED`]: programs under a
/// filter seldom make calls that it refuses.
const PASSED: u32 = 16;
const REFUSED: u32 = 1;

/// How much less a call counts for which the kernel does not run the filter, except while it is
/// attached.
const CACHED_FRACTION: u32 = 16;

/// How often a call counts for being asked while the filter is attached: the kernel asks a filter
/// for each number of its cache whether it allows that in any case.
const ATTACHED: u32 = 1;

/// How often the calls of an architecture are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calls<'a> {
    weights: &'a Weights,
    arch: Arch,
    /// The numbers below this are asked for while the filter is attached.
    attached: u32,
    /// The numbers below this are answered by the kernel's cache, where they can be.
    cached: u32,
}

impl<'a> Calls<'a> {
    /// Of an architecture on a kernel, or on any if it is not known.
    pub(crate) fn new(weights: &'a Weights, kernel: Option<KernelVersion>, arch: Arch) -> Self {
        let numbers = |kernel| cached_numbers(arch, kernel).unwrap_or(0);
        let cached = kernel.map_or(0, numbers);
        let attached = kernel.map_or_else(|| numbers(NEWEST), |_| cached);
        Self { weights, arch, attached, cached }
    }

    /// The weight of a syscall whose number leads to a node.
    pub(crate) fn of_number(&self, nr: SyscallNr, node: Node) -> u32 {
        // What was not recorded can still be called, so it keeps a weight of its own.
        let shared = self.weights.share(self.arch, nr).map_or(0, |share| share * PASSED);
        let weight = of_node(node) + shared;
        let weight = match node == Node::Return(Action::ALLOW) && nr.raw() < self.cached {
            true => weight / CACHED_FRACTION,
            false => weight,
        };
        weight + if nr.raw() < self.attached { ATTACHED } else { 0 }
    }

    /// The weight of the numbers from `first` to before `end`, for which the policy has no rules.
    pub(crate) fn of_gap(&self, first: u32, end: u32) -> u32 {
        end.min(self.attached).saturating_sub(first) * ATTACHED
    }
}

/// The kernel that is meant where none is named.
const NEWEST: KernelVersion = KernelVersion::new(u8::MAX, u8::MAX);

/// The weight of a call that reaches a node.
pub(crate) const fn of_node(node: Node) -> u32 {
    match node {
        Node::Return(action) => of_action(action),
        Node::Ask { .. } => PASSED,
    }
}

const fn of_action(action: Action) -> u32 {
    if action.kind().may_execute() { PASSED } else { REFUSED }
}

/// Calls of five programs of Debian 12 on x86_64 together, of 10,000: Python importing its library,
/// git looking for changes, gcc compiling, grep over the kernel's headers, tar with gzip; counted
/// by `strace -f -c` in 2026.
const TYPICAL: &[(&str, u32)] = &[
    ("newfstatat", 2552),
    ("read", 1529),
    ("openat", 1220),
    ("close", 1090),
    ("getxattr", 552),
    ("statx", 426),
    ("lgetxattr", 398),
    ("write", 384),
    ("mmap", 336),
    ("lseek", 225),
    ("rt_sigaction", 206),
    ("getdents64", 149),
    ("rt_sigprocmask", 125),
    ("fcntl", 90),
    ("execve", 62),
    ("brk", 62),
    ("mprotect", 58),
    ("access", 47),
    ("ioctl", 47),
    ("readlink", 35),
    ("pread64", 28),
    ("set_robust_list", 26),
    ("prlimit64", 23),
    ("wait4", 23),
    ("geteuid", 21),
    ("getpid", 20),
    ("getuid", 20),
    ("getgid", 20),
    ("getegid", 20),
    ("munmap", 18),
    ("dup2", 18),
    ("futex", 14),
    ("arch_prctl", 14),
    ("rseq", 14),
    ("set_tid_address", 14),
    ("getrandom", 13),
    ("clone", 12),
    ("rt_sigreturn", 12),
    ("getppid", 11),
    ("getcwd", 9),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_weights_name_the_line_that_is_wrong() {
        let read = Name::parse("read").unwrap();
        let expected = Weights::Recorded(BTreeMap::from([(read, 7)]));
        assert_eq!(Weights::parse("# seen\n\nread 3\n read\t4\n"), Ok(expected));
        for (bad, line) in [("read", 1), ("read 1\nreed 2", 2), ("read -1", 1), ("read 1 2", 1)] {
            assert_eq!(Weights::parse(bad), Err(InvalidWeights { line }), "{bad}");
        }
    }

    #[test]
    fn typical_weights_are_of_known_names_and_add_up() {
        assert!(TYPICAL.iter().all(|(name, _)| Name::parse(name).is_some()));
        let sum: u32 = TYPICAL.iter().map(|(_, count)| count).sum();
        assert!(sum <= SCALE && sum > SCALE * 9 / 10, "{sum}");
    }

    #[test]
    fn cached_calls_weigh_least_where_the_kernel_has_the_cache() {
        let allow = Node::Return(Action::ALLOW);
        let weight = |kernel: KernelVersion, arch| {
            Calls::new(&Weights::Uniform, Some(kernel), arch).of_number(SyscallNr::new(1), allow)
        };
        assert_eq!(weight(KernelVersion::new(5, 10), Arch::X86_64), PASSED);
        assert_eq!(
            weight(KernelVersion::new(5, 11), Arch::X86_64),
            PASSED / CACHED_FRACTION + ATTACHED
        );
        assert_eq!(weight(KernelVersion::new(6, 12), Arch::Mips), PASSED);
    }
}
