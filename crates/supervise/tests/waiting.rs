//! The other ways to wait: event loops, tasks, several threads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::io::{Read, Write};
use std::num::NonZeroU8;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::parent_id;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use callgate_kernel::child::Child;
use callgate_supervise::{Delivery, Dispatcher, Error, Event, Failure, Listener, Value, Wake};
use callgate_syscalls::{Errno, names};
use support::{assert_succeeds, supervised};

/// A process whose threads ask for their parent's id so often each, and insist on this answer.
fn threads(count: u32, calls: u32, answer: u32) -> (Listener, Child) {
    supervised(&[names::GETPPID], || {
        let ask = || (0..calls).all(|_| parent_id() == answer);
        let right = thread::scope(|scope| {
            let threads: Vec<_> = (0..count).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().all(|thread| thread.join().unwrap())
        });
        u8::from(!right)
    })
}

fn workers(count: u8) -> NonZeroU8 {
    NonZeroU8::new(count).unwrap()
}

#[test]
fn an_event_loop_never_waits_for_what_is_not_there() {
    let (mut here, there) = UnixStream::pair().unwrap();
    let (listener, child) = supervised(&[names::GETPPID], || {
        let mut there = there;
        there.read_exact(&mut [0]).unwrap();
        u8::from(parent_id() != 5)
    });
    let pollable = listener.into_pollable();
    assert!(pollable.try_next().unwrap().is_none());
    let start = Instant::now();
    let time = Duration::from_millis(10);
    assert_eq!(pollable.wait(None, Some(time)), Ok(Wake::Time));
    assert!(start.elapsed() >= time);
    let (other, sender) = UnixStream::pair().unwrap();
    drop(sender);
    assert_eq!(pollable.wait(Some(other.as_fd()), None), Ok(Wake::Other));

    here.write_all(b".").unwrap();
    assert_eq!(pollable.wait(None, None), Ok(Wake::Listener));
    let Ok(Some(Event::Call(call))) = pollable.try_next() else { panic!("no call") };
    assert!(pollable.try_next().unwrap().is_none(), "a call is shown once");
    assert_eq!(call.succeed(Value::from(5)), Ok(Delivery::Delivered));
    assert_succeeds(child);
    assert_eq!(pollable.wait(Some(other.as_fd()), None), Ok(Wake::Listener), "it comes first");
    assert!(matches!(pollable.try_next(), Ok(Some(Event::Ended))));
}

#[test]
fn several_threads_poll_and_none_gets_stuck() {
    let (listener, child) = threads(4, 100, 6);
    let pollable = listener.into_pollable();
    let answered = AtomicU32::new(0);
    let work = || loop {
        match pollable.try_next().unwrap() {
            Some(Event::Call(call)) => {
                let _delivery = call.succeed(Value::from(6)).unwrap();
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Some(Event::Ended) => return,
            Some(_) => {}
            None => drop(pollable.wait(None, None).unwrap()),
        }
    };
    thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(work))));
    assert_eq!(answered.into_inner(), 400);
    assert_succeeds(child);
}

#[test]
fn a_dispatcher_answers_with_all_its_threads_and_no_more() {
    const WORKERS: u8 = 3;
    let (listener, child) = threads(6, 2, 7);
    let dispatcher = Dispatcher::new(listener, workers(WORKERS)).unwrap();
    let (meeting, met) = (Barrier::new(WORKERS.into()), AtomicU32::new(0));
    let (busy, most) = (AtomicU32::new(0), AtomicU32::new(0));
    let summary = dispatcher.run(|call| {
        most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // The first calls pass only together. The last ones may come one by one, from a thread that
        // was late.
        if met.fetch_add(1, Ordering::SeqCst) < WORKERS.into() {
            meeting.wait();
        }
        busy.fetch_sub(1, Ordering::SeqCst);
        call.succeed(Value::from(7))
    });
    let summary = summary.unwrap();
    assert_eq!((summary.delivered, summary.gone, summary.failed, summary.panicked), (12, 0, 0, 0));
    assert_eq!(most.into_inner(), WORKERS.into());
    assert_succeeds(child);
}

