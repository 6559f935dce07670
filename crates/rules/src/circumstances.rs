//! What parts of a filter depend on beside the machine, and which circumstances have to be looked
//! at so that nothing else can happen under any other.

use std::collections::{BTreeMap, BTreeSet};

use callgate_syscalls::{Arch, KernelVersion, Name};

use crate::{Applies, CapSet, Capability, Target, cover};

/// What decides, beside the machine, whether some rules apply.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Factors {
    /// The capabilities that are asked for.
    pub caps: CapSet,
    /// The kernels from which on, or before which, something applies.
    pub kernels: BTreeSet<KernelVersion>,
}

/// On what a filter depends, call by call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The architectures that the filter is for on any machine, as in
    /// [`Header::arches`](crate::Header); empty where it leaves them to the machine.
    pub arches: Vec<Arch>,
    /// Which architectures go with which machine, as in [`Header::machines`](crate::Header).
    pub machines: Vec<Vec<Arch>>,
    /// The machines for which the filter has a meaning.
    pub natives: Vec<Arch>,
    /// What decides about a call; what is not listed depends on `others` alone.
    pub calls: BTreeMap<Name, Factors>,
    /// What decides about everything else.
    pub others: Factors,
}

impl Factors {
    /// The most circumstances that are looked at for one call, on each machine.
    pub const ASSIGNMENTS_MAX: usize = 256;

    /// The factors of a place where rules apply.
    #[must_use]
    pub fn of(applies: &Applies) -> Self {
        let with = applies.with_caps.iter().fold(applies.without_caps, |all, any| all.union(*any));
        let kernels = applies.kernel_from.into_iter().chain(applies.kernel_before).collect();
        Self { caps: with, kernels }
    }

    /// What decides where either does.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let kernels = self.kernels.union(&other.kernels).copied().collect();
        Self { caps: self.caps.union(other.caps), kernels }
    }

    /// Whether the other has all of these.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.caps.is_within(other.caps) && self.kernels.is_subset(&other.kernels)
    }

    /// Every way in which these can be, with no other capability: a set of capabilities, and the
    /// first kernel of a span in which nothing changes. None where they are too many.
    #[must_use]
    pub fn assignments(&self) -> Option<Vec<(CapSet, KernelVersion)>> {
        let caps: Vec<Capability> = self.caps.iter().collect();
        let kernels = self.kernels_from_first();
        let sets = 1_usize.checked_shl(u32::try_from(caps.len()).ok()?)?;
        if sets.checked_mul(kernels.len())? > Self::ASSIGNMENTS_MAX {
            return None;
        }
        let set = |bits: usize| {
            let own = caps.iter().enumerate().filter(|(place, _)| bits >> place & 1 == 1);
            own.map(|(_, cap)| *cap).collect::<CapSet>()
        };
        let at = |kernel: KernelVersion| (0..sets).map(move |bits| (bits, kernel));
        let all = kernels.into_iter().flat_map(at);
        Some(all.map(|(bits, kernel)| (set(bits), kernel)).collect())
    }

    /// Which of the [`assignments`](Self::assignments) a target has.
    #[must_use]
    pub fn assignment(&self, caps: CapSet, kernel: KernelVersion) -> (CapSet, KernelVersion) {
        let own = self.caps.without(self.caps.without(caps));
        let since = self.kernels_from_first().into_iter().rfind(|since| *since <= kernel);
        (own, since.unwrap_or(KernelVersion::new(0, 0)))
    }

    /// The first kernel of all, and those at which something changes.
    fn kernels_from_first(&self) -> Vec<KernelVersion> {
        let first = KernelVersion::new(0, 0);
        let later = self.kernels.iter().copied().filter(|kernel| *kernel > first);
        std::iter::once(first).chain(later).collect()
    }

    /// Where something applies that holds for these of the [`assignments`](Self::assignments), in
    /// their order: any of the places is enough, and they may overlap.
    #[must_use]
    pub fn places(&self, holds: &[bool]) -> Vec<Applies> {
        let caps: Vec<Capability> = self.caps.iter().collect();
        let kernels = self.kernels_from_first();
        let set = |bits: u32| {
            let own = caps.iter().enumerate().filter(|(place, _)| bits >> place & 1 == 1);
            own.map(|(_, cap)| *cap).collect::<CapSet>()
        };
        let place = |cube: cover::Cube| Applies {
            kernel_from: kernels.get(cube.from).copied().filter(|_| cube.from > 0),
            kernel_before: kernels.get(cube.to).copied(),
            with_caps: set(cube.with).iter().map(|cap| CapSet::NONE.with(cap)).collect(),
            without_caps: set(cube.without),
            ..Applies::default()
        };
        cover::cubes(holds, caps.len(), kernels.len()).into_iter().map(place).collect()
    }
}

