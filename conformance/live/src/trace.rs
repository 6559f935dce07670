//! Tracers that look at calls and change them, at a filter's TRACE and at the kernel's own stops,
//! and tracers that suspend filters.

use callgate::{Action, Filter, Program, names};
use callgate_kernel::child::{Ending, Signal};
use callgate_lab::{Board, Stop, Subject, TraceOptions, Tracee, seize};

use super::support::{
    Checked, GETPPID, Row, Verdict, become_nobody, board, confine, ensure, errno, failed, nr,
    number, passes, privileged, refusal, said, same, skip,
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "tracer-changes-memory",
        about: "a tracer that TRACE stops for can change memory before the call",
        check: changes_memory,
    },
    Row {
        name: "tracer-lets-others-go",
        about: "a call without TRACE does not stop",
        check: no_stop,
    },
    Row {
        name: "traced-negative",
        about: "TRACE: call -1 stays ENOSYS",
        check: || negative(Way::Filter),
    },
    Row {
        name: "traced-allowed",
        about: "TRACE: a call left alone is made",
        check: || allowed(Way::Filter),
    },
    Row {
        name: "traced-redirected",
        about: "TRACE: another number is another call",
        check: || redirected(Way::Filter),
    },
    Row {
        name: "traced-errno",
        about: "TRACE: a skipped call fails with the tracer's errno",
        check: || skipped_errno(Way::Filter),
    },
    Row {
        name: "traced-faked",
        about: "TRACE: a skipped call returns the tracer's value",
        check: || skipped_value(Way::Filter),
    },
    Row {
        name: "traced-kill",
        about: "TRACE: a call that a filter kills for never stops",
        check: || kill_at_once(Way::Filter),
    },
    Row {
        name: "traced-refused-after",
        about: "TRACE: a changed call is filtered again: ERRNO",
        check: || refused_after(Way::Filter),
    },
    Row {
        name: "traced-kill-after",
        about: "TRACE: a changed call is filtered again: KILL",
        check: || kill_after(Way::Filter),
    },
    Row {
        name: "traced-once",
        about: "a changed call that TRACE would stop again is made",
        check: traced_once,
    },
    Row {
        name: "ptrace-negative",
        about: "ptrace: call -1 stays ENOSYS",
        check: || negative(Way::Ptrace),
    },
    Row {
        name: "ptrace-allowed",
        about: "ptrace: a call left alone is made",
        check: || allowed(Way::Ptrace),
    },
    Row {
        name: "ptrace-redirected",
        about: "ptrace: another number is another call",
        check: || redirected(Way::Ptrace),
    },
    Row {
        name: "ptrace-errno",
        about: "ptrace: a skipped call fails with the tracer's errno",
        check: || skipped_errno(Way::Ptrace),
    },
    Row {
        name: "ptrace-faked",
        about: "ptrace: a skipped call returns the tracer's value",
        check: || skipped_value(Way::Ptrace),
    },
    Row {
        name: "ptrace-kill",
        about: "ptrace: a call that a filter kills for is killed",
        check: || kill_at_once(Way::Ptrace),
    },
    Row {
        name: "ptrace-refused-after",
        about: "ptrace: a changed call is filtered: ERRNO",
        check: || refused_after(Way::Ptrace),
    },
    Row {
        name: "ptrace-kill-after",
        about: "ptrace: a changed call is filtered: KILL",
        check: || kill_after(Way::Ptrace),
    },
    Row {
        name: "suspend-options",
        about: "filters are suspended while root traces so; nobody may, by options",
        check: suspend,
    },
    Row {
        name: "suspend-seize",
        about: "nobody may suspend filters, by seizing",
        check: suspend_by_seizing,
    },
];

/// By what a call stops for its tracer.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Filter,
    Ptrace,
}

const DATA: u16 = 0x1003;
const SKIP: u64 = u64::MAX;
const EPERM_FOR: i64 = nr(libc::SYS_getsid);
const KILL_FOR: i64 = nr(libc::SYS_getuid);

/// A filter under which getsid is refused and getuid deadly, and, where it stops calls, getppid
/// stops.
fn filter(way: Way) -> Result<Program, String> {
    let mut filter = Filter::builder(Action::ALLOW)
        .answer(refusal(libc::EPERM), [names::GETSID])
        .answer(Action::KILL_PROCESS, [names::GETUID]);
    if way == Way::Filter {
        filter = filter.answer(Action::trace(DATA), [names::GETPPID]);
    }
    filter.build().map(|filter| filter.program().clone()).map_err(|error| error.to_string())
}

/// The outcome of a traced child's call.
struct Traced {
    result: i64,
    ending: Ending,
    stops: i64,
}

/// What a tracer makes of a call: another number, and the result where the call is skipped.
type Change = (u64, Option<i64>);

const KILLED: Ending = Ending::Killed { signal: Signal::SYS };
/// Stand for the ids of the child's parent and of the child.
const PARENT: i64 = i64::MAX;
const SELF: i64 = i64::MAX - 1;

