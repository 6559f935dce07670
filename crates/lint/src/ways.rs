//! Calls that are known as ways around a filter.

use callgate_policy::Condition;
use callgate_syscalls::{Arch, Name, names};

use crate::finding::{Draft, Findings};
use crate::ground::{Ground, State, arg_bits, arg_is, constant};
use crate::process;

/// All bits of an argument.
const ALL: u64 = u64::MAX;

/// The bits of a socket's type beside its flags (`include/linux/net.h`).
const TYPE_MASK: u64 = 0xf;

/// A call that reaches what the filter refuses elsewhere.
struct Way {
    code: &'static str,
    calls: &'static [Name],
    /// The arguments that it takes for it, each with the bits that count and the constant; the first
    /// says which call it is.
    with: &'static [(usize, u64, &'static str)],
    /// In filters that refuse by name: what must be refused for this to be a way around.
    beside: &'static [Name],
    /// What it reaches.
    reaches: &'static str,
}

impl Way {
    /// With what the call is made, behind its name.
    fn what(&self) -> String {
        self.with.first().map_or(String::new(), |(.., constant)| format!(" with {constant}"))
    }
}

const FILES_AND_SOCKETS: &[Name] = &[
    names::OPENAT,
    names::OPEN,
    names::SOCKET,
    names::CONNECT,
    names::BIND,
    names::UNLINKAT,
    names::RENAMEAT2,
    names::MKDIRAT,
    names::SENDTO,
    names::SENDMSG,
];

const OTHER_PROCESSES: &[Name] =
    &[names::PTRACE, names::PROCESS_VM_READV, names::PROCESS_VM_WRITEV, names::PIDFD_GETFD];

const WAYS: &[Way] = &[
    Way {
        code: "L0601",
        calls: &[names::IO_URING_SETUP],
        with: &[],
        beside: FILES_AND_SOCKETS,
        reaches: "opens, connects and sends by a ring that no filter sees",
    },
    Way {
        code: "L0602",
        calls: &[names::PTRACE],
        with: &[],
        beside: OTHER_PROCESSES,
        reaches: "makes calls in other processes, which this filter does not hold",
    },
    Way {
        code: "L0603",
        calls: &[names::PROCESS_VM_WRITEV, names::PROCESS_VM_READV],
        with: &[],
        beside: OTHER_PROCESSES,
        reaches: "reads and writes the memory of other processes",
    },
    Way {
        code: "L0604",
        calls: &[names::IOCTL],
        with: &[(1, ALL, "TIOCSTI")],
        beside: &[names::IOCTL],
        reaches: "types into the terminal that the sandbox shares with a shell outside",
    },
    Way {
        code: "L0607",
        calls: &[names::BPF],
        with: &[],
        beside: &[names::PERF_EVENT_OPEN],
        reaches: "loads programs into the kernel",
    },
    Way {
        code: "L0608",
        calls: &[names::USERFAULTFD],
        with: &[],
        beside: &[names::BPF, names::IO_URING_SETUP],
        reaches: "stops the kernel in the middle of a copy, which makes races in it winnable",
    },
    Way {
        code: "L0609",
        calls: &[names::KEYCTL, names::ADD_KEY, names::REQUEST_KEY],
        with: &[],
        beside: &[names::BPF, names::KEYCTL, names::ADD_KEY, names::REQUEST_KEY],
        reaches: "the keys of the kernel, which no namespace holds apart",
    },
    Way {
        code: "L0611",
        calls: &[names::PERF_EVENT_OPEN],
        with: &[],
        beside: &[names::BPF],
        reaches: "watches what others do, and has had many errors",
    },
    Way {
        code: "L0612",
        calls: &[names::OPEN_BY_HANDLE_AT],
        with: &[],
        beside: &[names::OPENAT, names::OPEN],
        reaches: "opens files outside of the mounts that the sandbox shows",
    },
    Way {
        code: "L0613",
        calls: &[
            names::KEXEC_LOAD,
            names::KEXEC_FILE_LOAD,
            names::INIT_MODULE,
            names::FINIT_MODULE,
        ],
        with: &[],
        beside: &[
            names::INIT_MODULE,
            names::FINIT_MODULE,
            names::KEXEC_LOAD,
            names::KEXEC_FILE_LOAD,
        ],
        reaches: "replaces or extends the kernel",
    },
    Way {
        code: "L0614",
        calls: &[names::PIDFD_GETFD],
        with: &[],
        beside: OTHER_PROCESSES,
        reaches: "takes open files from other processes",
    },
    Way {
        code: "L0616",
        calls: &[names::SOCKET],
        // The kernel makes these with this type and no protocol, or not at all (crypto/af_alg.c).
        with: &[(0, ALL, "AF_ALG"), (1, TYPE_MASK, "SOCK_SEQPACKET"), (2, ALL, "IPPROTO_IP")],
        beside: &[names::SOCKET],
        reaches: "the kernel's cryptography, through which Copy Fail wrote to files",
    },
    Way {
        code: "L0617",
        calls: &[
            names::FSOPEN,
            names::OPEN_TREE,
            names::MOVE_MOUNT,
            names::FSMOUNT,
            names::MOUNT_SETATTR,
        ],
        with: &[],
        beside: &[names::MOUNT],
        reaches: "mounts by the newer calls",
    },
    Way {
        code: "L0618",
        calls: &[names::IOPL, names::IOPERM],
        with: &[],
        beside: &[names::INIT_MODULE, names::KEXEC_LOAD],
        reaches: "the ports of the machine",
    },
];

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    for arch in ground.arches.clone() {
        let is_allow_list = ground.is_allow_list(arch);
        for way in WAYS {
            open(ground, findings, arch, (way, is_allow_list));
        }
        user_namespaces(ground, findings, arch, is_allow_list);
        tioclinux(ground, findings, arch);
        personality(ground, findings, arch);
    }
}

