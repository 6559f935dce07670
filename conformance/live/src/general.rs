//! Modes, operations, and which programs the kernel takes.

use callgate::{Action, Scope, names};
use callgate_bpf::{Hardening, Instruction, PATH_LEN_MAX, Program, path_len};
use callgate_kernel::child::{Ending, Signal};
use callgate_kernel::{
    Error, Flag, Logging, Options, action_supported, flag_supported, load, notify, set_no_new_privs,
};
use callgate_lab::{Stop, Subject, TraceOptions, Tracee};
use callgate_observe::filters_of;
use callgate_policy::ActionKind;

use super::support::{
    Checked, GETPPID, Row, Verdict, allow, answer, board, confine, ends, ensure, eventually,
    failed, passes, privileged, program, refusal, said, same, skip, status,
};

const RET: u16 = 0x06;
const STRICT: u64 = 1;
const FILTER: u64 = 2;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "same-file",
        about: "kcmp tells a duplicate from another file; later rows rest on it",
        check: same_file,
    },
    Row {
        name: "strict-entered",
        about: "strict mode is entered and lets a thread exit",
        check: strict_entered,
    },
    Row {
        name: "strict-refuses",
        about: "any other call in strict mode is SIGKILL",
        check: strict_refuses,
    },
    Row {
        name: "strict-no-exit-group",
        about: "exit_group in strict mode is SIGKILL too",
        check: strict_no_exit_group,
    },
    Row {
        name: "no-new-privs",
        about: "no_new_privs can be set, can't be unset, and takes no other value",
        check: no_new_privs,
    },
    Row {
        name: "filter-mode",
        about: "a filter that is NULL is EFAULT: filters exist",
        check: filter_mode,
    },
    Row {
        name: "program-sizes",
        about: "4,096 instructions are taken; none and 4,097 are EINVAL",
        check: sizes,
    },
    Row {
        name: "path-limit",
        about: "a stack ends in ENOMEM exactly where its converted length says",
        check: path_limit,
    },
    Row {
        name: "filter-then-strict",
        about: "a filtered thread can't enter strict mode: EINVAL",
        check: filter_then_strict,
    },
    Row { name: "mode-shown", about: "the mode reads 0 before a filter and 2 after", check: mode },
    Row {
        name: "allow-everything",
        about: "a filter of one ALLOW changes nothing",
        check: allow_everything,
    },
    Row {
        name: "load-behind-the-data",
        about: "a load at offset 64, or one that is not aligned, is EINVAL",
        check: out_of_range,
    },
    Row {
        name: "operations",
        about: "each wrong operation, flag or pointer has its errno",
        check: operations,
    },
    Row {
        name: "flags-known",
        about: "every flag is found by asking; unknown bits and wrong combinations are EINVAL",
        check: flags,
    },
    Row {
        name: "actions-known",
        about: "all eight actions are found by asking; others, and any data, are EOPNOTSUPP",
        check: actions,
    },
    Row {
        name: "log-flag",
        about: "the log flag is refused for strict mode and taken for filters",
        check: log_flag,
    },
    Row {
        name: "filters-read-back",
        about: "filters come back as loaded, oldest first, with their log flag",
        check: read_back,
    },
    Row {
        name: "restarted-call",
        about: "an interrupted sleep goes on as restart_syscall, which the filter sees",
        check: restarted,
    },
    Row {
        name: "notification-sizes",
        about: "the kernel says how large its structures are",
        check: notification_sizes,
    },
    Row {
        name: "negative-numbers",
        about: "calls -1 and -101 are ENOSYS, with and without a filter",
        check: negative,
    },
];

fn prctl(subject: Subject, args: &[u64]) -> Result<i64, callgate::Errno> {
    subject.call(libc::SYS_prctl, args)
}

fn set_strict(subject: Subject) -> Result<(), String> {
    prctl(subject, &[22, STRICT]).map(drop).map_err(said)
}