/// Joins places that differ in the one capability that they ask for into one that asks for any.
#[must_use]
pub fn joined(places: Vec<Applies>) -> Vec<Applies> {
    let mut joined: Vec<Applies> = Vec::new();
    for place in places {
        let rest = |place: &Applies| Applies { with_caps: Vec::new(), ..place.clone() };
        let other = joined.iter_mut().find(|other| {
            other.with_caps.len() == 1 && place.with_caps.len() == 1 && rest(other) == rest(&place)
        });
        match other {
            Some(other) => other.with_caps[0] = other.with_caps[0].union(place.with_caps[0]),
            None => joined.push(place),
        }
    }
    joined
}

impl Circumstances {
    /// What decides about a call.
    #[must_use]
    pub fn of(&self, name: Option<Name>) -> &Factors {
        name.and_then(|name| self.calls.get(&name)).unwrap_or(&self.others)
    }

    /// What decides where either does, on these machines.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let names = self.calls.keys().chain(other.calls.keys());
        let of = |name: &Name| self.of(Some(*name)).union(other.of(Some(*name)));
        Self {
            calls: names.map(|name| (*name, of(name))).collect(),
            others: self.others.union(&other.others),
            ..self.clone()
        }
    }

    /// Every different set of factors that decides about some call.
    #[must_use]
    pub fn factors(&self) -> BTreeSet<&Factors> {
        self.calls.values().chain([&self.others]).collect()
    }

    /// The targets that have to be looked at: on each machine enough of them that every assignment
    /// of the factors of each call is among them. What holds for these holds everywhere, because
    /// no call depends on more than its factors.
    ///
    /// # Errors
    /// The factors that have too many assignments.
    pub fn targets(&self) -> Result<Vec<Target>, Factors> {
        let rows = self.rows()?;
        let on = |native: &Arch| {
            let native = *native;
            let target =
                move |(caps, kernel)| Target { native, arches: None, kernel: Some(kernel), caps };
            rows.clone().into_iter().map(target)
        };
        Ok(self.natives.iter().flat_map(on).collect())
    }

    /// Sets of capabilities and kernels: nothing, everything, and what is missing between them.
    /// One of them serves several calls where these depend on different things.
    fn rows(&self) -> Result<BTreeSet<(CapSet, KernelVersion)>, Factors> {
        let mut rows: Vec<Row> = Vec::new();
        let mut whole = Factors::default();
        let mut lists = Vec::new();
        for factors in self.factors() {
            lists.push((factors.assignments().ok_or_else(|| factors.clone())?, factors));
            whole = whole.union(factors);
        }
        // What has many assignments leaves room for what has few.
        lists.sort_by_key(|(list, _)| std::cmp::Reverse(list.len()));
        for (list, factors) in lists {
            for (caps, kernel) in list {
                let kernel = Some(kernel).filter(|_| !factors.kernels.is_empty());
                let own = Row { on: caps, off: factors.caps.without(caps), kernel };
                match rows.iter_mut().find(|row| row.agrees(&own)) {
                    Some(row) => row.join(&own),
                    None => rows.push(own),
                }
            }
        }
        let first = KernelVersion::new(0, 0);
        let newest = whole.kernels.last().copied().unwrap_or(first);
        let row = |row: Row| (row.on, row.kernel.unwrap_or(first));
        let ends = [(CapSet::NONE, first), (CapSet::ALL, newest)];
        Ok(rows.into_iter().map(row).chain(ends).collect())
    }
}

/// What has to be so for some calls, while the rest does not matter to them.
struct Row {
    on: CapSet,
    off: CapSet,
    kernel: Option<KernelVersion>,
}

