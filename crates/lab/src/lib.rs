//! Processes to try the kernel on: what the rows of `cargo xtask conformance live` are made of.
//!
//! A row runs in [`trial`]: in a forked process that is thrown away, with a [`Subject`] as its
//! licence to do what would harm a process that is to go on. A child leaves what it found on a
//! [`Board`], memory that it shares with its parent, because a filter may forbid every call by
//! which it could report.
//!
//! [`judge`] is what `cargo xtask conformance kernel` compares with, [`swarm`] what `conformance
//! notify` supervises; [`refusing`] is for tests of refused memory.
#![cfg(target_os = "linux")]

mod audit;
pub mod judge;
mod probe;
pub mod refusing;
pub mod swarm;
mod sys;
mod tracee;

use std::array;
use std::fmt::{self, Debug};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use callgate_bpf::Instruction;
use callgate_syscalls::Errno;
use libc::c_long;

use crate::sys::{self as lab, trap};
use callgate_kernel::Tid;
use callgate_kernel::child::{Ending, run};
use callgate_kernel::parts::Shared;
use callgate_kernel::parts::{self, Fork};

pub use audit::AuditRecords;
pub use probe::{Attached, Probe};
pub use tracee::{Registers, Stop, TraceOptions, Tracee, seize};

/// The licence to harm the process: only [`trial`] and what it forks have one.
#[derive(Clone, Copy, Debug)]
pub struct Subject(());

/// How long a row may take, on machines that are translated.
const SECONDS_MAX: u32 = 300;

/// The exit code of a trial that left a complaint.
const COMPLAINED: u8 = 99;

/// Runs a row in a forked process: how it ended, or what it complained of.
///
/// # Errors
/// The complaint; a panic is one.
pub fn trial(row: impl FnOnce(Subject) -> Result<(), String>) -> Result<Ending, String> {
    let complaint = Shared::<Complaint>::new().map_err(said)?;
    let ending = run(|| {
        lab::die_with_parent();
        parts::alarm(SECONDS_MAX);
        let result = catch_unwind(AssertUnwindSafe(|| row(Subject(()))));
        match result.unwrap_or_else(|_| Err("panicked".into())) {
            Ok(()) => 0,
            Err(text) => {
                complaint.value().write(&text);
                COMPLAINED
            }
        }
    });
    match ending.map_err(|error| error.to_string())? {
        Ending::Exited { code: COMPLAINED } => Err(complaint.value().read()),
        ending => Ok(ending),
    }
}

/// What went wrong, as far as there is room.
struct Complaint {
    length: AtomicUsize,
    bytes: [AtomicU8; 1024],
}

impl Default for Complaint {
    fn default() -> Self {
        Self { length: AtomicUsize::new(0), bytes: array::from_fn(|_| AtomicU8::new(0)) }
    }
}

impl Complaint {
    fn write(&self, text: &str) {
        let pairs = self.bytes.iter().zip(text.bytes());
        self.length.store(pairs.len(), Ordering::Release);
        pairs.for_each(|(place, byte)| place.store(byte, Ordering::Release));
    }

    fn read(&self) -> String {
        let places = self.bytes.iter().take(self.length.load(Ordering::Acquire));
        let bytes: Vec<u8> = places.map(|place| place.load(Ordering::Acquire)).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// A failure of the kernel's as a complaint.
fn said(error: impl Debug) -> String {
    format!("{error:?}")
}

/// What the kernel tells a SIGSYS handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the fields that the kernel has")]
pub struct Trap {
    /// The filter's data (`si_errno`).
    pub data: i32,
    /// 1: a filter raised it (`si_code`).
    pub code: i32,
    /// The address after the syscall instruction (`si_call_addr`).
    pub address: u64,
    /// The number (`si_syscall`).
    pub nr: i32,
    /// The architecture's token (`si_arch`).
    pub arch: u32,
}

impl Subject {
    /// Makes any call by libc's entry.
    ///
    /// # Errors
    /// The kernel's errno.
    pub fn call(self, nr: impl Into<i64>, args: &[u64]) -> Result<i64, Errno> {
        let nr = i32::try_from(nr.into()).map_err(|_| parts::errno(libc::EINVAL))?;
        let mut all = [0; 6];
        all.iter_mut().zip(args).for_each(|(place, arg)| *place = *arg);
        // SAFETY: a subject exists in a child of its own (`trial`), which exists for such calls.
        let result = unsafe { parts::any_syscall(nr, all) };
        // The same type on 64-bit machines, where Clippy takes a conversion of numbers for useless.
        result.map(|value| isize::try_from(value).map_or(0, |v| v as i64))
    }

    /// Makes a call of i386's table by `int 0x80`, with whole registers: as the kernel returns it,
    /// negative errnos included. `None` where this machine has no such entry.
    #[must_use]
    pub fn call_ia32(self, nr: u64, args: &[u64]) -> Option<i64> {
        let mut all = [0; 5];
        all.iter_mut().zip(args).for_each(|(place, arg)| *place = *arg);
        // SAFETY: as for `call`.
        let result = unsafe { lab::int80(nr, all) }?;
        // The kernel leaves 32 bits, which are signed.
        let low = result & 0xffff_ffff;
        Some(if low >= 1 << 31 { low - (1 << 32) } else { low })
    }

    /// Makes a native call without arguments, its number in a whole register: as the kernel returns
    /// it. `None` where this machine has no such register.
    #[must_use]
    pub fn call_raw_number(self, nr: u64) -> Option<i64> {
        // SAFETY: as for `call`.
        unsafe { lab::whole_number(nr) }
    }

    /// A copy of a descriptor of another process's.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn take_descriptor(self, pid: u32, number: i64) -> Result<OwnedFd, String> {
        let numbers = libc::pid_t::try_from(pid).ok().zip(i32::try_from(number).ok());
        let (pid, number) = numbers.ok_or("no process or descriptor")?;
        lab::descriptor_of(pid, number).map_err(said)
    }

    /// Asks the kernel to attach instructions that need not be a program, with any flags: what it
    /// returns.
    ///
    /// # Errors
    /// The kernel's errno.
    pub fn load(self, flags: u32, instructions: &[Instruction]) -> Result<c_long, Errno> {
        parts::set_mode_filter(flags.into(), instructions)
    }

    /// Lets SIGSYS be recorded for [`Subject::trapped`].
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn record_traps(self) -> Result<(), String> {
        trap::record().map_err(said)
    }

    /// Takes the trap since the last time this was asked.
    #[must_use]
    pub fn trapped(self) -> Option<Trap> {
        let trap = trap::take()?;
        let address = u64::try_from(trap.address).ok()?;
        Some(Trap { data: trap.data, code: trap.code, address, nr: trap.nr, arch: trap.arch })
    }

    /// Counts a signal from now on; calls that it interrupts are restarted if so asked, else fail
    /// with `EINTR`.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn count_signal(self, signal: i32, restart: bool) -> Result<(), String> {
        lab::catch(signal, restart).map_err(said)
    }

