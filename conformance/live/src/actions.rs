//! The effect of each action on a call.

use callgate::{Action, Filter, Scope, arg, names};
use callgate_kernel::child::Ending;
use callgate_kernel::{Logging, Options, load};
use callgate_lab::{AuditRecords, Subject};

use super::support::{
    Checked, GETPPID, Row, Worker, answer, answer_word, board, confine, dies, ends, ensure, errno,
    eventually, failed, passes, record_of, refusal, said, same, skip, status, thread_exists,
};

pub(super) const ROWS: &[Row] = &[
    Row { name: "kill-all", about: "a filter of KILL alone kills the process", check: kill_all },
    Row { name: "kill-one-call", about: "only the named call is deadly", check: kill_one },
    Row {
        name: "kill-first-argument",
        about: "a condition on the first argument decides, all 64 bits of it",
        check: first_argument,
    },
    Row {
        name: "kill-sixth-argument",
        about: "a condition on the sixth argument decides",
        check: sixth_argument,
    },
    Row {
        name: "kill-thread",
        about: "KILL_THREAD ends the calling thread alone",
        check: kill_thread,
    },
    Row {
        name: "kill-process",
        about: "KILL_PROCESS in a thread ends all threads",
        check: kill_process,
    },
    Row {
        name: "unknown-kills-process",
        about: "an action that there is not, in a thread, ends all threads",
        check: kill_unknown,
    },
    Row {
        name: "unknown-inside",
        about: "words between the actions kill: 0x7ffd0000 and its like",
        check: unknown_inside,
    },
    Row { name: "unknown-above-allow", about: "words above ALLOW kill", check: unknown_above },
    Row { name: "errno", about: "the call fails with the number", check: errno_valid },
    Row { name: "errno-zero", about: "ERRNO(0) pretends success", check: errno_zero },
    Row {
        name: "errno-capped",
        about: "numbers above 4,095 come out as 4,095",
        check: errno_capped,
    },
    Row {
        name: "errno-newest",
        about: "of two refusals the newest filter's number comes out",
        check: errno_order,
    },
    Row {
        name: "trap-default",
        about: "TRAP kills where SIGSYS has its default",
        check: trap_default,
    },
    Row { name: "trap-ignored", about: "TRAP kills where SIGSYS is ignored", check: trap_ignored },
    Row {
        name: "trap-blocked",
        about: "TRAP kills where SIGSYS is blocked, handler or not",
        check: trap_blocked,
    },
    Row {
        name: "trap-handled",
        about: "the handler sees data, code, number, architecture and address; the call is not made",
        check: trap_handled,
    },
    Row {
        name: "trace-without-tracer",
        about: "TRACE without a tracer is ENOSYS",
        check: trace_alone,
    },
    Row {
        name: "notify-without-listener",
        about: "USER_NOTIF without a listener is ENOSYS",
        check: notify_alone,
    },
    Row { name: "log-executes", about: "LOG executes the call", check: log_executes },
    Row {
        name: "log-recorded",
        about: "LOG's audit record has signal, number, architecture, address and action",
        check: log_recorded,
    },
    Row {
        name: "errno-recorded",
        about: "ERRNO is recorded with the filter's log flag and not without, and its data never",
        check: errno_recorded,
    },
    Row {
        name: "kill-recorded",
        about: "a kill's audit record has the signal 31 and the action",
        check: kill_recorded,
    },
];

fn getppid(subject: Subject) -> Result<i64, callgate::Errno> {
    subject.call(GETPPID, &[])
}

fn kill_all() -> Checked {
    dies(|_| {
        confine(&super::support::program(&[callgate_bpf::Instruction::new(0x06, 0)])?)?;
        Err("still there".into())
    })
}

fn kill_one() -> Checked {
    dies(|subject| {
        confine(&answer(Action::KILL_THREAD)?)?;
        ensure(subject.call(libc::SYS_getpid, &[]).is_ok(), "other calls go on")?;
        let result = getppid(subject);
        Err(format!("getppid returned {result:?}"))
    })
}

fn first_argument() -> Checked {
    const DEADLY: u64 = 0x0c0f_fee0_dead_beef;
    let filter = Filter::builder(Action::ALLOW)
        .rule(names::BRK, arg(0).eq(DEADLY), Action::KILL_PROCESS)
        .build()
        .map_err(|error| error.to_string())?;
    dies(|subject| {
        filter.load(Scope::ThisThread).map_err(|error| error.to_string())?;
        // Not one of these is an address that the heap could grow to.
        for harmless in [DEADLY ^ 1, DEADLY ^ (1 << 63), DEADLY & 0xffff_ffff] {
            ensure(
                subject.call(libc::SYS_brk, &[harmless]).is_ok(),
                "another argument is harmless",
            )?;
        }
        let result = subject.call(libc::SYS_brk, &[DEADLY]);
        Err(format!("brk returned {result:?}"))
    })
}