fn same_file() -> Checked {
    let mut known = true;
    let verdict = passes(|subject| {
        let pid = subject.call(libc::SYS_getpid, &[]).map_err(said)?.unsigned_abs();
        let copy = subject.call(libc::SYS_dup, &[1]).map_err(said)?.unsigned_abs();
        let other = subject.call(libc::SYS_eventfd2, &[0, 0]).map_err(said)?.unsigned_abs();
        let compare = |a, b| subject.call(libc::SYS_kcmp, &[pid, pid, 0, a, b]);
        same("a duplicate", compare(1, copy), Ok(0))?;
        ensure(compare(1, other).is_ok_and(|order| order > 0), "another file differs")
    });
    if verdict.as_ref().is_err_and(|text| text.contains("ENOSYS") || text.contains("38")) {
        known = false;
    }
    if known { verdict } else { skip("the kernel has no kcmp") }
}

fn strict_entered() -> Checked {
    passes(|subject| {
        set_strict(subject)?;
        subject.exit_thread(0);
        Err("still there".into())
    })
}

fn strict_refuses() -> Checked {
    ends(KILLED, |subject| {
        set_strict(subject)?;
        let _ = prctl(subject, &[22, FILTER, 0, 0, 0]);
        subject.exit_thread(1);
        Ok(())
    })
}

fn strict_no_exit_group() -> Checked {
    ends(KILLED, |subject| {
        set_strict(subject)?;
        let _ = subject.call(libc::SYS_exit_group, &[0]);
        Ok(())
    })
}

const KILLED: Ending = Ending::Killed { signal: Signal::KILL };

fn no_new_privs() -> Checked {
    passes(|subject| {
        const SET: u64 = 38;
        const READ: u64 = 39;
        same("a value of 2", prctl(subject, &[SET, 2, 0, 0, 0]), failed(libc::EINVAL))?;
        set_no_new_privs().map_err(said)?;
        same("the bit", prctl(subject, &[READ, 0, 0, 0, 0]), Ok(1))?;
        same("a value of 0", prctl(subject, &[SET, 0, 0, 0, 0]), failed(libc::EINVAL))
    })
}

fn filter_mode() -> Checked {
    passes(|subject| {
        same("by prctl", prctl(subject, &[22, FILTER, 0]), failed(libc::EFAULT))?;
        same("by seccomp", subject.call(libc::SYS_seccomp, &[1, 0, 0]), failed(libc::EFAULT))?;
        ensure(callgate_kernel::filters_supported(), "the library finds filters")
    })
}

fn sizes() -> Checked {
    passes(|subject| {
        let instructions = vec![Instruction::new(RET, Action::ALLOW.raw()); 4097];
        set_no_new_privs().map_err(said)?;
        for (length, expected) in
            [(0, failed(libc::EINVAL)), (4097, failed(libc::EINVAL)), (4096, Ok(0)), (1, Ok(0))]
        {
            same(&length.to_string(), subject.load(0, &instructions[..length]), expected)?;
            let ours = Program::new(&instructions[..length]).is_ok();
            same("our checker", ours, expected.is_ok())?;
        }
        Ok(())
    })
}

fn path_limit() -> Checked {
    passes(|_| {
        let filter = allow(4096)?;
        let mut stack: Vec<Program> = Vec::new();
        loop {
            stack.push(filter.clone());
            let predicted = path_len(&stack, Hardening::Off) <= PATH_LEN_MAX;
            match load(&filter, Scope::ThisThread, &Options::default()) {
                Ok(()) if predicted => {}
                Err(Error::FiltersTooLong { .. }) if !predicted => return Ok(()),
                other => return Err(format!("filter {}: {other:?}", stack.len())),
            }
        }
    })
}

fn filter_then_strict() -> Checked {
    passes(|subject| {
        confine(&allow(1)?)?;
        same("by prctl", prctl(subject, &[22, STRICT]), failed(libc::EINVAL))?;
        same("by seccomp", subject.call(libc::SYS_seccomp, &[0, 0, 0]), failed(libc::EINVAL))?;
        // The other way round a thread can't ask: strict mode kills it.
        confine(&allow(1)?)
    })
}

