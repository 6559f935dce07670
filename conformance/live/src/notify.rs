//! Notifications: what a listener receives, and what its answers do.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use callgate::{Errno, KernelVersion, Scope};
use callgate_kernel::child::Ending;
use callgate_kernel::notify::{self, Notification, Response};
use callgate_kernel::{
    Error, Flag, Interruption, Options, flag_supported, load_raw, load_with_listener,
    running_kernel,
};
use callgate_lab::{Board, Child, Subject};

use super::support::{
    Checked, GETPPID, Row, allow, answer, board, ensure, failed, listen, number, passes, refusal,
    said, same, skip,
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "notify-answered",
        about: "poll, receive, value: the call returns what the supervisor says; one listener only",
        check: answered,
    },
    Row {
        name: "notify-fields",
        about: "the notification has the caller's thread, number, architecture and arguments",
        check: fields,
    },
    Row { name: "notify-errors", about: "each wrong request has its errno", check: errors },
    Row {
        name: "notify-answered-once",
        about: "an answered call can't be answered again",
        check: once,
    },
    Row {
        name: "notify-error-sign",
        about: "negative errors are errnos; positive ones come out as success, values below -4095 too",
        check: error_sign,
    },
    Row {
        name: "notify-value",
        about: "a value may be any 64 bits, negative errnos included; an error wins over it",
        check: value,
    },
    Row {
        name: "notify-continue",
        about: "CONTINUE makes the call; with a value or an error it is EINVAL",
        check: continued,
    },
    Row {
        name: "notify-receive-fault",
        about: "a receive into nothing is EFAULT and loses no notification",
        check: receive_fault,
    },
    Row {
        name: "notify-receive-zeroes",
        about: "a receive into anything but zeroes is EINVAL",
        check: receive_zeroes,
    },
    Row {
        name: "notify-with-threads",
        about: "a listener for all threads needs TSYNC_ESRCH and gets the siblings' calls",
        check: with_threads,
    },
    Row {
        name: "notify-in-order",
        about: "notifications arrive in the order of the calls",
        check: in_order,
    },
    Row { name: "notify-ids", about: "ids count up by one", check: ids },
    Row {
        name: "notify-sync",
        about: "SET_FLAGS takes the flag for a synchronous wake-up and no other",
        check: sync,
    },
];

/// The requests that the rows make with wrong arguments.
pub(super) const RECEIVE: u64 = 0xc050_2100;
pub(super) const SEND: u64 = 0xc018_2101;
pub(super) const ID_VALID: u64 = 0x4008_2102;
const ID_VALID_OLD: u64 = 0x8008_2102;
pub(super) const ADD_FD: u64 = 0x4018_2103;
const SET_FLAGS: u64 = 0x4008_2104;
const CONTINUE: u32 = 1;

/// The next notification.
pub(super) fn receive(listener: BorrowedFd<'_>) -> Result<Notification, Errno> {
    let data = libc::seccomp_data { nr: 0, arch: 0, instruction_pointer: 0, args: [0; 6] };
    let mut notification = Notification { id: 0, pid: 0, flags: 0, data };
    notify::receive(listener, &mut notification).map(|()| notification)
}

/// Answers a notification.
pub(super) fn respond(
    listener: BorrowedFd<'_>,
    id: u64,
    val: i64,
    error: i32,
    flags: u32,
) -> Result<(), Errno> {
    notify::respond(listener, &mut Response { id, val, error, flags })
}

/// A request with a pointer or a number.
pub(super) fn request(
    subject: Subject,
    listener: BorrowedFd<'_>,
    number: u64,
    argument: u64,
) -> Result<i64, Errno> {
    let descriptor = u64::from(listener.as_raw_fd().unsigned_abs());
    subject.call(libc::SYS_ioctl, &[descriptor, number, argument])
}

/// A child that makes the call, and leaves its result on the board, a place after another.
pub(super) fn caller(subject: Subject, board: &Board, calls: usize) -> Result<Child, String> {
    subject.fork(|subject| {
        for index in 0..calls {
            board.set(index, number(subject.call(GETPPID, &[])));
        }
        0
    })
}

pub(super) fn ended_well(mut child: Child) -> Result<(), String> {
    same("the child", child.wait()?, Ending::Exited { code: 0 })
}

