//! Filters for every thread of a process: all of them at once, or none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use callgate::{Action, Scope, names};
use callgate_kernel::{
    Error, Interruption, NoNewPrivs, Options, Tid, load, load_raw, load_with_listener,
    set_no_new_privs,
};
use callgate_lab::Subject;

use super::support::{
    Checked, GETPPID, Row, Worker, allow, answer, answering, become_nobody, board, confine, dies,
    ensure, errno, failed, number, passes, privileged, refusal, said, same, skip, status,
    thread_exists,
};

pub(super) const ROWS: &[Row] = &[
    Row { name: "tsync-first", about: "a first filter may be for all threads", check: first },
    Row {
        name: "tsync-binds-siblings",
        about: "a sibling that did nothing is refused what the filter refuses",
        check: binds_siblings,
    },
    Row {
        name: "tsync-with-ancestor",
        about: "siblings that share an older filter get the new one",
        check: with_ancestor,
    },
    Row {
        name: "tsync-kills",
        about: "a sibling's deadly call under the synchronised filter ends the process",
        check: kills,
    },
    Row {
        name: "tsync-no-new-privs",
        about: "EACCES without no_new_privs; with it, the siblings get it too",
        check: spreads_no_new_privs,
    },
    Row {
        name: "tsync-unfiltered-siblings",
        about: "siblings without filters get the caller's whole stack",
        check: unfiltered_siblings,
    },
    Row {
        name: "tsync-diverged",
        about: "a diverged sibling's id is the error, nothing is attached",
        check: diverged,
    },
    Row {
        name: "tsync-diverged-esrch",
        about: "with TSYNC_ESRCH, and so with a listener, the error is ESRCH",
        check: diverged_esrch,
    },
    Row {
        name: "tsync-after-divergence",
        about: "when the diverged thread has ended, synchronising works",
        check: after_divergence,
    },
    Row {
        name: "tsync-dead-leader",
        about: "a first thread that has ended is not in the way",
        check: dead_leader,
    },
    Row { name: "tsync-64-threads", about: "64 threads are bound at once", check: many_threads },
    Row {
        name: "tsync-1000-times",
        about: "1,000 synchronised loads while threads start, end and call: every thread has them all",
        check: repeated,
    },
    Row {
        name: "tsync-strict-sibling",
        about: "a sibling in strict mode is in the way",
        check: strict_sibling,
    },
];

const ALL: Scope = Scope::AllThreads;

fn all(program: &callgate::Program) -> Result<(), Error> {
    load(program, ALL, &Options::default())
}

fn first() -> Checked {
    passes(|_| all(&allow(1)?).map_err(said))
}

/// What getppid comes to in a worker.
fn ask(worker: &Worker, subject: Subject) -> Result<i64, String> {
    worker.ask(move || number(subject.call(GETPPID, &[])))
}

fn filters(worker: &Worker) -> Result<Option<u32>, String> {
    worker.ask(status)?.map(|status| status.filters)
}

fn two(subject: Subject) -> Result<[Worker; 2], String> {
    Ok([Worker::start(subject)?, Worker::start(subject)?])
}

fn binds_siblings() -> Checked {
    passes(|subject| {
        let worker = Worker::start(subject)?;
        all(&answering(names::PRCTL, refusal(libc::ENODEV))?).map_err(said)?;
        let asked = worker.ask(move || subject.call(libc::SYS_prctl, &[38, 1, 0, 0, 0]))?;
        same("the sibling", asked, failed(libc::ENODEV))?;
        worker.end()
    })
}

fn with_ancestor() -> Checked {
    passes(|subject| {
        confine(&allow(1)?)?;
        let workers = two(subject)?;
        let before = status()?.filters;
        all(&answer(refusal(13))?).map_err(said)?;
        for worker in workers {
            same("the sibling", ask(&worker, subject)?, -13)?;
            same("its filters", filters(&worker)?, before.map(|n| n + 1))?;
            worker.end()?;
        }
        Ok(())
    })
}

