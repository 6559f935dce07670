//! Filters built rule by rule: what they mean, on which width, and what the kernel makes of them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use callgate::kernel::child::{Call, Ending, Outcome, Signal, outcomes};
use callgate::rules::MistakeKind;
use callgate::{
    Action, Arch, Cond, Errno, Error, Filter, KernelVersion, SeccompData, arg, consts, names,
};

const EPERM: Action = Errno::EPERM.action();

/// The action for a call of `socket` on an architecture.
fn decide(filter: &Filter, arch: Arch, args: [u64; 6]) -> Action {
    let socket = arch.syscall(names::SOCKET).unwrap();
    let call = SeccompData::new(arch, socket.nr).with_args(args);
    let decided = filter.decide(&call);
    assert_eq!(filter.program().run(&call, arch.endian()), decided, "{call:?}");
    decided
}

fn socket_rule(condition: Cond) -> Result<Filter, Error> {
    Filter::builder(EPERM)
        .arches([Arch::X86_64, Arch::X86, Arch::S390x])
        .rule(names::SOCKET, condition, Action::ALLOW)
        .build()
}

#[test]
fn an_int_is_compared_in_32_bits_on_every_architecture() {
    let filter = socket_rule(arg("family").eq(2)).unwrap();
    for arch in [Arch::X86_64, Arch::X86, Arch::S390x] {
        assert_eq!(decide(&filter, arch, [2, 0, 0, 0, 0, 0]), Action::ALLOW);
        assert_eq!(decide(&filter, arch, [2 | 1 << 32, 0, 0, 0, 0, 0]), Action::ALLOW);
        assert_eq!(decide(&filter, arch, [3, 0, 0, 0, 0, 0]), EPERM);
        assert_eq!(decide(&filter, arch, [2 << 32, 0, 0, 0, 0, 0]), EPERM);
    }
}

#[test]
fn all_bits_compares_the_register() {
    let filter = socket_rule(arg("family").all_bits().eq(2)).unwrap();
    assert_eq!(decide(&filter, Arch::X86_64, [2 | 1 << 32, 0, 0, 0, 0, 0]), EPERM);
    assert_eq!(decide(&filter, Arch::X86, [2 | 1 << 32, 0, 0, 0, 0, 0]), Action::ALLOW);
}

#[test]
fn conditions_combine() {
    let stream_or_dgram = arg("type").masked(0xf).is_in([1, 2]);
    let condition = arg("family").within(1..=10) & stream_or_dgram & !arg("protocol").gt(255);
    let filter = socket_rule(condition).unwrap();
    for (args, expected) in [
        ([1, 1, 0], Action::ALLOW),
        ([10, 0x80002, 255], Action::ALLOW),
        ([11, 1, 0], EPERM),
        ([0, 1, 0], EPERM),
        ([2, 3, 0], EPERM),
        ([2, 1, 256], EPERM),
    ] {
        let [a, b, c] = args;
        assert_eq!(decide(&filter, Arch::X86_64, [a, b, c, 0, 0, 0]), expected, "{args:?}");
    }
}

#[test]
fn negative_values_are_twos_complement_in_the_width() {
    let filter = socket_rule(arg("family").eq(-1)).unwrap();
    assert_eq!(decide(&filter, Arch::X86_64, [0xffff_ffff, 0, 0, 0, 0, 0]), Action::ALLOW);
    assert_eq!(decide(&filter, Arch::X86_64, [u64::MAX, 0, 0, 0, 0, 0]), Action::ALLOW);
}

