//! The entries of x86 beside the native one: `int 0x80`, x32's numbers, the vsyscall page. Each
//! action is seen through them as well.

use std::os::fd::AsFd;

use callgate::{Action, Arch, Filter, KernelVersion, Program, Scope, arg, names};
use callgate_bpf::Instruction;
use callgate_kernel::child::{Ending, Signal};
use callgate_kernel::{Interruption, Options, load, load_with_listener, running_kernel};
use callgate_lab::{AuditRecords, Stop, Subject, TraceOptions, Tracee};

use super::notify::{ended_well, receive, respond};
use super::support::{
    Checked, Row, Verdict, Worker, board, confine, ends, ensure, eventually, failed, nr, passes,
    program, record_of, refusal, said, same, skip, thread_exists,
};

pub(super) const ROWS: &[Row] = &[
    Row { name: "ia32-errno", about: "int 0x80: ERRNO", check: ia32_errno },
    Row {
        name: "ia32-trap",
        about: "int 0x80: TRAP, with i386's token and number",
        check: ia32_trap,
    },
    Row {
        name: "ia32-kill-thread",
        about: "int 0x80: KILL_THREAD ends the thread alone",
        check: ia32_kill_thread,
    },
    Row { name: "ia32-kill-process", about: "int 0x80: KILL_PROCESS", check: ia32_kill_process },
    Row {
        name: "ia32-trace",
        about: "int 0x80: TRACE stops, and the tracer's value comes back",
        check: ia32_trace,
    },
    Row {
        name: "ia32-notify",
        about: "int 0x80: the notification has i386's token and number",
        check: ia32_notify,
    },
    Row {
        name: "ia32-log",
        about: "int 0x80: LOG executes and is recorded as i386's",
        check: ia32_log,
    },
    Row {
        name: "ia32-foreign",
        about: "a filter for x86_64 alone gives int 0x80 its answer for foreign calls",
        check: ia32_foreign,
    },
    Row {
        name: "ia32-high-halves",
        about: "int 0x80 shows filters whole registers; a comparison of what the kernel reads is not evaded",
        check: high_halves,
    },
    Row {
        name: "x32-numbers",
        about: "x32's numbers have x86_64's token and their bit; they are filtered though the kernel lacks x32",
        check: x32_numbers,
    },
    Row {
        name: "x32-executes",
        about: "an allowed call through x32's numbers is made",
        check: x32_executes,
    },
    Row {
        name: "number-high-half",
        about: "the high half of the number's register is dropped before filters see it",
        check: number_high_half,
    },
];

/// i386's getppid.
const GETPPID_IA32: u64 = 64;
const NO_IA32: &str = "this machine or kernel has no int 0x80";

/// Whether `int 0x80` leads anywhere: without it the child dies.
fn has_ia32() -> bool {
    let tried = callgate_lab::trial(|subject| {
        let found = subject.call_ia32(GETPPID_IA32, &[]);
        ensure(found.is_some_and(|pid| pid > 0), "a process id")
    });
    tried == Ok(Ending::Exited { code: 0 })
}

/// A filter for both tables that answers getppid.
fn both(action: Action) -> Result<Program, String> {
    let filter = Filter::builder(Action::ALLOW).arches([Arch::X86_64, Arch::X86]);
    let filter = filter.answer(action, [names::GETPPID]).build();
    filter.map(|filter| filter.program().clone()).map_err(|error| error.to_string())
}

fn getppid(subject: Subject) -> Result<i64, String> {
    subject.call_ia32(GETPPID_IA32, &[]).ok_or_else(|| NO_IA32.into())
}

/// A row that needs `int 0x80`, and how its process ends.
fn ia32(ending: Ending, row: impl FnOnce(Subject) -> Result<(), String>) -> Checked {
    if !has_ia32() {
        return skip(NO_IA32);
    }
    ends(ending, row)
}

const FINE: Ending = Ending::Exited { code: 0 };
const KILLED: Ending = Ending::Killed { signal: Signal::SYS };

fn ia32_errno() -> Checked {
    ia32(FINE, |subject| {
        confine(&both(refusal(libc::EPERM))?)?;
        same("getppid", getppid(subject)?, -1)?;
        same("the native one", subject.call(libc::SYS_getppid, &[]), failed(libc::EPERM))
    })
}

