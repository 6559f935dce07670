//! Notifications: the calls that a filter hands to a listener, and the answers to them.
//!
//! These are the kernel's requests as they are, one function each, for callers that keep their own
//! structures. Nothing here allocates or retries: `EINTR` is returned, and so is `ENOENT` for a
//! call that no longer waits.
//!
//! [`Format`] is for those who let the structures be made here; [`handover`] brings a listener from
//! the process that has loaded the filter to the one that answers. The crate `callgate-supervise`
//! makes a supervisor of all this, with types that rule the usual mistakes out.
//!
//! References: seccomp_unotify(2).

pub mod handover;

use std::os::fd::BorrowedFd;
use std::time::Duration;

use callgate_syscalls::Errno;
pub use libc::{seccomp_notif as Notification, seccomp_notif_resp as Response};

use crate::{Tid, sys};

/// A descriptor to be put into the process whose call waits (`struct seccomp_notif_addfd`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the kernel's layout, which its request number fixes"
)]
#[repr(C)]
pub struct AddFd {
    /// The notification.
    pub id: u64,
    /// 1: use the number `newfd`; 2: answer the call with the number as well.
    pub flags: u32,
    /// The descriptor to copy.
    pub srcfd: u32,
    /// Its number there; 0 unless `flags` asks for it.
    pub newfd: u32,
    /// `O_CLOEXEC` or 0.
    pub newfd_flags: u32,
}

/// The sizes that the running kernel has for the structures of this module, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sizes {
    /// Of a [`Notification`].
    pub notification: u16,
    /// Of a [`Response`].
    pub response: u16,
}

/// Asks the kernel for its sizes. A kernel without notifications has none.
///
/// # Errors
/// The kernel's errno.
///
/// # References
/// `SECCOMP_GET_NOTIF_SIZES` in seccomp(2).
pub fn sizes() -> Result<Sizes, Errno> {
    let sizes = sys::notify::sizes()?;
    Ok(Sizes { notification: sizes.seccomp_notif, response: sizes.seccomp_notif_resp })
}

/// The running kernel's structures, for which there is room here: theirs may be larger than ours.
#[derive(Clone, Copy, Debug)]
pub struct Format(sys::notify::Fits);

impl Format {
    /// Asks the kernel for its sizes. `None` where they are so different from those known here that
    /// nothing could be exchanged.
    ///
    /// # Errors
    /// The kernel's errno; `EINVAL` before Linux 5.0, which has no notifications.
    pub fn of_kernel() -> Result<Option<Self>, Errno> {
        Ok(sys::notify::Fits::new(&sys::notify::sizes()?).map(Self))
    }

    /// Waits for the next call that is handed to a listener.
    ///
    /// # Errors
    /// The kernel's errno: `EINTR`, and `ENOENT` where the call has ended or no process is under
    /// the filter any more.
    pub fn receive(self, listener: BorrowedFd<'_>) -> Result<Notification, Errno> {
        sys::notify::receive_any_size(listener, self.0)
    }

    /// Answers a call.
    ///
    /// # Errors
    /// As [`respond`].
    pub fn respond(self, listener: BorrowedFd<'_>, response: Response) -> Result<(), Errno> {
        sys::notify::respond_any_size(listener, response, self.0)
    }
}

/// Waits for the next call that is handed to a listener. The structure must be all zeroes.
///
/// # Errors
/// The kernel's errno.
pub fn receive(listener: BorrowedFd<'_>, notification: &mut Notification) -> Result<(), Errno> {
    sys::notify::receive(listener, notification)
}

/// Answers a call.
///
/// # Errors
/// The kernel's errno; `ENOENT` where the call no longer waits.
pub fn respond(listener: BorrowedFd<'_>, response: &mut Response) -> Result<(), Errno> {
    sys::notify::respond(listener, response)
}

/// Whether a call still waits for its answer. Ask after looking at the memory of the caller: the
/// thread id of a call that has ended may belong to another process.
///
/// # Errors
/// The kernel's errno; `ENOENT` is the answer no.
pub fn id_valid(listener: BorrowedFd<'_>, id: u64) -> Result<(), Errno> {
    sys::notify::id_valid(listener, id)
}

/// Puts a copy of a descriptor into the process whose call waits: its number there.
///
/// # Errors
/// The kernel's errno; `EINVAL` before Linux 5.9.
pub fn add_fd(listener: BorrowedFd<'_>, mut add: AddFd) -> Result<i32, Errno> {
    sys::notify::add_fd(listener, &mut add)
}

