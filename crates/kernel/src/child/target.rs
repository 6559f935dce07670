//! Processes whose calls somebody else answers.

use std::array;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use callgate_bpf::Program;
use callgate_syscalls::Errno;

use super::{Call, Child, Ending, Outcome, start};
use crate::notify::handover;
use crate::sys::shared::Shared;
use crate::sys::{disposable, interruption};
use crate::{Error, Interruption, Options, Scope, Tid, load_with_listener};

/// The most calls of one [`Target`].
pub const CALLS_MAX: usize = 16;

/// A forked child that attaches a program, sends its listener here, makes calls one after the
/// other, and exits. Test support, behind the feature `test-support`, for crates that hold no
/// unsafe code; what was said of [`outcomes`](super::outcomes) holds for its calls too.
///
/// SIGUSR1 interrupts its calls: see [`Target::interrupt`].
pub struct Target {
    child: Child,
    listener: Option<OwnedFd>,
    report: Shared<Report>,
    calls: usize,
}

impl Target {
    /// Starts the child. The program must allow `sendmsg`, `close` and `exit_group`.
    ///
    /// # Errors
    /// [`Error::Kernel`] where children can't be made, or can't attach the program.
    pub fn start(
        program: &Program,
        interruption: Interruption,
        restart: Restart,
        calls: &[Call],
    ) -> Result<Self, Error> {
        let fail = |call, errno| Error::Kernel { call, errno };
        let (here, there) =
            UnixStream::pair().map_err(|error| fail("socketpair", crate::sys::errno_of(&error)))?;
        let report = Shared::<Report>::new().map_err(|errno| fail("mmap", errno))?;
        let child = start(|| {
            let attached = attach(program, interruption, restart, &there);
            if attached.is_ok() {
                calls.iter().for_each(|call| report.value().push(*call));
            }
            u8::from(attached.is_err())
        })?;
        drop(there);
        let message = handover::receive(here.as_fd(), &mut [0]);
        let message = message.map_err(|errno| fail("recvmsg", errno))?;
        let listener = message.descriptors.into_iter().next();
        let listener = listener.ok_or(fail("attaching the program in a child", Errno::new(0)))?;
        Ok(Self { child, listener: Some(listener), report, calls: calls.len() })
    }

    /// Takes its listener, the first time.
    pub fn listener(&mut self) -> Option<OwnedFd> {
        self.listener.take()
    }

    /// The child.
    #[must_use]
    pub const fn child(&self) -> &Child {
        &self.child
    }

    /// Sends it the signal that interrupts calls.
    ///
    /// # Errors
    /// [`Error::Kernel`] where it has ended.
    pub fn interrupt(&self) -> Result<(), Error> {
        interrupt(self.child.id(), self.child.id())
    }

    /// Waits for its end and says what became of each call.
    ///
    /// # Errors
    /// [`Error::Kernel`] where it can't be waited for.
    pub fn outcomes(self) -> Result<Vec<Outcome>, Error> {
        let Self { child, report, calls, .. } = self;
        let ending = child.wait()?;
        Ok(report.value().outcomes(calls, ending))
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("child", &self.child).finish_non_exhaustive()
    }
}

/// What becomes of a call that a signal has interrupted, where the kernel has a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// It fails with `EINTR`.
    Never,
    /// It is made again (`SA_RESTART`).
    Always,
}

/// Lets SIGUSR1 interrupt calls of this process, which does not mind having that signal changed: a
/// child.
///
/// # Errors
/// [`Error::Kernel`] for what the kernel should not say.
pub fn handle_interruptions(restart: Restart) -> Result<(), Error> {
    interruption::handle_interruptions(restart == Restart::Always)
        .map_err(|errno| Error::Kernel { call: "sigaction", errno })
}

/// Sends that signal to a thread of a process that handles it; another process would die of it.
///
/// # Errors
/// [`Error::Kernel`] where there is no such thread.
pub fn interrupt(process: Tid, thread: Tid) -> Result<(), Error> {
    interruption::signal(process, thread, libc::SIGUSR1)
        .map_err(|errno| Error::Kernel { call: "tgkill", errno })
}

/// The calling thread.
#[must_use]
pub fn own_tid() -> Option<Tid> {
    interruption::own_tid()
}

/// How long a child may take.
const SECONDS_MAX: u32 = 30;

fn attach(
    program: &Program,
    interruption: Interruption,
    restart: Restart,
    socket: &UnixStream,
) -> Result<(), Error> {
    disposable::alarm(SECONDS_MAX);
    handle_interruptions(restart)?;
    let options = Options::default();
    let listener = load_with_listener(program, Scope::ThisThread, &options, interruption)?;
    // The copy here is closed with the end of this function.
    handover::send(socket.as_fd(), b"L", listener.as_fd())
        .map(drop)
        .map_err(|errno| Error::Kernel { call: "sendmsg", errno })
}

/// The results in memory that the parent shares.
struct Report {
    count: AtomicU32,
    failed: [AtomicU32; CALLS_MAX],
    values: [AtomicI64; CALLS_MAX],
}

impl Default for Report {
    fn default() -> Self {
        let failed = array::from_fn(|_| AtomicU32::default());
        let values = array::from_fn(|_| AtomicI64::default());
        Self { count: AtomicU32::default(), failed, values }
    }
}

impl Report {
    /// Makes a call and adds its result; those beyond [`CALLS_MAX`] are dropped.
    fn push(&self, call: Call) {
        let nr = i32::from_ne_bytes(call.nr.raw().to_ne_bytes());
        // SAFETY: this is a child that exists for such calls (`Target::start`).
        let (failed, value) = match unsafe { disposable::any_syscall(nr, call.args) } {
            Ok(value) => (0, isize::try_from(value).map_or(i64::MAX, |value| value as i64)),
            Err(errno) => (1, errno.raw().into()),
        };
        let index = self.count.load(Ordering::Acquire);
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        if let (Some(f), Some(v)) = (self.failed.get(place), self.values.get(place)) {
            f.store(failed, Ordering::Release);
            v.store(value, Ordering::Release);
            self.count.store(index + 1, Ordering::Release);
        }
    }

    /// What became of so many calls. The first without a result is the one in which the child
    /// ended.
    fn outcomes(&self, calls: usize, ending: Ending) -> Vec<Outcome> {
        let done = usize::try_from(self.count.load(Ordering::Acquire)).unwrap_or(0);
        let outcome = |(failed, value): (&AtomicU32, &AtomicI64)| {
            let value = value.load(Ordering::Acquire);
            match failed.load(Ordering::Acquire) {
                0 => Outcome::Returned(value),
                _ => Outcome::Errno(Errno::new(u16::try_from(value).unwrap_or(0))),
            }
        };
        let mut outcomes: Vec<_> =
            self.failed.iter().zip(&self.values).take(done).map(outcome).collect();
        if done < calls {
            outcomes.push(Outcome::Ended(ending));
        }
        outcomes
    }
}
