//! Filters read back from running processes.
#![expect(clippy::unwrap_used, reason = "also what the tests share may panic")]

#[path = "../../kernel/tests/support/mod.rs"]
mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use callgate_kernel::child::{self, Call, Ending, Outcome, outcomes};
use callgate_kernel::{Error, Logging, Mode, Options, Scope, Tid, load, status_of};
use callgate_observe::filters_of;
use callgate_syscalls::{Errno, SyscallNr, names};

use support::{
    ALLOW, ERRNO, allow_all, become_nobody, confine, in_child, kill, number, one_call, privileged,
    syscall,
};

/// A process that waits under whatever it put itself under.
struct Target {
    tid: Tid,
    stream: UnixStream,
    process: JoinHandle<Ending>,
}

impl Target {
    fn new(prepare: impl FnOnce() + Send + 'static) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let limit = Some(PATIENCE);
        ours.set_read_timeout(limit).unwrap();
        theirs.set_read_timeout(limit).unwrap();
        // Strict mode knows read and write, but not the calls of sockets.
        let mut theirs = File::from(OwnedFd::from(theirs));
        let process = thread::spawn(move || {
            child::run(|| {
                let mut byte = [0];
                theirs.write_all(&std::process::id().to_ne_bytes()).unwrap();
                prepare();
                theirs.write_all(&byte).unwrap();
                u8::from(theirs.read_exact(&mut byte).is_err())
            })
            .unwrap()
        });
        let (mut pid, mut ready) = ([0; 4], [0]);
        (&ours).read_exact(&mut pid).unwrap();
        (&ours).read_exact(&mut ready).unwrap();
        let tid = Tid::new(u32::from_ne_bytes(pid)).unwrap();
        Self { tid, stream: ours, process }
    }

    /// Lets the process end, and returns how it did.
    fn end(mut self) -> Ending {
        drop(self.stream.write_all(&[0]));
        self.process.join().unwrap()
    }
}

fn state(tid: Tid) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{tid}/stat")).unwrap();
    stat[stat.rfind(')').unwrap() + 2..].chars().next().unwrap()
}

/// How long a test waits for what happens at once, unless the machine is busy with something else.
const PATIENCE: Duration = Duration::from_secs(300);

