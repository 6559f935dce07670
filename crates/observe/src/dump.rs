//! Reading the filters of a running process.
//!
//! The thread is stopped for as long as it takes to copy its filters, and goes on as it was: a
//! stopped one stays stopped, a signal that arrives meanwhile is delivered. As with every stop, a
//! call that waits is interrupted; most go on by themselves, some fail with `EINTR` (signal(7)
//! lists them), and the kernel may continue the others by `restart_syscall`, which the filter sees.
//!
//! References: ptrace(2), `PTRACE_SECCOMP_GET_FILTER`; `seccomp_get_filter` in `kernel/seccomp.c`.
//! (The manual page says that index 0 is the newest filter. It is the oldest.)

use std::thread;
use std::time::{Duration, Instant};

use callgate_bpf::Program;
use callgate_syscalls::Errno;

use crate::sys::trace::{self, Stop};
use callgate_kernel::parts::{errno, errno_of};
use callgate_kernel::{Error, Logging, Mode, Tid, current_status, status_of};

/// A filter as the kernel keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DumpedFilter {
    /// The program, as it was loaded.
    pub program: Program,
    /// Whether the kernel logs what it does not allow; `None` before Linux 4.16, which does not
    /// say.
    pub logging: Option<Logging>,
}

/// How long a thread may take to stop.
const STOP_TIME_MAX: Duration = Duration::from_secs(5);

/// Reads the filters of a thread, oldest first; none if it has none. Threads of a process may
/// differ.
///
/// Needs `CAP_SYS_ADMIN` outside of any user namespace. If the process is a child of the caller, a
/// thread that waits for it meanwhile may be told of its stop (wait(2)).
///
/// # Errors
/// Why the filters can't be read: the thread is gone, traced by another, one of the kernel's, of
/// this process, in strict mode, or does not stop; the caller is not permitted or under filters
/// itself; the kernel can't.
///
/// # Examples
/// ```no_run
/// use callgate_kernel::Tid;
/// use callgate_observe::filters_of;
///
/// let init = Tid::new(1).ok_or("not a thread id")?;
/// for filter in filters_of(init)? {
///     println!("{} instructions", filter.program.len());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn filters_of(tid: Tid) -> Result<Vec<DumpedFilter>, Error> {
    if refuse_early(tid)? == Mode::Disabled {
        return Ok(Vec::new());
    }
    // A tracer is a thread. When this one ends, the kernel lets go of what could not be detached in
    // order.
    thread::scope(|scope| {
        let tracer = thread::Builder::new().spawn_scoped(scope, || dump(tid));
        let tracer = tracer.map_err(|error| Error::Kernel {
            call: "starting a thread",
            errno: errno_of(&error),
        })?;
        tracer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Finds the reasons that can be known without disturbing the thread; else returns its mode.
fn refuse_early(tid: Tid) -> Result<Mode, Error> {
    let (target, own) = (status_of(tid)?, current_status()?);
    if target.ended {
        return Err(Error::Ended { tid });
    }
    if !target.user_memory {
        return Err(Error::KernelThread { tid });
    }
    match target.mode {
        Mode::Disabled => return Ok(Mode::Disabled),
        Mode::Strict => return Err(Error::StrictMode { tid }),
        Mode::Filter => {}
    }
    if target.process == own.process {
        return Err(Error::OwnThread { tid });
    }
    if let Some(tracer) = target.tracer {
        return Err(Error::AlreadyTraced { tid, tracer });
    }
    if own.mode != Mode::Disabled {
        return Err(Error::Confined);
    }
    if !own.sys_admin {
        return Err(Error::DumpNotPermitted { tid, errno: errno(libc::EPERM) });
    }
    Ok(target.mode)
}

fn dump(tid: Tid) -> Result<Vec<DumpedFilter>, Error> {
    let tracee = Tracee::stop(tid)?;
    let mut filters = Vec::new();
    loop {
        let index = filters.len();
        match trace::filter(tid, index) {
            Ok(instructions) => {
                let program = Program::new(instructions)
                    .map_err(|error| Error::UnknownProgram { index, error })?;
                filters.push(DumpedFilter { program, logging: tracee.logging(index)? });
            }
            Err(refusal) if refusal == errno(libc::ENOENT) => return Ok(filters),
            Err(refusal) => return Err(tracee.explain(refusal)),
        }
    }
}

/// A stopped thread, which goes on when this is dropped.
struct Tracee {
    tid: Tid,
    stop: Stop,
}

impl Tracee {
    fn stop(tid: Tid) -> Result<Self, Error> {
        trace::seize(tid).map_err(|errno| explain_seize(tid, errno))?;
        trace::interrupt(tid).map_err(|_| Error::NoSuchThread { tid })?;
        Self::wait(tid)
    }

    /// Waits until a thread that is traced and interrupted stands still.
    fn wait(tid: Tid) -> Result<Self, Error> {
        let deadline = Instant::now() + STOP_TIME_MAX;
        loop {
            match trace::stop(tid) {
                Ok(stop) => return Ok(Self { tid, stop }),
                // Not stopped yet, or gone. To wait(2) for it could take a child's end away from
                // its parent, the caller.
                Err(_) if status_of(tid)?.ended => return Err(Error::Ended { tid }),
                Err(_) if Instant::now() > deadline => return Err(Error::Unresponsive { tid }),
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    fn logging(&self, index: usize) -> Result<Option<Logging>, Error> {
        match trace::filter_logs(self.tid, index) {
            Ok(false) => Ok(Some(Logging::Off)),
            Ok(true) => Ok(Some(Logging::On)),
            // The answer of a kernel that does not know the request.
            Err(refusal) if refusal == errno(libc::EIO) => Ok(None),
            Err(refusal) => Err(self.explain(refusal)),
        }
    }

    /// Why a stopped thread does not show a filter.
    fn explain(&self, errno: Errno) -> Error {
        let tid = self.tid;
        match i32::from(errno.raw()) {
            libc::EACCES => Error::DumpNotPermitted { tid, errno },
            libc::ESRCH => Error::NoSuchThread { tid },
            libc::EINVAL | libc::EIO => Error::DumpUnsupported { errno },
            _ => Error::Kernel { call: "ptrace", errno },
        }
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        // Fails only if the thread was killed meanwhile, and then there is nothing to let go of.
        let _ = trace::detach(self.tid, self.stop);
    }
}

fn explain_seize(tid: Tid, errno: Errno) -> Error {
    if i32::from(errno.raw()) == libc::ESRCH {
        return Error::NoSuchThread { tid };
    }
    match status_of(tid) {
        Ok(status) if status.ended => Error::Ended { tid },
        Ok(status) => status.tracer.map_or(Error::DumpNotPermitted { tid, errno }, |tracer| {
            Error::AlreadyTraced { tid, tracer }
        }),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    /// A signal may be what the thread stops for, and would be lost if the thread went on without
    /// it.
    #[test]
    fn the_signal_that_stopped_a_thread_is_delivered() {
        let mut child = Command::new("sleep").arg("30").spawn().unwrap();
        let tid = Tid::new(child.id()).unwrap();
        trace::seize(tid).unwrap();
        let kill = Command::new("kill").args(["-TERM", &tid.to_string()]).status();
        assert!(kill.unwrap().success());
        // The signal is delivered at once, unlike an interruption, which may find the thread in
        // front of a signal.
        let tracee = Tracee::wait(tid).unwrap();
        assert_eq!(tracee.stop, Stop::Signal(libc::SIGTERM));
        trace::interrupt(tid).unwrap();
        drop(tracee);
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
    }
}
