//! What several blocks together allow.

use callgate_syscalls::{Arch, Name};

use crate::{Block, Stance};

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
        let mut conditions = Vec::new();
        let mut enosys = false;
        for line in blocks.iter().filter_map(|block| block.line(syscall, arch)) {
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