fn kills() -> Checked {
    dies(|subject| {
        let [worker, other] = two(subject)?;
        all(&answer(Action::KILL_PROCESS)?).map_err(said)?;
        let result = ask(&worker, subject);
        drop(other);
        Err(format!("the sibling's call returned {result:?}"))
    })
}

fn spreads_no_new_privs() -> Checked {
    if !privileged() {
        return skip("giving up privileges needs some");
    }
    passes(|subject| {
        become_nobody(subject)?;
        let workers = two(subject)?;
        let leave = Options { no_new_privs: NoNewPrivs::Leave, ..Options::default() };
        same("without", load(&allow(1)?, ALL, &leave), Err(Error::NotPrivileged))?;
        set_no_new_privs().map_err(said)?;
        load(&answer(refusal(13))?, ALL, &leave).map_err(said)?;
        for worker in workers {
            same("the sibling", ask(&worker, subject)?, -13)?;
            same("its bit", worker.ask(status)??.no_new_privs, Some(true))?;
            worker.end()?;
        }
        Ok(())
    })
}

fn unfiltered_siblings() -> Checked {
    passes(|subject| {
        let workers = two(subject)?;
        confine(&allow(1)?)?;
        confine(&allow(2)?)?;
        all(&answer(refusal(13))?).map_err(said)?;
        let own = status()?.filters;
        for worker in workers {
            same("its filters", filters(&worker)?, own)?;
            same("the sibling", ask(&worker, subject)?, -13)?;
            worker.end()?;
        }
        Ok(())
    })
}

fn diverge(worker: &Worker) -> Result<(), String> {
    worker.ask(|| confine(&allow(1)?))?
}

fn tid(worker: &Worker) -> Result<Tid, String> {
    let tid = u32::try_from(worker.tid).ok().and_then(Tid::new);
    tid.ok_or_else(|| "a worker without an id".into())
}

fn diverged() -> Checked {
    passes(|subject| {
        confine(&allow(1)?)?;
        let [one, other] = two(subject)?;
        diverge(&one)?;
        let before = status()?.filters;
        same(
            "the load",
            all(&answer(refusal(13))?),
            Err(Error::ThreadDiverged { tid: tid(&one)? }),
        )?;
        // The kernel's own number, which is not negative.
        let raw = load_raw(&answer(refusal(13))?, 1);
        same("in the kernel's words", raw.map(i64::from), Ok(one.tid))?;
        same("this thread's filters", status()?.filters, before)?;
        same("the other's", filters(&other)?, before)?;
        ensure(ask(&other, subject)? > 0, "nothing was attached")
    })
}

fn diverged_esrch() -> Checked {
    passes(|subject| {
        let [one, other] = two(subject)?;
        diverge(&one)?;
        const TSYNC_AND_ESRCH: u32 = 17;
        let options = Options::default();
        let before = status()?.filters;
        set_no_new_privs().map_err(said)?;
        same("in the kernel's words", load_raw(&allow(1)?, TSYNC_AND_ESRCH), failed(libc::ESRCH))?;
        let listener = load_with_listener(&allow(1)?, ALL, &options, Interruption::AnySignal);
        same("with a listener", listener.map(drop), Err(Error::SomeThreadDiverged))?;
        same("this thread's filters", status()?.filters, before)?;
        ensure(ask(&other, subject)? > 0, "nothing was attached")
    })
}

fn after_divergence() -> Checked {
    passes(|subject| {
        let [one, other] = two(subject)?;
        diverge(&one)?;
        let refused = answer(refusal(13))?;
        same("before", all(&refused), Err(Error::ThreadDiverged { tid: tid(&one)? }))?;
        one.end()?;
        same("after", all(&refused), Ok(()))?;
        same("the other", ask(&other, subject)?, -13)
    })
}

