//! Where it can be seen which calls a program makes, and which filters it has.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use callgate_syscalls::Errno;

use super::{Finding, Obstacle, allow_all, ask, attach, measure};
use callgate_kernel::parts::{self as process, Fork};
use callgate_kernel::parts::{errno, errno_of};

use crate::sys::{audit, trace, tracing};
use callgate_kernel::{Error, Tid};

use crate::filters_of;

/// Whether this process can read the kernel's audit records, which name each call that a filter
/// logs.
#[must_use]
pub fn audit_records_readable() -> Finding {
    let no = [libc::EPERM, libc::EPROTONOSUPPORT, libc::ECONNREFUSED];
    ask(&no, || audit::listen(&audit::socket()?))
}

/// Whether the kernel audits calls, which makes every call slower. Only asked, never changed.
///
/// # Errors
/// Why it can't be found out.
pub fn audit_enabled() -> Result<bool, Obstacle> {
    let enabled = measure(|| {
        let mut socket = File::from(audit::socket()?);
        let io = |error: std::io::Error| errno_of(&error);
        socket.write_all(&audit::status_request()).map_err(io)?;
        let mut answer = [0; 512];
        let len = socket.read(&mut answer).map_err(io)?;
        audit::enabled_in(&answer[..len]).map(u64::from)
    })?;
    Ok(enabled != 0)
}

/// Whether this process may load a BPF program for raw tracepoints, the cheapest way to see calls.
#[must_use]
pub fn load_bpf_tracepoint() -> Finding {
    ask(&[libc::EPERM, libc::EACCES, libc::EINVAL, libc::ENOSYS], tracing::load_bpf_tracepoint)
}

/// Whether this process may read a tracepoint's samples by perf_event_open(2). The id of
/// `raw_syscalls/sys_enter` is in a file of tracefs.
#[must_use]
pub fn open_perf_tracepoint(id: u64) -> Finding {
    let no = [libc::EPERM, libc::EACCES, libc::ENOENT, libc::ENOSYS, libc::EINVAL];
    ask(&no, || tracing::open_perf_tracepoint(id))
}

/// Whether this process may trace its children (ptrace(2)).
#[must_use]
pub fn trace_child() -> Finding {
    ask(&[libc::EPERM, libc::EACCES, libc::ENOSYS], || with_child(|| Ok(()), trace::seize))
}

/// Whether this process can read the filters of others, tried on a child.
#[must_use]
pub fn dump_filters() -> Finding {
    ask(&[libc::EPERM, libc::EACCES, libc::EINVAL, libc::EIO, libc::ENOSYS], || {
        let prepare = || attach(&allow_all()?);
        with_child(prepare, |tid| match filters_of(tid) {
            Ok(filters) if filters.is_empty() => Err(errno(libc::ENODATA)),
            Ok(_) => Ok(()),
            Err(Error::Confined) => Err(errno(libc::EACCES)),
            Err(error) => Err(error.errno().unwrap_or(errno(libc::EPERM))),
        })
    })
}

/// Does something to a child of this process, which waits meanwhile and ends afterwards.
fn with_child(
    prepare: impl FnOnce() -> Result<(), Errno>,
    act: impl FnOnce(Tid) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let (mut ours, theirs) = UnixStream::pair().map_err(|error| errno_of(&error))?;
    // SAFETY: on the child's side are `serve`, which writes to a socket and reads from it, and what
    // was prepared: nothing, or the load of a filter. None of it shares memory with this process,
    // which has one thread and was forked itself.
    match unsafe { process::fork() }? {
        Fork::Child => {
            drop(ours);
            process::exit_now(serve(theirs, prepare()))
        }
        Fork::Parent(child) => {
            drop(theirs);
            let mut ready = [0];
            let result = match ours.read_exact(&mut ready) {
                Ok(()) => act(child),
                Err(_) => Err(errno(libc::ECHILD)),
            };
            // The child ends when it reads the end of the stream.
            drop(ours);
            process::wait(child.as_pid())?;
            result
        }
    }
}

/// The child's part: says that it is ready, unless it is not, and waits for the other end to be
/// closed.
fn serve(mut stream: UnixStream, prepared: Result<(), Errno>) -> u8 {
    let waited =
        prepared.is_ok() && stream.write_all(b".").is_ok() && stream.read(&mut [0]).is_ok();
    u8::from(!waited)
}

#[cfg(test)]
mod tests {
    use super::*;
    use callgate_kernel::current_status;

    #[test]
    fn who_may_administer_the_system_may_dump_and_trace() {
        let own = current_status().unwrap();
        let found = (trace_child(), dump_filters());
        if own.sys_admin && own.mode == callgate_kernel::Mode::Disabled {
            assert_eq!(found, (Finding::Yes, Finding::Yes));
        } else {
            assert_ne!(found.1, Finding::Yes);
        }
    }

    #[test]
    fn an_id_that_no_tracepoint_has_is_a_no() {
        assert_ne!(open_perf_tracepoint(u64::MAX), Finding::Yes);
    }

    #[test]
    fn asking_whether_calls_are_audited_changes_nothing() {
        assert_eq!(audit_enabled(), audit_enabled());
    }

    #[test]
    fn a_child_that_is_not_ready_is_not_acted_upon() {
        let failed = measure(|| with_child(|| Err(errno(libc::EPERM)), |_| Ok(())).map(|()| 0));
        assert_eq!(failed, Err(Obstacle::Refused(errno(libc::ECHILD))));
    }
}
