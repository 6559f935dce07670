//! Groups of others, with exactly the members that they have in one version.

use std::collections::BTreeSet;
use std::fmt;

use callgate_syscalls::Name;

use super::text;
use crate::generated::groups as tables;
use crate::{GroupLine, GroupMember};

/// A group that somebody else defines: a set of systemd such as `@system-service`, or a promise of
/// OpenBSD's `pledge`.
///
/// # Examples
/// ```
/// use callgate_facts::Alias;
///
/// let set = Alias::parse("systemd-252", "@clock").expect("a set of systemd");
/// assert_eq!(set.syscalls().len(), 6);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias(pub(crate) u16);

impl Alias {
    /// Looks a group up by its source and its name.
    #[must_use]
    pub fn parse(source: &str, name: &str) -> Option<Self> {
        Self::all().find(|alias| alias.source() == source && alias.name() == name)
    }

    /// Every group of every source.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).take(tables::ALIASES.len() - 1).map(Self)
    }

    /// Whose it is, in which version: `systemd-252`, `systemd-257`, `openbsd-pledge`.
    #[must_use]
    pub fn source(self) -> &'static str {
        text(self.row().0)
    }

    /// Its name there.
    #[must_use]
    pub fn name(self) -> &'static str {
        text(self.row().1)
    }

    /// Its members as the source lists them, other groups among them.
    pub fn lines(self) -> impl Iterator<Item = GroupLine> {
        (self.row().2..tables::ALIASES[usize::from(self.0) + 1].2).map(GroupLine)
    }

    /// The syscalls of this group and of those that it contains, whatever their conditions.
    #[must_use]
    pub fn syscalls(self) -> BTreeSet<Name> {
        let mut syscalls = BTreeSet::new();
        let mut waiting = vec![self];
        let mut seen = BTreeSet::new();
        while let Some(alias) = waiting.pop() {
            if !seen.insert(alias) {
                continue;
            }
            for line in alias.lines() {
                match line.member() {
                    GroupMember::Syscall(syscall) => drop(syscalls.insert(syscall)),
                    GroupMember::Alias(nested) => waiting.push(nested),
                    GroupMember::Family(family) => syscalls.extend(family.members()),
                    GroupMember::Unknown(_) => {}
                }
            }
        }
        syscalls
    }

    fn row(self) -> (u16, u16, u16) {
        tables::ALIASES[usize::from(self.0)]
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Alias({} of {})", self.name(), self.source())
    }
}