fn answered() -> Checked {
    passes(|subject| {
        let board = board()?;
        let listener = listen(Interruption::AnySignal)?;
        let second = load_with_listener(
            &allow(1)?,
            Scope::ThisThread,
            &Options::default(),
            Interruption::AnySignal,
        );
        same("a second listener", second.map(drop), Err(Error::ListenerExists))?;
        same("nothing yet", subject.poll(listener.as_fd(), 0)?, 0)?;
        let child = caller(subject, &board, 1)?;
        same("a call waits", subject.poll(listener.as_fd(), 5_000)?, libc::POLLIN)?;
        let notification = receive(listener.as_fd()).map_err(said)?;
        same("an answer may be sent", subject.poll(listener.as_fd(), 0)?, libc::POLLOUT)?;
        same("it waits", notify::id_valid(listener.as_fd(), notification.id), Ok(()))?;
        respond(listener.as_fd(), notification.id, 4711, 0, 0).map_err(said)?;
        ended_well(child)?;
        same("the result", board.at(0), 4711)
    })
}

fn fields() -> Checked {
    passes(|subject| {
        let board = board()?;
        let listener = listen(Interruption::AnySignal)?;
        let args = [1, u64::MAX, 1 << 32, 4, 5, 0xdead_beef_0000_0006];
        let child = subject.fork(|subject| {
            board.set(0, number(subject.call(GETPPID, &args)));
            0
        })?;
        let notification = receive(listener.as_fd()).map_err(said)?;
        same("the thread", notification.pid, child.pid())?;
        same("the flags", notification.flags, 0)?;
        same("the number", i64::from(notification.data.nr), GETPPID)?;
        same("the arguments", notification.data.args, args)?;
        let token = callgate::Arch::native().map(|arch| arch.token().raw());
        same("the architecture", Some(notification.data.arch), token)?;
        respond(listener.as_fd(), notification.id, 0, 0, 0).map_err(said)?;
        ended_well(child)
    })
}

fn errors() -> Checked {
    passes(|subject| {
        let board = board()?;
        let listener = listen(Interruption::AnySignal)?;
        let fd = listener.as_fd();
        let ask = |number, argument| request(subject, fd, number, argument);
        for (what, found, expected) in [
            ("an unknown request", ask(0x4008_21ff, 0), libc::EINVAL),
            ("sending nothing", ask(SEND, 0), libc::EFAULT),
            ("asking about nothing", ask(ID_VALID, 0), libc::EFAULT),
            ("adding nothing", ask(ADD_FD, 0), libc::EFAULT),
            (
                "reading",
                subject.call(libc::SYS_read, &[u64::from(fd.as_raw_fd().unsigned_abs()), 0, 0]),
                libc::EINVAL,
            ),
        ] {
            same(what, found, failed(expected))?;
        }
        same("an id that is not", respond(fd, 12, 0, 0, 0), failed(libc::ENOENT))?;
        same("is not valid", notify::id_valid(fd, 12), failed(libc::ENOENT))?;
        let child = caller(subject, &board, 1)?;
        let id = [receive(fd).map_err(said)?.id];
        let pointer = u64::try_from(id.as_ptr().addr()).map_err(said)?;
        same("the old number of the question", ask(ID_VALID_OLD, pointer), Ok(0))?;
        same("an unknown flag", respond(fd, id[0], 0, 0, 2), failed(libc::EINVAL))?;
        same("another id", respond(fd, id[0] ^ 1, 0, 0, 0), failed(libc::ENOENT))?;
        respond(fd, id[0], 0, -libc::EPERM, 0).map_err(said)?;
        ended_well(child)?;
        same("the result", board.at(0), -1)
    })
}

fn once() -> Checked {
    passes(|subject| {
        let board = board()?;
        let listener = listen(Interruption::AnySignal)?;
        let child = caller(subject, &board, 1)?;
        let id = receive(listener.as_fd()).map_err(said)?.id;
        respond(listener.as_fd(), id, 1, 0, 0).map_err(said)?;
        let again = respond(listener.as_fd(), id, 2, 0, 0);
        // Still there until the caller has woken up, then gone.
        let refused = [failed(libc::EINPROGRESS), failed(libc::ENOENT)].contains(&again);
        ensure(refused, &format!("a second answer is refused: {again:?}"))?;
        same("no longer valid", notify::id_valid(listener.as_fd(), id), failed(libc::ENOENT))?;
        ended_well(child)?;
        same("the result", board.at(0), 1)
    })
}

