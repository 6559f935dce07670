//! The kernel as the judge of the checker and the simulator: which programs it accepts, and what it
//! makes of calls.
//!
//! For `cargo xtask conformance kernel`.

use std::array;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use callgate_bpf::{Instruction, Program};
use callgate_syscalls::{Action, Errno, SyscallNr};

use callgate_kernel::child::{Call, Ending, run};
use callgate_kernel::parts;
use callgate_kernel::parts::Shared;
use callgate_kernel::parts::any_syscall;

use crate::sys::trap;
use callgate_kernel::{Error, Flag, Interruption, Options, Scope, load, load_with_listener};

/// A thread in which the kernel judges programs without attaching them.
///
/// The thread holds a listener. With a second one a valid program passes every check and stops at
/// `EBUSY`, an invalid one is `EINVAL` before. Not for other threads, which hold no listener.
#[derive(Debug)]
pub struct DryRun {
    _listener: OwnedFd,
    _this_thread: PhantomData<*const ()>,
}

impl DryRun {
    /// Makes the calling thread a judge, for as long as it lives.
    ///
    /// # Errors
    /// As [`load_with_listener`].
    pub fn new() -> Result<Self, Error> {
        let allow = always(Action::ALLOW)?;
        let options = Options::default();
        let listener =
            load_with_listener(&allow, Scope::ThisThread, &options, Interruption::AnySignal)?;
        Ok(Self { _listener: listener, _this_thread: PhantomData })
    }

    /// Whether the kernel would attach these instructions.
    ///
    /// # Errors
    /// [`Error::Kernel`] where it gives another answer than yes or no.
    pub fn accepts(&self, instructions: &[Instruction]) -> Result<bool, Error> {
        match parts::set_mode_filter(Flag::NewListener.bit(), instructions) {
            Err(errno) if errno == parts::errno(libc::EBUSY) => Ok(true),
            Err(errno) if errno == parts::errno(libc::EINVAL) => Ok(false),
            Err(errno) => Err(Error::Kernel { call: "a dry run", errno }),
            Ok(_) => {
                Err(Error::Kernel { call: "a dry run attached a filter", errno: Errno::new(0) })
            }
        }
    }
}

/// What became of a call under filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// SIGSYS with that data.
    Trapped(u16),
    /// It returned a value.
    Returned(i64),
    /// It failed.
    Failed(Errno),
}

/// The most calls of one child.
pub const CALLS_MAX: usize = 64;

/// Attaches filters, oldest first, in a child that makes the calls one after the other. Returns an
/// answer for each that came back, and how the child ended: by exit code 0 if all did.
///
/// The filters must allow [`NEEDED`].
///
/// # Errors
/// [`Error::Kernel`] where children can't be made, or can't attach the filters.
pub fn answers(filters: &[Program], calls: &[Call]) -> Result<(Vec<Answer>, Ending), Error> {
    let report = Shared::<Report>::new().map_err(|errno| Error::Kernel { call: "mmap", errno })?;
    let report = report.value();
    let ending = run(|| {
        if attach(filters).is_err() {
            return NOT_ATTACHED;
        }
        calls.iter().for_each(|call| report.push(answer(*call)));
        0
    })?;
    match ending {
        Ending::Exited { code: NOT_ATTACHED } => {
            Err(Error::Kernel { call: "attaching filters in a child", errno: Errno::new(0) })
        }
        _ => Ok((report.answers(), ending)),
    }
}

/// The calls that a child makes itself: to leave the signal handler, to exit, and to attach further
/// filters.
pub const NEEDED: [SyscallNr; 4] = [
    number(libc::SYS_rt_sigreturn),
    number(libc::SYS_exit_group),
    number(libc::SYS_seccomp),
    number(libc::SYS_prctl),
];

/// The call that children make to see whether calls are executed: it always succeeds and changes
/// nothing.
pub const HARMLESS: SyscallNr = number(libc::SYS_getppid);