/// What an allow list would be warned of, and a deny list leaves open: each is a finding there only beside something
/// that is refused for the same reason.
pub(crate) fn left_open(ground: &mut Ground<'_>, arch: Arch) -> Vec<String> {
    let mut open = Vec::new();
    for way in WAYS {
        let Some(condition) = condition(way, arch) else { continue };
        let mut is_made = |name: Name| ground.made_where(arch, name, &condition).is_some();
        if let Some(name) = way.calls.iter().find(|name| is_made(**name)) {
            open.push(format!("{name}{}", way.what()));
        }
    }
    open
}

/// What the arguments are when a call is a way around; none where the architecture lacks the constant.
fn condition(way: &Way, arch: Arch) -> Option<Condition> {
    let test = |&(index, bits, name): &(usize, u64, &str)| {
        Some(arg_bits(index, bits, constant(name, arch)?))
    };
    let tests: Option<Vec<Condition>> = way.with.iter().map(test).collect();
    Condition::all(tests?).ok()
}

fn open(
    ground: &mut Ground<'_>,
    findings: &mut Findings,
    arch: Arch,
    (way, is_allow_list): (&Way, bool),
) {
    let Some(condition) = condition(way, arch) else { return };
    let is_kept = |ground: &Ground<'_>, name: Name| {
        ground.state(arch, name).is_some_and(|state| state != State::Open)
    };
    // Who makes mount anyway has kept nobody from mounting.
    let is_needed = !is_allow_list || way.code == "L0617";
    if is_needed && !way.beside.iter().any(|&name| is_kept(ground, name)) {
        return;
    }
    for &name in way.calls {
        let Some(made) = ground.made_where(arch, name, &condition) else { continue };
        // Some conditions are there to keep this apart.
        if way.with.is_empty() && !ground.is(arch, name, State::Open) {
            continue;
        }
        let what = way.what();
        let reaches = match name {
            names::MOUNT_SETATTR => "makes what is mounted writable, as mount does",
            _ => way.reaches,
        };
        let message = format!("{name}{what} is made: {reaches}");
        findings
            .add(ground, Draft::new(way.code, way.code, message).named(name).on(arch).show(made));
        return;
    }
}

/// Each of three calls makes a user namespace. Beside one that is refused on purpose the others have a code of their own.
fn user_namespaces(
    ground: &mut Ground<'_>,
    findings: &mut Findings,
    arch: Arch,
    is_allow_list: bool,
) {
    let is_kept = |name: &Name| ground.state(arch, *name).is_some_and(|it| it != State::Open);
    if !is_allow_list && ![names::MOUNT, names::SETNS].iter().any(is_kept) {
        return;
    }
    let flag = "CLONE_NEWUSER";
    let Some(bit) = constant(flag, arch) else { return };
    let is_said = ground.is_restricted(arch, names::UNSHARE);
    let (name, how, made) =
        if let Some(made) = ground.made_where(arch, names::UNSHARE, &arg_is(0, bit)) {
            (names::UNSHARE, " with CLONE_NEWUSER", made)
        } else if is_said {
            return;
        } else if let Some(made) = process::made_with(ground, (arch, names::CLONE), flag, bit) {
            (names::CLONE, " with CLONE_NEWUSER", made)
        } else if let (Some(made), false) = (
            ground.made_where(arch, names::CLONE3, &Condition::always()),
            ground.is_restricted(arch, names::CLONE),
        ) {
            (names::CLONE3, ", whose flags are behind a pointer,", made)
        } else {
            return;
        };
    let message = format!(
        "{name}{how} is made: makes a user namespace, with all capabilities inside and much kernel code behind them"
    );
    findings.add(ground, Draft::new("L0610", "L0610", message).named(name).on(arch).show(made));
}

/// The console has a request that does what TIOCSTI does.
fn tioclinux(ground: &mut Ground<'_>, findings: &mut Findings, arch: Arch) {
    let (Some(sti), Some(linux)) = (constant("TIOCSTI", arch), constant("TIOCLINUX", arch)) else {
        return;
    };
    let refused = ground.refused_for(arch, names::IOCTL, &[1], &arg_is(1, sti));
    let made = ground.made_where(arch, names::IOCTL, &arg_is(1, linux));
    if let (Some(refused), Some(made)) = (refused, made) {
        let message = "ioctl is refused with TIOCSTI, and TIOCLINUX pastes into a console as well";
        findings.add(
            ground,
            Draft::of("L0605", names::IOCTL, message).on(arch).show(made).show(refused),
        );
    }
}

/// Flags of `personality` that switch off what makes attacks hard.
fn personality(ground: &mut Ground<'_>, findings: &mut Findings, arch: Arch) {
    if !(ground.is_allow_list(arch) && ground.is(arch, names::PERSONALITY, State::Open)) {
        return;
    }
    let Some(fixed) = constant("ADDR_NO_RANDOMIZE", arch) else { return };
    let made = ground.made_where(arch, names::PERSONALITY, &arg_is(0, fixed));
    let message = "personality is made with any value: also without random addresses, and with executable data";
    findings
        .add(ground, Draft::of("L0615", names::PERSONALITY, message).on(arch).show_if_any(made));
}