/// Answers one call after the other; each result must be as expected.
fn results(answers: &[(i64, i32, u32, i64)]) -> Checked {
    passes(|subject| {
        let board = board()?;
        let listener = listen(Interruption::AnySignal)?;
        let child = caller(subject, &board, answers.len())?;
        for &(val, error, flags, _) in answers {
            let id = receive(listener.as_fd()).map_err(said)?.id;
            respond(listener.as_fd(), id, val, error, flags).map_err(said)?;
        }
        let parent = subject.call(libc::SYS_getpid, &[]).map_err(said)?;
        ended_well(child)?;
        for (index, &(val, error, _, expected)) in answers.iter().enumerate() {
            let expected = if expected == PARENT { parent } else { expected };
            same(&format!("value {val}, error {error}"), board.at(index), expected)?;
        }
        Ok(())
    })
}

const PARENT: i64 = i64::MAX;

fn error_sign() -> Checked {
    results(&[
        (0, -13, 0, -13),
        (0, 13, 0, 13),
        (0, -4095, 0, -4095),
        (0, -4096, 0, -4096),
        (0, -5000, 0, -5000),
    ])
}

fn value() -> Checked {
    results(&[
        (0, 0, 0, 0),
        (-7, 0, 0, -7),
        (i64::MAX - 1, 0, 0, i64::MAX - 1),
        (i64::MIN, 0, 0, i64::MIN),
        (5, -13, 0, -13),
    ])
}

fn continued() -> Checked {
    results(&[(0, 0, CONTINUE, PARENT), (1, 0, 0, 1), (0, 0, CONTINUE, PARENT)])?;
    passes(|subject| {
        let board = board()?;
        let listener = listen(Interruption::AnySignal)?;
        let child = caller(subject, &board, 1)?;
        let id = receive(listener.as_fd()).map_err(said)?.id;
        for (val, error) in [(1, 0), (0, -1), (1, -1)] {
            let wrong = respond(listener.as_fd(), id, val, error, CONTINUE);
            same("continue and answer", wrong, failed(libc::EINVAL))?;
        }
        respond(listener.as_fd(), id, 0, 0, CONTINUE).map_err(said)?;
        ended_well(child)?;
        same("the result", board.at(0), subject.call(libc::SYS_getpid, &[]).map_err(said)?)
    })
}

/// The call by which memory is mapped; the offset, 0, is in bytes or in pages.
#[cfg(not(target_arch = "arm"))]
const MMAP: libc::c_long = libc::SYS_mmap;
#[cfg(target_arch = "arm")]
const MMAP: libc::c_long = libc::SYS_mmap2;

fn receive_fault() -> Checked {
    passes(|subject| {
        let board = board()?;
        let listener = listen(Interruption::AnySignal)?;
        let child = caller(subject, &board, 1)?;
        subject.poll(listener.as_fd(), 5_000)?;
        let fault = request(subject, listener.as_fd(), RECEIVE, 0);
        same("into nothing", fault, failed(libc::EFAULT))?;
        // A page that can be read, and so passes the first look, but not written.
        let mapping = [0, 4096, 1, 0x22, u64::MAX, 0];
        // s390x's call takes the address of its arguments.
        let at = [u64::try_from(mapping.as_ptr().addr()).map_err(said)?];
        let mapping = if cfg!(target_arch = "s390x") { &at[..] } else { &mapping[..] };
        let page = subject.call(MMAP, mapping).map_err(said)?;
        let fault = request(subject, listener.as_fd(), RECEIVE, page.unsigned_abs());
        same("into a page to be read", fault, failed(libc::EFAULT))?;
        let id = receive(listener.as_fd()).map_err(said)?.id;
        respond(listener.as_fd(), id, 9, 0, 0).map_err(said)?;
        ended_well(child)?;
        same("the result", board.at(0), 9)
    })
}

fn receive_zeroes() -> Checked {
    passes(|_| {
        let listener = listen(Interruption::AnySignal)?;
        let data = libc::seccomp_data { nr: 0, arch: 0, instruction_pointer: 0, args: [0; 6] };
        for (id, pid) in [(1, 0), (0, 1)] {
            let mut wrong = Notification { id, pid, flags: 0, data };
            let received = notify::receive(listener.as_fd(), &mut wrong);
            same("a buffer in use", received, failed(libc::EINVAL))?;
        }
        Ok(())
    })
}