#[test]
fn order_is_that_of_the_kernels_type() {
    let filter = socket_rule(arg("family").lt(2)).unwrap();
    let unsigned = socket_rule(arg("family").unsigned().lt(2)).unwrap();
    for arch in [Arch::X86_64, Arch::X86, Arch::S390x] {
        for (register, signed, of_unsigned) in [
            (1, Action::ALLOW, Action::ALLOW),
            (2, EPERM, EPERM),
            (0x7fff_ffff, EPERM, EPERM),
            (0x8000_0000, Action::ALLOW, EPERM),
            (u64::MAX, Action::ALLOW, EPERM),
            (u64::MAX << 32, Action::ALLOW, Action::ALLOW),
        ] {
            let args = [register, 0, 0, 0, 0, 0];
            assert_eq!(decide(&filter, arch, args), signed, "{register:#x}");
            assert_eq!(decide(&unsigned, arch, args), of_unsigned, "{register:#x}");
        }
    }
}

#[test]
fn a_value_must_fit_what_the_kernel_reads() {
    let error = |condition| socket_rule(condition).unwrap_err();
    for fits in [i64::from(i32::MIN), -1, 0, i64::from(u32::MAX)] {
        assert!(socket_rule(arg("family").eq(fits)).is_ok(), "{fits}");
    }
    for too_wide in [i64::from(i32::MIN) - 1, i64::from(u32::MAX) + 1] {
        let error = error(arg("family").eq(too_wide));
        let Error::Rule(mistake) = &error else { panic!("{error}") };
        assert!(matches!(mistake.kind, MistakeKind::ValueTooWide { bits: 32, .. }), "{error}");
    }
    let text = error(arg("family").eq(1u64 << 32)).to_string();
    assert!(text.contains("0x100000000") && text.contains("32 bits"), "{text}");
    let kind = |condition| match error(condition) {
        Error::Rule(mistake) => mistake.kind,
        other => panic!("{other}"),
    };
    let unsigned = arg("family").unsigned().lt(-1);
    assert!(matches!(kind(unsigned), MistakeKind::NegativeOrder { .. }));
    assert!(matches!(kind(arg(3).eq(1)), MistakeKind::UnknownArgument { .. }));
    assert!(matches!(kind(arg(6).all_bits().eq(1)), MistakeKind::UnknownArgument { .. }));
}

#[test]
fn unknown_arguments_list_the_known_ones() {
    let text = socket_rule(arg("famly").eq(1)).unwrap_err().to_string();
    assert!(text.contains("\"famly\"") && text.contains("family type protocol"), "{text}");
}

/// The generated items are what the language knows by these names.
#[test]
fn constants_have_each_architectures_value() {
    assert_eq!(consts::AF_INET.on(Arch::Mips), Some(2));
    assert_eq!(consts::AT_FDCWD.on(Arch::X86), Some(-100));
    let create = |arch| consts::O_CREAT.on(arch);
    assert_eq!([Arch::X86_64, Arch::Mips].map(create), [Some(0o100), Some(0o400)]);
    assert_eq!(consts::MAP_32BIT.on(Arch::Aarch64), None);
    assert_eq!(consts::AF_DECnet.name(), "AF_DECnet");
    let named = socket_rule(arg("family").is_in([consts::AF_UNIX, consts::AF_INET])).unwrap();
    let numbers = socket_rule(arg("family").is_in([1, 2])).unwrap();
    assert_eq!(named.program(), numbers.program());
}

#[test]
fn one_call_a_family_and_blocks_by_name() {
    let arches = [Arch::X86_64, Arch::Aarch64, Arch::Mips];
    let built = Filter::builder(EPERM)
        .arches(arches)
        .allow("read")
        .allow(names::WRITE)
        .family(Errno::EACCES.action(), "open")
        .block("sockets.unix")
        .block("startup.dynamic")
        .build()
        .unwrap();
    let text = "policy 1\narch x86_64, aarch64, mips\ndefault errno EPERM\nallow { read, write }\n\
                errno EACCES ~open\nuse @sockets.unix, @startup.dynamic\n";
    let written = Filter::parse(text).unwrap();
    for arch in arches {
        for syscall in arch.syscalls() {
            for first in [0, 1, 2, u64::MAX] {
                let call = SeccompData::new(arch, syscall.nr).with_args([first; 6]);
                assert_eq!(built.decide(&call), written.decide(&call), "{call:?}");
            }
        }
    }
}

