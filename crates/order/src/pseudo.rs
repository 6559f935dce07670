//! The pseudo numbers of syscalls that some architectures do not have (`__PNR_*` in
//! seccomp-syscalls.h).
//!
//! A context's user names a syscall by one number. Where the own architecture lacks the syscall,
//! that is a negative number which no kernel uses and which every architecture that has the syscall
//! translates to its own. The numbers are part of libseccomp's binary interface and never change.
//! Those of multiplexed calls are in [`mux`](crate::mux).

use callgate_syscalls::{Name, names};

/// The pseudo number of a syscall, where it has one.
pub(crate) fn number(name: Name) -> Option<i32> {
    Some(BY_NAME[name.index()].into()).filter(|&number| number != NONE.into())
}

/// The names with a pseudo number, the preferred one first: one number has two names.
pub(crate) fn names(number: i32) -> impl Iterator<Item = Name> {
    let first = NUMBERS.partition_point(|&(_, known)| i32::from(known) > number);
    let same = NUMBERS[first..].iter().take_while(move |&&(_, known)| i32::from(known) == number);
    same.map(|&(name, _)| name)
}

/// In tables by name: the name has no pseudo number.
pub(crate) const NONE: i16 = 0;

static BY_NAME: [i16; Name::COUNT] = by_name(&NUMBERS);

/// Pseudo numbers by [`Name::index`].
pub(crate) const fn by_name(list: &[(Name, i16)]) -> [i16; Name::COUNT] {
    let mut numbers = [NONE; Name::COUNT];
    let mut place = 0;
    while place < list.len() {
        let (name, number) = list[place];
        numbers[name.index()] = number;
        place += 1;
    }
    numbers
}

