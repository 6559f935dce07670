//! Which syscalls count as known, told in the other of the two ways that there are.
//!
//! Both ways agree on every syscall with a name once those on which they differ have rules; on
//! numbers that no syscall has they do not.

use callgate_policy::{Action, Known, SyscallNr, Unknown};
use callgate_syscalls::{Arch, KernelVersion};

use crate::{Call, Clause, Part, RaisedArch};

impl RaisedArch {
    /// Tells known syscalls by the largest number, as container runtimes do.
    #[must_use]
    pub fn counting(mut self) -> Self {
        let Some(Unknown { known: Known::Kernel(kernel), action }) = self.unknown else {
            return self;
        };
        let known = |arch: Arch| arch.syscalls().filter(move |syscall| syscall.since <= kernel);
        let with_rules = self.calls.iter().map(|call| call.nr).max();
        let last = known(self.arch).map(|syscall| syscall.nr).max().max(with_rules);
        let Some(last) = last else { return self };
        self.unknown = Some(Unknown { known: Known::UpTo(last), action });
        let newer = self.arch.syscalls().filter(|syscall| syscall.since > kernel);
        let newer: Vec<SyscallNr> =
            newer.map(|syscall| syscall.nr).filter(|nr| *nr <= last).collect();
        self.with_calls(&newer, action)
    }

    /// Tells known syscalls by a kernel, as callgate's language does.
    #[must_use]
    pub fn by_kernel(mut self) -> Self {
        let Some(Unknown { known: Known::UpTo(last), action }) = self.unknown else {
            return self;
        };
        let counted = self.arch.syscalls().filter(|syscall| syscall.nr <= last);
        let kernel = counted.map(|syscall| syscall.since).max();
        let kernel = kernel.unwrap_or_else(|| KernelVersion::new(0, 0));
        self.unknown = Some(Unknown { known: Known::Kernel(kernel), action });
        let beyond = self.arch.syscalls().filter(|syscall| syscall.since <= kernel);
        let beyond: Vec<SyscallNr> =
            beyond.map(|syscall| syscall.nr).filter(|nr| *nr > last).collect();
        self.with_calls(&beyond, action)
    }

    /// Tells nothing apart: unknown syscalls that have a name get rules. For forms without a word
    /// for a baseline.
    #[must_use]
    pub fn spelled_out(mut self) -> Self {
        let Some(Unknown { known, action }) = self.unknown else { return self };
        let is_known = |nr: SyscallNr, since: KernelVersion| match known {
            Known::Kernel(kernel) => since <= kernel,
            Known::UpTo(last) => nr <= last,
        };
        let newer = self.arch.syscalls().filter(|syscall| !is_known(syscall.nr, syscall.since));
        let newer: Vec<SyscallNr> = newer.map(|syscall| syscall.nr).collect();
        self.unknown = None;
        self.with_calls(&newer, action)
    }

    /// Gives numbers without rules an action.
    fn with_calls(mut self, numbers: &[SyscallNr], action: Action) -> Self {
        for &nr in numbers {
            if self.calls.iter().all(|call| call.nr != nr) {
                let part = Part { action, clauses: vec![Clause::ALWAYS] };
                let name = self.arch.syscall_at(nr).map(|syscall| syscall.name);
                let parts = if action == self.default { Vec::new() } else { vec![part] };
                self.calls.push(Call { nr, name, parts, otherwise: None });
            }
        }
        self.calls.sort_by_key(|call| call.nr);
        self
    }
}
