//! Families: one operation in all its variants.

use std::fmt;

use callgate_syscalls::{Arch, Name};

use super::{text, text_if_any};
use crate::generated::groups as tables;

/// One operation in all its variants: generations, widths, and what some architectures have in its
/// place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family(pub(crate) u16);

impl Family {
    /// The name, which is often that of its best known member.
    #[must_use]
    pub fn name(self) -> &'static str {
        text(tables::FAMILIES[usize::from(self.0)].0)
    }

    /// The members, on whatever architecture.
    pub fn members(self) -> impl Iterator<Item = Name> {
        self.rows().iter().map(|row| tables::NAMES[usize::from(row.0)])
    }

    /// The members that an architecture has.
    pub fn members_on(self, arch: Arch) -> impl Iterator<Item = Name> {
        self.members().filter(move |member| arch.syscall(*member).is_some())
    }

    /// What sets a member apart from the others, where that is worth a word.
    #[must_use]
    pub fn note(self, member: Name) -> Option<&'static str> {
        let row = self.rows().iter().find(|row| tables::NAMES[usize::from(row.0)] == member)?;
        text_if_any(row.1)
    }

    fn rows(self) -> &'static [(u16, u16)] {
        let index = usize::from(self.0);
        let (start, end) = (tables::FAMILIES[index].1, tables::FAMILIES[index + 1].1);
        &tables::FAMILY_MEMBERS[usize::from(start)..usize::from(end)]
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Family({self})")
    }
}
