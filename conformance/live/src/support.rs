//! Shared by the rows: how they are judged, and the filters that most of them use.

use std::fmt::Debug;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use callgate::{Action, Errno, Filter, Name, Program, Scope, names};
use callgate_bpf::Instruction;
use callgate_kernel::child::{Ending, Signal};
use callgate_kernel::{Interruption, Options, Status, current_status, load};
use callgate_lab::{AuditRecords, Board, Subject, trial};

/// One observation.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// The expected observation.
    pub(super) about: &'static str,
    pub(super) check: fn() -> Result<Verdict, String>,
}

/// The outcome of a row that did not fail.
pub(super) enum Verdict {
    Passed,
    Skipped(String),
}

/// A row's result.
pub(super) type Checked = Result<Verdict, String>;

pub(super) const GETPPID: i64 = nr(libc::SYS_getppid);

/// The number of a call, of one type on all machines.
#[allow(
    clippy::unnecessary_cast,
    clippy::cast_lossless,
    reason = "the type differs where a long has 32 bits"
)]
pub(super) const fn nr(raw: libc::c_long) -> i64 {
    raw as i64
}

/// A row that runs in a process of its own and must come to its end.
pub(super) fn passes(row: impl FnOnce(Subject) -> Result<(), String>) -> Checked {
    ends(Ending::Exited { code: 0 }, row)
}

/// A row whose process must be killed by a filter.
pub(super) fn dies(row: impl FnOnce(Subject) -> Result<(), String>) -> Checked {
    ends(Ending::Killed { signal: Signal::SYS }, row)
}

/// A row whose process must end in a certain way.
pub(super) fn ends(expected: Ending, row: impl FnOnce(Subject) -> Result<(), String>) -> Checked {
    same("the ending", trial(row)?, expected)?;
    Ok(Verdict::Passed)
}

/// A row that can't be made here.
pub(super) fn skip(reason: &str) -> Checked {
    Ok(Verdict::Skipped(reason.into()))
}

/// A complaint where two values differ.
pub(super) fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{what}: {found:?}, expected {expected:?}")),
    }
}

/// A complaint where something does not hold.
pub(super) fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("not so: {what}")) }
}

/// Any error as a complaint.
pub(super) fn said(error: impl Debug) -> String {
    format!("{error:?}")
}

/// An errno of libc's numbers.
pub(super) fn errno(raw: i32) -> Errno {
    Errno::new(u16::try_from(raw).unwrap_or(0))
}

/// A failed call.
pub(super) fn failed<T>(raw: i32) -> Result<T, Errno> {
    Err(errno(raw))
}

/// The action ERRNO with a number that it can hold.
pub(super) fn refusal(raw: i32) -> Action {
    errno(raw).action()
}

/// A filter that gives one call an answer and allows all others.
pub(super) fn answering(name: Name, action: Action) -> Result<Program, String> {
    let filter = Filter::builder(Action::ALLOW).answer(action, [name]).foreign(Action::ALLOW);
    filter.build().map(|filter| filter.program().clone()).map_err(|error| error.to_string())
}

/// A filter that answers getppid, the call that has no effect and always succeeds.
pub(super) fn answer(action: Action) -> Result<Program, String> {
    answering(names::GETPPID, action)
}

/// As [`answer`], with any word; written by hand, for words that no policy has.
pub(super) fn answer_word(word: u32) -> Result<Program, String> {
    program(&[
        Instruction::new(0x20, 0),
        Instruction { code: 0x15, jt: 0, jf: 1, k: u32::try_from(GETPPID).unwrap_or(0) },
        Instruction::new(0x06, word),
        Instruction::new(0x06, Action::ALLOW.raw()),
    ])
}

/// A program written by hand.
pub(super) fn program(instructions: &[Instruction]) -> Result<Program, String> {
    Program::new(instructions).map_err(|error| error.to_string())
}

/// A program of a length that allows everything.
pub(super) fn allow(length: usize) -> Result<Program, String> {
    program(&vec![Instruction::new(0x06, Action::ALLOW.raw()); length])
}

/// Attaches a program to this thread.
pub(super) fn confine(program: &Program) -> Result<(), String> {
    load(program, Scope::ThisThread, &Options::default()).map_err(|error| error.to_string())
}