/// The address after the syscall instruction of every call made here, which filters can read.
///
/// # Errors
/// As [`answers`].
pub fn call_address() -> Result<u64, Error> {
    let address = Shared::<AtomicU64>::new();
    let address = address.map_err(|errno| Error::Kernel { call: "mmap", errno })?;
    let trap = trap_harmless()?;
    run(|| {
        if attach(&[trap]).is_ok() {
            let _trapped = make(Call::new(HARMLESS));
            let taken = trap::take().and_then(|trap| u64::try_from(trap.address).ok());
            address.value().store(taken.unwrap_or(0), Ordering::Release);
        }
        0
    })?;
    match address.value().load(Ordering::Acquire) {
        0 => Err(Error::Kernel { call: "trapping a call", errno: Errno::new(0) }),
        address => Ok(address),
    }
}

/// Whether the running kernel executes `uretprobe` whatever filters say, also where its version
/// before the patch level does not tell: Linux 6.12 does since 6.12.14.
///
/// # Errors
/// [`Error::UnreadableRelease`].
pub fn frees_uretprobe() -> Result<bool, Error> {
    const SINCE: [u32; 3] = [6, 14, 0];
    const BROUGHT_TO: [u32; 3] = [6, 12, 14];
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    let release = release.map_err(|_| Error::UnreadableRelease)?;
    let numbers = release.split(|other: char| !other.is_ascii_digit());
    let mut numbers = numbers.map(|number| number.parse().unwrap_or(0));
    let release: [u32; 3] = array::from_fn(|_| numbers.next().unwrap_or(0));
    let brought = release[..2] == BROUGHT_TO[..2] && release >= BROUGHT_TO;
    Ok(cfg!(target_arch = "x86_64") && (release >= SINCE || brought))
}

/// The time of one call under filters, oldest first: the shortest mean over a few batches.
///
/// # Errors
/// As [`answers`].
pub fn nanoseconds(filters: &[Program], nr: SyscallNr) -> Result<u64, Error> {
    const BATCHES: u32 = 30;
    const CALLS: u32 = 200;
    let shortest = Shared::<AtomicU64>::new();
    let shortest = shortest.map_err(|errno| Error::Kernel { call: "mmap", errno })?;
    run(|| {
        if attach(filters).is_err() {
            return NOT_ATTACHED;
        }
        let batch = |_| {
            let start = Instant::now();
            for _ in 0..CALLS {
                let _result = make(Call::new(nr));
            }
            start.elapsed() / CALLS
        };
        let best = (0..BATCHES).map(batch).min().unwrap_or_default();
        shortest
            .value()
            .store(u64::try_from(best.as_nanos()).unwrap_or(u64::MAX), Ordering::Release);
        0
    })?;
    match shortest.value().load(Ordering::Acquire) {
        0 => Err(Error::Kernel { call: "timing a call in a child", errno: Errno::new(0) }),
        nanoseconds => Ok(nanoseconds),
    }
}

/// How many copies of a filter the kernel stacks in a child before it has too many instructions.
///
/// The filter must allow [`NEEDED`].
///
/// # Errors
/// As [`answers`]; [`Error::Kernel`] where the kernel refuses a copy for another reason.
pub fn depth(filter: &Program) -> Result<usize, Error> {
    let copies = Shared::<AtomicU32>::new();
    let copies = copies.map_err(|errno| Error::Kernel { call: "mmap", errno })?;
    let ending = run(|| {
        // Not `load`, which explains a refusal with what it reads in /proc: the filter forbids
        // that.
        if parts::set_no_new_privs().is_err() {
            return NOT_ATTACHED;
        }
        loop {
            match parts::set_mode_filter(0, filter.instructions()) {
                Ok(_) => copies.value().fetch_add(1, Ordering::AcqRel),
                Err(errno) if errno == parts::errno(libc::ENOMEM) => return 0,
                Err(_) => return NOT_ATTACHED,
            };
        }
    })?;
    match ending {
        Ending::Exited { code: 0 } => {
            Ok(usize::try_from(copies.value().load(Ordering::Acquire)).unwrap_or(usize::MAX))
        }
        _ => Err(Error::Kernel { call: "stacking filters in a child", errno: Errno::new(0) }),
    }
}

