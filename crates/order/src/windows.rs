//! Which rules of a list may contain another, or be contained in it.
//!
//! A new rule is held against all others of its syscall. Asking each would make a long list cost the square of its length,
//! so the list notes a hash for every *window*: every contiguous part of a rule's comparisons, itself included. What is found
//! by a hash is only a candidate, and is compared.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use crate::chain::{Step, Test};

/// The windows of the rules of a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Windows {
    /// How many rules there are.
    count: usize,
    /// By the comparisons of a whole rule.
    whole: Places,
    /// By any part of a rule.
    part: Places,
}

/// Lists are searched as they are up to this length.
const SHORT: usize = 8;

impl Windows {
    /// Notes the comparisons of the next rule.
    pub(crate) fn add(&mut self, chain: &[Step]) {
        let place = self.count;
        self.count += 1;
        self.whole.add(hash(chain), place);
        windows(chain).for_each(|window| self.part.add(hash(window), place));
    }

    /// The places of rules that may be a part of these comparisons.
    pub(crate) fn parts(&self, chain: &[Step]) -> impl Iterator<Item = usize> + use<'_> {
        let short = self.count <= SHORT;
        let all = 0..if short { self.count } else { 0 };
        let hashes: Vec<u64> = if short { Vec::new() } else { windows(chain).map(hash).collect() };
        all.chain(hashes.into_iter().flat_map(|hash| self.whole.of(hash)))
    }

    /// The places of rules of which these comparisons may be a part.
    pub(crate) fn wholes(&self, chain: &[Step]) -> impl Iterator<Item = usize> + use<'_> {
        let short = self.count <= SHORT;
        let all = 0..if short { self.count } else { 0 };
        let found = (!short).then(|| self.part.of(hash(chain)));
        all.chain(found.into_iter().flatten())
    }
}

/// Places by hash, in lists that are linked through one array.
#[derive(Clone, Debug, Default)]
struct Places {
    /// The last link for each hash.
    last: HashMap<u64, usize, BuildHasherDefault<Mixed>>,
    links: Vec<Link>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    place: usize,
    before: Option<usize>,
}

impl Places {
    fn add(&mut self, hash: u64, place: usize) {
        let before = self.last.insert(hash, self.links.len());
        self.links.push(Link { place, before });
    }

    fn of(&self, hash: u64) -> impl Iterator<Item = usize> + use<'_> {
        let link = |index: usize| self.links.get(index).copied();
        let last = self.last.get(&hash).copied().and_then(link);
        std::iter::successors(last, move |found| found.before.and_then(link)).map(|link| link.place)
    }
}

/// Every contiguous part of a rule's comparisons: there are at most six, so 21 parts.
fn windows(chain: &[Step]) -> impl Iterator<Item = &[Step]> {
    (1..=chain.len()).flat_map(|len| chain.windows(len))
}

fn hash(steps: &[Step]) -> u64 {
    let mut mixed = Mixed::default();
    for Step { test: Test { arg, stored, mask, datum }, answer, .. } in steps {
        (arg, stored, mask, datum, answer).hash(&mut mixed);
    }
    mixed.finish()
}

/// A quick hash. Whoever writes rules that collide makes only their own filter slow to build.
#[derive(Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn write_u64(&mut self, word: u64) {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        self.0 = (self.0.rotate_left(26) ^ word).wrapping_mul(ODD);
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte.into());
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(word.unsigned_abs().try_into().unwrap_or(u64::MAX));
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
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
    fn what_contains_or_is_contained_is_found_in_short_and_long_lists() {
        for others in [0, SHORT - 3, SHORT - 2, SHORT - 1, 1000] {
            let mut list = Windows::default();
            let fixed = [chain(&[Some(1), Some(2), Some(3)]), chain(&[None, Some(2)])];
            fixed.iter().for_each(|chain| list.add(chain));
            for value in 0..others {
                list.add(&chain(&[Some(1000 + value as u64)]));
            }
            let middle = chain(&[None, Some(2)]);
            assert!([0, 1].iter().all(|&place| list.wholes(&middle).any(|found| found == place)));
            let long = chain(&[Some(1), Some(2), Some(3), Some(4)]);
            assert!([0, 1].iter().all(|&place| list.parts(&long).any(|found| found == place)));
            if others > SHORT {
                assert_eq!((list.wholes(&middle).count(), list.parts(&long).count()), (2, 2));
            }
        }
    }
}
