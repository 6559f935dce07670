//! What loads do, and each reason for which the kernel refuses one.
#![expect(clippy::unwrap_used, reason = "also what the tests share may panic")]

mod support;

use std::fs;
use std::os::fd::AsRawFd;
use std::sync::mpsc;
use std::thread;

use callgate_bpf::{Instruction, Program};
use callgate_kernel::child::{Call, Ending, Outcome, Signal, outcomes};
use callgate_kernel::{
    Error, Flag, Interruption, Logging, Mode, Options, Scope, Speculation, Tid, current_status,
    flag_supported, load, load_with_listener, set_no_new_privs,
};
use callgate_syscalls::{Errno, Name, SyscallNr, names};

use support::{
    ALLOW, ERRNO, JUMP_EQUAL, JUMP_SET, KILL_PROCESS, LEAVE, LOAD, NOTIFY, RETURN, allow_all,
    become_nobody, confine, free_of_no_new_privs, in_child, leave_proc_behind, number, one_call,
    privileged, syscall,
};

const THIS: Scope = Scope::ThisThread;

fn call(name: Name) -> Call {
    Call::new(SyscallNr::new(number(name)))
}

fn errno(raw: i32) -> Errno {
    Errno::new(u16::try_from(raw).unwrap())
}

#[test]
fn a_filter_decides_on_the_calls_it_names() {
    let program = one_call(names::GETPPID, ERRNO | 4095, ALLOW);
    let calls = [call(names::GETPPID), call(names::GETPGID)];
    let before = outcomes(None, &calls).unwrap();
    assert!(before.iter().all(|outcome| matches!(outcome, Outcome::Returned(_))), "{before:?}");
    let after = outcomes(Some(&program), &calls).unwrap();
    assert_eq!(after[0], Outcome::Errno(Errno::new(4095)));
    assert!(matches!(after[1], Outcome::Returned(_)), "{after:?}");
}

#[test]
fn outcomes_tell_death_from_failure() {
    let killed = Outcome::Ended(Ending::Killed { signal: Signal::SYS });
    let program = one_call(names::GETPPID, KILL_PROCESS, ALLOW);
    assert_eq!(outcomes(Some(&program), &[call(names::GETPPID)]), Ok(vec![killed]));

    let exit = call(names::EXIT_GROUP).with_args([7, 0, 0, 0, 0, 0]);
    let exited = Outcome::Ended(Ending::Exited { code: 7 });
    assert_eq!(outcomes(None, &[exit]), Ok(vec![exited]));

    let fake = one_call(names::GETPPID, ERRNO, ALLOW);
    assert_eq!(outcomes(Some(&fake), &[call(names::GETPPID)]), Ok(vec![Outcome::Returned(0)]));
}

#[test]
fn every_option_loads() {
    in_child(|| {
        let options = Options {
            logging: Logging::On,
            speculation: Speculation::Allowed,
            ..Options::default()
        };
        let before = current_status().unwrap();
        for scope in [Scope::ThisThread, Scope::BeforeExec, Scope::AllThreads] {
            load(&allow_all(1), scope, &options).unwrap();
        }
        let status = current_status().unwrap();
        assert_eq!((status.mode, status.no_new_privs), (Mode::Filter, Some(true)));
        assert_eq!(status.filters, before.filters.map(|filters| filters + 3));
    });
}

#[test]
fn eacces_without_no_new_privs_or_capability() {
    if !free_of_no_new_privs() {
        return;
    }
    in_child(|| {
        if current_status().unwrap().sys_admin {
            become_nobody();
        }
        assert_eq!(load(&allow_all(1), THIS, &LEAVE), Err(Error::NotPrivileged));
        set_no_new_privs().unwrap();
        assert_eq!(load(&allow_all(1), THIS, &LEAVE), Ok(()));
    });
}

/// Starts a thread that attaches a filter of its own and waits; calls back with its id, for loads
/// that must fail.
fn beside_a_diverged_thread(assertions: impl FnOnce(Tid)) {
    let before = current_status().unwrap().filters;
    let (report, tid) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        confine(&allow_all(1));
        let own = syscall(libc::SYS_gettid, [0; 4]).unwrap();
        report.send(u32::try_from(own).unwrap()).unwrap();
        ended.recv().unwrap_err();
    });
    assertions(Tid::new(tid.recv().unwrap()).unwrap());
    assert_eq!(current_status().unwrap().filters, before, "nothing was attached");
    drop(end);
    thread.join().unwrap();
}