fn ia32_trap() -> Checked {
    ia32(FINE, |subject| {
        subject.record_traps()?;
        confine(&both(Action::trap(99))?)?;
        same("getppid", getppid(subject)?, i64::try_from(GETPPID_IA32).map_err(said)?)?;
        let trap = subject.trapped().ok_or("no signal")?;
        same("data and code", (trap.data, trap.code), (99, 1))?;
        same("the architecture", trap.arch, Arch::X86.token().raw())?;
        same("the number", u64::try_from(trap.nr), Ok(GETPPID_IA32))
    })
}

fn ia32_kill_thread() -> Checked {
    ia32(FINE, |subject| {
        confine(&both(Action::KILL_THREAD)?)?;
        let worker = Worker::start(subject)?;
        worker.tell(move || {
            let _ = getppid(subject);
        })?;
        eventually("the thread is gone", || Ok(!thread_exists(worker.tid)))
    })
}

fn ia32_kill_process() -> Checked {
    ia32(KILLED, |subject| {
        confine(&both(Action::KILL_PROCESS)?)?;
        let worker = Worker::start(subject)?;
        worker.ask(move || getppid(subject)).map(drop)
    })
}

fn ia32_trace() -> Checked {
    ia32(FINE, |subject| {
        let program = both(Action::trace(0x80))?;
        let options = TraceOptions::SECCOMP.and(TraceOptions::EXIT_KILL);
        let mut tracee = Tracee::start(subject, options, |subject| {
            let confined = confine(&program).is_ok();
            u8::from(!confined || getppid(subject) != Ok(1234))
        })?;
        tracee.resume()?;
        same("the stop", tracee.wait()?, Stop::Seccomp(0x80))?;
        let mut registers = tracee.registers()?;
        same("the number", registers.nr, GETPPID_IA32)?;
        (registers.nr, registers.result) = (u64::MAX, 1234);
        tracee.set_registers(registers)?;
        tracee.resume()?;
        same("the end", tracee.wait()?, Stop::Ended(FINE))
    })
}

fn ia32_notify() -> Checked {
    ia32(FINE, |subject| {
        let options = Options::default();
        let listener = load_with_listener(
            &both(Action::USER_NOTIFY)?,
            Scope::ThisThread,
            &options,
            Interruption::AnySignal,
        );
        let listener = listener.map_err(said)?;
        let board = board()?;
        let child = subject.fork(|subject| {
            board.set(0, getppid(subject).unwrap_or(0));
            0
        })?;
        let notification = receive(listener.as_fd()).map_err(said)?;
        same("the architecture", notification.data.arch, Arch::X86.token().raw())?;
        same("the number", u64::try_from(notification.data.nr), Ok(GETPPID_IA32))?;
        respond(listener.as_fd(), notification.id, 0, -libc::EPERM, 0).map_err(said)?;
        ended_well(child)?;
        same("the result", board.at(0), -1)
    })
}

fn ia32_log() -> Checked {
    let Ok(records) = AuditRecords::open() else {
        return skip("audit records can't be read: needs CAP_AUDIT_READ");
    };
    ia32(FINE, |subject| {
        let program = both(Action::LOG)?;
        let child = subject.fork(|subject| {
            let confined = confine(&program).is_ok();
            u8::from(!confined || !getppid(subject).is_ok_and(|pid| pid > 0))
        })?;
        let pid = child.pid();
        ended_well(child)?;
        let record = record_of(subject, &records, pid)?;
        let record = record.ok_or("no record")?;
        for part in [" arch=40000003 ", " syscall=64 ", " compat=1 ", "code=0x7ffc0000"] {
            ensure(record.contains(part), &format!("{part} in {record}"))?;
        }
        Ok(())
    })
}

fn ia32_foreign() -> Checked {
    ia32(FINE, |subject| {
        let native = Filter::builder(Action::ALLOW).arches([Arch::X86_64]);
        let filter = native.foreign(refusal(libc::ENOEXEC)).build();
        filter.and_then(|f| f.load(Scope::ThisThread)).map_err(|error| error.to_string())?;
        ensure(subject.call(libc::SYS_getppid, &[]).is_ok(), "native calls go on")?;
        same("getppid", getppid(subject)?, -i64::from(libc::ENOEXEC))
    })?;
    ia32(KILLED, |subject| {
        let filter = Filter::builder(Action::ALLOW).arches([Arch::X86_64]).build();
        filter.and_then(|f| f.load(Scope::ThisThread)).map_err(|error| error.to_string())?;
        getppid(subject).map(drop)
    })
}

