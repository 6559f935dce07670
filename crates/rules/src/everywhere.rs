//! On which circumstances written rules depend, call by call.

use callgate_syscalls::{Arch, Name};

use crate::{Circumstances, Factors, Rules, SubjectKind};

impl Rules {
    /// On what the rules depend beside the architecture of a call; none where that is nothing, so
    /// that they mean the same on every machine that they are for, or are for the machine's own
    /// architecture alone.
    ///
    /// ```
    /// use callgate_rules::{Header, Rule, Rules, Verdict};
    /// use callgate_syscalls::names;
    ///
    /// let mut rule = Rule::new(names::MOUNT, None, Verdict::Allow);
    /// rule.applies.with_caps = vec!["SYS_ADMIN".parse().unwrap()];
    /// let rules = Rules { header: Header::new(Verdict::Kill), rules: vec![rule] };
    /// let circumstances = rules.circumstances().unwrap();
    /// assert_eq!(circumstances.of(Some(names::MOUNT)).caps.to_string(), "CAP_SYS_ADMIN");
    /// assert_eq!(circumstances.of(Some(names::READ)).caps.to_string(), "");
    /// ```
    #[must_use]
    pub fn circumstances(&self) -> Option<Circumstances> {
        let depends = self.rules.iter().any(|rule| rule.applies.depends());
        if self.header.machines.is_empty() && !depends {
            return None;
        }
        let (arches, machines) = (self.header.arches.clone(), self.machines());
        let natives = match arches.is_empty() {
            true => Arch::ALL.to_vec(),
            false => arches.clone(),
        };
        let mut found = Circumstances { arches, machines, natives, ..Circumstances::default() };
        for rule in &self.rules {
            let factors = Factors::of(&rule.applies);
            for kind in rule.subjects.iter().map(|subject| &subject.kind) {
                for name in named(kind) {
                    let own = found.calls.entry(name).or_default();
                    *own = own.union(&factors);
                }
                if matches!(kind, SubjectKind::Number(_)) {
                    found.others = found.others.union(&factors);
                }
            }
        }
        Some(found)
    }

    /// The same rules where the calls that a machine lacks are passed over, as they are for
    /// filters that name their machines.
    #[must_use]
    pub fn on_every_machine(&self) -> Self {
        let mut rules = self.clone();
        if rules.header.arches.is_empty() {
            rules.header.machines = self.machines();
        }
        rules
    }

    /// The architectures of each machine: those of the text, or each alone.
    fn machines(&self) -> Vec<Vec<Arch>> {
        let header = &self.header;
        match (header.arches.is_empty(), header.machines.is_empty()) {
            (true, true) => Arch::ALL.iter().map(|own| vec![*own]).collect(),
            (true, false) => header.machines.clone(),
            (false, _) => {
                let others = |own: &Arch| {
                    let own = *own;
                    header.arches.iter().copied().filter(move |other| *other != own)
                };
                let of = |own: &Arch| std::iter::once(*own).chain(others(own)).collect();
                header.arches.iter().map(of).collect()
            }
        }
    }
}

/// The syscalls that a subject is about on some architecture.
fn named(kind: &SubjectKind) -> Vec<Name> {
    let SubjectKind::Number(nr) = kind else { return kind.names().to_vec() };
    let of = |arch: Arch| arch.syscall_at(*nr).map(|syscall| syscall.name);
    Arch::ALL.into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::{SyscallNr, names};

    use super::*;
    use crate::{Header, Rule, Subject, Verdict};

    fn rules(rules: Vec<Rule>) -> Rules {
        Rules { header: Header::new(Verdict::Kill), rules }
    }

    #[test]
    fn rules_for_architectures_of_calls_depend_on_nothing() {
        let mut rule = Rule::new(names::READ, None, Verdict::Allow);
        rule.applies.arches = vec![Arch::X86];
        assert_eq!(rules(vec![rule]).circumstances(), None);
    }

    /// A number is another syscall on each architecture, and none on some.
    #[test]
    fn a_number_is_every_call_that_has_it() {
        let nr = SyscallNr::new(0);
        let mut rule = Rule::new(names::READ, None, Verdict::Allow);
        rule.subjects = vec![Subject { kind: SubjectKind::Number(nr), span: None }];
        rule.applies.kernel_from = Some("4.8".parse().unwrap());
        let found = rules(vec![rule]).circumstances().unwrap();
        for arch in Arch::ALL {
            let name = arch.syscall_at(nr).map(|syscall| syscall.name);
            assert_eq!(found.of(name).kernels.len(), 1, "{arch}");
        }
    }

    #[test]
    fn a_filter_for_architectures_is_for_each_of_them_as_the_machine() {
        let mut own = rules(Vec::new());
        own.header.arches = vec![Arch::X86_64, Arch::X86];
        let mut rule = Rule::new(names::READ, None, Verdict::Allow);
        rule.applies.machines = vec![Arch::X86];
        own.rules.push(rule);
        let found = own.circumstances().unwrap();
        assert_eq!(found.natives, [Arch::X86_64, Arch::X86]);
        assert_eq!(found.machines, [vec![Arch::X86_64, Arch::X86], vec![Arch::X86, Arch::X86_64]]);
        assert_eq!(own.on_every_machine(), own);
    }
}
