//! Signals that reach a caller before and after its notification was received, with and without
//! WAIT_KILLABLE_RECV.

use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use std::time::Duration;

use callgate_kernel::child::{Ending, Signal};
use callgate_kernel::notify;
use callgate_kernel::{Flag, Interruption, flag_supported};
use callgate_lab::{Board, Child, Subject};

use super::notify::{ended_well, receive, respond, waits};
use super::support::{
    Checked, GETPPID, Row, board, ensure, eventually, failed, listen, number, passes, said, same,
    skip,
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "signal-interrupts",
        about: "a signal ends the call with EINTR; its id is gone",
        check: interrupts,
    },
    Row {
        name: "signal-restarts",
        about: "with SA_RESTART the call starts anew, with a new id",
        check: restarts,
    },
    Row {
        name: "stop-reissues",
        about: "SIGSTOP and SIGCONT start the call anew, with a new id",
        check: stop_reissues,
    },
    Row {
        name: "killable-before-receive",
        about: "WAIT_KILLABLE_RECV: before the receive a signal still interrupts",
        check: killable_before,
    },
    Row {
        name: "killable-after-receive",
        about: "WAIT_KILLABLE_RECV: after the receive the handler waits for the answer",
        check: killable_after,
    },
    Row {
        name: "killable-fatal",
        about: "WAIT_KILLABLE_RECV: SIGKILL ends the call all the same",
        check: killable_fatal,
    },
    Row {
        name: "killable-stop",
        about: "WAIT_KILLABLE_RECV: SIGSTOP after the receive leaves the id valid",
        check: killable_stop,
    },
    Row {
        name: "killable-quick-answers",
        about: "WAIT_KILLABLE_RECV: no answer is lost to signals that come with it",
        check: killable_quick,
    },
];

const SIGNAL: i32 = libc::SIGUSR1;
const EINTR: i64 = -(libc::EINTR as i64);

/// A listener and a caller that counts the signal; the result is at 0, the count of signals behind
/// it at 1.
fn start(
    subject: Subject,
    board: &Board,
    interruption: Interruption,
    restart: bool,
) -> Result<(OwnedFd, Child), String> {
    let listener = listen(interruption)?;
    let child = subject.fork(|subject| {
        if subject.count_signal(SIGNAL, restart).is_err() {
            return 1;
        }
        board.set(0, number(subject.call(GETPPID, &[])));
        board.set(1, i64::from(subject.signals()));
        0
    })?;
    eventually("it waits", || waits(child.pid()))?;
    Ok((listener, child))
}

fn interrupts() -> Checked {
    passes(|subject| {
        let board = board()?;
        let (listener, child) = start(subject, &board, Interruption::AnySignal, false)?;
        let id = receive(listener.as_fd()).map_err(said)?.id;
        child.kill(SIGNAL)?;
        ended_well(child)?;
        same("the result", board.at(0), EINTR)?;
        same("the signals", board.at(1), 1)?;
        same("an answer", respond(listener.as_fd(), id, 0, 0, 0), failed(libc::ENOENT))
    })
}

fn restarts() -> Checked {
    passes(|subject| {
        let board = board()?;
        let (listener, child) = start(subject, &board, Interruption::AnySignal, true)?;
        let first = receive(listener.as_fd()).map_err(said)?.id;
        child.kill(SIGNAL)?;
        let second = receive(listener.as_fd()).map_err(said)?.id;
        ensure(second != first, "the id is another")?;
        same("the old one", notify::id_valid(listener.as_fd(), first), failed(libc::ENOENT))?;
        respond(listener.as_fd(), second, 6, 0, 0).map_err(said)?;
        ended_well(child)?;
        same("the result and the signals", (board.at(0), board.at(1)), (6, 1))
    })
}

fn stop_reissues() -> Checked {
    passes(|subject| {
        let board = board()?;
        let (listener, child) = start(subject, &board, Interruption::AnySignal, false)?;
        let first = receive(listener.as_fd()).map_err(said)?.id;
        child.kill(libc::SIGSTOP)?;
        let gone = || Ok(notify::id_valid(listener.as_fd(), first).is_err());
        eventually("the id is gone", gone)?;
        child.kill(libc::SIGCONT)?;
        let second = receive(listener.as_fd()).map_err(said)?.id;
        same("the new id", second, first.wrapping_add(1))?;
        respond(listener.as_fd(), second, 8, 0, 0).map_err(said)?;
        ended_well(child)?;
        same("the result", board.at(0), 8)
    })
}

