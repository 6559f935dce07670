//! The part of a syscall's arguments that the kernel reads.

use crate::generated::{signatures, tables};
use crate::table::word;
use crate::{Arch, Name};

/// The number of low bits of an argument register that the kernel reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ArgumentWidth {
    /// The low 8.
    Bits8,
    /// The low 16.
    Bits16,
    /// The low 32: `int`, `unsigned int`, and every type of a 32-bit ABI.
    Bits32,
    /// All 64.
    Bits64,
}

/// One argument of a syscall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name in the kernel's source; a 64-bit value in two registers is called `NAME_word0` and
    /// `NAME_word1`.
    pub name: &'static str,
    /// Its C type in the kernel's source.
    pub c_type: &'static str,
    /// The bits that the kernel reads.
    pub width: ArgumentWidth,
}

/// The arguments of a syscall on one architecture, in register order.
///
/// # Examples
/// ```
/// use callgate_syscalls::{Arch, ArgumentWidth, names};
///
/// let signature = Arch::X86_64.signature(names::IOCTL).expect("ioctl is known");
/// let command = signature.arguments().nth(1).expect("it has three arguments");
/// assert_eq!((command.name, command.c_type), ("cmd", "unsigned int"));
/// assert_eq!(command.width, ArgumentWidth::Bits32);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature(u16);

impl Arch {
    /// The arguments of a syscall on this architecture, where they are known.
    #[must_use]
    pub fn signature(self, name: Name) -> Option<Signature> {
        let index = tables::SIGNATURE_OF[self.position(name)?];
        (index != 0).then_some(Signature(index))
    }
}

impl Signature {
    /// The arguments, in register order: at most six.
    pub fn arguments(self) -> impl ExactSizeIterator<Item = Argument> {
        let index = usize::from(self.0);
        let start = usize::from(signatures::SIGNATURE_STARTS[index]);
        let end = usize::from(signatures::SIGNATURE_STARTS[index + 1]);
        signatures::SIGNATURE_ARGUMENTS[start..end].iter().map(|index| argument(*index))
    }
}

fn argument(index: u16) -> Argument {
    let (name, c_type, bits) = signatures::ARGUMENTS[usize::from(index)];
    let text = |index| word(signatures::WORD_TEXT, &signatures::WORD_STARTS, index);
    let width = match bits {
        8 => ArgumentWidth::Bits8,
        16 => ArgumentWidth::Bits16,
        32 => ArgumentWidth::Bits32,
        _ => ArgumentWidth::Bits64,
    };
    Argument { name: text(name), c_type: text(c_type), width }
}
