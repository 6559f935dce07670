//! Notifications whose callers, listeners or namespaces end or differ.

use std::os::fd::AsFd;

use callgate_kernel::Interruption;
use callgate_kernel::child::Ending;
use callgate_kernel::notify;
use callgate_lab::Subject;

use super::notify::{caller, ended_well, receive, respond, waits};
use super::support::{
    Checked, GETPPID, Row, Worker, board, ensure, errno, eventually, failed, listen, number,
    passes, privileged, said, same, skip,
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "notify-caller-killed",
        about: "when the caller is killed its id is no longer valid and answers are ENOENT",
        check: killed,
    },
    Row {
        name: "notify-listener-closed",
        about: "when the listener is closed, waiting and later calls are ENOSYS, and a new one may come",
        check: closed,
    },
    Row {
        name: "notify-namespace-child",
        about: "a caller in a child pid namespace is named by its id here",
        check: child_namespace,
    },
    Row {
        name: "notify-namespace-sibling",
        about: "a caller that the supervisor's pid namespace does not have is 0",
        check: sibling_namespace,
    },
    Row {
        name: "notify-hangup",
        about: "when nobody uses the filter any more, poll shows POLLHUP",
        check: hangup,
    },
    Row {
        name: "notify-hangup-threads",
        about: "POLLHUP comes when the last thread that uses the filter ends, not before",
        check: hangup_threads,
    },
    Row {
        name: "notify-receive-unused",
        about: "a receive that waits ends with ENOENT when nobody uses the filter",
        check: receive_unused,
    },
];

fn killed() -> Checked {
    passes(|subject| {
        let board = board()?;
        let listener = listen(Interruption::AnySignal)?;
        let mut child = caller(subject, &board, 1)?;
        let id = receive(listener.as_fd()).map_err(said)?.id;
        same("alive", notify::id_valid(listener.as_fd(), id), Ok(()))?;
        child.kill(libc::SIGKILL)?;
        child.wait()?;
        same("dead", notify::id_valid(listener.as_fd(), id), failed(libc::ENOENT))?;
        same("an answer", respond(listener.as_fd(), id, 0, 0, 0), failed(libc::ENOENT))
    })
}

fn closed() -> Checked {
    passes(|subject| {
        let board = board()?;
        let listener = listen(Interruption::AnySignal)?;
        let inherited = u64::try_from(std::os::fd::AsRawFd::as_raw_fd(&listener)).map_err(said)?;
        let child = subject.fork(|subject| {
            // Its own copy would keep the listener open.
            let _ = subject.call(libc::SYS_close, &[inherited]);
            board.set(0, number(subject.call(GETPPID, &[])));
            board.set(1, number(subject.call(GETPPID, &[])));
            0
        })?;
        eventually("it waits", || waits(child.pid()))?;
        drop(listener);
        ended_well(child)?;
        let gone = -i64::from(libc::ENOSYS);
        same("the waiting call", board.at(0), gone)?;
        same("the next call", board.at(1), gone)?;
        same("here", number(subject.call(GETPPID, &[])), gone)?;
        listen(Interruption::AnySignal).map(drop)
    })
}

fn unshare_pids(subject: Subject) -> Result<(), String> {
    let flag = u64::from(libc::CLONE_NEWPID.unsigned_abs());
    subject.call(libc::SYS_unshare, &[flag]).map(drop).map_err(said)
}

fn child_namespace() -> Checked {
    if !privileged() {
        return skip("a pid namespace needs root");
    }
    passes(|subject| {
        let board = board()?;
        let listener = listen(Interruption::AnySignal)?;
        unshare_pids(subject)?;
        let child = caller(subject, &board, 1)?;
        let notification = receive(listener.as_fd()).map_err(said)?;
        same("the id here", notification.pid, child.pid())?;
        respond(listener.as_fd(), notification.id, 5, 0, 0).map_err(said)?;
        ended_well(child)
    })
}

fn sibling_namespace() -> Checked {
    if !privileged() {
        return skip("a pid namespace needs root");
    }
    passes(|subject| {
        let board = board()?;
        let listener = listen(Interruption::AnySignal)?;
        let fd = listener.as_fd();
        let code = |result: Result<(), String>| u8::from(result.is_err());
        let target = subject.fork(|subject| {
            code(
                unshare_pids(subject)
                    .and_then(|()| caller(subject, &board, 1))
                    .and_then(ended_well),
            )
        })?;
        let supervisor = subject.fork(|subject| {
            let supervise = |_: Subject| {
                let Ok(notification) = receive(fd) else { return 1 };
                board.set(5, i64::from(notification.pid) + 1);
                u8::from(respond(fd, notification.id, 6, 0, 0).is_err())
            };
            code(unshare_pids(subject).and_then(|()| subject.fork(supervise)).and_then(ended_well))
        })?;
        ended_well(supervisor)?;
        ended_well(target)?;
        same("the id there", board.at(5), 1)?;
        same("the result", board.at(0), 6)
    })
}

/// A child that alone uses a listener's filter, with the listener: its other end is in this
/// process.
fn foreign_listener(
    subject: Subject,
    body: impl FnOnce(Subject) -> u8,
) -> Result<(callgate_lab::Child, std::os::fd::OwnedFd), String> {
    let board = board()?;
    let told = &board;
    let child = subject.fork(move |subject| {
        let Ok(listener) = listen(Interruption::AnySignal) else { return 1 };
        told.set(0, i64::from(std::os::fd::AsRawFd::as_raw_fd(&listener)));
        if told.wait_for(1, 1).is_err() {
            return 2;
        }
        drop(listener);
        body(subject)
    })?;
    board.wait_for(0, 1)?;
    let listener = subject.take_descriptor(child.pid(), board.at(0))?;
    board.set(1, 1);
    // The child may still look at the board.
    std::mem::forget(board);
    Ok((child, listener))
}

fn hangup() -> Checked {
    passes(|subject| {
        let (child, listener) = foreign_listener(subject, |_| 0)?;
        ended_well(child)?;
        same("the end", subject.poll(listener.as_fd(), 5_000)? & libc::POLLHUP, libc::POLLHUP)
    })
}

fn hangup_threads() -> Checked {
    passes(|subject| {
        let board = board()?;
        let (mut child, listener) = foreign_listener(subject, |subject| {
            let run = || -> Result<(), String> {
                let [one, other] = [Worker::start(subject)?, Worker::start(subject)?];
                one.end()?;
                board.set(0, 1);
                board.wait_for(1, 1)?;
                other.end()
            };
            u8::from(run().is_err())
        })?;
        board.wait_for(0, 1)?;
        same("threads are left", subject.poll(listener.as_fd(), 50)?, 0)?;
        ensure(child.ended()?.is_none(), "the child lives")?;
        board.set(1, 1);
        same("the child", child.wait()?, Ending::Exited { code: 0 })?;
        same("the end", subject.poll(listener.as_fd(), 5_000)? & libc::POLLHUP, libc::POLLHUP)
    })
}

fn receive_unused() -> Checked {
    if callgate_kernel::running_kernel().map_err(said)? < callgate::KernelVersion::new(6, 11) {
        return skip("before Linux 6.11 such a receive waits for ever");
    }
    passes(|subject| {
        let (child, listener) = foreign_listener(subject, |_| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            0
        })?;
        same("a receive", receive(listener.as_fd()).map(|n| n.id), Err(errno(libc::ENOENT)))?;
        ended_well(child)
    })
}