impl Row {
    fn agrees(&self, other: &Self) -> bool {
        let has_kernel = self.kernel.is_none() || other.kernel.is_none();
        !self.on.meets(other.off)
            && !self.off.meets(other.on)
            && (has_kernel || self.kernel == other.kernel)
    }

    fn join(&mut self, other: &Self) {
        self.on = self.on.union(other.on);
        self.off = self.off.union(other.off);
        self.kernel = self.kernel.or(other.kernel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(caps: &str, kernels: &[&str]) -> Factors {
        let kernels = kernels.iter().map(|kernel| kernel.parse().unwrap()).collect();
        Factors { caps: caps.parse().unwrap(), kernels }
    }

    /// For every question that two capabilities and two kernels can put, the places hold where it
    /// does and nowhere else.
    #[test]
    fn places_hold_exactly_where_they_shall() {
        let factors = factors("BPF,SYS_ADMIN", &["4.8", "5.9"]);
        let assignments = factors.assignments().unwrap();
        assert_eq!(assignments.len(), 12);
        for truth in 0_u32..1 << 12 {
            let holds: Vec<bool> = (0..12).map(|place| truth >> place & 1 == 1).collect();
            let places = factors.places(&holds);
            let joined = joined(places.clone());
            for (&(caps, kernel), &expected) in assignments.iter().zip(&holds) {
                let native = Arch::X86_64;
                let at = Target { native, arches: None, kernel: Some(kernel), caps };
                assert_eq!(places.iter().any(|place| place.on(&at)), expected, "{truth:#x} {at:?}");
                assert_eq!(joined.iter().any(|place| place.on(&at)), expected, "{truth:#x} {at:?}");
            }
        }
    }

    #[test]
    fn either_of_two_capabilities_is_one_place() {
        let factors = factors("BPF,SYS_ADMIN", &[]);
        let holds: Vec<bool> =
            factors.assignments().unwrap().iter().map(|(caps, _)| *caps != CapSet::NONE).collect();
        let places = joined(factors.places(&holds));
        let any = "BPF,SYS_ADMIN".parse().unwrap();
        assert_eq!(places, [Applies { with_caps: vec![any], ..Applies::default() }]);
    }

    /// Each call meets every assignment of what it depends on, though few targets are looked at.
    #[test]
    fn targets_have_every_assignment_of_every_call() {
        let names: Vec<Name> = Name::all().take(4).collect();
        let of = [
            factors("BPF,SYS_ADMIN", &[]),
            factors("SYS_PTRACE", &["4.8"]),
            factors("SYS_TIME", &["4.8", "5.9"]),
            factors("SYS_ADMIN,SYS_CHROOT,SYSLOG", &[]),
        ];
        let calls: BTreeMap<Name, Factors> = names.into_iter().zip(of.clone()).collect();
        let natives = vec![Arch::X86_64, Arch::S390x];
        let others = Factors::default();
        let circumstances =
            Circumstances { natives: natives.clone(), calls, others, ..Circumstances::default() };
        let targets = circumstances.targets().unwrap();
        assert!(
            targets.len()
                < 2 * of.iter().map(|own| own.assignments().unwrap().len()).sum::<usize>()
        );
        for (native, factors) in
            natives.iter().flat_map(|native| of.iter().map(move |own| (native, own)))
        {
            let own = targets.iter().filter(|target| target.native == *native);
            let found: BTreeSet<_> =
                own.map(|target| factors.assignment(target.caps, target.kernel.unwrap())).collect();
            assert_eq!(found, factors.assignments().unwrap().into_iter().collect());
        }
    }

    #[test]
    fn assignments_have_a_limit() {
        let caps = |count| Capability::all().take(count).collect::<CapSet>();
        let of = |count| Factors { caps: caps(count), kernels: BTreeSet::new() };
        let count = |factors: Factors| factors.assignments().map(|list| list.len());
        assert_eq!(count(of(7)), Some(128));
        assert_eq!(count(of(8)), Some(Factors::ASSIGNMENTS_MAX));
        assert_eq!(count(of(9)), None);
        assert_eq!(count(of(41)), None);
    }
}