fn wait_for_state(tid: Tid, expected: char) {
    let start = Instant::now();
    while state(tid) != expected {
        assert!(start.elapsed() < PATIENCE, "thread {tid} is {}", state(tid));
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn filters_come_oldest_first_and_as_loaded() {
    if !privileged("reading filters") {
        return;
    }
    let programs = [allow_all(1), one_call(names::GETPPID, ERRNO | 1, ALLOW), allow_all(4096)];
    let target = Target::new({
        let programs = programs.clone();
        move || {
            let options = [Logging::Off, Logging::On, Logging::Off]
                .map(|logging| Options { logging, ..Options::default() });
            for (program, options) in programs.iter().zip(options) {
                load(program, Scope::ThisThread, &options).unwrap();
            }
        }
    });
    let filters = filters_of(target.tid).unwrap();
    assert!(filters.iter().map(|filter| &filter.program).eq(&programs));
    let logging: Vec<_> = filters.iter().map(|filter| filter.logging).collect();
    let (on, off) = (Some(Logging::On), Some(Logging::Off));
    assert_eq!(logging, [off, on, off]);
    assert_eq!(filters_of(target.tid), Ok(filters));
    assert_eq!(target.end(), Ending::Exited { code: 0 });
}

#[test]
fn a_process_without_filters_has_none() {
    let target = Target::new(|| {});
    assert_eq!(filters_of(target.tid), Ok(vec![]));
    assert_eq!(target.end(), Ending::Exited { code: 0 });
}

#[test]
fn a_stopped_process_stays_stopped() {
    if !privileged("reading filters") {
        return;
    }
    let target = Target::new(|| confine(&allow_all(1)));
    kill(target.tid.raw(), libc::SIGSTOP);
    wait_for_state(target.tid, 'T');
    assert_eq!(filters_of(target.tid).unwrap().len(), 1);
    wait_for_state(target.tid, 'T');
    thread::sleep(Duration::from_millis(20));
    assert_eq!(state(target.tid), 'T');
    kill(target.tid.raw(), libc::SIGCONT);
    assert_eq!(target.end(), Ending::Exited { code: 0 });
}

/// However the two meet, the signal has its effect.
#[test]
fn signals_are_not_lost() {
    if !privileged("reading filters") {
        return;
    }
    for _ in 0..20 {
        let target = Target::new(|| confine(&allow_all(4096)));
        let tid = target.tid;
        let reader = thread::spawn(move || while filters_of(tid).is_ok() {});
        kill(tid.raw(), libc::SIGTERM);
        let ending = target.process.join().unwrap();
        assert!(matches!(ending, Ending::Killed { signal } if signal.raw() == libc::SIGTERM));
        reader.join().unwrap();
    }
}

#[test]
fn threads_that_are_not_there() {
    let tid = Tid::new(0x3fff_ffff).unwrap();
    assert_eq!(filters_of(tid), Err(Error::NoSuchThread { tid }));

    let mut zombie = Command::new("true").spawn().unwrap();
    let tid = Tid::new(zombie.id()).unwrap();
    wait_for_state(tid, 'Z');
    assert_eq!(filters_of(tid), Err(Error::Ended { tid }));
    assert!(zombie.wait().unwrap().success());
}

#[test]
fn threads_of_the_kernel_have_no_filters() {
    let tid = Tid::new(2).unwrap();
    match std::fs::read_to_string("/proc/2/comm") {
        Ok(name) if name == "kthreadd\n" => {
            assert_eq!(filters_of(tid), Err(Error::KernelThread { tid }));
        }
        _ => support::skip("kthreadd is not visible here"),
    }
}

#[test]
fn a_process_cannot_read_itself() {
    in_child(|| {
        confine(&allow_all(1));
        let tid = Tid::new(std::process::id()).unwrap();
        assert_eq!(filters_of(tid), Err(Error::OwnThread { tid }));
    });
}

#[test]
fn strict_mode_has_no_filter() {
    let target = Target::new(|| {
        let (pr_set_seccomp, strict) = (22, 1);
        syscall(libc::SYS_prctl, [pr_set_seccomp, strict, 0, 0]).unwrap();
    });
    let tid = target.tid;
    assert_eq!(status_of(tid).unwrap().mode, Mode::Strict);
    assert_eq!(filters_of(tid), Err(Error::StrictMode { tid }));
    // Strict mode knows exit, but not exit_group.
    assert!(matches!(target.end(), Ending::Killed { signal } if signal.raw() == libc::SIGKILL));
}

#[test]
fn the_confined_and_the_unprivileged_may_not_read() {
    if !privileged("giving privileges up") {
        return;
    }
    let target = Target::new(|| confine(&allow_all(1)));
    let tid = target.tid;
    in_child(|| {
        confine(&allow_all(1));
        assert_eq!(filters_of(tid), Err(Error::Confined));
    });
    in_child(|| {
        become_nobody();
        let errno = Errno::new(1);
        assert_eq!(filters_of(tid), Err(Error::DumpNotPermitted { tid, errno }));
    });
    assert_eq!(target.end(), Ending::Exited { code: 0 });
}

/// Privileges that a process gives itself in a user namespace of its own are not enough. It can
/// trace only its like, so the target is its own child.
#[test]
fn the_privileges_of_a_user_namespace_do_not_count() {
    let flags = u32::try_from(libc::CLONE_NEWUSER).unwrap();
    let unshare = Call::new(SyscallNr::new(number(names::UNSHARE)));
    let unshare = unshare.with_args([flags.into(), 0, 0, 0, 0, 0]);
    if outcomes(None, &[unshare]) != Ok(vec![Outcome::Returned(0)]) {
        return support::skip("user namespaces are not allowed here");
    }
    in_child(|| {
        syscall(libc::SYS_unshare, [usize::try_from(flags).unwrap(), 0, 0, 0]).unwrap();
        let target = Target::new(|| confine(&allow_all(1)));
        let tid = target.tid;
        let errno = Errno::new(13);
        assert_eq!(filters_of(tid), Err(Error::DumpNotPermitted { tid, errno }));
        assert_eq!(target.end(), Ending::Exited { code: 0 });
    });
}

#[test]
fn one_tracer_at_a_time() {
    if !privileged("tracing") {
        return;
    }
    let target = Target::new(|| confine(&allow_all(1)));
    let tid = target.tid;
    let pid = usize::try_from(tid.raw()).unwrap();
    in_child(|| {
        let ptrace_seize = 0x4206;
        syscall(libc::SYS_ptrace, [ptrace_seize, pid, 0, 0]).unwrap();
        let tracer = Tid::new(std::process::id()).unwrap();
        assert_eq!(filters_of(tid), Err(Error::AlreadyTraced { tid, tracer }));
    });
    assert_eq!(target.end(), Ending::Exited { code: 0 });
}
