//! The built-in profile `qemu` on the running kernel: threads but no processes, own files and
//! sockets but nothing of the machine's. `cargo xtask clients qemu-profile` runs QEMU itself under
//! it.
//!
//! Claim: C-QEMU
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use callgate::kernel::child::{Call, Outcome, outcomes};
use callgate::{Action, Arch, Errno, Filter, Name, SeccompData, names};

const EPERM: Outcome = Outcome::Errno(Errno::new(1));
const ENOSYS: Outcome = Outcome::Errno(Errno::new(38));

fn qemu() -> Filter {
    Filter::builtin("qemu").unwrap()
}

fn data(name: Name, args: &[u64]) -> SeccompData {
    let arch = Arch::native().unwrap();
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    SeccompData { args: all, ..SeccompData::new(arch, arch.syscall(name).unwrap().nr) }
}

fn made(name: Name, args: &[u64]) -> Outcome {
    let data = data(name, args);
    let call = Call::new(data.nr).with_args(data.args);
    outcomes(Some(qemu().program()), &[call]).unwrap()[0]
}

#[test]
fn what_a_guest_has_no_use_for_is_refused() {
    let refused = [
        names::SETUID,
        names::SETRESGID,
        names::PTRACE,
        names::PROCESS_VM_READV,
        names::KILL,
        names::EXECVEAT,
        names::CHMOD,
        names::CHOWN,
        names::MOUNT,
        names::UNSHARE,
        names::SETNS,
        names::CHROOT,
        names::KEYCTL,
        names::BPF,
        names::IO_URING_SETUP,
        names::USERFAULTFD,
        names::PERF_EVENT_OPEN,
        names::SHMGET,
        names::PERSONALITY,
        names::SCHED_SETSCHEDULER,
        names::SETPRIORITY,
    ];
    for name in refused {
        assert_eq!(made(name, &[]), EPERM, "{name}");
    }
    assert_eq!(made(names::CLONE3, &[]), ENOSYS);
    assert!(matches!(made(names::GETPID, &[]), Outcome::Returned(1..)));
}

#[test]
fn threads_may_start_and_processes_may_not() {
    // Those of glibc's pthread_create, and of its fork.
    let (thread, process) = (0x003d_0f00, 0x0120_0011);
    let decide = |flags| qemu().decide(&data(names::CLONE, &[flags]));
    assert_eq!(decide(thread), Action::ALLOW);
    for high in [0, 1 << 32] {
        assert_eq!(made(names::CLONE, &[process | high]), EPERM);
    }
    for namespace in [17, 25, 26, 27, 28, 29, 30].map(|bit| 1 << bit) {
        assert_ne!(decide(thread | namespace), Action::ALLOW, "{namespace:#x}");
    }
}

#[test]
fn sockets_are_local_or_of_the_internet_whatever_the_high_half_holds() {
    for family in 0..64 {
        for high in [0, 1 << 32, 0xffff_ffff << 32] {
            let allowed = qemu().decide(&data(names::SOCKET, &[family | high, 1])) == Action::ALLOW;
            assert_eq!(allowed, [1, 2, 10].contains(&family), "{family} {high:#x}");
        }
    }
    assert_eq!(made(names::SOCKET, &[17, 3]), EPERM);
}

#[test]
fn nothing_types_into_the_terminal() {
    const TIOCSTI: u64 = 0x5412;
    for high in [0, 1 << 32] {
        assert_eq!(made(names::IOCTL, &[u64::MAX, TIOCSTI | high]), EPERM);
        // No such descriptor: the call came through.
        let passed = Outcome::Errno(Errno::new(9));
        for request in [TIOCSTI - 1, TIOCSTI + 1] {
            assert_eq!(made(names::IOCTL, &[u64::MAX, request | high]), passed);
        }
    }
}
