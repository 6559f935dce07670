//! What becomes of a call, tried out in a child.

use std::sync::atomic::{AtomicIsize, AtomicU32, Ordering};

use callgate_bpf::Program;
use callgate_syscalls::{Errno, SyscallNr};

use super::{Ending, run};
use crate::sys::disposable;
use crate::sys::shared::Shared;
use crate::{Error, Options, Scope, load};

/// A call to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its number.
    pub nr: SyscallNr,
    /// Its arguments. 32-bit architectures pass the low halves.
    pub args: [u64; 6],
}

impl Call {
    /// A call with all arguments zero, which most calls refuse quickly.
    #[must_use]
    pub const fn new(nr: SyscallNr) -> Self {
        Self { nr, args: [0; 6] }
    }

    /// The same call with these arguments.
    #[must_use]
    pub const fn with_args(self, args: [u64; 6]) -> Self {
        Self { args, ..self }
    }
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It returned a value.
    Returned(i64),
    /// It failed.
    Errno(Errno),
    /// It did not return.
    Ended(Ending),
}

/// How long a call may take: those that wait (`pause`) are ended by
/// [`Signal::ALARM`](super::Signal::ALARM) then.
const SECONDS_MAX: u32 = 5;

/// Makes each call in a child of its own, under the program if there is one, and says what became
/// of it. Test support, behind the feature `test-support`, for crates that hold no unsafe code.
///
/// The child is forked for the one call, attaches the program, makes the call, leaves the result in
/// a word of memory that it shares with the caller (which takes no call that the program could
/// forbid) and exits. What the call does to memory, signals or descriptors, it does to the child's
/// copies, which are gone with it. What it does to the world, it does: as with writing to
/// `/proc/self/mem`, a call that is made to write to another process's memory is the caller's to
/// answer for. A call that forks may report either side's result.
///
/// # Errors
/// [`Error::Kernel`] where children can't be made, or can't attach the program.
///
/// # Examples
/// ```
/// use callgate_kernel::child::{Call, Outcome, outcomes};
/// use callgate_syscalls::{Errno, SyscallNr};
///
/// let nonsense = Call::new(SyscallNr::new(100_000));
/// assert_eq!(outcomes(None, &[nonsense])?, [Outcome::Errno(Errno::new(38))]);
/// # Ok::<(), callgate_kernel::Error>(())
/// ```
pub fn outcomes(program: Option<&Program>, calls: &[Call]) -> Result<Vec<Outcome>, Error> {
    calls.iter().map(|&call| outcome(program, call)).collect()
}

fn outcome(program: Option<&Program>, call: Call) -> Result<Outcome, Error> {
    let report = Shared::<Report>::new().map_err(|errno| Error::Kernel { call: "mmap", errno })?;
    let ending = run(|| {
        attempt(program, call, report.value());
        0
    })?;
    report.value().read(ending)
}

fn attempt(program: Option<&Program>, call: Call, report: &Report) {
    disposable::alarm(SECONDS_MAX);
    if let Some(program) = program {
        if let Err(error) = load(program, Scope::ThisThread, &Options::default()) {
            return report.write(State::NotLoaded, error.errno().map_or(0, number));
        }
    }
    report.write(State::Called, 0);
    let nr = i32::from_ne_bytes(call.nr.raw().to_ne_bytes());
    // SAFETY: this is a child that exists for this call (`outcome`).
    match unsafe { disposable::any_syscall(nr, call.args) } {
        Ok(value) => report.write(State::Returned, isize::try_from(value).unwrap_or(isize::MAX)),
        Err(errno) => report.write(State::Failed, number(errno)),
    }
}

fn number(errno: Errno) -> isize {
    isize::try_from(errno.raw()).unwrap_or(0)
}

/// How far a child came, and its result.
#[derive(Default)]
struct Report {
    state: AtomicU32,
    value: AtomicIsize,
}

#[derive(Clone, Copy)]
#[repr(u32)]
enum State {
    NotLoaded = 1,
    Called,
    Returned,
    Failed,
}

impl Report {
    fn write(&self, state: State, value: isize) {
        self.value.store(value, Ordering::Release);
        self.state.store(state as u32, Ordering::Release);
    }

    fn read(&self, ending: Ending) -> Result<Outcome, Error> {
        let (state, value) =
            (self.state.load(Ordering::Acquire), self.value.load(Ordering::Acquire));
        let errno = crate::sys::errno(i32::try_from(value).unwrap_or(0));
        let is = |other: State| state == other as u32;
        if is(State::Returned) {
            Ok(Outcome::Returned(value as i64))
        } else if is(State::Failed) {
            Ok(Outcome::Errno(errno))
        } else if is(State::Called) {
            Ok(Outcome::Ended(ending))
        } else {
            Err(Error::Kernel { call: "attaching the program in a child", errno })
        }
    }
}
