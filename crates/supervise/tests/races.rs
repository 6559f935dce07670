//! Calls that end, signals that come, processes that die: each is a value.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use callgate_kernel::child::{self, Call, Ending, Outcome, Restart, Target, own_tid};
use callgate_kernel::{Flag, Interruption, Tid, flag_supported};
use callgate_supervise::{
    Added, Delivery, Event, Failure, Listener, OnExec, Placement, Seen, Value, Wake,
};
use callgate_syscalls::{Errno, SyscallNr, names};
use support::{assert_ended, assert_succeeds, handing_over, next_call, number, supervised};

const EINTR: Outcome = Outcome::Errno(Errno::new(4));

/// A process that asks for its parent's id so often.
fn asking(interruption: Interruption, restart: Restart, calls: usize) -> (Listener, Target) {
    let program = handing_over(&[names::GETPPID]);
    let call = Call::new(number(names::GETPPID));
    let mut target = Target::start(&program, interruption, restart, &vec![call; calls]).unwrap();
    (Listener::new(target.listener().unwrap()).unwrap(), target)
}

#[test]
fn a_call_that_ends_before_it_is_received_is_gone() {
    // The process starts another one, which keeps the listener from ending, and is killed in its
    // first call.
    let (done, end) = UnixStream::pair().unwrap();
    let (listener, child) = supervised(&[names::GETPPID], || {
        let _other = child::start(|| {
            let mut end = end;
            u8::from(std::io::Read::read(&mut end, &mut [0]).is_err())
        });
        u8::try_from(std::os::unix::process::parent_id()).unwrap_or(0)
    });
    let pollable = listener.into_pollable();
    assert_eq!(pollable.wait(None, None), Ok(Wake::Listener));
    child.kill().unwrap();
    child.wait().unwrap();
    // poll(2) sees that the call is gone, the kernel's count of calls does not: a receiver is woken
    // for nothing.
    assert!(matches!(pollable.try_next(), Ok(None)));
    let listener = pollable.into_listener();
    let event = listener.receive().unwrap();
    assert!(matches!(event, Event::Gone), "{event:?}");
    std::io::Write::write_all(&mut &done, b".").unwrap();
    assert_ended(&listener);
}

#[test]
fn killed_after_a_look_nothing_is_seen_or_done() {
    let (listener, child) = supervised(&[names::GETPPID], || {
        u8::try_from(std::os::unix::process::parent_id()).unwrap_or(0)
    });
    let call = next_call(&listener).examine();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(call.still_waits(), Ok(false));
    assert_eq!(call.memory().bytes::<4>(0), Ok(Seen::Gone));
    assert_eq!(call.memory().c_string(0, 10), Ok(Seen::Gone));
    assert_eq!(call.memory().write(0, b"x"), Ok(Seen::Gone));
    assert!(matches!(call.descriptor(0), Ok(Seen::Gone)));
    assert_eq!(call.add_fd(&listener, Placement::Lowest, OnExec::Close), Ok(Added::Gone));
    assert_eq!(call.fail(Failure::EPERM), Ok(Delivery::Gone));
    assert!(matches!(listener.into_pollable().try_next(), Ok(Some(Event::Ended))));
}

#[test]
fn with_any_signal_a_received_call_is_lost_and_comes_again() {
    let (listener, target) = asking(Interruption::AnySignal, Restart::Always, 1);
    let first = next_call(&listener);
    target.interrupt().unwrap();
    let second = next_call(&listener);
    assert_ne!(first.id(), second.id());
    assert_eq!(first.succeed(Value::from(1)), Ok(Delivery::Gone));
    assert_eq!(second.succeed(Value::from(2)), Ok(Delivery::Delivered));
    assert_eq!(target.outcomes().unwrap(), [Outcome::Returned(2)]);

    let (listener, target) = asking(Interruption::AnySignal, Restart::Never, 1);
    let call = next_call(&listener);
    target.interrupt().unwrap();
    assert_ended(&listener);
    assert_eq!(call.succeed(Value::ZERO), Ok(Delivery::Gone));
    assert_eq!(target.outcomes().unwrap(), [EINTR]);
}

