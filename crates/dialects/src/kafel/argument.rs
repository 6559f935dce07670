//! The names that kafel has for syscalls and arguments, and the bits that it compares.
//!
//! Kafel looks at the low half of what its own table has as a value of 32 bits or fewer, unless a
//! number in the comparison has more; of all else, and of arguments that a policy names itself, it
//! looks at all bits.

use callgate_facts::kernel_name;
use callgate_policy::Operator;
use callgate_rules::{Arg, Cond, Relation, Value, arg};
use callgate_syscalls::{Arch, ArgumentWidth, Name};

use crate::context;
use crate::piece::Piece;

/// An argument in a comparison.
pub(super) struct Argument {
    arg: Arg,
    is_wide: bool,
    mask: Option<u64>,
}

impl Argument {
    /// One that the policy names itself.
    pub(super) fn declared(index: usize) -> Self {
        Self { arg: arg(index), is_wide: true, mask: None }
    }

    /// One that kafel knows by name.
    pub(super) fn known(syscall: Name, word: &str) -> Option<Self> {
        if let Some((index, size)) = own_table(syscall, word) {
            return Some(Self { arg: arg(index), is_wide: size == 8, mask: None });
        }
        let has = |text: &str| {
            let mut signatures = Arch::ALL.into_iter().filter_map(|arch| arch.signature(syscall));
            signatures.any(|signature| signature.arguments().any(|argument| argument.name == text))
        };
        let known = Some(word).filter(|word| has(word)).or_else(|| kernel_name(syscall, word))?;
        let own = Arch::X86_64.signature(syscall);
        let signatures =
            own.into_iter().chain(Arch::ALL.into_iter().filter_map(|arch| arch.signature(syscall)));
        let mut arguments = signatures.flat_map(|signature| signature.arguments());
        let width = arguments.find(|argument| argument.name == known)?.width;
        let is_wide =
            !matches!(width, ArgumentWidth::Bits8 | ArgumentWidth::Bits16 | ArgumentWidth::Bits32);
        Some(Self { arg: arg(known.to_owned()), is_wide, mask: None })
    }

    pub(super) fn masked(self, mask: u64) -> Self {
        let mask = Some(self.mask.map_or(mask, |own| own & mask));
        Self { mask, ..self }
    }

    pub(super) fn compared(self, operator: Operator, value: u64, at: Piece<'_>) -> Cond {
        let has_more = |number: u64| number > u64::from(u32::MAX);
        let is_wide = self.is_wide || has_more(value) || self.mask.is_some_and(has_more);
        let arg = match is_wide {
            true => self.arg.all_bits().unsigned(),
            false => self.arg.low32().unsigned(),
        };
        let number = |number: u64| Value::number(i128::from(number));
        let arg = match self.mask {
            Some(mask) => arg.masked(number(mask)),
            None => arg,
        };
        context::test(arg, Relation::Compare(operator, number(value)), at)
    }
}

/// The index and the bytes of an argument, where kafel's table has another name for it than the
/// kernel, or another width.
fn own_table(syscall: Name, word: &str) -> Option<(usize, u8)> {
    let (_, arguments) = ARGUMENTS.iter().find(|(name, _)| syscall.as_str() == *name)?;
    let mut arguments = arguments.split(' ').filter_map(|argument| argument.split_once(':'));
    let index = arguments.clone().position(|(name, _)| name == word)?;
    Some((index, arguments.nth(index)?.1.parse().ok()?))
}