/// Attaches a filter that hands getppid to a listener.
pub(super) fn listen(interruption: Interruption) -> Result<OwnedFd, String> {
    let filter = Filter::builder(Action::ALLOW).answer(Action::USER_NOTIFY, [names::GETPPID]);
    let filter = filter.foreign(Action::ALLOW).build().map_err(|error| error.to_string())?;
    let listener = filter.load_with_listener(Scope::ThisThread, &Options::default(), interruption);
    listener.map_err(|error| error.to_string())
}

/// The confinement of the calling thread.
pub(super) fn status() -> Result<Status, String> {
    current_status().map_err(|error| error.to_string())
}

/// Whether this process may do what only root outside of any sandbox may.
pub(super) fn privileged() -> bool {
    current_status().is_ok_and(|status| status.sys_admin && status.filters == Some(0))
}

/// Gives up all privileges.
pub(super) fn become_nobody(subject: Subject) -> Result<(), String> {
    const NOBODY: u64 = 65_534;
    subject.call(libc::SYS_setresuid, &[NOBODY; 3]).map(drop).map_err(said)
}

/// The audit record of a process that has ended, if it left one: what comes before the record of
/// another process, which surely leaves one.
pub(super) fn record_of(
    subject: Subject,
    records: &AuditRecords,
    pid: u32,
) -> Result<Option<String>, String> {
    const SECONDS_MAX: i32 = 20;
    let logged = answer(Action::LOG)?;
    let mut marker = subject.fork(|subject| {
        let confined = confine(&logged).is_ok();
        u8::from(!confined || subject.call(GETPPID, &[]).is_err())
    })?;
    same("the marker", marker.wait()?, Ending::Exited { code: 0 })?;
    let names = |record: &str, pid: u32| record.contains(&format!(" pid={pid} "));
    let mut found = None;
    while let Some(record) = records.next(SECONDS_MAX * 1_000)? {
        if names(&record, marker.pid()) {
            return Ok(found);
        }
        if names(&record, pid) {
            found = Some(record);
        }
    }
    Err("the marker's record did not come".into())
}

/// Waits until something holds.
pub(super) fn eventually(
    what: &str,
    mut holds: impl FnMut() -> Result<bool, String>,
) -> Result<(), String> {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds()? {
        if Instant::now() > until {
            return Err(format!("waited in vain: {what}"));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Whether a thread of this process is still there.
pub(super) fn thread_exists(tid: i64) -> bool {
    std::path::Path::new(&format!("/proc/self/task/{tid}")).exists()
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread that does what it is asked.
pub(super) struct Worker {
    pub(super) tid: i64,
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
}

impl Worker {
    pub(super) fn start(subject: Subject) -> Result<Self, String> {
        let (jobs, work) = channel::<Job>();
        let (report, tid) = channel();
        let thread = thread::Builder::new().spawn(move || {
            let _ = report.send(subject.call(libc::SYS_gettid, &[]).unwrap_or(0));
            work.into_iter().for_each(|job| job());
        });
        let thread = thread.map_err(|error| error.to_string())?;
        Ok(Self { tid: wait(&tid)?, jobs, thread })
    }

    /// Asks, and waits for the answer.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        let (answer, answers) = channel();
        self.tell(move || {
            let _ = answer.send(job());
        })?;
        wait(&answers)
    }

    /// Asks, and does not wait.
    pub(super) fn tell(&self, job: impl FnOnce() + Send + 'static) -> Result<(), String> {
        self.jobs.send(Box::new(job)).map_err(|_| "a worker is gone".into())
    }

    /// Lets the thread end, and waits until it has: also for the kernel, which before Linux 6.11
    /// counts its filters a moment longer than it can be joined.
    pub(super) fn end(self) -> Result<(), String> {
        drop(self.jobs);
        self.thread.join().map_err(|_| "a worker panicked")?;
        let entry = format!("/proc/self/task/{}", self.tid);
        eventually("the end of a thread", || Ok(!std::path::Path::new(&entry).exists()))
    }
}

fn wait<T>(answers: &Receiver<T>) -> Result<T, String> {
    answers.recv_timeout(Duration::from_secs(20)).map_err(|error| format!("a worker: {error}"))
}

/// A board, or the complaint that there is none.
pub(super) fn board() -> Result<Board, String> {
    Board::new()
}

/// What a call returned as one number: negative errnos as the kernel has them.
pub(super) fn number(result: Result<i64, Errno>) -> i64 {
    result.unwrap_or_else(|errno| -i64::from(errno.raw()))
}