/// The exit code of a child that the kernel refused a filter.
const NOT_ATTACHED: u8 = 77;

fn attach(filters: &[Program]) -> Result<(), Error> {
    trap::record().map_err(|errno| Error::Kernel { call: "sigaction", errno })?;
    filters.iter().try_for_each(|f| load(f, Scope::ThisThread, &Options::default()))
}

fn make(call: Call) -> Result<i64, Errno> {
    let nr = i32::from_ne_bytes(call.nr.raw().to_ne_bytes());
    // SAFETY: this is a child that exists for such calls: see the callers.
    let value = unsafe { any_syscall(nr, call.args) }?;
    // The same type on 64-bit machines, where Clippy takes a conversion of numbers for useless.
    Ok(isize::try_from(value).map_or(i64::MAX, |value| value as i64))
}

fn answer(call: Call) -> Answer {
    let result = make(call);
    match (trap::take(), result) {
        (Some(trap), _) => Answer::Trapped(u16::try_from(trap.data).unwrap_or(u16::MAX)),
        (None, Ok(value)) => Answer::Returned(value),
        (None, Err(errno)) => Answer::Failed(errno),
    }
}

const fn number(raw: libc::c_long) -> SyscallNr {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number")]
    SyscallNr::new(raw as u32)
}

fn always(action: Action) -> Result<Program, Error> {
    Program::new([Instruction::new(0x06, action.raw())]).map_err(|_| Error::ProgramRefused)
}

/// A filter that traps one call.
fn trap_harmless() -> Result<Program, Error> {
    let instructions = [
        Instruction::new(0x20, 0),
        Instruction { code: 0x15, jt: 0, jf: 1, k: HARMLESS.raw() },
        Instruction::new(0x06, Action::trap(0).raw()),
        Instruction::new(0x06, Action::ALLOW.raw()),
    ];
    Program::new(instructions).map_err(|_| Error::ProgramRefused)
}

/// The answers of a child in memory that its parent shares.
struct Report {
    count: AtomicU32,
    kinds: [AtomicU32; CALLS_MAX],
    values: [AtomicI64; CALLS_MAX],
}

impl Default for Report {
    fn default() -> Self {
        let kinds = array::from_fn(|_| AtomicU32::default());
        let values = array::from_fn(|_| AtomicI64::default());
        Self { count: AtomicU32::default(), kinds, values }
    }
}

const TRAPPED: u32 = 1;
const RETURNED: u32 = 2;

impl Report {
    /// Adds an answer; those beyond [`CALLS_MAX`] are dropped.
    fn push(&self, answer: Answer) {
        let (kind, value) = match answer {
            Answer::Trapped(data) => (TRAPPED, data.into()),
            Answer::Returned(value) => (RETURNED, value),
            Answer::Failed(errno) => (0, errno.raw().into()),
        };
        let index = self.count.load(Ordering::Acquire);
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        if let (Some(k), Some(v)) = (self.kinds.get(place), self.values.get(place)) {
            k.store(kind, Ordering::Release);
            v.store(value, Ordering::Release);
            self.count.store(index + 1, Ordering::Release);
        }
    }

    fn answers(&self) -> Vec<Answer> {
        let count = usize::try_from(self.count.load(Ordering::Acquire)).unwrap_or(0);
        let pairs = self.kinds.iter().zip(&self.values).take(count);
        let read = |(kind, value): (&AtomicU32, &AtomicI64)| {
            let value = value.load(Ordering::Acquire);
            let data = u16::try_from(value).unwrap_or(u16::MAX);
            match kind.load(Ordering::Acquire) {
                TRAPPED => Answer::Trapped(data),
                RETURNED => Answer::Returned(value),
                _ => Answer::Failed(Errno::new(data)),
            }
        };
        pairs.map(read).collect()
    }
}