fn dead_leader() -> Checked {
    let program = answer(refusal(13))?;
    passes(|subject| {
        let leader = subject.call(libc::SYS_getpid, &[]).map_err(said)?;
        let worker = Worker::start(subject)?;
        worker.tell(move || {
            let zombie = super::support::eventually("a zombie", || {
                let stat = std::fs::read_to_string(format!("/proc/{leader}/stat"));
                Ok(stat.is_ok_and(|stat| stat.contains(") Z ")))
            });
            let bound = zombie.is_ok()
                && all(&program).is_ok()
                && number(subject.call(GETPPID, &[])) == -13;
            let _ = subject.call(libc::SYS_exit_group, &[u64::from(!bound)]);
        })?;
        subject.exit_thread(9);
        Err("still there".into())
    })
}

fn many_threads() -> Checked {
    passes(|subject| {
        let workers: Result<Vec<_>, _> = (0..64).map(|_| Worker::start(subject)).collect();
        let workers = workers?;
        let before = status()?.filters;
        all(&answer(refusal(13))?).map_err(said)?;
        for worker in &workers {
            same("a thread", ask(worker, subject)?, -13)?;
            same("its filters", filters(worker)?, before.map(|n| n + 1))?;
        }
        same("one thread diverges", diverge(&workers[40]), Ok(()))?;
        let refused = all(&allow(1)?);
        same("the next load", refused, Err(Error::ThreadDiverged { tid: tid(&workers[40])? }))?;
        workers.into_iter().try_for_each(Worker::end)
    })
}

/// Filters of one instruction, so that 1,000 of them fit a path. The loads wait for the threads
/// now and then: the scheduler alone may give those no turn among the loads.
fn repeated() -> Checked {
    const TIMES: u32 = 1_000;
    passes(|subject| {
        let workers = [Worker::start(subject)?, Worker::start(subject)?];
        let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        for worker in &workers {
            let (stop, calls) = (stop.clone(), calls.clone());
            worker.tell(move || {
                while !stop.load(Ordering::Relaxed) {
                    let _ = subject.call(GETPPID, &[]);
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            })?;
        }
        let (ending, one) = (stop.clone(), allow(1)?);
        let starter = Worker::start(subject)?;
        let (started, counted) = (Arc::new(AtomicU64::new(0)), calls.clone());
        let started_in = started.clone();
        starter.tell(move || {
            while !ending.load(Ordering::Relaxed) {
                let _ = std::thread::spawn(|| ()).join();
                started_in.fetch_add(1, Ordering::Relaxed);
            }
        })?;
        let before = status()?.filters;
        for time in 0..TIMES {
            all(&one).map_err(|error| format!("load {time}: {error:?}"))?;
            if time % 50 == 0 {
                let before = (counted.load(Ordering::Relaxed), started.load(Ordering::Relaxed));
                super::support::eventually("a call and a new thread", || {
                    Ok(counted.load(Ordering::Relaxed) > before.0
                        && started.load(Ordering::Relaxed) > before.1)
                })?;
            }
        }
        stop.store(true, Ordering::Relaxed);
        let expected = before.map(|n| n + TIMES);
        for worker in workers.into_iter().chain([starter]) {
            same("a thread's filters", filters(&worker)?, expected)?;
            worker.end()?;
        }
        Ok(())
    })
}

fn strict_sibling() -> Checked {
    passes(|subject| {
        let board = Arc::new(board()?);
        let (told, worker) = (board.clone(), Worker::start(subject)?);
        worker.tell(move || {
            let _ = subject.call(libc::SYS_prctl, &[22, 1]);
            told.set(0, 1);
            // Strict mode forbids sleeping.
            while told.at(1) == 0 {
                std::hint::spin_loop();
            }
            subject.exit_thread(0);
        })?;
        board.wait_for(0, 1)?;
        let refused = all(&allow(1)?);
        let expected = Err(Error::ThreadDiverged { tid: tid(&worker)? });
        board.set(1, 1);
        same("the load", refused, expected)?;
        super::support::eventually("its end", || Ok(!thread_exists(worker.tid)))?;
        same("afterwards", all(&allow(1)?), Ok(()))?;
        same("an errno", errno(13).raw(), 13)
    })
}