fn mode() -> Checked {
    if !privileged() {
        return skip("this process is under a filter, or is not root");
    }
    passes(|subject| {
        same("before", prctl(subject, &[21]), Ok(0))?;
        confine(&allow(1)?)?;
        same("after", prctl(subject, &[21]), Ok(2))
    })
}

fn allow_everything() -> Checked {
    passes(|subject| {
        let (before, mode) = (subject.call(GETPPID, &[]), status()?.filters);
        confine(&allow(1)?)?;
        same("the filters", status()?.filters, mode.map(|filters| filters + 1))?;
        same("getppid", subject.call(GETPPID, &[]), before)
    })
}

fn out_of_range() -> Checked {
    passes(|subject| {
        set_no_new_privs().map_err(said)?;
        for (offset, taken) in [(60, true), (64, false), (61, false), (0xffff_f000, false)] {
            let instructions =
                [Instruction::new(0x20, offset), Instruction::new(0x06, Action::ALLOW.raw())];
            let expected = if taken { Ok(0) } else { failed(libc::EINVAL) };
            same(&offset.to_string(), subject.load(0, &instructions), expected)?;
            same("our checker", program(&instructions).is_ok(), taken)?;
        }
        Ok(())
    })
}

fn operations() -> Checked {
    passes(|subject| {
        let seccomp = |args: &[u64; 3]| subject.call(libc::SYS_seccomp, args);
        let word = [0_u32];
        let pointer = u64::try_from(word.as_ptr().addr()).map_err(said)?;
        for (what, args, expected) in [
            ("an unknown operation", [u64::from(u32::MAX), 0, 0], libc::EINVAL),
            ("strict mode with a flag", [0, 1, 0], libc::EINVAL),
            ("strict mode with an argument", [0, 0, pointer], libc::EINVAL),
            ("an unknown flag", [1, 1 << 20, 0], libc::EINVAL),
            ("no filter", [1, 0, 0], libc::EFAULT),
            ("asking for an action with a flag", [2, 1, pointer], libc::EINVAL),
            ("asking for no action", [2, 0, 0], libc::EFAULT),
            ("asking for sizes with a flag", [3, 1, pointer], libc::EINVAL),
            ("asking for sizes into nothing", [3, 0, 0], libc::EFAULT),
        ] {
            same(what, seccomp(&args), failed(expected))?;
        }
        Ok(())
    })
}

fn flags() -> Checked {
    passes(|subject| {
        let ask = |flags: u64| subject.call(libc::SYS_seccomp, &[1, flags, 0]);
        let kernel = callgate_kernel::running_kernel().map_err(said)?;
        for flag in Flag::ALL {
            ensure(flag_supported(flag) || kernel < flag.since(), flag.name())?;
        }
        for bit in 6..32 {
            same(&format!("bit {bit}"), ask(1 << bit), failed(libc::EINVAL))?;
        }
        const TSYNC: u64 = 1;
        const LISTENER: u64 = 8;
        const ESRCH: u64 = 16;
        const KILLABLE: u64 = 32;
        let known = kernel >= Flag::WaitKillableRecv.since();
        let with_killable = if known { libc::EFAULT } else { libc::EINVAL };
        for (what, flags, expected) in [
            ("threads and a listener", TSYNC | LISTENER, libc::EINVAL),
            ("the same with ESRCH", TSYNC | LISTENER | ESRCH, libc::EFAULT),
            ("killable without a listener", KILLABLE, libc::EINVAL),
            ("killable with one", KILLABLE | LISTENER, with_killable),
            ("all of them", 0x3f, with_killable),
        ] {
            same(what, ask(flags), failed(expected))?;
        }
        Ok(())
    })
}

fn actions() -> Checked {
    use ActionKind::{Allow, Errno, KillProcess, KillThread, Log, Trace, Trap, UserNotify};
    passes(|subject| {
        for kind in [KillProcess, KillThread, Trap, Errno, UserNotify, Trace, Log, Allow] {
            ensure(action_supported(kind), &format!("{kind:?} is known"))?;
        }
        for word in [0x7fff_0001, 0x0005_0001, 0x7ffd_0000, 0x0001_0000, 0x8001_0000_u32] {
            let word = [word];
            let pointer = u64::try_from(word.as_ptr().addr()).map_err(said)?;
            let asked = subject.call(libc::SYS_seccomp, &[2, 0, pointer]);
            same(&format!("{:#x}", word[0]), asked, failed(libc::EOPNOTSUPP))?;
        }
        Ok(())
    })
}

