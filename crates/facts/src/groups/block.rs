//! Blocks: what belongs to one intent of a program.

use std::fmt;

use callgate_syscalls::{Arch, KernelVersion, Name};

use super::text;
use crate::constant::arch_bit;
use crate::generated::groups as tables;
use crate::{GroupLine, GroupMember, Groups, Risk, Stance};

/// The syscalls of one intent, such as reading files or making threads, with the conditions that
/// keep variants from doing more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Block(pub(crate) u16);

impl Block {
    /// The name, such as `files.read`.
    #[must_use]
    pub fn name(self) -> &'static str {
        text(self.row().0)
    }

    /// Whether it is an intent of its own: every syscall belongs to one. The others take from
    /// intents what a part of every program needs, such as its start.
    #[must_use]
    pub fn is_intent(self) -> bool {
        self.row().1
    }

    /// What a program that may do this can do to others.
    #[must_use]
    pub fn risks(self) -> &'static [Risk] {
        self.row().2
    }

    /// What it is for.
    #[must_use]
    pub fn purpose(self) -> &'static str {
        text(self.row().3)
    }

    /// What it says, line by line.
    pub fn lines(self) -> impl Iterator<Item = GroupLine> {
        (self.row().4..tables::BLOCKS[usize::from(self.0) + 1].4).map(GroupLine)
    }

    /// What it says of a syscall on an architecture: a line that names the syscall comes before one
    /// that names its family.
    #[must_use]
    pub fn line(self, syscall: Name, arch: Arch) -> Option<GroupLine> {
        let bit = arch_bit(arch);
        let mut of_family = None;
        for line in self.lines().filter(|line| line.arches() & bit != 0) {
            match line.member() {
                GroupMember::Syscall(name) if name == syscall => return Some(line),
                GroupMember::Family(family) if of_family.is_none() => {
                    of_family = family.members().any(|member| member == syscall).then_some(line);
                }
                _ => {}
            }
        }
        of_family
    }

    /// The syscalls of an architecture that it allows, always or where a condition holds, and those
    /// that it answers with `ENOSYS`; sorted by name.
    pub fn members(self, arch: Arch) -> impl Iterator<Item = (Name, GroupLine)> {
        let line = move |syscall: Name| {
            let line = self.line(syscall, arch)?;
            (line.stance() != Stance::Leave).then_some((syscall, line))
        };
        Name::all().filter(move |name| arch.syscall(*name).is_some()).filter_map(line)
    }

    /// The oldest kernel in which it allows anything on an architecture; none where it never does.
    #[must_use]
    pub fn since(self, arch: Arch) -> Option<KernelVersion> {
        let allowed = self.members(arch).filter(|(_, line)| line.stance() == Stance::Allow);
        allowed.filter_map(|(syscall, _)| Some(arch.syscall(syscall)?.since)).min()
    }

    /// The version of the groups that it belongs to.
    #[must_use]
    pub fn groups(self) -> Groups {
        Groups::all()
            .find(|groups| groups.blocks().any(|block| block == self))
            .unwrap_or(Groups::LATEST)
    }

    fn row(self) -> (u16, bool, &'static [Risk], u16, u16) {
        tables::BLOCKS[usize::from(self.0)]
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({self})")
    }
}
