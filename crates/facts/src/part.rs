//! How the constants of a set share the value of an argument.

/// How one part of a set of constants is held in an argument's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartKind {
    /// The whole value is one of the constants.
    Values,
    /// Any of the constants may be set, each in its own bits.
    Flags,
    /// Some bits of the value are one of the constants.
    Field {
        /// The bits.
        mask: u64,
        /// How far the constant is shifted to the left; 0 but for `quotactl`'s command.
        shift: u8,
    },
}

impl PartKind {
    /// What a constant of this part adds to an argument's value: itself, shifted where the part is.
    #[must_use]
    pub const fn place(self, constant: u64) -> u64 {
        match self {
            Self::Values | Self::Flags => constant,
            Self::Field { shift, .. } => constant << shift,
        }
    }
}