#[test]
fn with_fatal_signals_a_received_call_keeps_its_answer() {
    if !flag_supported(Flag::WaitKillableRecv) {
        callgate_testkit::skip("the kernel is older than 5.19");
        return;
    }
    assert_eq!(Interruption::fewest(), Interruption::FatalSignals);
    let (listener, target) = asking(Interruption::fewest(), Restart::Never, 1);
    let call = next_call(&listener);
    target.interrupt().unwrap();
    wait_until_pending(target.child().id());
    assert_eq!(call.still_waits(), Ok(true));
    assert_eq!(call.succeed(Value::from(3)), Ok(Delivery::Delivered));
    assert_ended(&listener);
    assert_eq!(target.outcomes().unwrap(), [Outcome::Returned(3)]);
}

/// Longer than any test takes; whoever sleeps so long is killed.
const A_LONG_TIME: Duration = Duration::from_secs(3600);

/// Waits until a process has a signal that it has not handled yet.
fn wait_until_pending(process: Tid) {
    let pending = || {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let mask = |name| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
        ["SigPnd:", "ShdPnd:"].map(mask).iter().any(|mask| mask.contains(|digit| digit != '0'))
    };
    while !pending() {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Interrupts the first thread of this process again and again while something runs in it.
fn interrupted<T>(run: impl FnOnce() -> T) -> T {
    child::handle_interruptions(Restart::Never).unwrap();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let (process, thread) = (Tid::new(std::process::id()).unwrap(), own_tid().unwrap());
    let disturber = thread::spawn(move || {
        let pause = Duration::from_millis(1);
        while ended.recv_timeout(pause) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            child::interrupt(process, thread).unwrap();
        }
    });
    let result = run();
    drop(end);
    disturber.join().unwrap();
    result
}

#[test]
fn a_signal_ends_the_wait_of_a_supervisor() {
    let supervisor = child::run(|| {
        // The second call never comes: the process sleeps.
        let (listener, child) = supervised(&[names::GETPPID], || {
            thread::sleep(A_LONG_TIME);
            0
        });
        interrupted(|| {
            assert!(matches!(listener.receive(), Ok(Event::Interrupted)));
            let (never, _other) = UnixStream::pair().unwrap();
            let event = listener.receive_unless(never.as_fd());
            assert!(matches!(event, Ok(Some(Event::Interrupted))));
        });
        let pollable = listener.into_pollable();
        interrupted(|| assert_eq!(pollable.wait(None, None), Ok(Wake::Interrupted)));
        child.kill().unwrap();
        u8::from(child.wait().is_err())
    });
    assert_eq!(supervisor, Ok(Ending::Exited { code: 0 }));
}

#[test]
fn a_signal_to_the_supervisor_costs_no_answer() {
    const CALLS: u32 = 2_000;
    let supervisor = child::run(|| {
        let (listener, child) = supervised(&[names::GETPPID], || {
            let right = |i: u32| std::os::unix::process::parent_id() == i;
            u8::from(!(0..CALLS).all(right))
        });
        interrupted(|| {
            let mut answered = 0;
            for call in listener.calls() {
                let delivery = call.unwrap().succeed(Value::from(answered));
                assert_eq!(delivery, Ok(Delivery::Delivered));
                answered += 1;
            }
            assert_eq!(answered, CALLS);
        });
        assert_succeeds(child);
        0
    });
    assert_eq!(supervisor, Ok(Ending::Exited { code: 0 }));
}

#[test]
fn the_death_of_the_supervisor_is_enosys() {
    let (listener, target) = asking(Interruption::fewest(), Restart::Never, 3);
    let (mut here, there) = UnixStream::pair().unwrap();
    // One call is received and not answered, the others come later.
    let supervisor = child::start(move || {
        let call = next_call(&listener);
        std::mem::forget(call);
        std::io::Write::write_all(&mut &there, b".").unwrap();
        thread::sleep(A_LONG_TIME);
        0
    });
    let supervisor = supervisor.unwrap();
    std::io::Read::read_exact(&mut here, &mut [0]).unwrap();
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    let enosys = Outcome::Errno(Errno::ENOSYS);
    assert_eq!(target.outcomes().unwrap(), [enosys, enosys, enosys]);
}

#[test]
fn a_restarted_supervisor_goes_on_and_can_answer_what_was_left() {
    let (listener, target) = asking(Interruption::fewest(), Restart::Never, 2);
    // Somebody keeps the listener: here this process, elsewhere the service manager.
    let (ids, told) = UnixStream::pair().unwrap();
    let first = child::run(|| {
        let id = next_call(&listener).leave();
        u8::from(std::io::Write::write_all(&mut &ids, &id.raw().to_ne_bytes()).is_err())
    });
    assert_eq!(first, Ok(Ending::Exited { code: 0 }));
    let mut id = [0; 8];
    std::io::Read::read_exact(&mut &told, &mut id).unwrap();
    let left = listener.left(callgate_supervise::Id::new(u64::from_ne_bytes(id)));
    assert_eq!(left.succeed(Value::from(1)), Ok(Delivery::Delivered));
    assert_eq!(next_call(&listener).succeed(Value::from(2)), Ok(Delivery::Delivered));
    assert_ended(&listener);
    assert_eq!(target.outcomes().unwrap(), [Outcome::Returned(1), Outcome::Returned(2)]);
}

#[test]
fn of_two_supervisors_each_call_has_one() {
    let calls = child::CALLS_MAX;
    let (listener, target) = asking(Interruption::fewest(), Restart::Never, calls);
    let answer = |value: u32| {
        let listener = &listener;
        move || {
            let answers = listener.calls().map(|call| call.unwrap().succeed(Value::from(value)));
            u8::try_from(answers.filter(|answer| *answer == Ok(Delivery::Delivered)).count())
                .unwrap()
        }
    };
    let other = child::start(answer(100)).unwrap();
    let here = answer(200)();
    let Ok(Ending::Exited { code: there }) = other.wait() else { panic!("killed") };
    let outcomes = target.outcomes().unwrap();
    let count = |value| outcomes.iter().filter(|o| **o == Outcome::Returned(value)).count();
    assert_eq!((count(100), count(200)), (there.into(), here.into()));
    assert_eq!(usize::from(there + here), calls);
}

#[test]
fn an_answer_of_somebody_else_is_noticed() {
    let (listener, target) = asking(Interruption::fewest(), Restart::Never, 1);
    let call = next_call(&listener);
    let other = listener.left(callgate_supervise::Id::new(call.id().raw()));
    assert_eq!(other.succeed(Value::from(7)), Ok(Delivery::Delivered));
    let second = call.succeed(Value::from(8));
    // Which of the two the kernel says depends on whether the call has returned yet.
    let noticed = [Ok(Delivery::Gone), Err(callgate_supervise::Error::AnsweredElsewhere)];
    assert!(noticed.contains(&second), "{second:?}");
    assert_eq!(target.outcomes().unwrap(), [Outcome::Returned(7)]);
}

#[test]
fn an_unknown_number_is_a_call_that_is_gone() {
    let (listener, target) = asking(Interruption::fewest(), Restart::Never, 1);
    let call = next_call(&listener);
    let wrong = listener.left(callgate_supervise::Id::new(call.id().raw().wrapping_add(1)));
    assert_eq!(wrong.fail(Failure::EPERM), Ok(Delivery::Gone));
    assert_eq!(call.call().nr, SyscallNr::new(number(names::GETPPID).raw()));
    assert_eq!(call.succeed(Value::ZERO), Ok(Delivery::Delivered));
    assert_eq!(target.outcomes().unwrap(), [Outcome::Returned(0)]);
}