/// A call's name is that of the architecture through which it came.
#[test]
fn a_call_knows_its_name() {
    for arch in Arch::ALL {
        for syscall in arch.syscalls() {
            let call = SeccompData::new(arch, syscall.nr);
            assert_eq!(call.name(), Some(syscall.name), "{call:?}");
        }
        assert_eq!(SeccompData::new(arch, callgate::SyscallNr::new(0x3fff_ffff)).name(), None);
    }
}

#[test]
fn words_that_name_nothing_are_told_apart() {
    let text = |change: fn(callgate::FilterBuilder) -> callgate::FilterBuilder| {
        let builder = Filter::builder(EPERM).arches([Arch::X86_64]);
        change(builder).build().unwrap_err().to_string()
    };
    let near = "no syscall is called `raed`; did you mean `read` or `readv`?";
    assert_eq!(text(|builder| builder.allow("raed")), near);
    assert!(text(|builder| builder.family(EPERM, "opn")).contains("`~open`"));
    assert!(text(|builder| builder.block("thread")).contains("`@threads`"));
    assert!(text(|builder| builder.block("cli-tol")).contains("`@cli-tool`"));
    for more in ["", "exit\nallow ptrace", "exit, @debug", "read where fd == 1", "#"] {
        let told = |builder: callgate::FilterBuilder| builder.build().unwrap_err().to_string();
        let builder = || Filter::builder(EPERM).arches([Arch::X86_64]);
        let expected = format!("{more:?} is no name of syscalls");
        assert_eq!(told(builder().block(more)), expected);
        assert_eq!(told(builder().allow(more)), expected);
    }
}

#[test]
fn a_syscall_must_exist_somewhere() {
    let build = |arches: &[Arch]| {
        let arches = arches.iter().copied();
        Filter::builder(EPERM).arches(arches).allow([names::SOCKETCALL]).build()
    };
    assert!(build(&[Arch::X86_64, Arch::X86]).is_ok());
    let text = build(&[Arch::X86_64, Arch::Aarch64]).unwrap_err().to_string();
    assert!(text.contains("socketcall") && text.contains("x86_64 aarch64"), "{text}");
}

#[test]
fn syscalls_newer_than_the_baseline() {
    let filter = Filter::builder(EPERM)
        .arches([Arch::X86_64])
        .unknown(KernelVersion::new(5, 10), Errno::ENOSYS.action())
        .build()
        .unwrap();
    let decide = |name| {
        let syscall = Arch::X86_64.syscall(name).unwrap();
        filter.decide(&SeccompData::new(Arch::X86_64, syscall.nr))
    };
    assert_eq!(decide(names::OPENAT2), EPERM);
    assert_eq!(decide(names::FUTEX_WAITV), Errno::ENOSYS.action());
}

#[test]
fn the_kernel_agrees() {
    let native = Arch::native().unwrap();
    let getppid = Call::new(native.syscall(names::GETPPID).unwrap().nr);
    let getuid = Call::new(native.syscall(names::GETUID).unwrap().nr);
    let dup = |fd| Call::new(native.syscall(names::DUP).unwrap().nr).with_args([fd, 0, 0, 0, 0, 0]);
    let filter = Filter::builder(Action::ALLOW)
        .answer(EPERM, [names::GETPPID])
        .answer(Action::KILL_PROCESS, [names::GETUID])
        .rule(names::DUP, arg("fildes").within(100..=200), Errno::EBUSY.action())
        .build()
        .unwrap();
    let calls = [getppid, getuid, dup(99), dup(100), dup(200), dup(201), dup(100 | 1 << 32)];
    let busy = Outcome::Errno(Errno::EBUSY);
    let bad = Outcome::Errno(Errno::EBADF);
    assert_eq!(
        outcomes(Some(filter.program()), &calls).unwrap(),
        [
            Outcome::Errno(Errno::EPERM),
            Outcome::Ended(Ending::Killed { signal: Signal::SYS }),
            bad,
            busy,
            busy,
            bad,
            busy,
        ]
    );
}
