//! The kernel's cache of constant actions: which calls it allows without running a filter.
//!
//! Since Linux 5.11 the kernel walks each new filter once for every syscall number with only number
//! and arch known. Where the walk ends in exactly ALLOW, and did so for every older filter, later
//! calls with that number cost one bit test.
//!
//! Claim: C-CACHE
//!
//! References: `kernel/seccomp.c` (`seccomp_is_const_allow`, `seccomp_cache_prepare_bitmap`).

use callgate_syscalls::{Action, Arch, ArchToken, KernelVersion, Syscall, SyscallNr};

use crate::{Alu, DataWord, Operand, Operation, Program, Stack};

/// The first kernel with the cache.
const SINCE: KernelVersion = KernelVersion::new(5, 11);

impl Program {
    /// Whether the kernel sees that this program allows a number of an arch whatever the arguments.
    ///
    /// Stricter than being true: a path counts only if it is made of loads of number and arch,
    /// jumps that compare with a constant, and AND with a constant, and ends in RET ALLOW without
    /// data.
    ///
    /// # Examples
    /// ```
    /// use callgate_bpf::{Instruction, Program};
    /// use callgate_syscalls::{Arch, SyscallNr};
    ///
    /// let program = Program::new([
    ///     Instruction::new(0x20, 0),                          // ld [nr]
    ///     Instruction { code: 0x15, jt: 0, jf: 1, k: 0 },     // jeq #0, next, +1
    ///     Instruction::new(0x20, 16),                         // ld [args[0].lo]
    ///     Instruction::new(0x06, 0x7fff_0000),
    /// ])?;
    /// assert!(!program.cacheable(Arch::X86_64.token(), SyscallNr::new(0)));
    /// assert!(program.cacheable(Arch::X86_64.token(), SyscallNr::new(1)));
    /// # Ok::<(), callgate_bpf::CheckError>(())
    /// ```
    #[must_use]
    pub fn cacheable(&self, arch: ArchToken, nr: SyscallNr) -> bool {
        let mut a = 0;
        let mut index = 0;
        loop {
            let Ok(operation) = self.instructions()[index].operation() else { return false };
            index += 1;
            match operation {
                Operation::LoadData(DataWord::NR) => a = nr.raw(),
                Operation::LoadData(DataWord::ARCH) => a = arch.raw(),
                Operation::Alu(Alu::And, Operand::K(k)) => a &= k,
                Operation::Jump(skip) => index += usize::try_from(skip).unwrap_or(usize::MAX),
                Operation::Branch { test, operand: Operand::K(k), jt, jf } => {
                    index += usize::from(if test.holds(a, k) { jt } else { jf });
                }
                Operation::Return(k) => return k == Action::ALLOW.raw(),
                _ => return false,
            }
        }
    }
}

impl Stack {
    /// Whether the kernel sees that every filter allows a number of an arch whatever the arguments.
    #[must_use]
    pub fn cacheable(&self, arch: ArchToken, nr: SyscallNr) -> bool {
        self.programs().iter().all(|program| program.cacheable(arch, nr))
    }
}

/// How many numbers, from 0 up, a kernel's cache covers on an arch. None if it has no cache for it.
///
/// x32 and the MIPS ABIs have none. The bound follows from the syscalls that this crate's tables
/// know for that version, so that it can be too low for kernels newer than the tables and for
/// architectures that pad their table.
#[must_use]
pub fn cached_numbers(arch: Arch, kernel: KernelVersion) -> Option<u32> {
    if kernel < SINCE || !has_cache(arch) {
        return None;
    }
    // They ascend by number.
    let is_known =
        |syscall: &Syscall| syscall.since <= kernel && syscall.nr.raw() < PRIVATE_NUMBERS;
    arch.syscalls().rev().find(is_known).map(|highest| highest.nr.raw() + 1)
}

/// Arm's private calls start at 0x0f_0000, outside the table proper; no table is nearly as long.
const PRIVATE_NUMBERS: u32 = 0x1_0000;

