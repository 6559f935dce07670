//! What a listener can do.

use std::os::fd::{AsFd, OwnedFd};

use callgate_syscalls::Errno;

use super::{Finding, allow_all, ask, errno_of_load};
use callgate_kernel::notify::{AddFd, Response, add_fd, respond};
use callgate_kernel::parts::{self, errno};
use callgate_kernel::{Interruption, Options, Scope, load_with_listener};

/// A feature of the kernel's notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NotifyFeature {
    /// Filters with a listener, here and now; since Linux 5.0. The kernel has one for the filters
    /// of a thread: inside a supervised container there may be no second.
    Listener,
    /// The answer that lets the call happen (`SECCOMP_USER_NOTIF_FLAG_CONTINUE`), since 5.5.
    Continue,
    /// Putting descriptors into the caller (`SECCOMP_IOCTL_NOTIF_ADDFD`), since 5.9.
    AddFd,
    /// Doing so and answering at once (`SECCOMP_ADDFD_FLAG_SEND`), since 5.14.
    AddFdSend,
    /// Calls that only fatal signals interrupt once they were received, since 5.19.
    WaitKillable,
    /// Waking the other side on the same CPU (`SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP`), since 6.6.
    SyncWakeUp,
}

impl NotifyFeature {
    /// Every feature, oldest first.
    pub const ALL: [Self; 6] = [
        Self::Listener,
        Self::Continue,
        Self::AddFd,
        Self::AddFdSend,
        Self::WaitKillable,
        Self::SyncWakeUp,
    ];
}

/// Whether the kernel has a feature of notifications: tried on a listener that never gets a call.
#[must_use]
pub fn notify_feature(feature: NotifyFeature) -> Finding {
    let load_refusals = [libc::EINVAL, libc::ENOSYS];
    match feature {
        NotifyFeature::Listener => ask(&[libc::EINVAL, libc::ENOSYS, libc::EBUSY], || {
            listener(Interruption::AnySignal).map(drop)
        }),
        NotifyFeature::WaitKillable => {
            ask(&load_refusals, || listener(Interruption::FatalSignals).map(drop))
        }
        NotifyFeature::Continue => ask(&load_refusals, continues),
        NotifyFeature::AddFd => ask(&load_refusals, || adds(0)),
        NotifyFeature::AddFdSend => ask(&load_refusals, || adds(2)),
        NotifyFeature::SyncWakeUp => {
            ask(&load_refusals, || parts::set_flags(listener(Interruption::AnySignal)?.as_fd(), 1))
        }
    }
}

fn listener(interruption: Interruption) -> Result<OwnedFd, Errno> {
    let options = Options::default();
    let loaded = load_with_listener(&allow_all()?, Scope::ThisThread, &options, interruption);
    loaded.map_err(|error| errno_of_load(&error))
}

/// The kernel looks at the flag before it looks for the call.
fn continues() -> Result<(), Errno> {
    const CONTINUE: u32 = 1;
    let listener = listener(Interruption::AnySignal)?;
    let mut response = Response { id: 1, val: 0, error: 0, flags: CONTINUE };
    known_by(libc::ENOENT, respond(listener.as_fd(), &mut response))
}

/// The kernel looks at the flags before it looks for the descriptor.
fn adds(flags: u32) -> Result<(), Errno> {
    let listener = listener(Interruption::AnySignal)?;
    let add = AddFd { id: 1, flags, srcfd: u32::MAX, newfd: 0, newfd_flags: 0 };
    known_by(libc::EBADF, add_fd(listener.as_fd(), add).map(drop))
}

fn known_by(expected: i32, result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(reason) if reason == errno(expected) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::KernelVersion;

    use super::*;
    use callgate_kernel::running_kernel;

    /// The probes, which know nothing of releases, against the releases that the features came
    /// with.
    #[test]
    fn features_agree_with_the_release() {
        let since = [(5, 0), (5, 5), (5, 9), (5, 14), (5, 19), (6, 6)];
        let kernel = running_kernel().unwrap();
        for (feature, (major, minor)) in NotifyFeature::ALL.into_iter().zip(since) {
            let found = notify_feature(feature);
            let expected = kernel >= KernelVersion::new(major, minor);
            assert_eq!(found == Finding::Yes, expected, "{feature:?} on {kernel}: {found:?}");
        }
    }

    #[test]
    fn flags_that_no_kernel_has_are_not_found() {
        let asked = ask(&[libc::EINVAL], || adds(1 << 20));
        assert_eq!(asked, Finding::No(errno(libc::EINVAL)));
    }
}
