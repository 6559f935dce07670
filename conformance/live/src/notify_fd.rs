//! Descriptors that a supervisor puts into the caller's process.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use callgate::{Errno, KernelVersion};
use callgate_kernel::notify::{self, AddFd};
use callgate_kernel::{Flag, Interruption, flag_supported, running_kernel};
use callgate_lab::{Board, Child, Subject};

use super::notify::{ADD_FD, ended_well, receive, request, respond};
use super::support::{
    Checked, GETPPID, Row, board, ensure, failed, listen, number, passes, said, same, skip,
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "addfd-number",
        about: "a copy gets the caller's lowest free number, which the request returns",
        check: lowest,
    },
    Row { name: "addfd-set", about: "SETFD replaces an open descriptor", check: replaced },
    Row { name: "addfd-cloexec", about: "O_CLOEXEC is set where asked for", check: cloexec },
    Row {
        name: "addfd-send",
        about: "SEND makes the number the call's result, at once; the call is answered",
        check: sent,
    },
    Row { name: "addfd-errors", about: "each wrong request has its errno", check: errors },
    Row {
        name: "addfd-sizes",
        about: "shorter structures are EINVAL, longer ones E2BIG unless zero beyond",
        check: sizes,
    },
    Row {
        name: "addfd-rlimit",
        about: "the caller's limit of descriptors comes back to the supervisor: EMFILE, EBADF",
        check: rlimit,
    },
    Row {
        name: "addfd-send-interrupted",
        about: "SEND to a caller that a signal interrupts before it took the descriptor can be repeated",
        check: send_interrupted,
    },
];

const SET: u32 = 1;
const SEND: u32 = 2;
const CLOEXEC: u32 = libc::O_CLOEXEC.unsigned_abs();

/// A listener, a caller that waits for it, its notification's id, and a file to hand over.
struct Waiting {
    listener: OwnedFd,
    child: Child,
    id: u64,
    file: OwnedFd,
}