const fn has_cache(arch: Arch) -> bool {
    !matches!(
        arch,
        Arch::X32
            | Arch::Mips
            | Arch::Mipsel
            | Arch::Mips64
            | Arch::Mipsel64
            | Arch::Mips64n32
            | Arch::Mipsel64n32
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Instruction;

    const ALLOW: Instruction = Instruction::new(0x06, 0x7fff_0000);
    const X86_64: ArchToken = Arch::X86_64.token();

    fn cacheable(code: &[Instruction], nr: u32) -> bool {
        Program::new(code).unwrap().cacheable(X86_64, SyscallNr::new(nr))
    }

    #[test]
    fn only_the_kernels_few_instructions_are_followed() {
        let branch = |code, k| Instruction { code, jt: 0, jf: 0, k };
        for (instruction, followed) in [
            (Instruction::new(0x20, 0), true),
            (Instruction::new(0x20, 4), true),
            (Instruction::new(0x20, 8), false),
            (Instruction::new(0x20, 16), false),
            (Instruction::new(0x54, 0xff), true),
            (Instruction::new(0x5c, 0xff), false),
            (Instruction::new(0x05, 0), true),
            (branch(0x15, 1), true),
            (branch(0x25, 1), true),
            (branch(0x35, 1), true),
            (branch(0x45, 1), true),
            (branch(0x1d, 1), false),
            (Instruction::new(0x00, 0), false),
            (Instruction::new(0x01, 0), false),
            (Instruction::new(0x80, 0), false),
            (Instruction::new(0x02, 0), false),
            (Instruction::new(0x04, 0), false),
            (Instruction::new(0x07, 0), false),
            (Instruction::new(0x84, 0), false),
        ] {
            assert_eq!(cacheable(&[instruction, ALLOW], 1), followed, "{instruction:?}");
        }
    }

    #[test]
    fn only_allow_without_data_counts() {
        assert!(cacheable(&[ALLOW], 1));
        for raw in [0x7fff_0001, 0x7ffc_0000, 0x0005_0001, 0] {
            assert!(!cacheable(&[Instruction::new(0x06, raw)], 1), "{raw:#x}");
        }
        assert!(!cacheable(&[Instruction::new(0x16, 0)], 1));
    }

    #[test]
    fn the_walk_takes_the_way_of_the_number() {
        let code = [
            Instruction::new(0x20, 0),
            Instruction { code: 0x35, jt: 1, jf: 0, k: 100 },
            Instruction::new(0x20, 16),
            ALLOW,
        ];
        assert!(!cacheable(&code, 99));
        assert!(cacheable(&code, 100));
    }

    #[test]
    fn one_filter_that_looks_at_arguments_spoils_the_stack() {
        let allow = Program::new([ALLOW]).unwrap();
        let looks = Program::new([Instruction::new(0x20, 16), ALLOW]).unwrap();
        let nr = SyscallNr::new(1);
        assert!(Stack::new([allow.clone(), allow.clone()]).cacheable(X86_64, nr));
        assert!(!Stack::new([looks, allow]).cacheable(X86_64, nr));
    }

    #[test]
    fn the_cache_covers_tables_not_x32_nor_mips() {
        let v = KernelVersion::new;
        assert_eq!(cached_numbers(Arch::X86_64, v(5, 10)), None);
        assert_eq!(cached_numbers(Arch::X86_64, v(5, 11)), Some(442));
        assert_eq!(cached_numbers(Arch::X86_64, v(6, 18)), Some(470));
        assert_eq!(cached_numbers(Arch::X86, v(6, 18)), Some(470));
        assert!(cached_numbers(Arch::Arm, v(6, 18)).is_some_and(|n| n < 1000));
        for arch in [Arch::X32, Arch::Mips, Arch::Mips64n32] {
            assert_eq!(cached_numbers(arch, v(6, 18)), None);
        }
    }
}
