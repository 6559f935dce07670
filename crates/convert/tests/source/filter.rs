//! A filter, written by callgate, read back and proved equal to what it was made from.

#[allow(unused_imports, reason = "which are used depends on the filter")]
use callgate::{Action, Arch, Errno, Error, Filter, KernelVersion, arg, names};

/// The filter.
///
/// # Errors
/// None that depends on anything but callgate.
pub fn filter() -> Result<Filter, Error> {
    Filter::builder(Errno::new(1).action())
        .arches([Arch::X86_64])
        .foreign(Action::KILL_PROCESS)
        .rule(names::LSEEK, arg(0usize).all_bits().unsigned().gt(0x200000000_u64), Action::LOG)
        .rule(names::MPROTECT, arg(2usize).all_bits().unsigned().masked(0x6_u64).eq(0x0_u64), Action::ALLOW)
        .rule(names::SOCKET, arg(0usize).all_bits().unsigned().lt(0x3_u64), Action::ALLOW)
        .answer(Errno::new(38).action(), [
            names::CLONE3,
        ])
        .allow([
            names::CLOSE,
            names::EXIT_GROUP,
            names::READ,
            names::WRITE,
        ])
        .answer(Action::KILL_PROCESS, [
            names::PTRACE,
        ])
        .build()
}