fn sixth_argument() -> Checked {
    const DEADLY: u64 = 0x0bad_f00d;
    let filter = Filter::builder(Action::ALLOW)
        .rule(names::FUTEX, arg(5).eq(DEADLY), Action::KILL_PROCESS)
        .build()
        .map_err(|error| error.to_string())?;
    dies(|subject| {
        filter.load(Scope::ThisThread).map_err(|error| error.to_string())?;
        // An operation that there is not: the call fails before it looks at anything else.
        let futex = |sixth| subject.call(libc::SYS_futex, &[0, 0x7f, 0, 0, 0, sixth]);
        same("another argument", futex(DEADLY ^ 1), failed(libc::ENOSYS))?;
        let result = futex(DEADLY);
        Err(format!("futex returned {result:?}"))
    })
}

fn kill_thread() -> Checked {
    let filter = answer(Action::KILL_THREAD)?;
    passes(|subject| {
        let worker = Worker::start(subject)?;
        worker.tell(move || {
            let _ = confine(&filter);
            let _ = subject.call(GETPPID, &[]);
        })?;
        eventually("the thread is gone", || Ok(!thread_exists(worker.tid)))?;
        ensure(getppid(subject).is_ok(), "this thread goes on")
    })
}

/// A thread's call under a filter must end the process, in which the first thread only waits.
fn ends_all(word: u32) -> Checked {
    let filter = answer_word(word)?;
    dies(|subject| {
        confine(&filter)?;
        let worker = Worker::start(subject)?;
        worker.ask(move || subject.call(GETPPID, &[])).map(drop)?;
        Ok(())
    })
}

fn kill_process() -> Checked {
    ends_all(Action::KILL_PROCESS.raw())
}

fn kill_unknown() -> Checked {
    ends_all(0x7ffd_0000)
}

fn unknown_inside() -> Checked {
    for word in [0x1_0000, 0x2_0000, 0x4_0000, 0x6_0000, 0x7fbf_0000, 0x7fc1_0000, 0x7ff1_0000] {
        ends_all(word)?;
    }
    ends_all(0x7ffe_0000)
}

fn unknown_above() -> Checked {
    ends_all(0x8001_0000)?;
    ends_all(0xffff_0000)
}

fn errno_valid() -> Checked {
    passes(|subject| {
        confine(&answer(refusal(libc::E2BIG))?)?;
        same("getppid", getppid(subject), failed(libc::E2BIG))
    })
}

fn errno_zero() -> Checked {
    passes(|subject| {
        confine(&answer(refusal(0))?)?;
        same("getppid", getppid(subject), Ok(0))
    })
}

fn errno_capped() -> Checked {
    for (data, expected) in [(4094, 4094), (4095, 4095), (4096, 4095), (0xffff, 4095)] {
        passes(|subject| {
            confine(&answer_word(0x5_0000 | data)?)?;
            same("getppid", getppid(subject), failed(expected))
        })?;
    }
    passes(|_| Ok(()))
}

fn errno_order() -> Checked {
    passes(|subject| {
        for newest in [8, 13, 12] {
            confine(&answer(refusal(newest))?)?;
            same("getppid", getppid(subject), Err(errno(newest)))?;
        }
        Ok(())
    })
}

fn trap_default() -> Checked {
    dies(|subject| {
        confine(&answer(Action::trap(7))?)?;
        let result = getppid(subject);
        Err(format!("getppid returned {result:?}"))
    })
}

fn trap_ignored() -> Checked {
    dies(|subject| {
        subject.ignore_signal(libc::SIGSYS)?;
        confine(&answer(Action::trap(7))?)?;
        let result = getppid(subject);
        Err(format!("getppid returned {result:?}"))
    })
}

fn trap_blocked() -> Checked {
    dies(|subject| {
        subject.record_traps()?;
        subject.block_signal(libc::SIGSYS)?;
        confine(&answer(Action::trap(7))?)?;
        let result = getppid(subject);
        Err(format!("getppid returned {result:?}"))
    })
}

