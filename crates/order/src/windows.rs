//! Which rules of a list may contain another, or be contained in it.
//!
//! A new rule is held against all others of its syscall. Asking each would make a long list cost
//! the square of its length, so the list notes a hash for every *window*: every contiguous part of
//! a rule's comparisons, itself included. What is found by a hash is only a candidate, and is
//! compared.

use std::hash::{Hash, Hasher};

use callgate_memory::{FixedHasher, List, Map, OutOfMemory, TryClone};

use crate::chain::{ArgCmp, Step, Test};

/// The windows of the rules of a list.
#[derive(Debug)]
pub(crate) struct Windows {
    /// By the comparisons of a whole rule.
    whole: Places,
    /// By any part of a rule.
    part: Places,
}

/// Lists are searched as they are, and note nothing, up to this length.
pub(crate) const SHORT: usize = 8;

/// How many windows a rule has at most.
const PARTS_MAX: usize = ArgCmp::COUNT_MAX * (ArgCmp::COUNT_MAX + 1) / 2;

impl Windows {
    pub(crate) const fn new() -> Self {
        Self { whole: Places::new(), part: Places::new() }
    }

    /// Notes the comparisons of the rule at a place. Where memory ends half way, what is noted by
    /// then does no harm: all that is found is compared.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub(crate) fn add(&mut self, chain: &[Step], place: u32) -> Result<(), OutOfMemory> {
        self.whole.add(hash(chain), place)?;
        windows(chain).try_for_each(|window| self.part.add(hash(window), place))
    }

    /// The places of noted rules that may be a part of these comparisons.
    pub(crate) fn parts(&self, chain: &[Step]) -> impl Iterator<Item = usize> + use<'_> {
        let mut hashes = [None; PARTS_MAX];
        for (slot, window) in hashes.iter_mut().zip(windows(chain)) {
            *slot = Some(hash(window));
        }
        hashes.into_iter().flatten().flat_map(|hash| self.whole.of(hash))
    }

    /// The places of noted rules of which these comparisons may be a part.
    pub(crate) fn wholes(&self, chain: &[Step]) -> impl Iterator<Item = usize> + use<'_> {
        self.part.of(hash(chain))
    }
}

impl TryClone for Windows {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        Ok(Self { whole: self.whole.try_clone()?, part: self.part.try_clone()? })
    }
}

/// Places by hash, in lists that are linked through one array.
#[derive(Debug)]
struct Places {
    /// The last link for each hash.
    last: Map<u64, u32>,
    links: List<Link>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    place: u32,
    before: u32,
}

/// No link. There are fewer.
const NONE: u32 = u32::MAX;

impl TryClone for Link {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        Ok(*self)
    }
}

impl Places {
    const fn new() -> Self {
        Self { last: Map::new(), links: List::new() }
    }

    fn add(&mut self, hash: u64, place: u32) -> Result<(), OutOfMemory> {
        let link = u32::try_from(self.links.len()).map_err(|_| OutOfMemory)?;
        let before = self.last.get(&hash).copied().unwrap_or(NONE);
        self.links.try_push(Link { place, before })?;
        self.last.insert(hash, link)?;
        Ok(())
    }

    fn of(&self, hash: u64) -> impl Iterator<Item = usize> + use<'_> {
        let link = |index: u32| self.links.get(index as usize).copied();
        let last = self.last.get(&hash).copied().and_then(link);
        let chain = std::iter::successors(last, move |found| link(found.before));
        chain.map(|link| link.place as usize)
    }
}

impl TryClone for Places {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        Ok(Self { last: self.last.try_clone()?, links: self.links.try_clone()? })
    }
}

/// Every contiguous part of a rule's comparisons: there are at most six, so 21 parts.
fn windows(chain: &[Step]) -> impl Iterator<Item = &[Step]> {
    (1..=chain.len()).flat_map(|len| chain.windows(len))
}

/// A quick hash. Whoever writes rules that collide makes only their own filter slow to build.
fn hash(steps: &[Step]) -> u64 {
    let mut hasher = FixedHasher::default();
    for Step { test: Test { arg, stored, mask, datum }, answer, .. } in steps {
        (arg, stored, mask, datum, answer).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::Arch;

    use super::*;
    use crate::ArgCmp;
    use crate::chain::{self, Chain};

    fn chain(values: &[Option<u64>]) -> Chain {
        let given = values.iter().zip(0..).filter_map(|(value, arg)| Some((arg, (*value)?)));
        let cmps = given.map(|(arg, datum_a)| ArgCmp { arg, op: 4, datum_a, datum_b: 0 });
        chain::read(Arch::X86_64, &cmps.collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn what_contains_or_is_contained_is_found() {
        let mut list = Windows::new();
        let fixed = [chain(&[Some(1), Some(2), Some(3)]), chain(&[None, Some(2)])];
        let others = (0..1000).map(|value| chain(&[Some(1000 + value)]));
        for (chain, place) in fixed.into_iter().chain(others).zip(0..) {
            list.add(&chain, place).unwrap();
        }
        let middle = chain(&[None, Some(2)]);
        assert!([0, 1].iter().all(|&place| list.wholes(&middle).any(|found| found == place)));
        let long = chain(&[Some(1), Some(2), Some(3), Some(4)]);
        assert!([0, 1].iter().all(|&place| list.parts(&long).any(|found| found == place)));
        assert_eq!((list.wholes(&middle).count(), list.parts(&long).count()), (2, 2));
        let copy = list.try_clone().unwrap();
        assert_eq!(copy.parts(&long).count(), 2);
    }
}