/// The syscalls whose arguments kafel's table has otherwise, with the size of each in bytes.
#[rustfmt::skip]
const ARGUMENTS: [(&str, &str); 37] = [
    ("_sysctl", "args:8"),
    ("arch_prctl", "code:4 addr:8"),
    ("create_module", "name:8 size:8"),
    ("file_getattr", "dfd:4 pathname:8 fileattr:8 flags:4"),
    ("file_setattr", "dfd:4 pathname:8 fileattr:8 flags:4"),
    ("fsconfig", "fd:4 cmd:4 key:8 value:8 aux:4"),
    ("fsopen", "fs_name:8 flags:4"),
    ("futex_requeue", "uaddr:8 nr_wake:4 nr_requeue:4 uaddr2:8 flags:4"),
    ("futex_wait", "uaddr:8 val:4 flags:4 timeout:8"),
    ("futex_wake", "uaddr:8 nr_wake:4 flags_or_mask:4"),
    ("get_kernel_syms", "table:8"),
    ("get_thread_area", "u_info:8"),
    ("getrandom", "buf:8 count:8 flags:4"),
    ("getxattrat", "dfd:4 pathname:8 name:8 value:8 size:8"),
    ("io_pgetevents", "ctx_id:8 min_nr:8 nr:8 events:8 timeout:8 sig:8"),
    ("listmount", "req:8 reqlen:8 buf:8 bufsize:8 flags:4"),
    ("listxattrat", "dfd:4 pathname:8 list:8 size:8"),
    ("lookup_dcookie", "cookie64:8 buf:8 len:8"),
    ("lsm_get_self_attr", "attr:4 ctx:8 size_ptr:8 flags:4"),
    ("lsm_list_modules", "ids:8 size_ptr:8 flags:4"),
    ("lsm_set_self_attr", "attr:4 ctx:8 size:8 flags:4"),
    ("mseal", "start:8 size:8 flags:4"),
    ("nfsservctl", "cmd:4 argp:8 resp:8"),
    ("open_tree_attr", "dfd:4 pathname:8 flags:4 attr:8 size:8"),
    ("openat2", "dfd:4 filename:8 how:8 size:8"),
    ("pkey_alloc", "flags:4 init_val:4"),
    ("query_module", "name:8 which:4 buf:8 bufsize:8 ret:8"),
    ("removexattrat", "dfd:4 pathname:8 name:8"),
    ("sched_getattr", "pid:4 uattr:8 size:4 flags:4"),
    ("set_mempolicy_home_node", "start:8 len:8 home_node:4 flags:4"),
    ("set_thread_area", "u_info:8"),
    ("setns", "fd:4 nstype:4"),
    ("setxattrat", "dfd:4 pathname:8 name:8 value:8 size:8 flags:4"),
    ("statmount", "req:8 reqlen:8 smbuf:8 buflen:8 flags:4"),
    ("statx", "dfd:4 filename:8 flags:4 mask:4 statxbuf:8"),
    ("uselib", "library:8"),
    ("vmsplice", "fd:4 iov:8 nr_segs:8 flags:4"),
];

/// What kafel calls a syscall of a 64-bit architecture otherwise than the kernel.
const NAMES: [(&str, &str); 7] = [
    ("newstat", "stat"),
    ("newfstat", "fstat"),
    ("newlstat", "lstat"),
    ("newuname", "uname"),
    ("sendfile64", "sendfile"),
    ("sysctl", "_sysctl"),
    ("umount", "umount2"),
];

/// Numbers of x86_64 for which kafel has no name.
const UNNAMED: [&str; 3] = ["uprobe", "listns", "rseq_slice_yield"];

/// The syscall that kafel means by a name of its own.
pub(super) fn syscall(word: &str) -> Option<Name> {
    let (_, name) = NAMES.iter().find(|(own, _)| *own == word)?;
    Name::parse(name)
}

/// The name that kafel has for a syscall, where it has one: its tables of other architectures than
/// x86_64 have other names, and gaps.
#[must_use]
pub fn kafel_name(arch: Arch, name: Name) -> Option<&'static str> {
    if arch != Arch::X86_64 || UNNAMED.contains(&name.as_str()) {
        return None;
    }
    let own = NAMES.iter().find(|(_, kernels)| *kernels == name.as_str());
    Some(own.map_or(name.as_str(), |(own, _)| own))
}