/// As [`add_fd`], with the signals of this thread held back meanwhile: before Linux 7.2 (and 6.12.117), a signal that comes
/// while a call is answered with a descriptor can leave it answered without one.
///
/// # Errors
/// As [`add_fd`].
pub fn add_fd_undisturbed(listener: BorrowedFd<'_>, mut add: AddFd) -> Result<i32, Errno> {
    let _held = sys::notify::signals::hold()?;
    sys::notify::add_fd(listener, &mut add)
}

/// Lets supervisor and caller wake each other on the same processor, which is much faster where
/// each waits for the other.
///
/// # Errors
/// The kernel's errno; `EINVAL` before Linux 6.6.
///
/// # References
/// `SECCOMP_IOCTL_NOTIF_SET_FLAGS` in `include/uapi/linux/seccomp.h`.
pub fn wake_synchronously(listener: BorrowedFd<'_>) -> Result<(), Errno> {
    const SYNC_WAKE_UP: usize = 1;
    sys::notify::set_flags(listener, SYNC_WAKE_UP)
}

/// What a wait was ended by; nothing at all if by its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Readiness {
    /// A call waits to be received.
    pub call: bool,
    /// No process is under the filter any more, so that no call will come (Linux 5.9).
    pub ended: bool,
    /// The other descriptor has something to be read, or its other side is closed.
    pub other: bool,
}

/// Waits until a listener has something, or another descriptor, or so much time has passed.
///
/// # Errors
/// The kernel's errno; `EINTR` when a signal was handled.
///
/// # References
/// poll(2).
pub fn wait(
    listener: BorrowedFd<'_>,
    other: Option<BorrowedFd<'_>>,
    time: Option<Duration>,
) -> Result<Readiness, Errno> {
    let (listener, other) = sys::notify::wait::poll(listener, other, milliseconds(time))?;
    Ok(Readiness { call: listener.readable(), ended: listener.hung_up(), other: other.any() })
}

/// Rounded up, as a wait that ends early would be made again at once.
fn milliseconds(time: Option<Duration>) -> i32 {
    let Some(time) = time else { return -1 };
    let rounded = time.as_nanos().div_ceil(1_000_000);
    i32::try_from(rounded).unwrap_or(i32::MAX)
}

/// Copies memory of the process of a thread: how many bytes, fewer than asked for where a mapping
/// ends.
///
/// That the thread is still the one that is meant can only be known afterwards: by [`id_valid`], if
/// its call waits.
///
/// # Errors
/// The kernel's errno; `EFAULT` where nothing is mapped.
///
/// # References
/// process_vm_readv(2).
pub fn read_memory(tid: Tid, address: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
    match usize::try_from(address) {
        Ok(address) => sys::notify::memory::read(tid, address, buffer),
        Err(_) => Err(sys::errno(libc::EFAULT)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd;

    use super::*;
    use crate::sys::errno;

    #[test]
    fn the_kernels_structures_hold_at_least_what_ours_do() {
        let sizes = sizes().unwrap();
        assert!(sizes.notification >= 80 && sizes.response >= 24, "{sizes:?}");
    }

    #[test]
    fn what_is_no_listener_knows_no_request() {
        let file = File::open("/dev/null").unwrap();
        let wrong = errno(libc::ENOTTY);
        assert_eq!(id_valid(file.as_fd(), 1), Err(wrong));
        assert_eq!(add_fd(file.as_fd(), AddFd::default()), Err(wrong));
    }

    #[test]
    fn times_are_rounded_up_and_never_negative() {
        for (time, expected) in [
            (None, -1),
            (Some(Duration::ZERO), 0),
            (Some(Duration::from_nanos(1)), 1),
            (Some(Duration::from_millis(1)), 1),
            (Some(Duration::from_nanos(1_000_001)), 2),
            (Some(Duration::from_millis(0x7fff_ffff)), i32::MAX),
            (Some(Duration::MAX), i32::MAX),
        ] {
            assert_eq!(milliseconds(time), expected, "{time:?}");
        }
    }

    #[test]
    fn memory_of_this_process_can_be_read_up_to_its_end() {
        let own = Tid::new(std::process::id()).unwrap();
        let text = *b"sixteen letters.";
        let mut copy = [0; 16];
        let address = text.as_ptr().addr() as u64;
        assert_eq!(read_memory(own, address, &mut copy), Ok(16));
        assert_eq!(copy, text);
        assert_eq!(read_memory(own, 8, &mut copy), Err(errno(libc::EFAULT)));
    }
}