#[test]
fn handlers_that_fail_or_panic_leave_no_call_waiting() {
    let (listener, child) = supervised(&[names::MKDIR], || {
        let mkdir = || std::fs::create_dir("/nonexistent/x").map_err(|e| e.raw_os_error().unwrap());
        let results = [mkdir(), mkdir(), mkdir()];
        u8::from(results != [Err(libc::ENOSYS), Err(libc::ENOSYS), Err(libc::EPERM)])
    });
    let dispatcher = Dispatcher::new(listener, workers(1)).unwrap();
    let calls = AtomicU32::new(0);
    let error = Error::Kernel { call: "something of the handler's", errno: Errno::EIO };
    let summary = dispatcher.run(|call| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => panic!("on purpose"),
        1 => Err(error.clone()),
        _ => call.fail(Failure::EPERM),
    });
    let summary = summary.unwrap();
    assert_eq!((summary.delivered, summary.failed, summary.panicked), (1, 1, 1));
    assert_eq!(summary.first_error, Some(error.clone()));
    assert_succeeds(child);
}

#[test]
fn a_dispatcher_can_be_stopped_and_its_listener_kept() {
    let (mut here, there) = UnixStream::pair().unwrap();
    let (listener, child) = supervised(&[names::GETPPID], || {
        let mut there = there;
        let first = parent_id();
        there.write_all(b".").unwrap();
        u8::from([first, parent_id()] != [1, 2])
    });
    let dispatcher = Dispatcher::new(listener, workers(2)).unwrap();
    let stopper = dispatcher.stopper().unwrap();
    let summary = thread::scope(|scope| {
        let running = scope.spawn(|| dispatcher.run(|call| call.succeed(Value::from(1))));
        here.read_exact(&mut [0]).unwrap();
        stopper.stop();
        running.join().unwrap()
    });
    // Whether the second call was taken before the stop is the threads' luck.
    let taken = summary.unwrap().delivered;
    assert!(taken == 1 || taken == 2, "{taken}");
    let again = dispatcher.run(|call| call.succeed(Value::from(3))).unwrap();
    assert_eq!(again.delivered, 0, "stopped is stopped");
    if taken == 1 {
        let call = support::next_call(dispatcher.listener());
        assert_eq!(call.succeed(Value::from(2)), Ok(Delivery::Delivered));
        assert_succeeds(child);
    } else {
        child.wait().unwrap();
    }
}

#[cfg(feature = "tokio")]
mod tasks {
    use callgate_supervise::AsyncListener;

    use super::*;

    #[tokio::test]
    async fn tasks_take_turns() {
        let (listener, child) = threads(4, 200, 8);
        let listener = std::sync::Arc::new(AsyncListener::new(listener).unwrap());
        let serve = |listener: std::sync::Arc<AsyncListener>| async move {
            let mut answered = 0;
            loop {
                match listener.next().await.unwrap() {
                    Event::Call(call) => {
                        let _delivery = call.succeed(Value::from(8)).unwrap();
                        answered += 1;
                    }
                    Event::Ended => return answered,
                    Event::Gone | Event::Interrupted => {}
                }
                tokio::task::yield_now().await;
            }
        };
        let tasks: Vec<_> = (0..3).map(|_| tokio::spawn(serve(listener.clone()))).collect();
        let mut answered = 0;
        for task in tasks {
            answered += task.await.unwrap();
        }
        assert_eq!(answered, 800);
        assert_succeeds(child);
    }

    #[tokio::test]
    async fn other_tasks_run_while_one_waits() {
        let (mut here, there) = UnixStream::pair().unwrap();
        let (listener, child) = supervised(&[names::GETPPID], || {
            let mut there = there;
            there.read_exact(&mut [0]).unwrap();
            u8::from(parent_id() != 9)
        });
        let listener = AsyncListener::new(listener).unwrap();
        let quick = tokio::time::timeout(Duration::from_millis(10), listener.next()).await;
        assert!(quick.is_err(), "nothing comes, and the wait can be given up");
        here.write_all(b".").unwrap();
        let Event::Call(call) = listener.next().await.unwrap() else { panic!("no call") };
        assert_eq!(call.succeed(Value::from(9)), Ok(Delivery::Delivered));
        assert!(matches!(listener.next().await, Ok(Event::Ended)));
        assert_succeeds(child);
    }
}
