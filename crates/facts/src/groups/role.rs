//! Roles: what a whole program of some kind needs.

use std::fmt;

use super::text;
use crate::Block;
use crate::generated::groups as tables;

/// The blocks that programs of one kind need, such as a client of the network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role(pub(crate) u16);

impl Role {
    /// The name, such as `net-client`.
    #[must_use]
    pub fn name(self) -> &'static str {
        text(self.row().0)
    }

    /// What programs these are.
    #[must_use]
    pub fn purpose(self) -> &'static str {
        text(self.row().1)
    }

    /// The blocks.
    pub fn blocks(self) -> impl Iterator<Item = Block> {
        let (start, end) = (self.row().2, tables::ROLES[usize::from(self.0) + 1].2);
        tables::ROLE_BLOCKS[usize::from(start)..usize::from(end)].iter().copied().map(Block)
    }

    fn row(self) -> (u16, u16, u16) {
        tables::ROLES[usize::from(self.0)]
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Role({self})")
    }
}