fn with_threads() -> Checked {
    if !flag_supported(Flag::TsyncEsrch) {
        return skip("TSYNC_ESRCH came with Linux 5.7");
    }
    passes(|subject| {
        let worker = super::support::Worker::start(subject)?;
        let program = answer(callgate::Action::USER_NOTIFY)?;
        callgate_kernel::set_no_new_privs().map_err(said)?;
        const TSYNC_AND_LISTENER: u32 = 9;
        same("without ESRCH", load_raw(&program, TSYNC_AND_LISTENER), failed(libc::EINVAL))?;
        let listener = load_with_listener(
            &program,
            Scope::AllThreads,
            &Options::default(),
            Interruption::AnySignal,
        );
        let listener = listener.map_err(said)?;
        let board = std::sync::Arc::new(board()?);
        let told = board.clone();
        worker.tell(move || {
            told.set(0, number(subject.call(GETPPID, &[])));
            told.set(1, 1);
        })?;
        let notification = receive(listener.as_fd()).map_err(said)?;
        same("the thread", i64::from(notification.pid), worker.tid)?;
        respond(listener.as_fd(), notification.id, 77, 0, 0).map_err(said)?;
        board.wait_for(1, 1)?;
        same("the sibling", board.at(0), 77)?;
        same("an errno", refusal(1).data(), 1)
    })
}

fn in_order() -> Checked {
    const CALLERS: usize = 10;
    passes(|subject| {
        let board = board()?;
        let listener = listen(Interruption::AnySignal)?;
        let mut children = Vec::new();
        for index in 0..CALLERS {
            children.push(subject.fork(|subject| {
                let number = u64::try_from(index).unwrap_or(u64::MAX);
                board.set(index, self::number(subject.call(GETPPID, &[number])));
                0
            })?);
            // The next one calls when this one waits.
            let pid = children[index].pid();
            super::support::eventually("it waits", || waits(pid))?;
        }
        // The newest call came first until Linux 5.19.
        let oldest_first = running_kernel().map_err(said)? >= KernelVersion::new(5, 19);
        for turn in 0..CALLERS {
            let index = if oldest_first { turn } else { CALLERS - 1 - turn };
            let notification = receive(listener.as_fd()).map_err(said)?;
            same("the order", notification.data.args[0], u64::try_from(index).map_err(said)?)?;
            let value = i64::try_from(index).map_err(said)? + 100;
            respond(listener.as_fd(), notification.id, value, 0, 0).map_err(said)?;
        }
        children.into_iter().try_for_each(ended_well)?;
        (0_i64..)
            .zip(0..CALLERS)
            .try_for_each(|(n, index)| same("a result", board.at(index), n + 100))
    })
}

/// Whether a process waits in its call for a notification's answer.
pub(super) fn waits(pid: u32) -> Result<bool, String> {
    let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).map_err(said)?;
    Ok(call.split(' ').next() == Some(&GETPPID.to_string()))
}

fn ids() -> Checked {
    passes(|subject| {
        let board = board()?;
        let listener = listen(Interruption::AnySignal)?;
        let child = caller(subject, &board, 5)?;
        let mut last = None;
        for _ in 0..5 {
            let id = receive(listener.as_fd()).map_err(said)?.id;
            if let Some(last) = last {
                same("the next id", id, u64::wrapping_add(last, 1))?;
            }
            last = Some(id);
            respond(listener.as_fd(), id, 0, 0, 0).map_err(said)?;
        }
        ended_well(child)
    })
}

fn sync() -> Checked {
    if running_kernel().map_err(said)? < KernelVersion::new(6, 6) {
        return skip("synchronous wake-ups came with Linux 6.6");
    }
    passes(|subject| {
        let board = board()?;
        let listener = listen(Interruption::AnySignal)?;
        let set = |flags| request(subject, listener.as_fd(), SET_FLAGS, flags);
        for unknown in [2, 3, u64::MAX] {
            same("an unknown flag", set(unknown), failed(libc::EINVAL))?;
        }
        same("the flag", set(1), Ok(0))?;
        let child = caller(subject, &board, 1)?;
        let id = receive(listener.as_fd()).map_err(said)?.id;
        respond(listener.as_fd(), id, 3, 0, 0).map_err(said)?;
        ended_well(child)?;
        same("the result", board.at(0), 3)?;
        same("no flag", set(0), Ok(0))
    })
}
