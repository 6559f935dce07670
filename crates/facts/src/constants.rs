//! Sets of constants: what one argument, or several alike, take their values from.

use std::fmt;

use crate::constant::word;
use crate::generated::constants as tables;
use crate::{Constant, PartKind};

/// The constants that an argument takes its values from, such as the socket families.
///
/// # Examples
/// ```
/// use callgate_facts::Constants;
/// use callgate_syscalls::{Arch, names};
///
/// let usage = Constants::of(names::SOCKET, "type").next().expect("the types of sockets");
/// let types = usage.constants;
/// assert_eq!(types.name(), "socket-type");
/// assert_eq!(types.spell(0x80802, Arch::X86_64).to_string(), "SOCK_DGRAM|SOCK_CLOEXEC|SOCK_NONBLOCK");
/// assert_eq!(types.value("SOCK_STREAM|SOCK_CLOEXEC", Arch::X86_64), Ok(0x80001));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Constants(pub(crate) u16);

/// Constants of a set that share the value in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// How.
    pub kind: PartKind,
    start: u16,
    end: u16,
}

impl Constants {
    /// How many sets are known.
    pub const COUNT: usize = tables::SET_STARTS.len() - 1;

    /// Looks a set up by its name, such as `socket-family`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::all().find(|set| set.name() == name)
    }

    /// Every set, sorted by name.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).take(Self::COUNT).map(Self)
    }

    /// The set's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        word(tables::SET_TEXT, &tables::SET_STARTS, self.0)
    }

    /// The bits of a value that stands beside flags, where it is not shifted; none where nothing
    /// does.
    #[must_use]
    pub fn field(self) -> u64 {
        self.parts().fold(0, |field, part| match part.kind {
            PartKind::Field { mask, shift: 0 } => field | mask,
            _ => field,
        })
    }

    /// The parts of the set: one where all constants share the value in the same way.
    pub fn parts(self) -> impl Iterator<Item = Part> + Clone {
        let index = usize::from(self.0);
        let parts = tables::SET_PARTS[index]..tables::SET_PARTS[index + 1];
        parts.map(|part| {
            let part = usize::from(part);
            let (start, end) = (tables::PART_MEMBERS[part], tables::PART_MEMBERS[part + 1]);
            Part { kind: tables::PART_KINDS[part], start, end }
        })
    }

    /// The constants of all parts. Of several with one value the first is the usual name.
    pub fn members(self) -> impl Iterator<Item = Constant> + Clone {
        self.parts().flat_map(Part::members)
    }

    /// Whether the value is one of the constants, and never a union of several.
    #[must_use]
    pub fn is_enumeration(self) -> bool {
        self.parts().all(|part| part.kind == PartKind::Values)
    }
}

impl Part {
    /// The constants of the part, usual names first.
    pub fn members(self) -> impl Iterator<Item = Constant> + Clone {
        let members = &tables::MEMBERS[usize::from(self.start)..usize::from(self.end)];
        members.iter().copied().map(Constant)
    }
}

impl fmt::Display for Constants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Constants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Constants({self})")
    }
}