fn trap_handled() -> Checked {
    const DATA: u16 = 0xbeef;
    passes(|subject| {
        subject.record_traps()?;
        confine(&answer(Action::trap(DATA))?)?;
        // Without a result of the handler's the register of results is as it was before the call:
        // on x86_64 the number, elsewhere the first argument; s390x gives back ENOSYS.
        let back = match std::env::consts::ARCH {
            "x86_64" => Ok(GETPPID),
            "s390x" => failed(libc::ENOSYS),
            _ => Ok(0),
        };
        same("getppid", getppid(subject), back)?;
        let trap = subject.trapped().ok_or("no signal")?;
        same("the data", trap.data, DATA.into())?;
        same("the code", trap.code, 1)?;
        same("the number", i64::from(trap.nr), GETPPID)?;
        let token = callgate::Arch::native().map(|arch| arch.token().raw());
        same("the architecture", Some(trap.arch), token)?;
        ensure(trap.address != 0, "there is an address")?;
        let trapped_again = getppid(subject) == back && subject.trapped() == Some(trap);
        ensure(trapped_again, "the next trap is the same")
    })
}

fn trace_alone() -> Checked {
    passes(|subject| {
        confine(&answer(Action::trace(1))?)?;
        same("getppid", getppid(subject), failed(libc::ENOSYS))
    })
}

fn notify_alone() -> Checked {
    passes(|subject| {
        confine(&answer(Action::USER_NOTIFY)?)?;
        same("getppid", getppid(subject), failed(libc::ENOSYS))
    })
}

fn log_executes() -> Checked {
    passes(|subject| {
        let (before, filters) = (getppid(subject), status()?.filters);
        confine(&answer(Action::LOG)?)?;
        same("the filters", status()?.filters, filters.map(|filters| filters + 1))?;
        same("getppid", getppid(subject), before)
    })
}

/// Runs a row that makes one call under a filter in a child, and looks for its audit record.
fn recorded(
    word: u32,
    logging: Logging,
    ending: Ending,
    judge: impl FnOnce(Option<&str>) -> Result<(), String>,
) -> Checked {
    let Ok(records) = AuditRecords::open() else {
        return skip("audit records can't be read: needs CAP_AUDIT_READ");
    };
    let logged = std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_logged");
    if !logged.is_ok_and(|logged| logged.contains("errno") && logged.contains("log")) {
        return skip("kernel.seccomp.actions_logged lacks actions");
    }
    let filter = answer_word(word)?;
    let board = board()?;
    ends(Ending::Exited { code: 0 }, |subject| {
        let mut child = subject.fork(|subject| {
            let options = Options { logging, ..Options::default() };
            let loaded = load(&filter, Scope::ThisThread, &options).is_ok();
            board.set(0, i64::from(loaded));
            let _ = subject.call(GETPPID, &[]);
            0
        })?;
        same("the child", child.wait()?, ending)?;
        same("the load", board.at(0), 1)?;
        let found = record_of(subject, &records, child.pid())?;
        judge(found.as_deref())
    })
}

const FINE: Ending = Ending::Exited { code: 0 };

fn has(record: Option<&str>, parts: &[&str]) -> Result<(), String> {
    let record = record.ok_or("no record")?;
    let missing = parts.iter().find(|part| !record.contains(**part));
    missing.map_or(Ok(()), |part| Err(format!("no {part:?} in {record}")))
}

fn log_recorded() -> Checked {
    let number = format!(" syscall={GETPPID} ");
    let token = callgate::Arch::native().map_or(0, |arch| arch.token().raw());
    let token = format!(" arch={token:x} ");
    recorded(Action::LOG.raw() | 5, Logging::Off, FINE, |record| {
        has(
            record,
            &[" sig=0 ", &token, &number, " compat=0 ip=0x", "code=0x7ffc0000", "comm=", "exe="],
        )
    })
}

fn errno_recorded() -> Checked {
    let refused = Action::errno(13).map_or(0, Action::raw);
    recorded(refused, Logging::Off, FINE, |record| same("a record", record, None))?;
    recorded(refused, Logging::On, FINE, |record| has(record, &["code=0x50000", " sig=0 "]))
}

fn kill_recorded() -> Checked {
    let killed = Ending::Killed { signal: callgate_kernel::child::Signal::SYS };
    for (action, code) in
        [(Action::KILL_THREAD, "code=0x0"), (Action::KILL_PROCESS, "code=0x80000000")]
    {
        recorded(action.raw(), Logging::Off, killed, |record| has(record, &[" sig=31 ", code]))?;
    }
    passes(|subject| subject.call(GETPPID, &[]).map(drop).map_err(said))
}
