//! The filter of one architecture within a context.

use callgate_memory::{OutOfMemory, TryClone};
use callgate_order::{Effect, Refusal, Rules, StoredRule, Undo, number_base};
use callgate_syscalls::{Action, Arch, SyscallNr};

use crate::entry::{Entries, Entry, InOrder};
use crate::{Error, Number};

/// The entries of one architecture by number.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) arch: Arch,
    entries: Entries,
}

/// What accepting a rule will change in one filter.
#[derive(Debug)]
pub(crate) struct Change {
    nr: SyscallNr,
    effect: Effect,
}

/// A change that was made, and the way back.
#[derive(Debug)]
pub(crate) enum Done {
    /// The last entry is new.
    Entry,
    /// An entry has other rules.
    Rules(SyscallNr, Undo),
}

/// Callers of libseccomp's functions do not ask where a rule came from.
const NO_ORIGIN: u32 = 0;

impl Filter {
    pub(crate) const fn new(arch: Arch) -> Self {
        Self { arch, entries: Entries::new(number_base(arch)) }
    }

    /// The entries, ascending by number as filters see it: pseudo numbers last.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub(crate) fn entries(&self) -> Result<InOrder<'_>, OutOfMemory> {
        self.entries.in_order()
    }

    /// How many numbers have an entry.
    pub(crate) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// What a rule would change; nothing is changed yet.
    ///
    /// # Errors
    /// [`Error::Conflict`], [`Error::OutOfMemory`].
    pub(crate) fn consider(&self, rule: StoredRule, action: Action) -> Result<Change, Error> {
        let StoredRule { number, chain } = rule;
        let nr = number.unsigned();
        let rules = self.entries.get(nr).map_or(&Rules::None, |entry| &entry.rules);
        let effect = rules.consider(self.arch, chain, action, NO_ORIGIN, None);
        let arch = self.arch;
        effect.map(|effect| Change { nr, effect }).map_err(|refusal| match refusal {
            Refusal::Conflict(_) => Error::Conflict { arch, number },
            Refusal::OutOfMemory => Error::OutOfMemory,
        })
    }

    /// Makes the change.
    ///
    /// # Errors
    /// [`OutOfMemory`]; nothing is changed.
    pub(crate) fn apply(&mut self, Change { nr, effect }: Change) -> Result<Done, OutOfMemory> {
        if let Some(entry) = self.entries.get_mut(nr) {
            return entry.rules.apply(effect).map(|undo| Done::Rules(nr, undo));
        }
        let mut entry = Entry { made_by_rule: true, ..Entry::default() };
        entry.rules.apply(effect)?;
        self.entries.push(nr, entry).map(|()| Done::Entry)
    }

    /// Takes back the last change that was not taken back.
    pub(crate) fn undo(&mut self, done: Done) {
        match done {
            Done::Entry => self.entries.pop(),
            Done::Rules(nr, undo) => {
                if let Some(entry) = self.entries.get_mut(nr) {
                    entry.rules.undo(undo);
                }
            }
        }
    }

    /// Makes the entry whose priority is to be raised, where there is none: then `true`.
    ///
    /// # Errors
    /// [`OutOfMemory`]; nothing is changed.
    pub(crate) fn make_entry(&mut self, number: Number) -> Result<bool, OutOfMemory> {
        let nr = number.unsigned();
        match self.entries.get(nr) {
            Some(_) => Ok(false),
            None => self.entries.push(nr, Entry::default()).map(|()| true),
        }
    }

    /// Takes out the entry that was made last.
    pub(crate) fn drop_entry(&mut self) {
        self.entries.pop();
    }

    /// Raises the priority of a number that has an entry; it is never lowered.
    pub(crate) fn prioritise(&mut self, number: Number, priority: u8) {
        if let Some(entry) = self.entries.get_mut(number.unsigned()) {
            entry.priority = entry.priority.max(priority);
        }
    }
}

impl TryClone for Filter {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        Ok(Self { arch: self.arch, entries: self.entries.try_clone()? })
    }
}
