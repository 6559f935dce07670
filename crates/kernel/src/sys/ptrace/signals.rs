//! The signals of a supervisor, read from a descriptor, and passed on as they came.
//!
//! References: signalfd(2), `rt_sigqueueinfo(2)`, `include/uapi/asm-generic/siginfo.h`.

use std::mem::{self, MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use callgate_syscalls::Errno;
use libc::{c_int, c_long, signalfd_siginfo};

use super::trace::request;
use crate::Error;
use crate::sys::{checked, errno};
use crate::tid::Tid;

const PTRACE_GETSIGINFO: c_long = 0x4202;
const PTRACE_SETSIGINFO: c_long = 0x4203;

/// A signal, and who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its number.
    pub signal: c_int,
    code: c_int,
    process: libc::pid_t,
    user: libc::uid_t,
    value: usize,
}

impl Received {
    /// Whether it is the kernel's own, as those of a terminal are.
    #[must_use]
    pub const fn is_of_kernel(&self) -> bool {
        self.code > 0
    }

    /// The process that sent it; `None` for the kernel, and for processes that can't be seen from
    /// this one's pid namespace.
    #[must_use]
    pub fn sender(&self) -> Option<Tid> {
        Tid::from_kernel(self.process).filter(|_| !self.is_of_kernel())
    }

    /// Whether kill(2) or tgkill(2) sent it, which nobody else may say of a signal.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        matches!(self.code, libc::SI_USER | libc::SI_TKILL)
    }
}

/// The beginning of `siginfo_t`, with the fields of a signal that a process has sent.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    signal: c_int,
    errno: c_int,
    code: c_int,
    #[cfg(target_pointer_width = "64")]
    pad: c_int,
    process: libc::pid_t,
    user: libc::uid_t,
    value: usize,
    rest: [u8; REST],
}

/// What is left of the size that `siginfo_t` has on every architecture.
const REST: usize = if cfg!(target_pointer_width = "64") { 96 } else { 104 };
const _: () = assert!(size_of::<Sent>() == 128 && size_of::<libc::siginfo_t>() == 128);

impl Sent {
    /// All zeroes.
    pub(crate) const fn empty() -> Self {
        Self {
            signal: 0,
            errno: 0,
            code: 0,
            #[cfg(target_pointer_width = "64")]
            pad: 0,
            process: 0,
            user: 0,
            value: 0,
            rest: [0; REST],
        }
    }

    pub(crate) const fn received(&self) -> Received {
        let Self { signal, code, process, user, value, .. } = *self;
        Received { signal, code, process, user, value }
    }
}

impl From<&Received> for Sent {
    fn from(received: &Received) -> Self {
        let Received { signal, code, process, user, value } = *received;
        Self { signal, code, process, user, value, ..Self::empty() }
    }
}

/// All signals, held back while a command is started, so that none ends the one who will pass it
/// on. Given back when this is dropped.
pub struct Held {
    before: libc::sigset_t,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

impl Held {
    /// Holds all signals back from now on, for the thread that calls.
    pub fn all() -> Result<Self, Error> {
        let (all, mut before) = (every_signal(), every_signal());
        // SAFETY: both pointers are to signal sets, of which the second is to be written.
        let held = unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const all, &raw mut before) };
        let refused = |errno| Error::Kernel { call: "sigprocmask", errno };
        checked(c_long::from(held)).map(|_| Self { before }).map_err(refused)
    }

    /// Gives them back in a child, which has inherited that they are held.
    pub fn give_back(&self) {
        // SAFETY: the pointer is to a signal set, and nothing is asked for in return.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const self.before, ptr::null_mut()) };
    }

    /// Keeps holding them back, and returns where they can be read.
    pub fn redirect(self) -> Result<OwnedFd, Errno> {
        let all = every_signal();
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        // SAFETY: the pointer is to a signal set.
        let descriptor = unsafe { libc::signalfd(-1, &raw const all, flags) };
        checked(c_long::from(descriptor))?;
        mem::forget(self);
        // SAFETY: the call has made the descriptor for its caller.
        Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back();
    }
}

fn every_signal() -> libc::sigset_t {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the pointer is to a signal set to be written.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: the call above has made it a signal set.
    unsafe { all.assume_init() }
}

/// The next signal, if there is one.
pub fn next(descriptor: BorrowedFd<'_>) -> Result<Option<Received>, Errno> {
    let mut info = MaybeUninit::<signalfd_siginfo>::zeroed();
    let size = size_of::<signalfd_siginfo>();
    // SAFETY: the pointer is to as many bytes, to be written.
    let read = unsafe { libc::read(descriptor.as_raw_fd(), info.as_mut_ptr().cast(), size) };
    match c_long::try_from(read).map_err(|_| errno(libc::EINVAL)).and_then(checked) {
        Ok(_) => {}
        Err(reason) if reason == errno(libc::EAGAIN) => return Ok(None),
        Err(reason) => return Err(reason),
    }
    // SAFETY: integers, zeroed at first, are a valid value whatever was written.
    let info = unsafe { info.assume_init() };
    Ok(Some(Received {
        signal: c_int::try_from(info.ssi_signo).map_err(|_| errno(libc::EINVAL))?,
        code: info.ssi_code,
        process: libc::pid_t::try_from(info.ssi_pid).unwrap_or(0),
        user: info.ssi_uid,
        value: usize::try_from(info.ssi_ptr).unwrap_or(0),
    }))
}

/// Sends a signal to a process as it came: with its sender and value, where the kernel lets others
/// say so; else it comes from this process.
pub fn pass_on(process: Tid, received: &Received) -> Result<(), Errno> {
    if received.is_plain() || received.is_of_kernel() {
        return super::steer::send(process, received.signal);
    }
    let info = Sent::from(received);
    let id = c_long::from(process.as_pid());
    let signal = c_long::from(received.signal);
    // SAFETY: the pointer is to a siginfo_t, whose size and layout the structure has, which is read.
    let sent =
        unsafe { libc::syscall(libc::SYS_rt_sigqueueinfo, id, signal, ptr::from_ref(&info)) };
    checked(sent).map(drop)
}

/// The signal in front of which a traced thread stands.
pub fn of(thread: Tid) -> Result<Received, Errno> {
    let mut info = Sent::empty();
    // SAFETY: the request writes one siginfo_t, whose size and layout the structure has.
    unsafe { request(PTRACE_GETSIGINFO, thread, 0, ptr::from_mut(&mut info).cast()) }?;
    Ok(info.received())
}

/// Makes the signal in front of which a traced thread stands one that says what another has said.
pub fn say_sender(thread: Tid, received: &Received) -> Result<(), Errno> {
    let mut info = Sent::from(received);
    // SAFETY: the request reads one siginfo_t, whose size and layout the structure has.
    unsafe { request(PTRACE_SETSIGINFO, thread, 0, ptr::from_mut(&mut info).cast()) }.map(drop)
}