/// The kernel's result is the positive id of a thread, which some wrappers took for success.
#[test]
fn tsync_names_the_thread_in_the_way() {
    in_child(|| {
        beside_a_diverged_thread(|tid| {
            let refused = load(&allow_all(1), Scope::AllThreads, &Options::default());
            assert_eq!(refused, Err(Error::ThreadDiverged { tid }));
        });
    });
}

#[test]
fn tsync_with_a_listener_names_no_thread() {
    in_child(|| {
        beside_a_diverged_thread(|_| {
            let interruption = Interruption::AnySignal;
            let options = Options::default();
            let refused =
                load_with_listener(&allow_all(1), Scope::AllThreads, &options, interruption);
            assert_eq!(refused.unwrap_err(), Error::SomeThreadDiverged);
        });
    });
}

#[test]
fn scopes_cover_what_they_say() {
    if !free_of_no_new_privs() {
        return;
    }
    for (scope, expected) in [(Scope::AllThreads, (1, true)), (Scope::ThisThread, (0, false))] {
        in_child(|| {
            let before = current_status().unwrap();
            let (go, gone) = mpsc::channel();
            let thread = thread::spawn(move || {
                gone.recv().unwrap();
                current_status().unwrap()
            });
            load(&allow_all(1), scope, &Options::default()).unwrap();
            go.send(()).unwrap();
            let sibling = thread.join().unwrap();
            let (filters, no_new_privs) = expected;
            assert_eq!(sibling.filters, before.filters.map(|n| n + filters), "{scope:?}");
            assert_eq!(sibling.no_new_privs, Some(no_new_privs), "{scope:?}");
        });
    }
}

#[test]
fn before_exec_insists_on_a_single_thread() {
    in_child(|| {
        assert_eq!(load(&allow_all(1), Scope::BeforeExec, &Options::default()), Ok(()));
        let (end, ended) = mpsc::channel::<()>();
        let thread = thread::spawn(move || ended.recv().is_err());
        let refused = load(&allow_all(1), Scope::BeforeExec, &Options::default());
        assert_eq!(refused, Err(Error::SeveralThreads));
        drop(end);
        thread.join().unwrap();
    });
}

#[test]
fn threads_are_counted_without_proc_too() {
    if !privileged("chroot") {
        return;
    }
    let empty = std::env::temp_dir().join(format!("callgate-load-{}", std::process::id()));
    fs::create_dir(&empty).unwrap();
    let path = std::ffi::CString::new(empty.to_str().unwrap()).unwrap();
    in_child(|| {
        leave_proc_behind(&path);
        assert_eq!(load(&allow_all(1), Scope::BeforeExec, &Options::default()), Ok(()));
        let (end, ended) = mpsc::channel::<()>();
        let thread = thread::spawn(move || ended.recv().is_err());
        let refused = load(&allow_all(1), Scope::BeforeExec, &Options::default());
        assert_eq!(refused, Err(Error::SeveralThreads));
        drop(end);
        thread.join().unwrap();

        confine(&one_call(names::UNSHARE, ERRNO | 1, ALLOW));
        let refused = load(&allow_all(1), Scope::BeforeExec, &Options::default());
        assert_eq!(refused, Err(Error::ThreadsUnknown { errno: errno(libc::EPERM) }));
    });
    fs::remove_dir(&empty).unwrap();
}

#[test]
fn a_listener_is_a_descriptor_and_the_only_one() {
    for interruption in [Interruption::AnySignal, Interruption::FatalSignals] {
        if interruption == Interruption::FatalSignals && !flag_supported(Flag::WaitKillableRecv) {
            support::skip("the kernel is older than 5.19");
            continue;
        }
        in_child(|| {
            let program = one_call(names::GETPPID, NOTIFY, ALLOW);
            let load = || {
                let options = Options::default();
                load_with_listener(&program, Scope::AllThreads, &options, interruption)
            };
            let listener = load().unwrap();
            let link = format!("/proc/self/fd/{}", listener.as_raw_fd());
            let target = fs::read_link(link).unwrap();
            assert_eq!(target.to_str(), Some("anon_inode:seccomp notify"));
            assert_eq!(load().unwrap_err(), Error::ListenerExists);
            drop(listener);
            load().unwrap();
        });
    }
}