/// i386's close, whose argument is an int.
fn high_halves() -> Checked {
    const CLOSE: u64 = 6;
    const HIGH: u64 = 0xdead_beef_0000_0000;
    let filter = Filter::builder(Action::ALLOW)
        .arches([Arch::X86_64, Arch::X86])
        .rule(names::CLOSE, arg("fd").eq(0x7777_u64), refusal(libc::EXDEV))
        .build()
        .map_err(|error| error.to_string())?;
    ia32(FINE, |subject| {
        filter.load(Scope::ThisThread).map_err(|error| error.to_string())?;
        let close = |argument| subject.call_ia32(CLOSE, &[argument]);
        same("plain", close(0x7777), Some(-i64::from(libc::EXDEV)))?;
        same("evasive", close(HIGH | 0x7777), Some(-i64::from(libc::EXDEV)))?;
        same("another", close(HIGH | 0x7778), Some(-i64::from(libc::EBADF)))
    })?;
    // And the halves are really there: this filter reads the high one.
    ia32(FINE, |subject| {
        confine(&program(&[
            Instruction::new(0x20, 0),
            Instruction { code: 0x15, jt: 0, jf: 3, k: 6 },
            Instruction::new(0x20, 20),
            Instruction { code: 0x15, jt: 0, jf: 1, k: 0xdead_beef },
            Instruction::new(0x06, 0x5_0021),
            Instruction::new(0x06, Action::ALLOW.raw()),
        ])?)?;
        same("seen", subject.call_ia32(CLOSE, &[HIGH | 0x7777]), Some(-33))?;
        same("zero", subject.call_ia32(CLOSE, &[0x7777]), Some(-i64::from(libc::EBADF)))
    })
}

const X32_BIT: i64 = 0x4000_0000;

fn x32_numbers() -> Checked {
    if cfg!(not(target_arch = "x86_64")) {
        return skip("x32 is x86_64's");
    }
    passes(|subject| {
        let filter = Filter::builder(Action::ALLOW).arches([Arch::X86_64, Arch::X32]);
        let filter = filter.answer(refusal(libc::EDOM), [names::GETPPID]).build();
        filter.and_then(|f| f.load(Scope::ThisThread)).map_err(|error| error.to_string())?;
        let getppid = X32_BIT | nr(libc::SYS_getppid);
        same("through x32", subject.call(getppid, &[]), failed(libc::EDOM))?;
        same("native", subject.call(libc::SYS_getppid, &[]), failed(libc::EDOM))
    })?;
    passes(|subject| {
        let filter = Filter::builder(Action::ALLOW).arches([Arch::X86_64]);
        let filter = filter.foreign(refusal(libc::ENOEXEC)).build();
        filter.and_then(|f| f.load(Scope::ThisThread)).map_err(|error| error.to_string())?;
        let getpid = X32_BIT | nr(libc::SYS_getpid);
        same("a filter without x32", subject.call(getpid, &[]), failed(libc::ENOEXEC))
    })
}

fn x32_executes() -> Checked {
    if cfg!(not(target_arch = "x86_64")) {
        return skip("x32 is x86_64's");
    }
    let board = board()?;
    passes(|subject| {
        board.set(0, super::support::number(subject.call(X32_BIT | nr(libc::SYS_getppid), &[])));
        Ok(())
    })?;
    match board.at(0) {
        none if none == -i64::from(libc::ENOSYS) => {
            skip("the kernel has no x32 (CONFIG_X86_X32_ABI)")
        }
        pid => ensure(pid > 0, "a process id").map(|()| Verdict::Passed),
    }
}

fn number_high_half() -> Checked {
    if cfg!(not(target_arch = "x86_64")) {
        return skip("numbers have 32 bits here");
    }
    passes(|subject| {
        load(&both(refusal(libc::EPERM))?, Scope::ThisThread, &Options::default()).map_err(said)?;
        let number = 0xdead_beef_0000_0000 | nr(libc::SYS_getppid).unsigned_abs();
        same("getppid", subject.call_raw_number(number), Some(-1))?;
        ensure(
            running_kernel().is_ok_and(|kernel| kernel >= KernelVersion::new(3, 17)),
            "a release",
        )
    })
}
