//! Notifications: the classes, and the requests of a listener.

use std::os::fd::{BorrowedFd, RawFd};

use callgate_kernel::notify::{self, AddFd};
use callgate_scmp::code;
use callgate_syscalls::Errno;
use libc::{seccomp_data, seccomp_notif, seccomp_notif_resp};
use pyo3::prelude::*;

use crate::error;

/// A syscall that waits for an answer.
#[pyclass(module = "seccomp", frozen, get_all)]
#[derive(Debug)]
pub(crate) struct Notification {
    /// The number of the notification, for the answer.
    pub(crate) id: u64,
    /// The thread that waits, as this process sees it; 0 if it does not.
    pid: u32,
    /// No flags are defined.
    flags: u32,
    /// The syscall's number.
    syscall: i32,
    /// The token of its architecture.
    syscall_arch: u32,
    /// The instruction after the call.
    syscall_ip: u64,
    /// The six arguments.
    syscall_args: Vec<u64>,
}

#[pymethods]
impl Notification {
    #[new]
    const fn new(
        id: u64,
        pid: u32,
        flags: u32,
        syscall: i32,
        arch: u32,
        ip: u64,
        args: Vec<u64>,
    ) -> Self {
        Self { id, pid, flags, syscall, syscall_arch: arch, syscall_ip: ip, syscall_args: args }
    }

    fn __repr__(&self) -> String {
        let Self { id, pid, syscall, .. } = self;
        format!("<seccomp.Notification {id:#x}: syscall {syscall} of {pid}>")
    }
}

/// The answer to a notification.
#[pyclass(module = "seccomp", get_all, set_all)]
#[derive(Debug)]
pub(crate) struct NotificationResponse {
    /// The notification that this answers.
    id: u64,
    /// What the syscall returns, where `error` is 0.
    val: i64,
    /// The errno that it fails with, negative.
    error: i32,
    /// 1: let the kernel do the call, which is no decision about what a pointer of it points to.
    flags: u32,
}

#[pymethods]
impl NotificationResponse {
    #[new]
    #[pyo3(signature = (notify, val = 0, error = 0, flags = 0))]
    fn new(notify: &Bound<'_, Notification>, val: i64, error: i32, flags: u32) -> Self {
        Self { id: notify.get().id, val, error, flags }
    }
}

/// A descriptor for the process whose call waits.
#[pyclass(module = "seccomp", get_all, set_all)]
#[derive(Debug)]
pub(crate) struct NotificationAddfd {
    /// The notification.
    id: u64,
    /// 1: use the number `newfd`; 2: answer the call with the number as well.
    flags: u32,
    /// The descriptor to copy.
    srcfd: u32,
    /// Its number there.
    newfd: u32,
    /// `os.O_CLOEXEC` or 0.
    newfd_flags: u32,
}

#[pymethods]
impl NotificationAddfd {
    #[new]
    #[pyo3(signature = (notify, flags, srcfd, newfd = 0, newfd_flags = 0))]
    fn new(
        notify: &Bound<'_, Notification>,
        flags: u32,
        srcfd: u32,
        newfd: u32,
        newfd_flags: u32,
    ) -> Self {
        Self { id: notify.get().id, flags, srcfd, newfd, newfd_flags }
    }
}

/// The descriptor to use: the given one, or the process's own.
pub(crate) fn descriptor(given: Option<RawFd>) -> PyResult<RawFd> {
    require()?;
    let found =
        given.or_else(callgate_scmp_process::listener).filter(|&descriptor| descriptor >= 0);
    found.ok_or_else(|| error::with_reason(code::EFAULT, "the process has no listener"))
}

/// Waits for a notification. Other threads run meanwhile, and signals are handled.
pub(crate) fn receive(python: Python<'_>, listener: RawFd) -> PyResult<Notification> {
    loop {
        let mut request = empty();
        match python.detach(|| on(listener, |fd| notify::receive(fd, &mut request))) {
            Ok(()) => return Ok(from_kernel(&request)),
            Err(errno) if errno == EINTR => python.check_signals()?,
            Err(errno) => return Err(refused(errno)),
        }
    }
}

/// Answers a notification.
pub(crate) fn respond(listener: RawFd, response: &NotificationResponse) -> PyResult<()> {
    let NotificationResponse { id, val, error, flags } = *response;
    let mut answer = seccomp_notif_resp { id, val, error, flags };
    on(listener, |fd| notify::respond(fd, &mut answer)).map_err(refused)
}

/// Whether the call still waits for its answer.
pub(crate) fn id_valid(listener: RawFd, id: u64) -> bool {
    on(listener, |fd| notify::id_valid(fd, id)).is_ok()
}

/// Gives the process a descriptor, and returns its number there.
pub(crate) fn add_fd(listener: RawFd, add: &NotificationAddfd) -> PyResult<i32> {
    let NotificationAddfd { id, flags, srcfd, newfd, newfd_flags } = *add;
    let add = AddFd { id, flags, srcfd, newfd, newfd_flags };
    on(listener, |fd| notify::add_fd(fd, add)).map_err(refused)
}

const EINTR: Errno = Errno::new(4);

/// Fails on a kernel without notifications.
fn require() -> PyResult<()> {
    match callgate_scmp_process::kernel().action_notify {
        true => Ok(()),
        false => Err(error::with_reason(code::EOPNOTSUPP, "the kernel has no notifications")),
    }
}

fn refused(errno: Errno) -> PyErr {
    let reason = std::io::Error::from_raw_os_error(errno.raw().into()).to_string();
    error::with_reason(code::ECANCELED, &reason)
}

/// Makes a request of a descriptor by its number, for which Python answers. One that is not open
/// makes the request fail.
fn on<T>(listener: RawFd, request: impl FnOnce(BorrowedFd<'_>) -> T) -> T {
    // -1 is no value of the type. The largest number is never open.
    let listener = if listener < 0 { RawFd::MAX } else { listener };
    // SAFETY: not -1, and borrowed for this request alone, which takes a number that is not open
    // for an error. As with os.read() and every other function that takes a number, it is the
    // program in Python that knows whose it is.
    request(unsafe { BorrowedFd::borrow_raw(listener) })
}

const fn empty() -> seccomp_notif {
    let data = seccomp_data { nr: 0, arch: 0, instruction_pointer: 0, args: [0; 6] };
    seccomp_notif { id: 0, pid: 0, flags: 0, data }
}

fn from_kernel(request: &seccomp_notif) -> Notification {
    let seccomp_data { nr, arch, instruction_pointer, args } = request.data;
    Notification {
        id: request.id,
        pid: request.pid,
        flags: request.flags,
        syscall: nr,
        syscall_arch: arch,
        syscall_ip: instruction_pointer,
        syscall_args: args.to_vec(),
    }
}
