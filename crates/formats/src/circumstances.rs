//! On which circumstances a profile's rules depend, call by call.

use std::collections::BTreeSet;

use callgate_order::Multiplexer;
use callgate_rules::{Circumstances, Factors};
use callgate_syscalls::{Arch, Name};

use crate::baseline::largest;
use crate::check::Rule;
use crate::docker::Filter;
use crate::reading::Circumstances as Compared;
use crate::{Form, Profile, Reading};

impl Profile {
    /// On what the profile's meaning depends, where it leaves that to whoever starts a container:
    /// nothing for files that are the same everywhere, and for readings that do not know of it.
    ///
    /// ```
    /// let text = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
    ///     {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_BPF"]}},
    ///     {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}}]}"#;
    /// let profile = callgate_formats::Profile::parse(text.as_bytes(), "profile.json")?;
    /// let circumstances = profile.circumstances(None).unwrap();
    /// let bpf = circumstances.of(callgate_syscalls::Name::parse("bpf"));
    /// assert_eq!(bpf.caps.to_string(), "CAP_SYS_ADMIN,CAP_BPF");
    /// # Ok::<(), callgate_formats::Error>(())
    /// ```
    #[must_use]
    pub fn circumstances(&self, reading: Option<Reading>) -> Option<Circumstances> {
        let reading = reading.unwrap_or(self.reading());
        let compared = reading.circumstances();
        let is_open =
            |rule: &Rule| rule.includes != Filter::default() || rule.excludes != Filter::default();
        let leaves_open = self.has_arch_map() || self.rules().iter().any(is_open);
        if self.form() != Form::Docker || compared == Compared::Unknown || !leaves_open {
            return None;
        }
        let natives: Vec<Arch> =
            Arch::ALL.into_iter().filter(|own| self.fits(*own, reading)).collect();
        let mut found = Circumstances {
            machines: self.machines(&natives, reading),
            natives,
            ..Circumstances::default()
        };
        for rule in self.rules() {
            let factors = factors(rule, compared);
            for name in rule.names.as_slice().iter().filter_map(|text| Name::parse(text)) {
                add(&mut found, name, &factors);
            }
        }
        multiplexed(&mut found);
        self.late(&mut found, reading);
        Some(found)
    }

    /// Whether all architectures of a machine have one byte order.
    fn fits(&self, native: Arch, reading: Reading) -> bool {
        let listed = self.listed_arches(native, reading);
        listed.iter().all(|arch| arch.endian() == native.endian())
    }

    /// The architectures of each machine that the profile names, or of all where it names none.
    fn machines(&self, natives: &[Arch], reading: Reading) -> Vec<Vec<Arch>> {
        let named: BTreeSet<Arch> = self.mapped().collect();
        let is_own = |native: &&Arch| !self.has_arch_map() || named.contains(native);
        let of = |native: &Arch| {
            let mut arches = vec![*native];
            for arch in self.listed_arches(*native, reading) {
                if !arches.contains(&arch) {
                    arches.push(arch);
                }
            }
            arches
        };
        natives.iter().filter(is_own).map(of).collect()
    }

    /// As runc has it, which numbers are known depends on the largest that a rule names: what lies
    /// above those of rules that always apply depends on the other rules too.
    fn late(&self, found: &mut Circumstances, reading: Reading) {
        if !matches!(reading, Reading::Runc | Reading::Docker) {
            return;
        }
        let compared = reading.circumstances();
        let names = |rules: &mut dyn Iterator<Item = &Rule>| {
            rules
                .flat_map(|rule| rule.names.as_slice().iter().filter_map(|text| Name::parse(text)))
                .collect::<Vec<_>>()
        };
        let is_always =
            |rule: &&Rule| rule.includes == Filter::default() && rule.excludes == Filter::default();
        let always = names(&mut self.rules().iter().filter(is_always));
        for arch in Arch::ALL {
            let last = largest(arch, always.iter().copied()).map(|(nr, _)| nr);
            let is_late = |name: &Name| arch.syscall(*name).is_some_and(|own| Some(own.nr) > last);
            let mut late = Factors::default();
            for rule in self.rules().iter().filter(|rule| !is_always(rule)) {
                if names(&mut std::iter::once(rule)).iter().any(is_late) {
                    late = late.union(&factors(rule, compared));
                }
            }
            if late == Factors::default() {
                continue;
            }
            found.others = found.others.union(&late);
            for syscall in arch.syscalls().filter(|syscall| Some(syscall.nr) > last) {
                add(found, syscall.name, &late);
            }
        }
    }
}

fn add(found: &mut Circumstances, name: Name, factors: &Factors) {
    let own = found.calls.entry(name).or_default();
    *own = own.union(factors);
}

/// What decides about one rule.
fn factors(rule: &Rule, compared: Compared) -> Factors {
    let mut factors = Factors::default();
    for filter in [&rule.includes, &rule.excludes] {
        let caps = filter.caps.iter();
        // An engine that compares words never finds another spelling.
        let caps = caps.filter(|cap| compared == Compared::Meaning || cap.is_canonical());
        factors.caps = caps.fold(factors.caps, |all, cap| all.with(cap.value));
        factors.kernels.extend(filter.min_kernel.map(|kernel| kernel.0));
    }
    factors
}

/// A multiplexer gets rules from those of the calls that it stands for, and they from its own.
fn multiplexed(found: &mut Circumstances) {
    for multiplexer in Multiplexer::ALL {
        let names = || multiplexer.calls().map(|(name, _)| name).chain([multiplexer.name()]);
        let all = names().fold(Factors::default(), |all, name| all.union(found.of(Some(name))));
        add(found, multiplexer.name(), &all);
    }
}
