//! What the tables of constants hold, and that they hold together.

use callgate_facts::{Constant, Constants, PartKind, UnknownConstant};
use callgate_syscalls::{Arch, Name, names};

fn constant(name: &str) -> Constant {
    Constant::parse(name).ok_or(name).expect("a known constant")
}

fn set(name: &str) -> Constants {
    Constants::parse(name).ok_or(name).expect("a known set")
}

#[test]
fn values_differ_where_the_headers_do() {
    for (name, arch, expected) in [
        ("AF_UNIX", Arch::X86_64, Some(1)),
        ("SOCK_DGRAM", Arch::Mips64, Some(1)),
        ("SOCK_NONBLOCK", Arch::Parisc, Some(0x4000_0000)),
        ("SOL_SOCKET", Arch::Parisc, Some(0xffff)),
        ("SO_REUSEADDR", Arch::Mipsel, Some(4)),
        ("O_DIRECTORY", Arch::Arm, Some(0x4000)),
        ("O_DIRECTORY", Arch::X86_64, Some(0x10000)),
        ("O_CREAT", Arch::Mips, Some(0x100)),
        ("TIOCSTI", Arch::X86_64, Some(0x5412)),
        ("TIOCSTI", Arch::Mips, Some(0x5472)),
        ("TCGETS", Arch::Ppc64le, Some(0x402c_7413)),
        ("MAP_ANONYMOUS", Arch::Mips, Some(0x800)),
        ("RLIMIT_NOFILE", Arch::Mips, Some(5)),
        ("SIGCHLD", Arch::Mipsel64n32, Some(18)),
        ("AT_FDCWD", Arch::S390, Some(-100)),
        ("ARCH_SET_FS", Arch::X86_64, Some(0x1002)),
        ("ARCH_SET_FS", Arch::Aarch64, None),
        ("CLONE_IO", Arch::Sh, Some(0x8000_0000)),
        ("BLKGETSIZE64", Arch::X86_64, Some(0x8008_1272)),
        ("BLKGETSIZE64", Arch::X86, Some(0x8004_1272)),
        ("PTRACE_GETREGS", Arch::X86_64, Some(12)),
        ("POSIX_FADV_DONTNEED", Arch::S390, Some(4)),
        ("POSIX_FADV_DONTNEED", Arch::S390x, Some(6)),
    ] {
        assert_eq!(constant(name).on(arch), expected, "{name} on {arch}");
    }
}

#[test]
fn names_are_found_and_others_are_not() {
    for known in Constant::all() {
        assert_eq!(Constant::parse(known.name()), Some(known));
        assert!(known.on_each().next().is_some(), "{known} has a value somewhere");
        assert!(known.sets().next().is_some(), "{known} belongs to a set");
    }
    for unknown in ["", "AF_", "AF_UNIXX", "ZZZ", "af_unix"] {
        assert_eq!(Constant::parse(unknown), None, "{unknown:?}");
    }
}

#[test]
fn every_set_is_used_and_every_usage_is_an_argument() {
    let mut usages = 0;
    for set in Constants::all() {
        assert!(set.usages().next().is_some(), "no argument takes {set}");
        for usage in set.usages() {
            let takes = |arch: Arch, argument: &str| {
                let signature = arch.signature(usage.syscall);
                signature.is_some_and(|s| s.arguments().any(|own| own.name == argument))
            };
            let found = Arch::ALL.into_iter().any(|arch| takes(arch, usage.argument));
            assert!(found, "{} has no {}", usage.syscall, usage.argument);
            if let Some(condition) = usage.condition {
                assert!(Arch::ALL.into_iter().any(|arch| takes(arch, condition.argument)));
                assert!(condition.constants().next().is_some());
            }
            usages += 1;
        }
    }
    assert!(usages > 250, "{usages} usages");
}

/// Each constant of each set is spelt by a name of its value, and read back as it was.
#[test]
fn spelling_and_reading_are_inverse() {
    let mut spelt = 0;
    for set in Constants::all() {
        for arch in Arch::ALL {
            for part in set.parts() {
                for member in part.members() {
                    let Some(value) = member.on(arch) else { continue };
                    let value = part.kind.place(0_u64.wrapping_add_signed(value));
                    let spelling = set.spell(value, arch);
                    assert_eq!(spelling.rest, 0, "{member} of {set} on {arch}: {spelling}");
                    assert_eq!(set.value(&spelling.to_string(), arch), Ok(value));
                    spelt += 1;
                }
            }
        }
    }
    assert!(spelt > 20_000, "{spelt} constants");
}

