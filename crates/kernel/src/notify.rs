//! Notifications: the calls that a filter hands to a listener, and the answers to them.
//!
//! These are the kernel's requests as they are, one function each, for callers that keep their own structures. Nothing
//! here allocates or retries: `EINTR` is returned, and so is `ENOENT` for a call that no longer waits.
//!
//! References: seccomp_unotify(2).

use std::os::fd::BorrowedFd;

use callgate_syscalls::Errno;
pub use libc::{seccomp_notif as Notification, seccomp_notif_resp as Response};

use crate::sys;

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

/// Whether a call still waits for its answer. Ask after looking at the memory of the caller: the thread id of a call that
/// has ended may belong to another process.
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
}
