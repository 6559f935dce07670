//! The built-in profile `container` on the running kernel: what Docker blocks is blocked, in the
//! width the kernel reads.
//!
//! Claim: C-CONTAINER
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use callgate::kernel::child::{Call, Outcome, outcomes};
use callgate::{Arch, Errno, Filter, Name, names};

const EPERM: Outcome = Outcome::Errno(Errno::new(1));
const ENOSYS: Outcome = Outcome::Errno(Errno::new(38));

fn container() -> Filter {
    Filter::builtin("container").unwrap()
}

fn call(name: Name, args: &[u64]) -> Call {
    let syscall = Arch::native().unwrap().syscall(name).unwrap();
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    Call::new(syscall.nr).with_args(all)
}

fn made(calls: &[Call]) -> Vec<Outcome> {
    outcomes(Some(container().program()), calls).unwrap()
}

#[test]
fn what_docker_blocks_is_blocked() {
    let blocked = [
        names::MOUNT,
        names::UMOUNT2,
        names::UNSHARE,
        names::SETNS,
        names::KEYCTL,
        names::ADD_KEY,
        names::REQUEST_KEY,
        names::BPF,
        names::KEXEC_LOAD,
        names::INIT_MODULE,
        names::PERF_EVENT_OPEN,
        names::PIVOT_ROOT,
        names::REBOOT,
        names::SETHOSTNAME,
        names::SWAPON,
        names::USERFAULTFD,
        names::IO_URING_SETUP,
        names::OPEN_BY_HANDLE_AT,
        names::FSOPEN,
        names::MOVE_MOUNT,
    ];
    for name in blocked {
        assert_eq!(made(&[call(name, &[])]), [EPERM], "{name}");
    }
}

#[test]
fn the_same_calls_fail_otherwise_without_the_filter() {
    // If the kernel itself said EPERM here, the test above would show nothing.
    let unfiltered = outcomes(None, &[call(names::MOUNT, &[]), call(names::KEYCTL, &[u64::MAX])]);
    assert!(unfiltered.unwrap().iter().all(|outcome| *outcome != EPERM));
}

#[test]
fn clone_makes_threads_but_no_namespaces() {
    const CLONE_NEWUSER: u64 = 0x1000_0000;
    const SIGCHLD: u64 = 17;
    let results = made(&[
        call(names::CLONE, &[CLONE_NEWUSER | SIGCHLD]),
        call(names::CLONE, &[CLONE_NEWUSER | SIGCHLD | 1 << 40]),
        call(names::CLONE3, &[]),
        call(names::CLONE3, &[1 << 32, 88]),
    ]);
    assert_eq!(results, [EPERM, EPERM, ENOSYS, ENOSYS]);
    assert!(matches!(made(&[call(names::CLONE, &[SIGCHLD])])[..], [Outcome::Returned(_)]));
}

#[test]
fn socket_families_are_refused_whatever_the_high_half_holds() {
    const STREAM: u64 = 1;
    let (af_unix, af_alg, af_vsock): (u64, u64, u64) = (1, 38, 40);
    for family in [af_alg, af_vsock] {
        for high in [0, 1 << 32, 0xffff_ffff << 32] {
            assert_eq!(made(&[call(names::SOCKET, &[family | high, STREAM])]), [EPERM], "{family}");
        }
    }
    for high in [0, 1 << 32] {
        let unix = made(&[call(names::SOCKET, &[af_unix | high, STREAM])]);
        assert!(matches!(unix[..], [Outcome::Returned(0..)]), "{unix:?}");
    }
}

#[test]
fn personality_values() {
    for (value, allowed) in [
        (0, true),
        (8, true),
        (0x20000, true),
        (0x20008, true),
        (0xffff_ffff, true),
        (1, false),
        (9, false),
    ] {
        let outcome = made(&[call(names::PERSONALITY, &[value])]);
        assert_eq!(outcome == [EPERM], !allowed, "{value:#x}: {outcome:?}");
    }
}

#[test]
fn ordinary_calls_are_the_kernels_to_answer() {
    let results = made(&[call(names::GETPID, &[]), call(names::CLOSE, &[u64::MAX])]);
    assert!(
        matches!(results[..], [Outcome::Returned(1..), Outcome::Errno(error)] if error == Errno::new(9))
    );
}

#[test]
fn allowed_calls_without_conditions_are_constant_for_the_kernel() {
    let filter = container();
    let (mut constant, mut conditional) = (0, 0);
    for (arch, policy) in filter.policy().arches() {
        for (nr, rules) in policy.rules() {
            let allowed =
                rules[0].condition().is_always() && rules[0].action() == callgate::Action::ALLOW;
            let cached = filter.program().cacheable(arch.token(), nr);
            assert_eq!(cached, allowed, "{arch} {nr}");
            *(if allowed { &mut constant } else { &mut conditional }) += 1;
        }
    }
    assert!(constant > 300 && conditional > 3, "{constant} {conditional}");
}