/// Names and numbers, in descending order of the numbers.
static NUMBERS: [(Name, i16); 218] = [
    (names::ARCH_PRCTL, -10_001),
    (names::BDFLUSH, -10_002),
    (names::BREAK, -10_003),
    (names::CHOWN32, -10_004),
    (names::EPOLL_CTL_OLD, -10_005),
    (names::EPOLL_WAIT_OLD, -10_006),
    (names::FADVISE64_64, -10_007),
    (names::FCHOWN32, -10_008),
    (names::FCNTL64, -10_009),
    (names::FSTAT64, -10_010),
    (names::FSTATAT64, -10_011),
    (names::FSTATFS64, -10_012),
    (names::FTIME, -10_013),
    (names::FTRUNCATE64, -10_014),
    (names::GETEGID32, -10_015),
    (names::GETEUID32, -10_016),
    (names::GETGID32, -10_017),
    (names::GETGROUPS32, -10_018),
    (names::GETRESGID32, -10_019),
    (names::GETRESUID32, -10_020),
    (names::GETUID32, -10_021),
    (names::GTTY, -10_022),
    (names::IDLE, -10_023),
    (names::IPC, -10_024),
    (names::LCHOWN32, -10_025),
    (names::_LLSEEK, -10_026),
    (names::LOCK, -10_027),
    (names::LSTAT64, -10_028),
    (names::MMAP2, -10_029),
    (names::MPX, -10_030),
    (names::NEWFSTATAT, -10_031),
    (names::_NEWSELECT, -10_032),
    (names::NICE, -10_033),
    (names::OLDFSTAT, -10_034),
    (names::OLDLSTAT, -10_035),
    (names::OLDOLDUNAME, -10_036),
    (names::OLDSTAT, -10_037),
    (names::OLDUNAME, -10_038),
    (names::PROF, -10_039),
    (names::PROFIL, -10_040),
    (names::READDIR, -10_041),
    (names::SECURITY, -10_042),
    (names::SENDFILE64, -10_043),
    (names::SETFSGID32, -10_044),
    (names::SETFSUID32, -10_045),
    (names::SETGID32, -10_046),
    (names::SETGROUPS32, -10_047),
    (names::SETREGID32, -10_048),
    (names::SETRESGID32, -10_049),
    (names::SETRESUID32, -10_050),
    (names::SETREUID32, -10_051),
    (names::SETUID32, -10_052),
    (names::SGETMASK, -10_053),
    (names::SIGACTION, -10_054),
    (names::SIGNAL, -10_055),
    (names::SIGPENDING, -10_056),
    (names::SIGPROCMASK, -10_057),
    (names::SIGRETURN, -10_058),
    (names::SIGSUSPEND, -10_059),
    (names::SOCKETCALL, -10_060),
    (names::SSETMASK, -10_061),
    (names::STAT64, -10_062),
    (names::STATFS64, -10_063),
    (names::STIME, -10_064),
    (names::STTY, -10_065),
    (names::TRUNCATE64, -10_066),
    (names::TUXCALL, -10_067),
    (names::UGETRLIMIT, -10_068),
    (names::ULIMIT, -10_069),
    (names::UMOUNT, -10_070),
    (names::VM86, -10_071),
    (names::VM86OLD, -10_072),
    (names::WAITPID, -10_073),
    (names::CREATE_MODULE, -10_074),
    (names::GET_KERNEL_SYMS, -10_075),
    (names::GET_THREAD_AREA, -10_076),
    (names::NFSSERVCTL, -10_077),
    (names::QUERY_MODULE, -10_078),
    (names::SET_THREAD_AREA, -10_079),
    (names::_SYSCTL, -10_080),
    (names::USELIB, -10_081),
    (names::VSERVER, -10_082),
    (names::ARM_FADVISE64_64, -10_083),
    (names::ARM_SYNC_FILE_RANGE, -10_084),
    (names::PCICONFIG_IOBASE, -10_086),
    (names::PCICONFIG_READ, -10_087),
    (names::PCICONFIG_WRITE, -10_088),
    (names::SYNC_FILE_RANGE2, -10_089),
    (names::SYSCALL, -10_090),
    (names::AFS_SYSCALL, -10_091),
    (names::FADVISE64, -10_092),
    (names::GETPMSG, -10_093),
    (names::IOPERM, -10_094),
    (names::IOPL, -10_095),
    (names::MIGRATE_PAGES, -10_097),
    (names::MODIFY_LDT, -10_098),
    (names::PUTPMSG, -10_099),
    (names::SYNC_FILE_RANGE, -10_100),
    (names::SELECT, -10_101),
    (names::VFORK, -10_102),
    (names::CACHECTL, -10_103),
    (names::CACHEFLUSH, -10_104),
    (names::SYSMIPS, -10_106),
    (names::TIMERFD, -10_107),
    (names::TIME, -10_108),
    (names::GETRANDOM, -10_109),
    (names::MEMFD_CREATE, -10_110),
    (names::KEXEC_FILE_LOAD, -10_111),
    (names::SYSFS, -10_145),
    (names::ACCESS, -10_147),
    (names::ALARM, -10_148),
    (names::CHMOD, -10_149),
    (names::CHOWN, -10_150),
    (names::CREAT, -10_151),
    (names::DUP2, -10_152),
    (names::EPOLL_CREATE, -10_153),
    (names::EPOLL_WAIT, -10_154),
    (names::EVENTFD, -10_155),
    (names::FORK, -10_156),
    (names::FUTIMESAT, -10_157),
    (names::GETDENTS, -10_158),
    (names::GETPGRP, -10_159),
    (names::INOTIFY_INIT, -10_160),
    (names::LCHOWN, -10_161),
    (names::LINK, -10_162),
    (names::LSTAT, -10_163),
    (names::MKDIR, -10_164),
    (names::MKNOD, -10_165),
    (names::OPEN, -10_166),
    (names::PAUSE, -10_167),
    (names::PIPE, -10_168),
    (names::POLL, -10_169),
    (names::READLINK, -10_170),
    (names::RENAME, -10_171),
    (names::RMDIR, -10_172),
    (names::SIGNALFD, -10_173),
    (names::STAT, -10_174),
    (names::SYMLINK, -10_175),
    (names::UNLINK, -10_176),
    (names::USTAT, -10_177),
    (names::UTIME, -10_178),
    (names::UTIMES, -10_179),
    (names::GETRLIMIT, -10_180),
    (names::MMAP, -10_181),
    (names::BREAKPOINT, -10_182),
    (names::SET_TLS, -10_183),
    (names::USR26, -10_184),
    (names::USR32, -10_185),
    (names::MULTIPLEXER, -10_186),
    (names::RTAS, -10_187),
    (names::SPU_CREATE, -10_188),
    (names::SPU_RUN, -10_189),
    (names::SWAPCONTEXT, -10_190),
    (names::SYS_DEBUG_SETCONTEXT, -10_191),
    (names::SWITCH_ENDIAN, -10_191),
    (names::GET_MEMPOLICY, -10_192),
    (names::MOVE_PAGES, -10_193),
    (names::MBIND, -10_194),
    (names::SET_MEMPOLICY, -10_195),
    (names::S390_RUNTIME_INSTR, -10_196),
    (names::S390_PCI_MMIO_READ, -10_197),
    (names::S390_PCI_MMIO_WRITE, -10_198),
    (names::MEMBARRIER, -10_199),
    (names::USERFAULTFD, -10_200),
    (names::PKEY_MPROTECT, -10_201),
    (names::PKEY_ALLOC, -10_202),
    (names::PKEY_FREE, -10_203),
    (names::GET_TLS, -10_204),
    (names::S390_GUARDED_STORAGE, -10_205),
    (names::S390_STHYI, -10_206),
    (names::SUBPAGE_PROT, -10_207),
    (names::STATX, -10_208),
    (names::IO_PGETEVENTS, -10_209),
    (names::RSEQ, -10_210),
    (names::SETRLIMIT, -10_211),
    (names::CLOCK_ADJTIME64, -10_212),
    (names::CLOCK_GETRES_TIME64, -10_213),
    (names::CLOCK_GETTIME64, -10_214),
    (names::CLOCK_NANOSLEEP_TIME64, -10_215),
    (names::CLOCK_SETTIME64, -10_216),
    (names::CLONE3, -10_217),
    (names::FSCONFIG, -10_218),
    (names::FSMOUNT, -10_219),
    (names::FSOPEN, -10_220),
    (names::FSPICK, -10_221),
    (names::FUTEX_TIME64, -10_222),
    (names::IO_PGETEVENTS_TIME64, -10_223),
    (names::MOVE_MOUNT, -10_224),
    (names::MQ_TIMEDRECEIVE_TIME64, -10_225),
    (names::MQ_TIMEDSEND_TIME64, -10_226),
    (names::OPEN_TREE, -10_227),
    (names::PIDFD_OPEN, -10_228),
    (names::PIDFD_SEND_SIGNAL, -10_229),
    (names::PPOLL_TIME64, -10_230),
    (names::PSELECT6_TIME64, -10_231),
    (names::RECVMMSG_TIME64, -10_232),
    (names::RT_SIGTIMEDWAIT_TIME64, -10_233),
    (names::SCHED_RR_GET_INTERVAL_TIME64, -10_234),
    (names::SEMTIMEDOP_TIME64, -10_235),
    (names::TIMER_GETTIME64, -10_236),
    (names::TIMER_SETTIME64, -10_237),
    (names::TIMERFD_GETTIME64, -10_238),
    (names::TIMERFD_SETTIME64, -10_239),
    (names::UTIMENSAT_TIME64, -10_240),
    (names::PPOLL, -10_241),
    (names::RENAMEAT, -10_242),
    (names::RISCV_FLUSH_ICACHE, -10_243),
    (names::MEMFD_SECRET, -10_244),
    (names::MAP_SHADOW_STACK, -10_245),
    (names::FSTAT, -10_246),
    (names::ATOMIC_BARRIER, -10_247),
    (names::ATOMIC_CMPXCHG_32, -10_248),
    (names::GETPAGESIZE, -10_249),
    (names::RISCV_HWPROBE, -10_250),
    (names::URETPROBE, -10_251),
    (names::LISTNS, -10_252),
    (names::RSEQ_SLICE_YIELD, -10_253),
    (names::UPROBE, -10_254),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_found_by_name() {
        assert!(NUMBERS.windows(2).all(|pair| pair[0].1 >= pair[1].1));
        for (name, pseudo) in NUMBERS {
            assert_eq!(number(name), Some(pseudo.into()), "{name}");
        }
    }

    #[test]
    fn the_shared_number_prefers_the_older_name() {
        let shared: Vec<&str> = names(-10_191).map(Name::as_str).collect();
        assert_eq!(shared, ["sys_debug_setcontext", "switch_endian"]);
        assert_eq!(names(-10_085).count(), 0);
    }
}