/// Every union of two flags reads back as it was.
#[test]
fn unions_read_back() {
    for set in Constants::all() {
        let flags: Vec<_> = set
            .parts()
            .filter(|part| part.kind == PartKind::Flags)
            .flat_map(|part| part.members())
            .collect();
        for (index, one) in flags.iter().enumerate() {
            for other in &flags[index..] {
                let bits = |of: &Constant| of.on(Arch::Mips).map(|v| 0_u64.wrapping_add_signed(v));
                let (Some(one), Some(other)) = (bits(one), bits(other)) else { continue };
                let spelling = set.spell(one | other | 1 << 63, Arch::Mips).to_string();
                assert_eq!(set.value(&spelling, Arch::Mips), Ok(one | other | 1 << 63));
            }
        }
    }
}

#[test]
fn numbers_are_spelt_as_people_write_them() {
    for (of, value, text) in [
        ("socket-family", 38, "AF_ALG"),
        ("socket-family", 99, "0x63"),
        ("socket-type", 0x80802, "SOCK_DGRAM|SOCK_CLOEXEC|SOCK_NONBLOCK"),
        ("clone-flags", 0x1000_0011, "SIGCHLD|CLONE_NEWUSER"),
        ("open-flags", 0x80000, "O_RDONLY|O_CLOEXEC"),
        ("open-flags", 0x241, "O_WRONLY|O_CREAT|O_TRUNC"),
        ("open-flags", 0x10_1002, "O_RDWR|O_SYNC"),
        ("open-flags", 0x41_0002, "O_RDWR|O_TMPFILE"),
        ("memory-protection", 0, "PROT_NONE"),
        ("memory-protection", 5, "PROT_READ|PROT_EXEC"),
        ("map-flags", 0x22, "MAP_PRIVATE|MAP_ANONYMOUS"),
        ("map-flags", 0x4_0022, "MAP_PRIVATE|MAP_ANONYMOUS|MAP_HUGETLB"),
        ("futex-operation", 0x189, "FUTEX_WAIT_BITSET|FUTEX_PRIVATE_FLAG|FUTEX_CLOCK_REALTIME"),
        ("personality", 0x4_0008, "PER_LINUX32|ADDR_NO_RANDOMIZE"),
        ("dirfd", 0xffff_ff9c, "AT_FDCWD"),
        ("dirfd", u64::MAX - 99, "AT_FDCWD"),
        ("quota-command", 0x8000_0701, "Q_GETQUOTA|GRPQUOTA"),
        ("ioctl-command", 0x5412, "TIOCSTI"),
        ("at-flags", 0, "0"),
    ] {
        let spelling = set(of).spell(value, Arch::X86_64);
        assert_eq!(spelling.to_string(), text, "{value:#x} of {of}");
    }
}

#[test]
fn an_unknown_word_is_named_with_its_reason() {
    let value = |of: &str, text| set(of).value(text, Arch::Aarch64).map_err(|e| e.to_string());
    assert_eq!(value("clone-flags", "CLONE_NEWUSER|SIGCHLD"), Ok(0x1000_0011));
    assert_eq!(value("clone-flags", "0x100 | 17"), Ok(0x111));
    assert_eq!(value("dirfd", "-100"), Ok(u64::MAX - 99));
    let nowhere = "\"AF_UNIQ\" is neither a number nor a constant";
    assert_eq!(value("socket-family", "AF_UNIQ"), Err(nowhere.into()));
    let elsewhere = "SIGCHLD is no constant of socket-family, but of clone-flags";
    assert_eq!(value("socket-family", "SIGCHLD"), Err(elsewhere.into()));
    assert_eq!(
        set("arch-prctl-code").value("ARCH_SET_FS", Arch::Aarch64),
        Err(UnknownConstant::OtherArch { constant: constant("ARCH_SET_FS"), arch: Arch::Aarch64 })
    );
}

#[test]
fn another_argument_decides() {
    let sets = |syscall: Name, argument: &str| -> Vec<&str> {
        Constants::of(syscall, argument).map(|usage| usage.constants.name()).collect()
    };
    assert_eq!(sets(names::SOCKET, "family"), ["socket-family"]);
    assert_eq!(sets(names::SOCKET, "protocol"), ["ip-protocol", "netlink-protocol"]);
    assert_eq!(sets(names::READ, "buf"), [""; 0]);
    let netlink = Constants::of(names::SOCKET, "protocol").nth(1).and_then(|u| u.condition);
    let netlink = netlink.expect("it depends on the family");
    assert!(netlink.holds(Arch::X86_64, |name| (name == "family").then_some(16)));
    assert!(!netlink.holds(Arch::X86_64, |_| Some(2)));
    assert!(!netlink.holds(Arch::X86_64, |_| None));
    // The flags of clone are its second argument on s390.
    let flags = |arch, index| Constants::of_register(arch, names::CLONE, index).count();
    assert_eq!((flags(Arch::X86_64, 0), flags(Arch::X86_64, 1)), (1, 0));
    assert_eq!((flags(Arch::S390x, 0), flags(Arch::S390x, 1)), (0, 1));
}
