//! The generated tables: their shape on every architecture, and spot checks against published
//! facts.

use callgate_syscalls::{Arch, KernelVersion, Name, Syscall, SyscallNr, X32_BIT, names};

fn find(arch: Arch, name: Name) -> Option<(u32, String)> {
    arch.syscall(name).map(|Syscall { nr, since, .. }| (nr.raw(), since.to_string()))
}

fn check(arch: Arch, name: Name, nr: u32, since: &str) {
    assert_eq!(find(arch, name), Some((nr, since.into())), "{name} on {arch}");
}

#[test]
fn tables_ascend_and_round_trip() {
    for arch in Arch::ALL {
        let syscalls: Vec<Syscall> = arch.syscalls().collect();
        assert!(syscalls.len() > 300, "{arch} has {}", syscalls.len());
        assert_eq!(arch.syscalls().len(), syscalls.len(), "{arch}");
        assert!(syscalls.windows(2).all(|pair| pair[0].nr < pair[1].nr), "{arch}");
        for syscall in syscalls {
            assert_eq!(arch.syscall(syscall.name), Some(syscall), "{arch}");
            assert_eq!(arch.syscall_at(syscall.nr), Some(syscall), "{arch}");
        }
    }
}

#[test]
fn a_name_has_a_number_exactly_where_its_table_lists_it() {
    for arch in Arch::ALL {
        let listed = Name::all().filter(|name| arch.syscall(*name).is_some()).count();
        assert_eq!(listed, arch.syscalls().len(), "{arch}");
    }
}

#[test]
fn numbers_between_and_beyond_entries_are_unknown() {
    for arch in Arch::ALL {
        let known: Vec<u32> = arch.syscalls().map(|syscall| syscall.nr.raw()).collect();
        let neighbours = known.iter().flat_map(|nr| [nr.wrapping_sub(1), nr + 1]);
        for nr in neighbours.chain([u32::MAX, 1 << 20]).filter(|nr| !known.contains(nr)) {
            assert_eq!(arch.syscall_at(SyscallNr::new(nr)), None, "{nr:#x} on {arch}");
        }
    }
}

#[test]
fn names_are_sorted_and_parse_back() {
    let all: Vec<Name> = Name::all().collect();
    assert!(all.windows(2).all(|pair| pair[0].as_str() < pair[1].as_str()));
    for name in all {
        assert_eq!(Name::parse(name.as_str()), Some(name));
        assert_eq!(Name::parse(&format!("{name}x")).filter(|other| *other == name), None);
    }
    for bad in ["", "a", "zzz", "OPENAT", "openat ", "sys_openat"] {
        assert_eq!(Name::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn constants_are_the_names_they_spell() {
    for (name, text) in [
        (names::_LLSEEK, "_llseek"),
        (names::OPENAT, "openat"),
        (names::BREAK, "break"),
        (names::WRITEV, "writev"),
    ] {
        assert_eq!(name.as_str(), text);
    }
}

#[test]
fn first_releases_on_x86_64() {
    for (name, nr, since) in [
        (names::READ, 0, "2.6"),
        (names::SENDMMSG, 307, "3.0"),
        (names::PROCESS_VM_READV, 310, "3.2"),
        (names::FINIT_MODULE, 313, "3.8"),
        (names::SECCOMP, 317, "3.17"),
        (names::GETRANDOM, 318, "3.17"),
        (names::MEMFD_CREATE, 319, "3.17"),
        (names::BPF, 321, "3.18"),
        (names::EXECVEAT, 322, "3.19"),
        (names::STATX, 332, "4.11"),
        (names::URETPROBE, 335, "6.11"),
        (names::UPROBE, 336, "6.18"),
        (names::CLONE3, 435, "5.3"),
        (names::CLOSE_RANGE, 436, "5.9"),
        (names::OPENAT2, 437, "5.6"),
        (names::PROCESS_MADVISE, 440, "5.10"),
        (names::EPOLL_PWAIT2, 441, "5.11"),
        (names::MAP_SHADOW_STACK, 453, "6.6"),
        (names::FUTEX_WAKE, 454, "6.7"),
        (names::STATMOUNT, 457, "6.8"),
        (names::MSEAL, 462, "6.10"),
        (names::SETXATTRAT, 463, "6.13"),
        (names::OPEN_TREE_ATTR, 467, "6.15"),
        (names::FILE_GETATTR, 468, "6.17"),
        (names::LISTNS, 470, "6.19"),
        (names::RSEQ_SLICE_YIELD, 471, "7.0"),
    ] {
        check(Arch::X86_64, name, nr, since);
    }
}

#[test]
fn first_releases_differ_by_architecture() {
    check(Arch::X86, names::SOCKET, 359, "4.3");
    check(Arch::S390x, names::SOCKET, 359, "4.3");
    check(Arch::Sh, names::GETRANDOM, 373, "4.8");
    check(Arch::M68k, names::CLONE3, 435, "5.6");
    check(Arch::Aarch64, names::OPENAT, 56, "3.7");
    check(Arch::Riscv64, names::OPENAT, 56, "4.15");
    check(Arch::Loongarch64, names::OPENAT, 56, "5.19");
    check(Arch::Loongarch64, names::FSTAT, 80, "6.11");
    assert_eq!(find(Arch::S390, names::LISTNS), None);
}

#[test]
fn numbers_carry_their_base() {
    check(Arch::X32, names::READ, X32_BIT, "3.4");
    check(Arch::X32, names::IOCTL, X32_BIT + 514, "3.4");
    for (arch, nr) in [(Arch::Mips, 4003), (Arch::Mipsel64, 5000), (Arch::Mips64n32, 6000)] {
        check(arch, names::READ, nr, "2.6");
    }
    check(Arch::Arm, names::SET_TLS, 0x0f_0005, "2.6");
    assert_eq!(Arch::X32.syscall_at(SyscallNr::new(0)), None);
    assert_eq!(Arch::X86_64.syscall_at(SyscallNr::new(X32_BIT)), None);
}

#[test]
fn no_release_is_older_than_its_architecture_or_newer_than_the_tables() {
    for arch in Arch::ALL {
        let floor = match arch {
            Arch::X32 => KernelVersion::new(3, 4),
            Arch::Aarch64 => KernelVersion::new(3, 7),
            Arch::Riscv64 => KernelVersion::new(4, 15),
            Arch::Loongarch64 => KernelVersion::new(5, 19),
            _ => KernelVersion::new(2, 6),
        };
        for syscall in arch.syscalls() {
            let range = floor..=KernelVersion::new(7, 1);
            assert!(range.contains(&syscall.since), "{} on {arch}", syscall.name);
        }
    }
}
