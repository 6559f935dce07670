//! Argument widths and errno names: spot checks of every kind of entry point.

use callgate_syscalls::ArgumentWidth::{Bits16, Bits32, Bits64};
use callgate_syscalls::{Arch, ArgumentWidth, Errno, Name, names};

fn arguments(arch: Arch, name: Name) -> Vec<(&'static str, &'static str, ArgumentWidth)> {
    let arguments = arch.signature(name).into_iter().flat_map(|signature| signature.arguments());
    arguments.map(|a| (a.name, a.c_type, a.width)).collect()
}

fn argument_names(arch: Arch, name: Name) -> Vec<&'static str> {
    arguments(arch, name).into_iter().map(|argument| argument.0).collect()
}

#[test]
fn ints_are_32_bits_and_longs_are_words() {
    let socket = [("family", "int", Bits32), ("type", "int", Bits32), ("protocol", "int", Bits32)];
    assert_eq!(arguments(Arch::X86_64, names::SOCKET), socket);
    assert_eq!(arguments(Arch::Aarch64, names::SOCKET), socket);
    let ioctl = arguments(Arch::X86_64, names::IOCTL);
    assert_eq!(ioctl[1], ("cmd", "unsigned int", Bits32));
    assert_eq!(ioctl[2], ("arg", "unsigned long", Bits64));
    let openat = arguments(Arch::X86_64, names::OPENAT);
    assert_eq!(openat[1].2, Bits64);
    assert_eq!(openat[2], ("flags", "int", Bits32));
    assert_eq!(openat[3], ("mode", "umode_t", Bits16));
    assert!(arguments(Arch::X86_64, names::MPROTECT).iter().all(|argument| argument.2 == Bits64));
}

#[test]
fn what_the_kernel_cuts_off_itself_is_narrower_than_its_type() {
    let widths = |arch, name| arguments(arch, name).iter().map(|a| a.2).collect::<Vec<_>>();
    let mapping = [Bits64, Bits64, Bits32, Bits32, Bits32, Bits64];
    for arch in [Arch::X86_64, Arch::X32, Arch::Aarch64, Arch::Mips64, Arch::Riscv64] {
        assert_eq!(widths(arch, names::MMAP), mapping, "{arch}");
        let flags = arguments(arch, names::CLONE)[0];
        assert_eq!((flags.1, flags.2), ("unsigned long", Bits32), "{arch}");
    }
    // powerpc refuses protections that it does not know.
    assert_eq!(widths(Arch::Ppc64le, names::MMAP)[2..5], [Bits64, Bits32, Bits32]);
    assert_eq!(widths(Arch::X86_64, names::READV), [Bits32, Bits64, Bits32]);
    // Of bit 31 the kernel makes a mask with all bits above, and refuses them.
    assert_eq!(arguments(Arch::X86_64, names::MOUNT)[3].2, Bits64);
}

#[test]
fn clone_takes_its_arguments_in_the_architecture_s_order() {
    let flags_first = ["clone_flags", "newsp", "parent_tidptr"];
    assert_eq!(argument_names(Arch::X86_64, names::CLONE)[..3], flags_first);
    assert_eq!(argument_names(Arch::X86_64, names::CLONE)[3..], ["child_tidptr", "tls"]);
    assert_eq!(argument_names(Arch::Aarch64, names::CLONE)[3..], ["tls", "child_tidptr"]);
    assert_eq!(argument_names(Arch::S390x, names::CLONE)[..2], ["newsp", "clone_flags"]);
    assert_eq!(arguments(Arch::S390x, names::CLONE)[1].2, Bits32);
}

#[test]
fn abis_with_32_bit_registers_read_32_bits_at_most() {
    let narrow = [Arch::X86, Arch::Arm, Arch::M68k, Arch::Mips, Arch::Parisc, Arch::Ppc];
    for arch in narrow.into_iter().chain([Arch::S390, Arch::Sh]) {
        for syscall in arch.syscalls() {
            let Some(signature) = arch.signature(syscall.name) else { continue };
            let mut arguments = signature.arguments();
            assert!(arguments.all(|a| a.width <= Bits32), "{} on {arch}", syscall.name);
        }
    }
}

#[test]
fn abis_that_share_native_entries_read_whole_registers() {
    // x32 and n32 enter the 64-bit functions; only what is declared narrower is cut.
    assert_eq!(arguments(Arch::X32, names::READ)[2], ("count", "size_t", Bits64));
    assert_eq!(arguments(Arch::Mips64n32, names::READ)[2].2, Bits64);
    assert_eq!(arguments(Arch::X32, names::IOCTL)[2], ("arg", "compat_ulong_t", Bits32));
}

#[test]
fn wide_values_take_two_registers_on_32_bit_abis() {
    let words = ["fd", "padding", "length_word0", "length_word1"];
    assert_eq!(argument_names(Arch::Arm, names::FTRUNCATE64), words);
    assert_eq!(argument_names(Arch::X86, names::FTRUNCATE64).len(), 3);
    let signatures =
        Arch::ALL.into_iter().flat_map(|arch| Name::all().map(move |n| arch.signature(n)));
    for signature in signatures.flatten() {
        assert!(signature.arguments().len() <= 6);
    }
}

#[test]
fn nearly_every_syscall_has_a_signature() {
    for arch in Arch::ALL {
        let known = arch.syscalls().filter(|s| arch.signature(s.name).is_some()).count();
        // The remaining calls have no entry point any more.
        let total = arch.syscalls().len();
        assert!(known * 100 >= total * 90, "{arch}: {known} of {total}");
    }
    let without: Vec<&str> = Arch::Aarch64
        .syscalls()
        .filter(|s| Arch::Aarch64.signature(s.name).is_none())
        .map(|s| s.name.as_str())
        .collect();
    assert_eq!(without, ["lookup_dcookie", "nfsservctl"]);
}

#[test]
fn errno_names_follow_the_architecture() {
    for (arch, value) in [(Arch::X86_64, 38), (Arch::Mipsel, 89), (Arch::Parisc, 251)] {
        assert_eq!(Errno::from_name("ENOSYS", arch), Some(Errno::new(value)), "{arch}");
        assert_eq!(Errno::new(value).name(arch), Some("ENOSYS"), "{arch}");
    }
    for (arch, value) in [(Arch::X86_64, 35), (Arch::Ppc64le, 58), (Arch::Mips, 56)] {
        assert_eq!(Errno::from_name("EDEADLOCK", arch), Some(Errno::new(value)), "{arch}");
    }
    assert_eq!(Errno::from_name("EWOULDBLOCK", Arch::X86_64), Some(Errno::new(11)));
    assert_eq!(Errno::new(11).name(Arch::X86_64), Some("EAGAIN"));
    assert_eq!(Errno::new(0).name(Arch::X86_64), None);
    assert_eq!(Errno::from_name("enosys", Arch::X86_64), None);
}

#[test]
fn errno_names_round_trip() {
    for arch in Arch::ALL {
        let named = (0..2048).filter_map(|raw| Some((raw, Errno::new(raw).name(arch)?)));
        let named: Vec<_> = named.collect();
        assert!(named.len() > 125, "{arch}: {}", named.len());
        for (raw, name) in named {
            assert_eq!(Errno::from_name(name, arch), Some(Errno::new(raw)), "{name} on {arch}");
        }
    }
}