// Where on the board the child and its tracer write.
const STATE: usize = 0;
const RESULT: usize = 1;
const STOPS: usize = 2;
const DIED: usize = 3;
/// States of the child: about to make its call, and behind it.
const READY: i64 = 1;
const DONE: i64 = 2;

/// Lets a child make one call under the filter, and a tracer change it at its first stop.
fn traced(way: Way, nr: i64, change: Option<Change>) -> Result<Traced, String> {
    let (program, board) = (filter(way)?, board()?);
    passes(|subject| {
        let options = TraceOptions::SECCOMP.and(TraceOptions::EXIT_KILL);
        let mut tracee =
            Tracee::start(subject, options, |subject| called(subject, &program, nr, &board))?;
        let (ending, stops) = follow(&mut tracee, way, change, &board)?;
        board.set(STOPS, stops);
        board.set(DIED, i64::from(ending == KILLED));
        Ok(())
    })?;
    let ending = if board.at(DIED) == 1 { KILLED } else { Ending::Exited { code: 0 } };
    ensure(board.at(STATE) >= READY, "the child attached its filter")?;
    Ok(Traced { result: board.at(RESULT), ending, stops: board.at(STOPS) })
}

/// The body of the child.
fn called(subject: Subject, program: &Program, nr: i64, board: &Board) -> u8 {
    let [parent, own] =
        [libc::SYS_getppid, libc::SYS_getpid].map(|nr| number(subject.call(nr, &[])));
    if confine(program).is_err() {
        return 1;
    }
    board.set(STATE, READY);
    let result = number(subject.call(nr, &[]));
    board.set(STATE, DONE);
    let named = [(parent, PARENT), (own, SELF)].into_iter().find(|(id, _)| *id == result);
    board.set(RESULT, named.map_or(result, |(_, name)| name));
    0
}

/// What the tracer does: how the child ended, and how often it stopped at its call.
fn follow(
    tracee: &mut Tracee,
    way: Way,
    change: Option<Change>,
    board: &Board,
) -> Result<(Ending, i64), String> {
    let mut stops = 0;
    loop {
        match way {
            Way::Filter => tracee.resume()?,
            Way::Ptrace => tracee.resume_to_syscall()?,
        }
        let stop = tracee.wait()?;
        if let Stop::Ended(ending) = stop {
            return Ok((ending, stops));
        }
        // Under ptrace the child's other calls stop as well.
        if board.at(STATE) != READY || !stops_at(way, stop)? {
            continue;
        }
        stops += 1;
        if let (1, Some(change)) = (stops, change) {
            apply(tracee, change)?;
        }
    }
}

fn apply(tracee: &Tracee, (nr, result): Change) -> Result<(), String> {
    let mut registers = tracee.registers()?;
    registers.nr = nr;
    if let Some(result) = result {
        registers.result = u64::from_ne_bytes(result.to_ne_bytes());
    }
    tracee.set_registers(registers)
}

fn stops_at(way: Way, stop: Stop) -> Result<bool, String> {
    match (way, stop) {
        (Way::Filter, Stop::Seccomp(data)) => same("the message", data, DATA.into()).map(|()| true),
        (Way::Ptrace, Stop::Syscall) => Ok(true),
        (_, stop) => Err(format!("stopped with {stop:?}")),
    }
}

fn result_is(traced: &Traced, expected: i64) -> Checked {
    same("the ending", traced.ending, Ending::Exited { code: 0 })?;
    same("the result", traced.result, expected)?;
    ensure(traced.stops > 0, "the tracer was asked")?;
    Ok(Verdict::Passed)
}

fn is_x86() -> bool {
    cfg!(target_arch = "x86_64")
}

const NO_REGISTERS: &str = "registers of tracees are read on x86_64 only";

fn negative(way: Way) -> Checked {
    let traced = traced(way, -1, None)?;
    same("the result", traced.result, -i64::from(libc::ENOSYS))?;
    same("the ending", traced.ending, Ending::Exited { code: 0 })?;
    // No rule of the filter is about -1, so only ptrace stops there.
    ensure((traced.stops > 0) == (way == Way::Ptrace), "who stops at -1")?;
    Ok(Verdict::Passed)
}

fn allowed(way: Way) -> Checked {
    result_is(&traced(way, GETPPID, None)?, PARENT)
}

fn redirected(way: Way) -> Checked {
    if !is_x86() {
        return skip(NO_REGISTERS);
    }
    let getpid = nr(libc::SYS_getpid).unsigned_abs();
    result_is(&traced(way, GETPPID, Some((getpid, None)))?, SELF)
}

fn skipped_errno(way: Way) -> Checked {
    if !is_x86() {
        return skip(NO_REGISTERS);
    }
    let refused = -i64::from(libc::ESRCH);
    result_is(&traced(way, GETPPID, Some((SKIP, Some(refused))))?, refused)
}

fn skipped_value(way: Way) -> Checked {
    if !is_x86() {
        return skip(NO_REGISTERS);
    }
    result_is(&traced(way, GETPPID, Some((SKIP, Some(45_000))))?, 45_000)
}