    /// How many signals were counted.
    #[must_use]
    pub fn signals(self) -> u32 {
        lab::caught()
    }

    /// Ignores a signal.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn ignore_signal(self, signal: i32) -> Result<(), String> {
        lab::ignore(signal).map_err(said)
    }

    /// Keeps a signal from this thread.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn block_signal(self, signal: i32) -> Result<(), String> {
        lab::block(signal).map_err(said)
    }

    /// The events that a descriptor shows within some milliseconds (poll(2)).
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn poll(self, descriptor: BorrowedFd<'_>, milliseconds: i32) -> Result<i16, String> {
        lab::poll(descriptor, libc::POLLIN | libc::POLLOUT, milliseconds).map_err(said)
    }

    /// Ends the process without a call that strict mode would kill it for.
    pub fn exit_thread(self, code: u8) {
        let _unreachable = self.call(libc::SYS_exit, &[code.into()]);
    }

    /// Forks a child that ends with the closure's code.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn fork(self, body: impl FnOnce(Self) -> u8) -> Result<Child, String> {
        // SAFETY: a subject exists in a child of its own (`trial`), which has one thread unless the
        // row itself starts some, and shares memory with nobody but through atomics. What its rows
        // do is test code, as with the feature `test-support`.
        match unsafe { parts::fork() }.map_err(said)? {
            Fork::Parent(pid) => Ok(Child { pid: pid.as_pid(), ended: None }),
            Fork::Child => {
                lab::die_with_parent();
                parts::alarm(SECONDS_MAX);
                let code = catch_unwind(AssertUnwindSafe(|| body(self)));
                parts::exit_now(code.unwrap_or(callgate_kernel::child::PANIC_CODE))
            }
        }
    }
}

/// A forked child; killed where it is dropped before its end.
#[derive(Debug)]
pub struct Child {
    pid: libc::pid_t,
    ended: Option<Ending>,
}

impl Child {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.unsigned_abs()
    }

    /// Its process id, as a thread's.
    #[must_use]
    pub fn tid(&self) -> Option<Tid> {
        Tid::from_kernel(self.pid)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn wait(&mut self) -> Result<Ending, String> {
        while self.ended.is_none() {
            self.take(true)?;
        }
        self.ended.ok_or_else(|| "a child without an end".into())
    }

    /// Its end, if it has come.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn ended(&mut self) -> Result<Option<Ending>, String> {
        self.take(false)?;
        Ok(self.ended)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn kill(&self, signal: i32) -> Result<(), String> {
        let args = [u64::from(self.pid()), u64::from(signal.unsigned_abs())];
        Subject(()).call(libc::SYS_kill, &args).map(drop).map_err(said)
    }

    fn take(&mut self, wait: bool) -> Result<(), String> {
        if self.ended.is_none() {
            let status = lab::wait_status(self.pid, wait).map_err(said)?;
            self.ended = status.and_then(ending);
        }
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ended.is_none() {
            // It may have ended by itself; either way it is waited for.
            let _ = self.kill(libc::SIGKILL);
            let _ = self.wait();
        }
    }
}

/// How a process ended that has.
fn ending(status: i32) -> Option<Ending> {
    let has_ended = libc::WIFEXITED(status) || libc::WIFSIGNALED(status);
    has_ended.then(|| Ending::of_status(status))
}

/// Numbers in memory that processes share.
pub struct Board(Shared<Numbers>);

#[derive(Default)]
struct Numbers([AtomicI64; 32]);

impl Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0.value().0).finish()
    }
}

impl Board {
    /// 32 zeroes.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn new() -> Result<Self, String> {
        Shared::new().map(Self).map_err(said)
    }

    /// Writes a number.
    pub fn set(&self, index: usize, value: i64) {
        self.0.value().0[index].store(value, Ordering::SeqCst);
    }

    /// Reads a number.
    #[must_use]
    pub fn at(&self, index: usize) -> i64 {
        self.0.value().0[index].load(Ordering::SeqCst)
    }

    /// Adds to a number, and returns what it was.
    pub fn add(&self, index: usize, value: i64) -> i64 {
        self.0.value().0[index].fetch_add(value, Ordering::SeqCst)
    }

    /// Waits until a number is at least this.
    ///
    /// # Errors
    /// Where it is not after some seconds.
    pub fn wait_for(&self, index: usize, value: i64) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(20);
        while self.at(index) < value {
            if Instant::now() > until {
                return Err(format!("waited for {value} at {index}, found {}", self.at(index)));
            }
            thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }
}
