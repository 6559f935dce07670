//! Where a rule applies: architectures, machines, kernels, capabilities.

use callgate_syscalls::{Arch, KernelVersion};

use crate::{CapSet, Target};

/// Where a rule applies. Everything that is not said is no restriction, and all that is said must
/// be so.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Applies {
    /// To calls of these architectures only; empty for all.
    pub arches: Vec<Arch>,
    /// On machines of these architectures only, whichever of them a call is made for; empty for
    /// all.
    pub machines: Vec<Arch>,
    /// On kernels from this one on.
    pub kernel_from: Option<KernelVersion>,
    /// On kernels before this one.
    pub kernel_before: Option<KernelVersion>,
    /// For programs that can have a capability of each of these sets.
    pub with_caps: Vec<CapSet>,
    /// For programs that can have none of these capabilities.
    pub without_caps: CapSet,
}

impl Applies {
    /// Whether the rule applies to calls of an architecture on a target.
    #[must_use]
    pub fn to(&self, arch: Arch, target: &Target) -> bool {
        (self.arches.is_empty() || self.arches.contains(&arch)) && self.on(target)
    }

    /// Whether the rule applies on a target, to some architecture.
    #[must_use]
    pub fn on(&self, target: &Target) -> bool {
        // A kernel that is not known is as new as any.
        let is_from = |from| target.kernel.is_none_or(|kernel| kernel >= from);
        let is_before = |before| target.kernel.is_some_and(|kernel| kernel < before);
        (self.machines.is_empty() || self.machines.contains(&target.native))
            && self.kernel_from.is_none_or(is_from)
            && self.kernel_before.is_none_or(is_before)
            && self.with_caps.iter().all(|any| any.meets(target.caps))
            && !self.without_caps.meets(target.caps)
    }

    /// Whether something beside the architecture of a call decides where the rule applies.
    #[must_use]
    pub fn depends(&self) -> bool {
        !self.machines.is_empty()
            || self.depends_on_kernel()
            || !self.with_caps.is_empty()
            || self.without_caps != CapSet::NONE
    }

    /// Whether the kernel decides where the rule applies.
    #[must_use]
    pub const fn depends_on_kernel(&self) -> bool {
        self.kernel_from.is_some() || self.kernel_before.is_some()
    }

    /// Whether this applies on every target on which the other does, architectures of calls aside.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let has_machines = self.machines.is_empty()
            || !other.machines.is_empty()
                && other.machines.iter().all(|machine| self.machines.contains(machine));
        let is_from = |from| other.kernel_from.is_some_and(|own| own >= from);
        let is_before = |before| other.kernel_before.is_some_and(|own| own <= before);
        let left = |own: &CapSet| own.without(other.without_caps);
        let is_implied = |any: &CapSet| other.with_caps.iter().any(|own| left(own).is_within(*any));
        has_machines
            && self.kernel_from.is_none_or(is_from)
            && self.kernel_before.is_none_or(is_before)
            && self.with_caps.iter().all(is_implied)
            && self.without_caps.is_within(other.without_caps)
    }

    /// Whether this applies on the same targets as the other, architectures of calls aside.
    #[must_use]
    pub fn is_as_wide_as(&self, other: &Self) -> bool {
        self.covers(other) && other.covers(self)
    }

    /// Whether there is no target on which this applies. Machines that exclude each other are for
    /// whoever joins them to see.
    #[must_use]
    pub fn is_nowhere(&self) -> bool {
        let is_empty = |(from, before)| from >= before;
        self.kernel_from.zip(self.kernel_before).is_some_and(is_empty)
            || self.with_caps.iter().any(|any| any.is_within(self.without_caps))
    }

    /// The target changed as little as it takes for this to apply; unchanged where nothing does.
    #[must_use]
    pub fn nearest(&self, target: &Target) -> Target {
        let mut near = target.clone();
        near.caps = near.caps.without(self.without_caps);
        for any in &self.with_caps {
            let first = any.without(self.without_caps).iter().next();
            near.caps = match any.meets(near.caps) {
                true => near.caps,
                false => first.map_or(near.caps, |first| near.caps.with(first)),
            };
        }
        if !self.machines.is_empty() && !self.machines.contains(&near.native) {
            near.native = self.machines[0];
        }
        if let Some(from) = self.kernel_from {
            near.kernel = near.kernel.map(|kernel| kernel.max(from));
        }
        if let Some(before) = self.kernel_before {
            // No version is known to be the last before another.
            let below = self.kernel_from.unwrap_or(KernelVersion::new(0, 0));
            near.kernel = near.kernel.filter(|kernel| *kernel < before).or(Some(below));
        }
        if self.on(&near) { near } else { target.clone() }
    }
}