/// A row that needs the flag.
fn killable(row: impl FnOnce(Subject) -> Result<(), String>) -> Checked {
    if !flag_supported(Flag::WaitKillableRecv) {
        return skip("WAIT_KILLABLE_RECV came with Linux 5.19");
    }
    passes(row)
}

fn killable_before() -> Checked {
    killable(|subject| {
        let board = board()?;
        let (listener, child) = start(subject, &board, Interruption::FatalSignals, false)?;
        child.kill(SIGNAL)?;
        ended_well(child)?;
        same("the result and the signals", (board.at(0), board.at(1)), (EINTR, 1))?;
        same("nothing waits", subject.poll(listener.as_fd(), 0)?, 0)
    })
}

fn killable_after() -> Checked {
    killable(|subject| {
        let board = board()?;
        let (listener, mut child) = start(subject, &board, Interruption::FatalSignals, false)?;
        let id = receive(listener.as_fd()).map_err(said)?.id;
        child.kill(SIGNAL)?;
        thread::sleep(Duration::from_millis(50));
        ensure(child.ended()?.is_none(), "the call waits on")?;
        same("its id", notify::id_valid(listener.as_fd(), id), Ok(()))?;
        respond(listener.as_fd(), id, 2, 0, 0).map_err(said)?;
        ended_well(child)?;
        same("the result and the signals", (board.at(0), board.at(1)), (2, 1))
    })
}

fn killable_fatal() -> Checked {
    killable(|subject| {
        let board = board()?;
        let (listener, mut child) = start(subject, &board, Interruption::FatalSignals, false)?;
        let id = receive(listener.as_fd()).map_err(said)?.id;
        child.kill(libc::SIGKILL)?;
        same("the end", child.wait()?, Ending::Killed { signal: Signal::KILL })?;
        same("its id", notify::id_valid(listener.as_fd(), id), failed(libc::ENOENT))
    })
}

fn killable_stop() -> Checked {
    killable(|subject| {
        let board = board()?;
        let (listener, child) = start(subject, &board, Interruption::FatalSignals, false)?;
        let id = receive(listener.as_fd()).map_err(said)?.id;
        child.kill(libc::SIGSTOP)?;
        thread::sleep(Duration::from_millis(50));
        same("its id", notify::id_valid(listener.as_fd(), id), Ok(()))?;
        respond(listener.as_fd(), id, 4, 0, 0).map_err(said)?;
        child.kill(libc::SIGCONT)?;
        ended_well(child)?;
        same("the result", board.at(0), 4)
    })
}

/// The signal is sent just before the answer, again and again: the call must return the answer, not
/// `EINTR`.
fn killable_quick() -> Checked {
    const TIMES: i64 = 300;
    if callgate_kernel::running_kernel().map_err(said)? < callgate::KernelVersion::new(6, 18) {
        return skip("before Linux 6.18 a quick answer could be lost");
    }
    killable(|subject| {
        let board = board()?;
        let listener = listen(Interruption::FatalSignals)?;
        let child = subject.fork(|subject| {
            if subject.count_signal(SIGNAL, false).is_err() {
                return 1;
            }
            for _ in 0..TIMES {
                // A signal that is left over from the last answer may interrupt the call before it
                // is received.
                let result = loop {
                    match number(subject.call(GETPPID, &[])) {
                        EINTR => board.add(1, 1),
                        result => break result,
                    };
                };
                board.add(0, result);
            }
            0
        })?;
        let mut answered = 0;
        while answered < TIMES {
            let Ok(notification) = receive(listener.as_fd()) else { continue };
            child.kill(SIGNAL)?;
            respond(listener.as_fd(), notification.id, 1, 0, 0).map_err(said)?;
            answered += 1;
        }
        ended_well(child)?;
        same("the answers that arrived", board.at(0), TIMES)
    })
}
