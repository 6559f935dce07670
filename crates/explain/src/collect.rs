//! Denials that are alike, together.

use std::collections::BTreeMap;

use callgate_syscalls::{ArchToken, SyscallNr};

use crate::{Answer, Denial, Knowledge};

/// Denials in the order in which they were met first; those that are alike are counted.
#[derive(Clone, Debug, Default)]
pub struct Denials {
    list: Vec<Denial>,
    places: BTreeMap<OwnedKey, usize>,
}

type OwnedKey =
    ((ArchToken, SyscallNr, [Option<u64>; 6], Answer), (Option<String>, Option<String>, Knowledge));

impl Denials {
    /// Adds a denial; whether it is the first of its kind.
    pub fn add(&mut self, denial: Denial) -> bool {
        let (call, (comm, exe, knowledge)) = denial.key();
        let key = (call, (comm.map(str::to_owned), exe.map(str::to_owned), knowledge));
        if let Some(&place) = self.places.get(&key) {
            self.list[place].merge(&denial);
            return false;
        }
        self.places.insert(key, self.list.len());
        self.list.push(denial);
        true
    }

    /// The denials.
    #[must_use]
    pub fn list(&self) -> &[Denial] {
        &self.list
    }
}

impl Denial {
    /// Counts another that is like this one.
    fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.into_iter().chain(other.last).max();
        if self.process.tid != other.process.tid {
            self.process.tid = None;
        }
        if self.process.pid != other.process.pid {
            self.process.pid = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::Arch;

    use super::*;
    use crate::Time;

    #[test]
    fn what_is_alike_is_counted_with_its_first_and_last_time() {
        let mut denials = Denials::default();
        let at = |millis, nr| {
            let nr = SyscallNr::new(nr);
            let mut denial = Denial::new(Arch::X86_64.token(), nr, Knowledge::Audit);
            denial.first = Some(Time::from_millis(millis));
            denial.last = denial.first;
            denial
        };
        let new: Vec<bool> =
            [(5, 1), (3, 1), (9, 2), (8, 1)].map(|(t, nr)| denials.add(at(t, nr))).into();
        assert_eq!(new, [true, false, true, false]);
        let [first, second] = denials.list() else { panic!("{denials:?}") };
        assert_eq!((first.count, second.count), (3, 1));
        let millis = |time: Option<Time>| time.map(Time::millis);
        assert_eq!((millis(first.first), millis(first.last)), (Some(3), Some(8)));
    }
}
