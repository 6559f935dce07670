//! Loading: each of the kernel's reasons to refuse, by its own error, and what a load leaves
//! behind.

use callgate::{Action, Scope, names};
use callgate_kernel::{
    Error, Interruption, Mode, NoNewPrivs, Options, load, load_with_listener, set_no_new_privs,
};
use callgate_lab::Subject;

use super::support::{
    Checked, Row, allow, answer, answering, become_nobody, confine, ensure, errno, failed, listen,
    passes, privileged, refusal, said, same, skip, status,
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "load-eacces",
        about: "neither no_new_privs nor a capability: EACCES; either suffices",
        check: eacces,
    },
    Row {
        name: "load-own-namespace",
        about: "CAP_SYS_ADMIN in a user namespace of one's own suffices, without no_new_privs",
        check: own_namespace,
    },
    Row {
        name: "load-order-of-errors",
        about: "of several reasons the kernel names the first: pointer, length, privilege, program",
        check: order,
    },
    Row {
        name: "load-ebusy",
        about: "a second listener is EBUSY; closing the first makes room",
        check: ebusy,
    },
    Row { name: "load-emfile", about: "no descriptor left for a listener: EMFILE", check: emfile },
    Row {
        name: "load-state",
        about: "a load shows in /proc: mode, count, no_new_privs",
        check: state,
    },
    Row {
        name: "load-inherited",
        about: "fork and exec keep the filters; nothing takes one away",
        check: inherited,
    },
];

const THIS: Scope = Scope::ThisThread;
const LEAVE: Options = {
    let logging = callgate_kernel::Logging::Off;
    let speculation = callgate_kernel::Speculation::Mitigated;
    Options { no_new_privs: NoNewPrivs::Leave, logging, speculation }
};

fn eacces() -> Checked {
    if !privileged() {
        return skip("giving up privileges needs some");
    }
    passes(|_| {
        same("as root", load(&allow(1)?, THIS, &LEAVE), Ok(()))?;
        same("its bit", status()?.no_new_privs, Some(false))
    })?;
    passes(|subject| {
        become_nobody(subject)?;
        same("as nobody", load(&allow(1)?, THIS, &LEAVE), Err(Error::NotPrivileged))?;
        set_no_new_privs().map_err(said)?;
        same("with no_new_privs", load(&allow(1)?, THIS, &LEAVE), Ok(()))
    })
}

fn own_namespace() -> Checked {
    let namespace = |subject: Subject| {
        subject.call(libc::SYS_unshare, &[u64::from(libc::CLONE_NEWUSER.unsigned_abs())])
    };
    let possible = passes(|subject| {
        become_nobody(subject)?;
        namespace(subject).map(drop).map_err(said)
    });
    if !privileged() || possible.is_err() {
        return skip("user namespaces are not for everybody here");
    }
    passes(|subject| {
        become_nobody(subject)?;
        namespace(subject).map_err(said)?;
        same("there", load(&allow(1)?, THIS, &LEAVE), Ok(()))?;
        same("its bit", status()?.no_new_privs, Some(false))
    })
}

fn order() -> Checked {
    if !privileged() {
        return skip("giving up privileges needs some");
    }
    passes(|subject| {
        become_nobody(subject)?;
        // A structure with a length and a pointer, as the kernel reads it on 64-bit machines.
        let ask = |length: u64, address: u64| {
            // The length is the first two bytes.
            let length = if cfg!(target_endian = "big") { length << 48 } else { length };
            let structure = [length, address];
            let pointer = u64::try_from(structure.as_ptr().addr()).unwrap_or(0);
            subject.call(libc::SYS_seccomp, &[1, 0, pointer])
        };
        let null = subject.call(libc::SYS_seccomp, &[1, 0, 0]);
        same("no structure", null, failed(libc::EFAULT))?;
        same("no instructions", ask(0, 0), failed(libc::EINVAL))?;
        same("too many", ask(4097, 8), failed(libc::EINVAL))?;
        same("a wrong pointer", ask(1, 8), failed(libc::EACCES))?;
        set_no_new_privs().map_err(said)?;
        same("no pointer, permitted", ask(1, 0), failed(libc::EINVAL))?;
        same("a wrong pointer, permitted", ask(1, 8), failed(libc::EFAULT))
    })
}

fn ebusy() -> Checked {
    passes(|_| {
        let first = listen(Interruption::AnySignal)?;
        let second = || {
            let options = Options::default();
            load_with_listener(&allow(1)?, THIS, &options, Interruption::AnySignal)
                .map(drop)
                .map_err(said)
        };
        same("a second", second(), Err(said(Error::ListenerExists)))?;
        confine(&allow(1)?)?;
        same("behind another filter", second(), Err(said(Error::ListenerExists)))?;
        drop(first);
        same("when the first is closed", second(), Ok(()))
    })
}

fn emfile() -> Checked {
    passes(|subject| {
        let limit = [0_u64, 0];
        let pointer = u64::try_from(limit.as_ptr().addr()).map_err(said)?;
        let resource = u64::from(libc::RLIMIT_NOFILE);
        subject.call(libc::SYS_prlimit64, &[0, resource, pointer, 0]).map_err(said)?;
        let options = Options::default();
        let refused = load_with_listener(&allow(1)?, THIS, &options, Interruption::AnySignal);
        same("a listener", refused.map(drop), Err(Error::TooManyProcessFiles))?;
        same("a plain load", load(&allow(1)?, THIS, &options), Ok(()))
    })
}

fn state() -> Checked {
    if !privileged() {
        return skip("this process is under a filter, or is not root");
    }
    passes(|_| {
        let before = status()?;
        same("before", (before.mode, before.filters), (Mode::Disabled, Some(0)))?;
        for count in 1..=3 {
            confine(&allow(1)?)?;
            let after = status()?;
            let found = (after.mode, after.filters, after.no_new_privs);
            same("after", found, (Mode::Filter, Some(count), Some(true)))?;
        }
        Ok(())
    })
}

fn inherited() -> Checked {
    passes(|subject| {
        confine(&answer(refusal(libc::EPERM))?)?;
        confine(&answering(names::GETSID, Action::ALLOW)?)?;
        let mut child = subject.fork(|subject| {
            u8::from(subject.call(libc::SYS_getppid, &[]) != Err(errno(libc::EPERM)))
        })?;
        let ending = callgate_kernel::child::Ending::Exited { code: 0 };
        same("a fork", child.wait()?, ending)?;
        // A shell of its own, which reads what it is confined by.
        let shown = std::process::Command::new("cat").arg("/proc/self/status").output();
        let shown = shown.map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&shown.stdout);
        let filters = status()?.filters.unwrap_or(0);
        ensure(text.contains("Seccomp:\t2"), "the mode after an exec")?;
        ensure(text.contains(&format!("Seccomp_filters:\t{filters}\n")), "the count after an exec")
    })
}
