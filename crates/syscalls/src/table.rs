//! Look-ups in the generated tables: name to number and back, and the kernel version of each
//! number.
//!
//! The tables are arrays of integers and one text: they need no relocation and no start-up work. A
//! name is found by its hash; from it a look-up is one index into a dense array, by number a binary
//! search.

use core::fmt;
use core::ops::Range;

use crate::generated::tables;
use crate::{Arch, KernelVersion, SyscallNr, X32_BIT};

/// The name of a syscall that exists on at least one architecture.
///
/// A value is proof that the name is known: it comes from a constant in [`names`](crate::names),
/// which a typo keeps from compiling, or from [`Name::parse`]. Order is the order of the names.
///
/// # Examples
/// ```
/// use callgate_syscalls::{Arch, Name, names};
///
/// assert_eq!(Name::parse("openat2"), Some(names::OPENAT2));
/// assert_eq!(Name::parse("openat3"), None);
/// let syscall = Arch::X86_64.syscall(names::OPENAT2).expect("every architecture has it");
/// assert_eq!((syscall.nr.raw(), syscall.since.to_string().as_str()), (437, "5.6"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub(crate) u16);

impl Name {
    /// Looks a name up: the kernel's, as in its tables and in profiles (`openat`, `_llseek`).
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let mut place = slot(name.as_bytes());
        // The table has free places, so the search ends.
        while SLOTS[place] != FREE {
            let found = Self(SLOTS[place]);
            if found.as_str() == name {
                return Some(found);
            }
            place = (place + 1) % SLOT_COUNT;
        }
        None
    }

    /// The number of names.
    pub const COUNT: usize = tables::NAME_COUNT as usize;

    /// The place of the name among all, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The text of the name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word(tables::NAME_TEXT, &tables::NAME_STARTS, self.0)
    }

    /// Every known name, sorted.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        (0..tables::NAME_COUNT).map(Self)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// A syscall on one architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syscall {
    /// Its name.
    pub name: Name,
    /// Its number as filters see it, x32's bit and MIPS's base included.
    pub nr: SyscallNr,
    /// The first kernel release in which this number exists on this architecture.
    pub since: KernelVersion,
}

/// The syscalls of one architecture in ascending order of their numbers; made by
/// [`Arch::syscalls`].
#[derive(Clone, Debug)]
pub struct Syscalls {
    arch: Arch,
    rest: Range<usize>,
}

impl Iterator for Syscalls {
    type Item = Syscall;

    fn next(&mut self) -> Option<Syscall> {
        self.rest.next().map(|position| self.arch.syscall_in(position))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rest.size_hint()
    }
}

impl DoubleEndedIterator for Syscalls {
    fn next_back(&mut self) -> Option<Syscall> {
        self.rest.next_back().map(|position| self.arch.syscall_in(position))
    }
}

impl ExactSizeIterator for Syscalls {}

impl Arch {
    /// The syscall of that name, where this architecture has it.
    #[must_use]
    pub fn syscall(self, name: Name) -> Option<Syscall> {
        self.position(name).map(|position| self.syscall_in(position))
    }

    /// The syscall with that number (as filters see it), where there is one.
    #[must_use]
    pub fn syscall_at(self, nr: SyscallNr) -> Option<Syscall> {
        let number = nr.raw().checked_sub(self.number_base())?;
        let range = self.entries();
        let entries = &tables::ENTRIES[range.clone()];
        let index =
            entries.binary_search_by_key(&number, |entry| entry >> tables::NAME_BITS).ok()?;
        Some(self.syscall_in(range.start + index))
    }

    /// All syscalls of this architecture, ascending by number.
    #[must_use]
    pub fn syscalls(self) -> Syscalls {
        Syscalls { arch: self, rest: self.entries() }
    }

    /// The place of a name among the entries of all tables.
    pub(crate) fn position(self, name: Name) -> Option<usize> {
        let row = tables::table(self) * usize::from(tables::NAME_COUNT);
        let position = tables::POSITIONS[row + usize::from(name.0)];
        (position != u16::MAX).then_some(usize::from(position))
    }

    fn entries(self) -> Range<usize> {
        let table = tables::table(self);
        usize::from(tables::STARTS[table])..usize::from(tables::STARTS[table + 1])
    }

    fn syscall_in(self, position: usize) -> Syscall {
        const NAME_MASK: u32 = (1 << tables::NAME_BITS) - 1;
        let entry = tables::ENTRIES[position];
        let since = tables::RELEASES[usize::from(tables::SINCE[position])];
        let [low, high, ..] = (entry & NAME_MASK).to_le_bytes();
        let nr = SyscallNr::new((entry >> tables::NAME_BITS) + self.number_base());
        Syscall { name: Name(u16::from_le_bytes([low, high])), nr, since }
    }

    /// The bit that the numbers in the table lack: x32's.
    const fn number_base(self) -> u32 {
        if matches!(self, Self::X32) { X32_BIT } else { 0 }
    }
}

/// A free place of [`SLOTS`].
const FREE: u16 = u16::MAX;

/// The names by their hash, each at its place or at the next free one behind it; at most half are
/// taken.
static SLOTS: [u16; SLOT_COUNT] = {
    let mut slots = [FREE; SLOT_COUNT];
    let text = tables::NAME_TEXT.as_bytes();
    let mut name = 0;
    while name < tables::NAME_COUNT {
        let starts = &tables::NAME_STARTS;
        let (start, end) = (starts[name as usize] as usize, starts[name as usize + 1] as usize);
        let mut place = slot(text.split_at(end).0.split_at(start).1);
        while slots[place] != FREE {
            place = (place + 1) % SLOT_COUNT;
        }
        slots[place] = name;
        name += 1;
    }
    slots
};

const SLOT_COUNT: usize = 1024;

const _: () = assert!(2 * Name::COUNT <= SLOT_COUNT);

/// The slot of [`SLOTS`] at which the search for a name begins.
const fn slot(name: &[u8]) -> usize {
    // FNV-1a.
    let mut hash: u32 = 0x811c_9dc5;
    let mut place = 0;
    while place < name.len() {
        hash = (hash ^ name[place] as u32).wrapping_mul(0x0100_0193);
        place += 1;
    }
    (hash ^ hash >> 16) as usize % SLOT_COUNT
}

/// One of the words that a text and the places of their beginnings hold.
pub(crate) fn word(text: &'static str, starts: &[u16], index: u16) -> &'static str {
    let index = usize::from(index);
    &text[usize::from(starts[index])..usize::from(starts[index + 1])]
}