fn kill_at_once(way: Way) -> Checked {
    let traced = traced(way, KILL_FOR, None)?;
    same("the ending", traced.ending, KILLED)?;
    ensure(way == Way::Ptrace || traced.stops == 0, "a filter's kill comes before its TRACE")?;
    Ok(Verdict::Passed)
}

fn refused_after(way: Way) -> Checked {
    if !is_x86() {
        return skip(NO_REGISTERS);
    }
    let changed = (EPERM_FOR.unsigned_abs(), None);
    result_is(&traced(way, GETPPID, Some(changed))?, -i64::from(libc::EPERM))
}

fn kill_after(way: Way) -> Checked {
    if !is_x86() {
        return skip(NO_REGISTERS);
    }
    let traced = traced(way, GETPPID, Some((KILL_FOR.unsigned_abs(), None)))?;
    same("the ending", traced.ending, KILLED)?;
    Ok(Verdict::Passed)
}

fn traced_once() -> Checked {
    if !is_x86() {
        return skip(NO_REGISTERS);
    }
    // The number stays; the filters run again, and their second TRACE stops nothing.
    let traced = traced(Way::Filter, GETPPID, Some((GETPPID.unsigned_abs(), None)))?;
    same("the stops", traced.stops, 1)?;
    result_is(&traced, PARENT)
}

fn changes_memory() -> Checked {
    passes(|subject| {
        const BEFORE: usize = 0;
        const AFTER: usize = 0x1001;
        let word = Box::new(std::sync::atomic::AtomicUsize::new(BEFORE));
        let address = std::ptr::from_ref(word.as_ref()).expose_provenance();
        let program = filter(Way::Filter)?;
        let mut tracee = Tracee::start(subject, TraceOptions::SECCOMP, |subject| {
            let confined = confine(&program).is_ok();
            let _ = subject.call(GETPPID, &[]);
            let seen = word.load(std::sync::atomic::Ordering::SeqCst);
            u8::from(!confined || seen != AFTER)
        })?;
        tracee.resume()?;
        same("the stop", tracee.wait()?, Stop::Seccomp(DATA.into()))?;
        tracee.write_word(address, AFTER)?;
        tracee.resume()?;
        same("the end", tracee.wait()?, Stop::Ended(Ending::Exited { code: 0 }))
    })
}

fn no_stop() -> Checked {
    passes(|subject| {
        let program = filter(Way::Filter)?;
        let mut tracee = Tracee::start(subject, TraceOptions::SECCOMP, |subject| {
            let confined = confine(&program).is_ok();
            u8::from(!confined || subject.call(libc::SYS_getpid, &[]).is_err())
        })?;
        tracee.resume()?;
        same("the end", tracee.wait()?, Stop::Ended(Ending::Exited { code: 0 }))
    })
}

fn suspend() -> Checked {
    if !privileged() {
        return skip("suspending filters needs root outside of any filter");
    }
    let refused = super::support::answer(refusal(libc::EPERM))?;
    let verdict = passes(|subject| {
        let board = board()?;
        let mut tracee = Tracee::start(subject, TraceOptions::EXIT_KILL, |subject| {
            let confined = confine(&refused).is_ok();
            board.set(0, number(subject.call(GETPPID, &[])));
            let _ = subject.call(libc::SYS_kill, &own_stop(subject));
            board.set(1, number(subject.call(GETPPID, &[])));
            u8::from(!confined)
        })?;
        tracee.resume()?;
        same("the second stop", tracee.wait()?, Stop::Signal(libc::SIGSTOP))?;
        tracee.set_options(TraceOptions::SUSPEND_SECCOMP.and(TraceOptions::EXIT_KILL))?;
        tracee.resume()?;
        same("the end", tracee.wait()?, Stop::Ended(Ending::Exited { code: 0 }))?;
        same("before", board.at(0), -1)?;
        ensure(board.at(1) > 0, "suspended filters do not answer")
    });
    verdict?;
    passes(|subject| {
        become_nobody(subject)?;
        let options = TraceOptions::SUSPEND_SECCOMP;
        let started = Tracee::start(subject, options, |_| 0).map(drop);
        same("nobody", started, Err(said(errno(libc::EPERM))))
    })
}

fn own_stop(subject: Subject) -> [u64; 2] {
    let pid = subject.call(libc::SYS_getpid, &[]).unwrap_or(0);
    [pid.unsigned_abs(), u64::from(libc::SIGSTOP.unsigned_abs())]
}

fn suspend_by_seizing() -> Checked {
    passes(|subject| {
        become_nobody(subject)?;
        let child = subject.fork(|_| {
            std::thread::sleep(std::time::Duration::from_secs(20));
            0
        })?;
        // A process that changed its user can't be traced by others; its children, forked after,
        // can.
        same("nobody", seize(&child, TraceOptions::SUSPEND_SECCOMP), failed(libc::EPERM))
    })
}