#[test]
fn emfile_is_about_the_process() {
    in_child(|| {
        let limit = [0_u64; 2];
        let args = [libc::RLIMIT_NOFILE as usize, limit.as_ptr().addr(), 0];
        syscall(libc::SYS_prlimit64, [0, args[0], args[1], 0]).unwrap();
        let (options, interruption) = (Options::default(), Interruption::AnySignal);
        let refused = load_with_listener(&allow_all(1), THIS, &options, interruption);
        assert_eq!(refused.unwrap_err(), Error::TooManyProcessFiles);
    });
}

#[test]
fn enomem_beside_other_filters_is_about_their_length() {
    in_child(|| {
        let program = allow_all(Program::LEN_MAX);
        let before = current_status().unwrap().filters.unwrap();
        let mut loaded = 0;
        let refused = loop {
            match load(&program, THIS, &Options::default()) {
                Ok(()) => loaded += 1,
                Err(error) => break error,
            }
            assert!(loaded < 16, "32768 instructions are 8 filters of 4096 at most");
        };
        assert_eq!(refused, Error::FiltersTooLong { filters: before + loaded });
        assert!(loaded > 0);
    });
}

/// A filter on seccomp(2) itself shows the library what no kernel at hand would: each errno comes
/// out as its meaning.
#[test]
fn every_errno_of_seccomp_is_explained() {
    for (raw, expected) in [
        (libc::ENOSYS, Error::NoSeccomp { errno: errno(libc::ENOSYS) }),
        (libc::EINVAL, Error::NoSeccomp { errno: errno(libc::EINVAL) }),
        (libc::ENFILE, Error::TooManySystemFiles),
        (524, Error::JitMemoryUsedUp),
        (libc::EPERM, Error::Kernel { call: "seccomp", errno: errno(libc::EPERM) }),
    ] {
        in_child(|| {
            let word = u32::try_from(raw).unwrap();
            confine(&one_call(names::SECCOMP, ERRNO | word, ALLOW));
            assert_eq!(load(&allow_all(1), THIS, &Options::default()), Err(expected));
        });
    }
}

#[test]
fn einval_names_the_flag_that_is_unknown() {
    // A kernel of 4.16: it knows LOG, but not SPEC_ALLOW.
    let flags_offset = if cfg!(target_endian = "little") { 24 } else { 28 };
    let spec_allow = 1 << 2;
    let old_kernel = Program::new([
        Instruction::new(LOAD, 0),
        Instruction { code: JUMP_EQUAL, jt: 0, jf: 3, k: number(names::SECCOMP) },
        Instruction::new(LOAD, flags_offset),
        Instruction { code: JUMP_SET, jt: 0, jf: 1, k: spec_allow },
        Instruction::new(RETURN, ERRNO | 22),
        Instruction::new(RETURN, ALLOW),
    ])
    .unwrap();
    in_child(|| {
        confine(&old_kernel);
        let logging = Options { logging: Logging::On, ..Options::default() };
        assert_eq!(load(&allow_all(1), THIS, &logging), Ok(()));
        let both = Options { speculation: Speculation::Allowed, ..logging };
        let refused = Err(Error::UnknownFlag { flag: Flag::SpecAllow });
        assert_eq!(load(&allow_all(1), THIS, &both), refused);
        assert!(flag_supported(Flag::Log) && !flag_supported(Flag::SpecAllow));
    });
}

#[test]
fn a_sandbox_may_refuse_no_new_privs() {
    in_child(|| {
        confine(&one_call(names::PRCTL, ERRNO | 1, ALLOW));
        let refused = Error::NoNewPrivsRefused { errno: errno(libc::EPERM) };
        assert_eq!(load(&allow_all(1), THIS, &Options::default()), Err(refused));
    });
}
