//! Groups of syscalls: families of variants, blocks of what belongs to one intent, roles of whole
//! programs, and the groups that others have.
//!
//! Groups are versioned. A published version never changes: a policy that pins it means the same
//! for ever.
//!
//! Claim: C-GROUPS

pub(crate) mod alias;
pub(crate) mod allowance;
pub(crate) mod block;
pub(crate) mod family;
pub(crate) mod line;
pub(crate) mod risk;
pub(crate) mod role;

use std::fmt;

use callgate_syscalls::Name;

use crate::constant::word;
use crate::generated::groups as tables;
use crate::{Block, Family, Role};

/// A published version of the groups.
///
/// # Examples
/// ```
/// use callgate_facts::Groups;
/// use callgate_syscalls::{Arch, names};
///
/// let groups = Groups::LATEST;
/// let family = groups.family_of(names::OPENAT).expect("open and its variants");
/// assert_eq!(family.name(), "open");
/// let members: Vec<_> = family.members_on(Arch::Aarch64).map(|name| name.as_str()).collect();
/// assert_eq!(members, ["openat", "openat2"]);
///
/// let block = groups.block("sockets.unix").expect("a block");
/// let line = block.line(names::SOCKETPAIR, Arch::X86_64).expect("a line");
/// assert_eq!(line.condition(), Some("family == AF_UNIX"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Groups(u16);

impl Groups {
    /// The newest version.
    pub const LATEST: Self = Self(tables::LATEST);

    /// Looks a version up, such as `2026.11`.
    #[must_use]
    pub fn parse(version: &str) -> Option<Self> {
        Self::all().find(|groups| groups.version() == version)
    }

    /// Every published version, oldest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=Self::LATEST.0).map(Self)
    }

    /// The version.
    #[must_use]
    pub fn version(self) -> &'static str {
        text(self.row().0)
    }

    /// The families, sorted by name.
    pub fn families(self) -> impl Iterator<Item = Family> {
        (self.row().1..self.next().1).map(Family)
    }

    /// The blocks.
    pub fn blocks(self) -> impl Iterator<Item = Block> {
        (self.row().2..self.next().2).map(Block)
    }

    /// The roles.
    pub fn roles(self) -> impl Iterator<Item = Role> {
        (self.row().3..self.next().3).map(Role)
    }

    /// The family of that name.
    #[must_use]
    pub fn family(self, name: &str) -> Option<Family> {
        self.families().find(|family| family.name() == name)
    }

    /// The block of that name.
    #[must_use]
    pub fn block(self, name: &str) -> Option<Block> {
        self.blocks().find(|block| block.name() == name)
    }

    /// The role of that name.
    #[must_use]
    pub fn role(self, name: &str) -> Option<Role> {
        self.roles().find(|role| role.name() == name)
    }

    /// The family that a syscall belongs to; none where the syscall has no variants.
    #[must_use]
    pub fn family_of(self, syscall: Name) -> Option<Family> {
        self.families().find(|family| family.members().any(|member| member == syscall))
    }

    fn row(self) -> (u16, u16, u16, u16) {
        tables::VERSIONS[usize::from(self.0)]
    }

    fn next(self) -> (u16, u16, u16, u16) {
        tables::VERSIONS[usize::from(self.0) + 1]
    }
}

impl fmt::Display for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.version())
    }
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Groups({self})")
    }
}

/// One of the words that the tables hold.
pub(crate) fn text(index: u16) -> &'static str {
    word(tables::WORD_TEXT, &tables::WORD_STARTS, index)
}

/// The same, where the empty word stands for nothing.
pub(crate) fn text_if_any(index: u16) -> Option<&'static str> {
    Some(text(index)).filter(|text| !text.is_empty())
}
