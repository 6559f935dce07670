//! One constant of the kernel's interface: its name and its value on each architecture.

use std::fmt;

use callgate_syscalls::Arch;

use crate::Constants;
use crate::generated::constants as tables;

/// The name of a number in the kernel's interface, such as `AF_UNIX`.
///
/// A value is proof that the name is known. Order is the order of the names.
///
/// # Examples
/// ```
/// use callgate_facts::Constant;
/// use callgate_syscalls::Arch;
///
/// let sock_stream = Constant::parse("SOCK_STREAM").expect("every program knows it");
/// assert_eq!(sock_stream.on(Arch::X86_64), Some(1));
/// assert_eq!(sock_stream.on(Arch::Mips), Some(2));
/// assert_eq!(Constant::parse("SOCK_STEAM"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Constant(pub(crate) u16);

impl Constant {
    /// How many constants are known.
    pub const COUNT: usize = tables::NAME_STARTS.len() - 1;

    /// Looks a name up, as C spells it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (mut low, mut high) = (0, Self::COUNT);
        while low < high {
            let middle = low.midpoint(high);
            let candidate = Self(u16::try_from(middle).ok()?);
            match candidate.name().cmp(name) {
                std::cmp::Ordering::Equal => return Some(candidate),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        word(tables::NAME_TEXT, &tables::NAME_STARTS, self.0)
    }

    /// The value on an architecture, where its headers have the name: what the expression has in C,
    /// so that `AT_FDCWD` is negative and `CLONE_IO`, an unsigned number, is not.
    #[must_use]
    pub fn on(self, arch: Arch) -> Option<i64> {
        let bit = arch_bit(arch);
        self.values().find(|(arches, _)| arches & bit != 0).map(|(_, value)| value)
    }

    /// The value, where every architecture has the name and gives it the same.
    #[must_use]
    pub fn everywhere(self) -> Option<i64> {
        const ALL: u32 = (1 << Arch::ALL.len()) - 1;
        self.values().next().filter(|(arches, _)| *arches == ALL).map(|(_, value)| value)
    }

    /// The architectures that have the name, with the value that each gives it, in the order of
    /// [`Arch::ALL`].
    pub fn on_each(self) -> impl Iterator<Item = (Arch, i64)> {
        tables::ARCHES.iter().filter_map(move |&arch| Some((arch, self.on(arch)?)))
    }

    /// The sets that it belongs to.
    pub fn sets(self) -> impl Iterator<Item = Constants> {
        Constants::all().filter(move |set| set.members().any(|member| member == self))
    }

    /// Every constant, sorted by name.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).take(Self::COUNT).map(Self)
    }

    fn values(self) -> impl Iterator<Item = (u32, i64)> {
        let index = usize::from(self.0);
        let start = usize::from(tables::VALUE_STARTS[index]);
        let end = usize::from(tables::VALUE_STARTS[index + 1]);
        let arches = tables::VALUE_ARCHES[start..end].iter().copied();
        arches.zip(tables::VALUES[start..end].iter().copied())
    }
}

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Constant({self})")
    }
}

/// The bit that stands for an architecture in the tables; 0 for one that they do not know.
pub(crate) fn arch_bit(arch: Arch) -> u32 {
    let place = tables::ARCHES.iter().position(|&known| known == arch);
    place.map_or(0, |place| 1 << place)
}

/// A value as an argument holds it: a negative one in two's complement.
pub(crate) const fn unsigned(value: i64) -> u64 {
    0_u64.wrapping_add_signed(value)
}

/// One of the words that a text and the places of their beginnings hold.
pub(crate) fn word(text: &'static str, starts: &[u16], index: u16) -> &'static str {
    let index = usize::from(index);
    &text[usize::from(starts[index])..usize::from(starts[index + 1])]
}
