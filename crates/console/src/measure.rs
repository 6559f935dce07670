//! Figures about programs.
//!
//! They are about calls with all arguments 0: one call stands for its syscall.

use std::fmt;

use callgate_bpf::{Program, Stack, cached_numbers};
use callgate_policy::Policy;
use callgate_syscalls::{Action, Arch, Endian, KernelVersion, SeccompData};

/// How many instructions a program executes for the syscalls that have rules in a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    calls: usize,
    sum: usize,
    max: usize,
}

/// How many of the syscalls that a filter allows the kernel answers for without running it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cacheable {
    /// The syscalls that cost nothing.
    pub cacheable: usize,
    /// The syscalls that are allowed.
    pub allowed: usize,
}

impl Executed {
    /// Counts for filters and the policy they were made from.
    pub fn by(stack: &Stack, policy: &Policy) -> Self {
        let calls = policy.arches().flat_map(|(arch, policy)| {
            policy.rules().map(move |(nr, _)| (SeccompData::new(arch, nr), arch.endian()))
        });
        Self::over(stack, calls)
    }

    /// Counts for filters, over the syscalls that a kernel has on these architectures.
    pub fn on(stack: &Stack, arches: &[Arch], kernel: KernelVersion) -> Self {
        let calls = arches.iter().flat_map(|&arch| {
            let syscalls = arch.syscalls().filter(|syscall| syscall.since <= kernel);
            syscalls.map(move |syscall| (SeccompData::new(arch, syscall.nr), arch.endian()))
        });
        Self::over(stack, calls.collect::<Vec<_>>().into_iter())
    }

    /// The mean to a tenth.
    pub fn mean(&self) -> String {
        let tenths = self.sum * 10 / self.calls.max(1);
        format!("{}.{}", tenths / 10, tenths % 10)
    }

    /// The largest of them.
    pub const fn max(&self) -> usize {
        self.max
    }

    fn over(stack: &Stack, calls: impl Iterator<Item = (SeccompData, Endian)>) -> Self {
        calls.fold(Self::default(), |counted, (call, endian)| {
            let steps = |program: &Program| program.trace(&call, endian).steps.len();
            let steps = stack.programs().iter().map(steps).sum();
            Self { calls: counted.calls + 1, sum: counted.sum + steps, max: counted.max.max(steps) }
        })
    }
}

impl fmt::Display for Executed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, max, .. } = *self;
        match calls {
            0 => f.write_str("no syscall has rules"),
            _ => write!(f, "mean {}, max {max}, over {calls} syscalls", self.mean()),
        }
    }
}

impl Cacheable {
    /// Counts over the syscalls that a kernel has on an architecture.
    pub fn of(stack: &Stack, arch: Arch, kernel: KernelVersion) -> Self {
        let cached = cached_numbers(arch, kernel).unwrap_or(0);
        let calls = arch.syscalls().filter(|syscall| syscall.since <= kernel);
        let calls = calls.map(|syscall| SeccompData::new(arch, syscall.nr));
        let mut counted = Self::default();
        for call in calls.filter(|call| stack.run(call, arch.endian()).action == Action::ALLOW) {
            let hit = call.nr.raw() < cached && stack.cacheable(call.arch, call.nr);
            counted.allowed += 1;
            counted.cacheable += usize::from(hit);
        }
        counted
    }
}

impl fmt::Display for Cacheable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cacheable, allowed } = *self;
        match allowed {
            0 => f.write_str("no syscall is allowed"),
            _ => {
                let percent = cacheable * 100 / allowed;
                write!(f, "{cacheable} of {allowed} allowed syscalls ({percent} %)")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use callgate_bpf::assemble;
    use callgate_syscalls::Endian;

    fn program(text: &str) -> Program {
        assemble(text, Endian::Little).unwrap()
    }

    #[test]
    fn only_paths_without_arguments_are_cacheable() {
        let count = |text: &str, kernel: (u8, u8)| {
            let kernel = KernelVersion::new(kernel.0, kernel.1);
            Cacheable::of(&Stack::new([program(text)]), Arch::X86_64, kernel)
        };
        let all = count("ret ALLOW", (6, 1));
        assert!(all.allowed > 300);
        assert_eq!(all.cacheable, all.allowed);
        assert_eq!(count("ret ALLOW", (5, 10)).cacheable, 0, "older than the cache");
        assert_eq!(count("ld [args[0].lo]\n ret ALLOW", (6, 1)).cacheable, 0);
        assert_eq!(count("ret ERRNO(1)", (6, 1)), Cacheable::default());
    }

    #[test]
    fn figures_read_well() {
        assert_eq!(
            Executed { calls: 3, sum: 20, max: 9 }.to_string(),
            "mean 6.6, max 9, over 3 syscalls"
        );
        assert_eq!(Executed::default().to_string(), "no syscall has rules");
        let cacheable = Cacheable { cacheable: 1, allowed: 3 };
        assert_eq!(cacheable.to_string(), "1 of 3 allowed syscalls (33 %)");
    }
}
