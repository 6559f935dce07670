//! Which registers a recorder in the kernel keeps: those of selectors.

use callgate_facts::{Reading, selectors};
use callgate_observe::record::Interest;
use callgate_syscalls::Arch;

/// All, on the ABIs that this machine's programs use.
pub(crate) fn interests() -> Vec<Interest> {
    let arches: &[Arch] = match Arch::native() {
        Some(Arch::X86_64) => &[Arch::X86_64, Arch::X32, Arch::X86],
        Some(Arch::Aarch64) => &[Arch::Aarch64, Arch::Arm],
        _ => &[],
    };
    let calls = arches.iter().flat_map(|arch| arch.syscalls().map(|call| (*arch, call)));
    calls
        .filter_map(|(arch, call)| {
            let (mut masks, mut is_given) = ([0; 6], [false; 6]);
            for selector in selectors(arch, call.name) {
                let given = selector.reading == Reading::Given;
                is_given[selector.register] = given;
                masks[selector.register] = if given { u64::MAX } else { selector.of(u64::MAX) };
            }
            let any = masks.iter().any(|mask| *mask != 0);
            any.then_some(Interest { arch: arch.token(), nr: call.nr, masks, is_given })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::names;

    use super::*;

    #[test]
    fn selectors_are_kept_as_wide_as_the_kernel_reads_them() {
        if Arch::native() != Some(Arch::X86_64) {
            return callgate_testkit::skip("the numbers are those of x86_64");
        }
        let all = interests();
        let of = |arch: Arch, name| {
            let nr = arch.syscall(name).unwrap().nr;
            all.iter().find(|i| (i.arch, i.nr) == (arch.token(), nr)).copied()
        };
        let socket = of(Arch::X86_64, names::SOCKET).unwrap();
        assert_eq!(socket.masks, [0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0, 0, 0]);
        assert_eq!(of(Arch::X86, names::SOCKETCALL).unwrap().masks[0], 0xffff_ffff);
        assert!(of(Arch::X86_64, names::PRLIMIT64).unwrap().is_given[2]);
        assert!(of(Arch::X32, names::IOCTL).is_some_and(|call| call.nr.raw() >> 30 == 1));
        assert!(of(Arch::X86_64, names::READ).is_none());
    }
}