impl Waiting {
    fn new(subject: Subject, board: &Board) -> Result<Self, String> {
        let listener = listen(Interruption::AnySignal)?;
        let child = subject.fork(|subject| {
            board.set(0, number(subject.call(GETPPID, &[])));
            board.set(1, 1);
            // The supervisor looks at the descriptors meanwhile.
            u8::from(board.wait_for(2, 1).is_err())
        })?;
        let id = receive(listener.as_fd()).map_err(said)?.id;
        let file = fs::File::open("/dev/zero").map_err(said)?;
        Ok(Self { listener, child, id, file: file.into() })
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    fn add(&self, flags: u32, newfd: u32, newfd_flags: u32) -> Result<i32, Errno> {
        let srcfd = self.file.as_raw_fd().unsigned_abs();
        notify::add_fd(self.fd(), AddFd { id: self.id, flags, srcfd, newfd, newfd_flags })
    }

    /// What a descriptor of the caller's is.
    fn target(&self, number: i32) -> Result<String, String> {
        let link = fs::read_link(format!("/proc/{}/fd/{number}", self.child.pid()));
        link.map(|path| path.display().to_string()).map_err(|error| error.to_string())
    }

    /// Answers the call, where that is still to be done, and waits for the caller's end.
    fn finish(self, board: &Board, answer: Option<i64>) -> Result<i64, String> {
        if let Some(value) = answer {
            respond(self.fd(), self.id, value, 0, 0).map_err(said)?;
        }
        board.wait_for(1, 1)?;
        board.set(2, 1);
        ended_well(self.child)?;
        Ok(board.at(0))
    }
}

/// A row with a caller that waits.
fn with_waiting(body: impl FnOnce(Subject, Waiting, &Board) -> Result<(), String>) -> Checked {
    passes(|subject| {
        let board = board()?;
        let waiting = Waiting::new(subject, &board)?;
        body(subject, waiting, &board)
    })
}

fn lowest() -> Checked {
    with_waiting(|subject, waiting, board| {
        let lowest = subject.call(libc::SYS_dup, &[1]).map_err(said)?;
        // The caller has what this process had when it forked: all but the file.
        let file = i64::from(waiting.file.as_raw_fd());
        let expected = file.min(lowest);
        let first = waiting.add(0, 0, 0).map_err(said)?;
        same("the number", i64::from(first), expected)?;
        same("the file", waiting.target(first)?, "/dev/zero".into())?;
        let second = waiting.add(0, 0, 0).map_err(said)?;
        ensure(second > first, "the next number is higher")?;
        same("the result", waiting.finish(board, Some(3))?, 3)
    })
}

fn replaced() -> Checked {
    with_waiting(|_, waiting, board| {
        for number in [2, 200, 200] {
            same(
                "the number",
                waiting.add(SET, number, 0),
                Ok(i32::try_from(number).map_err(said)?),
            )?;
        }
        same("standard error", waiting.target(2)?, "/dev/zero".into())?;
        same("a high number", waiting.target(200)?, "/dev/zero".into())?;
        waiting.finish(board, Some(0)).map(drop)
    })
}

fn cloexec() -> Checked {
    with_waiting(|_, waiting, board| {
        for (flags, expected) in [(CLOEXEC, true), (0, false)] {
            let number = waiting.add(0, 0, flags).map_err(said)?;
            let path = format!("/proc/{}/fdinfo/{number}", waiting.child.pid());
            let info = fs::read_to_string(path).map_err(said)?;
            let octal = info.lines().find_map(|line| line.strip_prefix("flags:"));
            let set = octal.and_then(|text| u32::from_str_radix(text.trim(), 8).ok());
            same("close on exec", set.map(|set| set & CLOEXEC != 0), Some(expected))?;
        }
        waiting.finish(board, Some(0)).map(drop)
    })
}

fn sent() -> Checked {
    if running_kernel().is_ok_and(|kernel| kernel < KernelVersion::new(5, 14)) {
        return skip("SEND came with Linux 5.14");
    }
    with_waiting(|_, waiting, board| {
        let number = waiting.add(SEND, 0, 0).map_err(said)?;
        let again = respond(waiting.fd(), waiting.id, 0, 0, 0);
        let refused = [failed(libc::ENOENT), failed(libc::EINPROGRESS)].contains(&again);
        ensure(refused, &format!("it is answered: {again:?}"))?;
        board.wait_for(1, 1)?;
        same("the file", waiting.target(number)?, "/dev/zero".into())?;
        same("the result", waiting.finish(board, None)?, i64::from(number))
    })?;
    with_waiting(|_, waiting, board| {
        same("with a number", waiting.add(SEND | SET, 90, CLOEXEC), Ok(90))?;
        same("the result", waiting.finish(board, None)?, 90)
    })
}

fn errors() -> Checked {
    with_waiting(|_, waiting, board| {
        let source = waiting.file.as_raw_fd().unsigned_abs();
        let good = AddFd { id: waiting.id, srcfd: source, ..AddFd::default() };
        for (what, add, expected) in [
            ("an unknown flag", AddFd { flags: 4, ..good }, libc::EINVAL),
            ("an unknown descriptor flag", AddFd { newfd_flags: 1, ..good }, libc::EINVAL),
            ("a number without SETFD", AddFd { newfd: 7, ..good }, libc::EINVAL),
            ("no such descriptor", AddFd { srcfd: 999, ..good }, libc::EBADF),
            ("no such call", AddFd { id: waiting.id ^ 1, ..good }, libc::ENOENT),
        ] {
            same(what, notify::add_fd(waiting.fd(), add), failed(expected))?;
        }
        waiting.finish(board, Some(0)).map(drop)
    })?;
    passes(|subject| {
        // A call that nobody has received yet.
        let board = board()?;
        let listener = listen(Interruption::AnySignal)?;
        let first = super::notify::caller(subject, &board, 2)?;
        let id = receive(listener.as_fd()).map_err(said)?.id;
        respond(listener.as_fd(), id, 0, 0, 0).map_err(said)?;
        subject.poll(listener.as_fd(), 5_000)?;
        let add = AddFd { id: id.wrapping_add(1), srcfd: 1, ..AddFd::default() };
        same("not received", notify::add_fd(listener.as_fd(), add), failed(libc::EINPROGRESS))?;
        let id = receive(listener.as_fd()).map_err(said)?.id;
        respond(listener.as_fd(), id, 0, 0, 0).map_err(said)?;
        ended_well(first)
    })
}

fn sizes() -> Checked {
    with_waiting(|subject, waiting, board| {
        let source = u64::from(waiting.file.as_raw_fd().unsigned_abs());
        // id, then flags and srcfd, newfd and newfd_flags, in little-endian halves; and what lies
        // beyond.
        let ask = |size: u64, tail: u64| {
            let words = [waiting.id, source << 32, 0, tail];
            let pointer = u64::try_from(words.as_ptr().addr()).unwrap_or(0);
            let number = ADD_FD & !(0x3fff << 16) | (size << 16);
            request(subject, waiting.fd(), number, pointer)
        };
        if cfg!(target_endian = "big") {
            return waiting.finish(board, Some(0)).map(drop);
        }
        same("too short", ask(16, 0), failed(libc::EINVAL))?;
        ensure(ask(24, 0).is_ok(), "as long as ours")?;
        ensure(ask(32, 0).is_ok(), "longer, and zero beyond")?;
        same("longer, and not", ask(32, 1), failed(libc::E2BIG))?;
        waiting.finish(board, Some(0)).map(drop)
    })
}

fn rlimit() -> Checked {
    with_waiting(|subject, waiting, board| {
        // No further descriptor: soft and hard limit are nothing.
        let limit = [0_u64, 0];
        let pointer = u64::try_from(limit.as_ptr().addr()).map_err(said)?;
        let resource = u64::from(libc::RLIMIT_NOFILE);
        let args = [u64::from(waiting.child.pid()), resource, pointer, 0];
        subject.call(libc::SYS_prlimit64, &args).map_err(said)?;
        same("the lowest", waiting.add(0, 0, 0), failed(libc::EMFILE))?;
        same("a number", waiting.add(SET, 100, 0), failed(libc::EBADF))?;
        waiting.finish(board, Some(0)).map(drop)
    })
}

/// Calls until the supervisor's request was interrupted often enough, and at most.
const INTERRUPTIONS: i64 = 5;
const CALLS_MAX: i64 = 20_000;

/// A timer interrupts the supervisor while its request waits for the caller, which runs on the same
/// processor. Before Linux 7.3 and a few stable releases the caller then returned 0 without the
/// descriptor, and the request could not be repeated; this is the kernel's mistake and no failure
/// of the row.
fn send_interrupted() -> Checked {
    if !flag_supported(Flag::WaitKillableRecv) {
        return skip("WAIT_KILLABLE_RECV came with Linux 5.19");
    }
    let board = board()?;
    let verdict = passes(|subject| {
        pin(subject)?;
        let listener = listen(Interruption::FatalSignals)?;
        let child = subject.fork(|subject| {
            while board.at(2) == 0 {
                let result = number(subject.call(GETPPID, &[]));
                let descriptor = u64::try_from(result).unwrap_or(0);
                if descriptor > 2 {
                    let _ = subject.call(libc::SYS_close, &[descriptor]);
                } else {
                    board.add(4, 1);
                }
            }
            0
        })?;
        subject.count_signal(libc::SIGALRM, false)?;
        interval_timer(subject, 150)?;
        for call in 0..CALLS_MAX {
            let id = loop {
                if let Ok(notification) = receive(listener.as_fd()) {
                    break notification.id;
                }
            };
            if board.at(3) >= INTERRUPTIONS || call == CALLS_MAX - 1 {
                board.set(2, 1);
            }
            send_until_taken(listener.as_fd(), id, &board)?;
            if board.at(2) == 1 {
                break;
            }
        }
        interval_timer(subject, 0)?;
        ended_well(child)
    });
    match (board.at(3), board.at(4) + board.at(5)) {
        (_, lost @ 1..) => skip(&format!("this kernel loses descriptors so: {lost} were lost")),
        (0, _) if verdict.is_ok() => skip("the request was never interrupted"),
        _ => verdict,
    }
}

/// Repeats the request while signals interrupt it; what can't be repeated any more is counted.
fn send_until_taken(listener: BorrowedFd<'_>, id: u64, board: &Board) -> Result<(), String> {
    let add = AddFd { id, flags: SEND, srcfd: 1, ..AddFd::default() };
    loop {
        match notify::add_fd(listener, add).map_err(|errno| i32::from(errno.raw())) {
            Ok(_) => return Ok(()),
            Err(libc::EINTR) => board.add(3, 1),
            Err(libc::EINPROGRESS | libc::ENOENT) if board.at(3) > 0 => {
                board.add(5, 1);
                return Ok(());
            }
            Err(errno) => return Err(format!("a descriptor: errno {errno}")),
        };
    }
}

/// Keeps this process and its children on the first processor.
fn pin(subject: Subject) -> Result<(), String> {
    let mask = [1_u64];
    let pointer = u64::try_from(mask.as_ptr().addr()).map_err(said)?;
    subject.call(libc::SYS_sched_setaffinity, &[0, 8, pointer]).map(drop).map_err(said)
}

/// Sends SIGALRM every so many microseconds.
fn interval_timer(subject: Subject, microseconds: i64) -> Result<(), String> {
    let timer = [0, microseconds, 0, microseconds];
    let pointer = u64::try_from(timer.as_ptr().addr()).map_err(said)?;
    subject.call(libc::SYS_setitimer, &[0, pointer, 0]).map(drop).map_err(said)
}
