//! The mark of a load that the filter lets pass, which otherwise hands it over to be noticed.

use callgate_bpf::Stack;
use callgate_syscalls::{Action, Arch, Endian, SeccompData, names};

/// What the upper half of the first argument of seccomp(2) holds in a load that is let pass. The
/// kernel takes the lower half.
pub const MARK: u64 = 0x6361_6c6c_0000_0000;

/// Whether a call is a load with a listener that the filters let pass, and with the mark too.
pub(super) fn can_be_marked(call: &SeccompData, filters: &Stack) -> bool {
    const SET_MODE_FILTER: u64 = 1;
    const NEW_LISTENER: u64 = 1 << 3;
    let arch = Arch::of_call(call.arch, call.nr);
    let seccomp = Arch::X86_64.syscall(names::SECCOMP).map(|syscall| syscall.nr);
    let loads = arch == Some(Arch::X86_64)
        && seccomp == Some(call.nr)
        && call.args[0] & 0xffff_ffff == SET_MODE_FILTER
        && call.args[1] & NEW_LISTENER != 0;
    let passes = |call: &SeccompData| filters.run(call, Endian::native()).action == Action::ALLOW;
    cfg!(target_arch = "x86_64") && loads && passes(call) && passes(&marked(*call))
}

fn marked(mut call: SeccompData) -> SeccompData {
    call.args[0] = call.args[0] & 0xffff_ffff | MARK;
    call
}

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use callgate_syscalls::SyscallNr;

    use super::*;

    #[test]
    fn only_loads_with_a_listener_are_marked() {
        let call = |args: [u64; 2]| SeccompData {
            nr: SyscallNr::new(317),
            arch: Arch::X86_64.token(),
            instruction_pointer: 0,
            args: [args[0], args[1], 0, 0, 0, 0],
        };
        let none = Stack::default();
        assert!(can_be_marked(&call([1, 8]), &none) && can_be_marked(&call([1, 9]), &none));
        assert!(!can_be_marked(&call([1, 1]), &none) && !can_be_marked(&call([0, 8]), &none));
        assert_eq!(marked(call([1, 8])).args[0], MARK | 1);
    }
}
