//! What groups are made of: lines about a syscall, a family or another group.

use callgate_syscalls::{Arch, Name};

use super::{text, text_if_any};
use crate::constant::arch_bit;
use crate::generated::groups as tables;
use crate::{Alias, Family};

/// What a line says of its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stance {
    /// It belongs to the group, where the condition holds.
    Allow,
    /// A caller is told that the kernel does not have it, so that it takes the call whose arguments
    /// a filter sees.
    Enosys,
    /// It does not belong to the group, though its family does in part.
    Leave,
}

impl Stance {
    /// The word for it: `allow`, `enosys` or `leave`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Enosys => "enosys",
            Self::Leave => "leave",
        }
    }
}

/// The subject of a line as the tables hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Syscall(u16),
    Family(u16),
    Alias(u16),
    Unknown(u16),
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupMember {
    /// A syscall.
    Syscall(Name),
    /// All syscalls of a family.
    Family(Family),
    /// Another group of the same source.
    Alias(Alias),
    /// A name that the source has and no architecture here.
    Unknown(&'static str),
}

/// A line of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupLine(pub(crate) u16);

impl GroupLine {
    /// What it says.
    #[must_use]
    pub fn stance(self) -> Stance {
        self.row().0
    }

    /// What it is about.
    #[must_use]
    pub fn member(self) -> GroupMember {
        match self.row().1 {
            Subject::Syscall(index) => GroupMember::Syscall(tables::NAMES[usize::from(index)]),
            Subject::Family(index) => GroupMember::Family(Family(index)),
            Subject::Alias(index) => GroupMember::Alias(Alias(index)),
            Subject::Unknown(index) => GroupMember::Unknown(text(index)),
        }
    }

    /// Whether it counts on an architecture.
    #[must_use]
    pub fn is_on(self, arch: Arch) -> bool {
        self.arches() & arch_bit(arch) != 0
    }

    /// The bits of the architectures on which it counts.
    pub(super) fn arches(self) -> u32 {
        self.row().2
    }

    /// When it counts, as a condition of callgate's language over the kernel's names of the
    /// arguments.
    #[must_use]
    pub fn condition(self) -> Option<&'static str> {
        text_if_any(self.row().3)
    }

    /// Why, where it does not go without saying.
    #[must_use]
    pub fn reason(self) -> Option<&'static str> {
        text_if_any(self.row().4)
    }

    fn row(self) -> (Stance, Subject, u32, u16, u16) {
        tables::LINES[usize::from(self.0)]
    }
}
