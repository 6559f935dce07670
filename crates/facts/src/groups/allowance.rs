//! What several blocks together allow.

use callgate_syscalls::{Arch, Name};

use crate::constant::arch_bit;
use crate::{Block, GroupLine, GroupMember, Stance};

/// What several blocks together say of a syscall: what any of them allows is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Allowance {
    /// It is allowed, whatever its arguments.
    Always,
    /// It is allowed where one of the conditions holds.
    If(Vec<&'static str>),
    /// It is answered with `ENOSYS`: no block allows it, and one says that its callers have another
    /// way.
    Enosys,
}

impl Allowance {
    /// What the blocks say of a syscall on an architecture; none where they do not mention it or
    /// leave it out.
    #[must_use]
    pub fn of(blocks: &[Block], syscall: Name, arch: Arch) -> Option<Self> {
        Self::said(blocks.iter().filter_map(|block| block.line(syscall, arch)))
    }

    /// What the blocks say of each syscall that they name, as [`Allowance::of`] does, on those of
    /// the architectures that have it: sorted by name, then as the architectures are. Their lines
    /// are read once.
    #[must_use]
    pub fn of_each(blocks: &[Block], arches: &[Arch]) -> Vec<(Name, Arch, Self)> {
        let bits: Vec<(Arch, u32)> = arches.iter().map(|arch| (*arch, arch_bit(*arch))).collect();
        let lines = named(blocks);
        let mut said = Vec::new();
        for of_name in lines.chunk_by(|one, other| one.syscall == other.syscall) {
            let Some(&Named { syscall, .. }) = of_name.first() else { continue };
            for &(arch, bit) in bits.iter().filter(|(arch, _)| arch.syscall(syscall).is_some()) {
                let of_block = of_name.chunk_by(|one, other| one.block == other.block);
                let first = of_block
                    .filter_map(|lines| lines.iter().find(|named| named.line.arches() & bit != 0));
                if let Some(allowance) = Self::said(first.map(|named| named.line)) {
                    said.push((syscall, arch, allowance));
                }
            }
        }
        said
    }

    /// What the lines of blocks together say, one of each.
    fn said(lines: impl Iterator<Item = GroupLine>) -> Option<Self> {
        let mut conditions = Vec::new();
        let mut enosys = false;
        for line in lines {
            match (line.stance(), line.condition()) {
                (Stance::Allow, None) => return Some(Self::Always),
                (Stance::Allow, Some(condition)) if !conditions.contains(&condition) => {
                    conditions.push(condition);
                }
                (Stance::Enosys, _) => enosys = true,
                (Stance::Allow | Stance::Leave, _) => {}
            }
        }
        match conditions.is_empty() {
            true => enosys.then_some(Self::Enosys),
            false => Some(Self::If(conditions)),
        }
    }
}

/// A line that names a syscall. In their order, a line of a block that names the syscall itself comes
/// before those that name its family.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    syscall: Name,
    /// The block's place in the list.
    block: usize,
    by_family: bool,
    line: GroupLine,
}

/// The lines of blocks that name syscalls, sorted.
fn named(blocks: &[Block]) -> Vec<Named> {
    let mut named = Vec::new();
    for (block, line) in
        blocks.iter().enumerate().flat_map(|(block, of)| of.lines().map(move |line| (block, line)))
    {
        match line.member() {
            GroupMember::Syscall(syscall) => {
                named.push(Named { syscall, block, by_family: false, line })
            }
            GroupMember::Family(family) => {
                let each = family.members();
                named.extend(each.map(|syscall| Named { syscall, block, by_family: true, line }));
            }
            GroupMember::Alias(_) | GroupMember::Unknown(_) => {}
        }
    }
    named.sort_unstable();
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Groups;

    #[test]
    fn what_is_said_of_each_is_what_is_said_of_one() {
        let arches = [Arch::X86_64, Arch::S390x, Arch::Arm];
        for role in Groups::LATEST.roles() {
            let blocks: Vec<Block> = role.blocks().collect();
            let each = Allowance::of_each(&blocks, &arches);
            let mut count = 0;
            for name in Name::all() {
                for arch in arches.into_iter().filter(|arch| arch.syscall(name).is_some()) {
                    let own = each.iter().find(|(of, on, _)| (*of, *on) == (name, arch));
                    let own = own.map(|(_, _, allowance)| allowance.clone());
                    count += usize::from(own.is_some());
                    assert_eq!(own, Allowance::of(&blocks, name, arch), "{role} {name} {arch}");
                }
            }
            assert!(count == each.len() && count > 100, "{role}: {count}");
        }
    }
}