fn log_flag() -> Checked {
    passes(|subject| {
        const LOG: u64 = 2;
        same("strict", subject.call(libc::SYS_seccomp, &[0, LOG, 0]), failed(libc::EINVAL))?;
        let options = Options { logging: Logging::On, ..Options::default() };
        load(&allow(1)?, Scope::ThisThread, &options).map_err(said)
    })
}

fn read_back() -> Checked {
    if !privileged() {
        return skip("reading filters needs root outside of any filter");
    }
    let board = board()?;
    let (first, second) = (allow(2)?, answer(refusal(libc::EPERM))?);
    passes(|subject| {
        let mut child = subject.fork(|_| {
            let options = Options { logging: Logging::On, ..Options::default() };
            let loaded =
                confine(&first).is_ok() && load(&second, Scope::ThisThread, &options).is_ok();
            board.set(0, if loaded { 1 } else { 2 });
            eventually("the end", || Ok(board.at(1) == 1)).is_err().into()
        })?;
        board.wait_for(0, 1)?;
        let filters = filters_of(child.tid().ok_or("no child")?).map_err(said)?;
        board.set(1, 1);
        same("the child", child.wait()?, Ending::Exited { code: 0 })?;
        let found: Vec<_> = filters.iter().map(|f| (&f.program, f.logging)).collect();
        let expected = vec![(&first, Some(Logging::Off)), (&second, Some(Logging::On))];
        same("the filters", found, expected)
    })
}

fn restarted() -> Checked {
    const SLEEP: u16 = 0x100;
    const RESTART: u16 = 0x200;
    let filter = callgate::Filter::builder(Action::ALLOW)
        .answer(Action::trace(SLEEP), [names::NANOSLEEP])
        .answer(Action::trace(RESTART), [names::RESTART_SYSCALL])
        .build();
    let filter = filter.map_err(|error| error.to_string())?;
    passes(|subject| {
        let options = TraceOptions::SECCOMP.and(TraceOptions::EXIT_KILL);
        let mut tracee = Tracee::start(subject, options, |subject| {
            // Seconds and nanoseconds.
            let time = [0_i64, 300_000_000];
            let pointer = u64::try_from(time.as_ptr().addr()).unwrap_or(0);
            let slept = filter.load(Scope::ThisThread).is_ok()
                && subject.call(libc::SYS_nanosleep, &[pointer, 0]) == Ok(0);
            u8::from(!slept)
        })?;
        tracee.resume()?;
        same("the sleep", tracee.wait()?, Stop::Seccomp(SLEEP.into()))?;
        tracee.resume()?;
        std::thread::sleep(std::time::Duration::from_millis(50));
        tracee.child().kill(libc::SIGSTOP)?;
        same("the signal", tracee.wait()?, Stop::Signal(libc::SIGSTOP))?;
        tracee.resume()?;
        same("the restart", tracee.wait()?, Stop::Seccomp(RESTART.into()))?;
        tracee.resume()?;
        same("the end", tracee.wait()?, Stop::Ended(Ending::Exited { code: 0 }))
    })
}

fn notification_sizes() -> Checked {
    let sizes = notify::sizes().map_err(said)?;
    ensure(sizes.notification >= 80 && sizes.response >= 24, "80 and 24 bytes")?;
    Ok(Verdict::Passed)
}

fn negative() -> Checked {
    passes(|subject| {
        let ask = || -> Result<(), String> {
            for nr in [-1, -101] {
                same(&nr.to_string(), subject.call(nr, &[]), failed(libc::ENOSYS))?;
            }
            Ok(())
        };
        ask()?;
        confine(&answer(refusal(libc::EPERM))?)?;
        ask()
    })
}
