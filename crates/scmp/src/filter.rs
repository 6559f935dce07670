//! The filter of one architecture within a context.

use std::ops::Deref;
use std::sync::Arc;

use callgate_order::{Effect, Rules, StoredRule, number_base};
use callgate_syscalls::{Action, Arch, SyscallNr};

use crate::entry::{Entries, Entry};
use crate::{Error, Number};

/// The entries of one architecture by number.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) arch: Arch,
    entries: Entries,
    /// How many rules with comparisons were ever accepted, each counted once and once more for each part of it.
    listed: usize,
}

/// A filter of a context; snapshots of transactions share it until it changes. Contexts without transactions, nearly all,
/// do not pay for the sharing with each rule.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    Own(Filter),
    Shared(Arc<Filter>),
}

impl Held {
    pub(crate) const fn new(arch: Arch) -> Self {
        Self::Own(Filter::new(arch))
    }

    /// The same filter for a snapshot.
    pub(crate) fn share(&mut self) -> Self {
        if let Self::Own(filter) = self {
            let arch = filter.arch;
            *self = Self::Shared(Arc::new(std::mem::replace(filter, Filter::new(arch))));
        }
        self.clone()
    }

    /// The filter to be changed here, and not in snapshots.
    pub(crate) fn change(&mut self) -> &mut Filter {
        match self {
            Self::Own(filter) => filter,
            Self::Shared(filter) => Arc::make_mut(filter),
        }
    }
}

impl Deref for Held {
    type Target = Filter;

    fn deref(&self) -> &Filter {
        match self {
            Self::Own(filter) => filter,
            Self::Shared(filter) => filter,
        }
    }
}

/// What accepting a rule will change in one filter.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    nr: SyscallNr,
    effect: Effect,
}

/// Callers of libseccomp's functions do not ask where a rule came from.
const NO_ORIGIN: u32 = 0;

impl Filter {
    pub(crate) const fn new(arch: Arch) -> Self {
        Self { arch, entries: Entries::new(number_base(arch)), listed: 0 }
    }

    /// The entries, ascending by number as filters see it: pseudo numbers last.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = (SyscallNr, &Entry)> {
        self.entries.iter()
    }

    /// How much the filter holds: its entries, and its rules with comparisons, more for longer ones.
    pub(crate) fn extent(&self) -> (usize, usize) {
        (self.entries.len(), self.listed)
    }

    /// What a rule would change; nothing is changed yet.
    ///
    /// # Errors
    /// [`Error::Conflict`].
    pub(crate) fn consider(&self, rule: StoredRule, action: Action) -> Result<Change, Error> {
        let StoredRule { number, chain } = rule;
        let nr = number.unsigned();
        let rules = self.entries.get(nr).map_or(&Rules::None, |entry| &entry.rules);
        let effect = rules.consider(self.arch, chain, action, NO_ORIGIN);
        let arch = self.arch;
        effect.map(|effect| Change { nr, effect }).map_err(|_| Error::Conflict { arch, number })
    }

    /// Makes the change.
    pub(crate) fn apply(&mut self, Change { nr, effect }: Change) {
        let made_by_rule = || Entry { made_by_rule: true, ..Entry::default() };
        if let Effect::Append { rule, .. } = &effect {
            self.listed += 1 + rule.chain.len() * (rule.chain.len() + 1) / 2;
        }
        self.entries.or_insert(nr, made_by_rule).rules.apply(effect);
    }

    /// Raises the priority of a number; it is never lowered.
    pub(crate) fn prioritise(&mut self, number: Number, priority: u8) {
        let entry = self.entries.or_insert(number.unsigned(), || Entry::with_priority(priority));
        entry.priority = entry.priority.max(priority);
    }
}
