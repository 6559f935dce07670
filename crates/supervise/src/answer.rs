//! Answers to a call, and their fate.

use callgate_syscalls::Errno;

use crate::error::errno;

/// The errno that a call fails with: 1 to 4095, without those that the kernel keeps to itself to
/// start calls anew.
///
/// The kernel takes any number for an answer. A positive one would be a success, a large one a
/// result that no C library recognises as an error; here they can't be made.
///
/// # Examples
/// ```
/// use callgate_supervise::Failure;
/// use callgate_syscalls::Errno;
///
/// assert_eq!(Failure::new(Errno::EACCES), Some(Failure::EACCES));
/// assert_eq!(Failure::new(Errno::new(0)), None);
/// assert_eq!(Failure::new(Errno::new(4096)), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Failure(Errno);

/// The largest errno.
const ERRNO_MAX: u16 = 4095;

/// `ERESTARTSYS` to `ERESTART_RESTARTBLOCK`; include/linux/errno.h. 515 among them is
/// `ENOIOCTLCMD`, just as internal.
const RESTARTS: std::ops::RangeInclusive<u16> = 512..=516;

impl Failure {
    /// Operation not permitted.
    pub const EPERM: Self = Self(Errno::EPERM);
    /// No such file or directory.
    pub const ENOENT: Self = Self(Errno::ENOENT);
    /// Input/output error.
    pub const EIO: Self = Self(Errno::EIO);
    /// Bad file descriptor.
    pub const EBADF: Self = Self(Errno::EBADF);
    /// Cannot allocate memory.
    pub const ENOMEM: Self = Self(Errno::ENOMEM);
    /// Permission denied.
    pub const EACCES: Self = Self(Errno::EACCES);
    /// Bad address: what to answer where a pointer leads nowhere.
    pub const EFAULT: Self = Self(Errno::new(14));
    /// Invalid argument.
    pub const EINVAL: Self = Self(Errno::EINVAL);
    /// Read-only file system.
    pub const EROFS: Self = Self(Errno::EROFS);

    /// Wraps an errno; `None` for 0, above 4095, and for 512 to 516.
    #[must_use]
    pub fn new(errno: Errno) -> Option<Self> {
        let raw = errno.raw();
        ((1..=ERRNO_MAX).contains(&raw) && !RESTARTS.contains(&raw)).then_some(Self(errno))
    }

    /// Function not implemented, by this machine's number: the answer that the kernel gives when
    /// nobody supervises.
    #[must_use]
    pub fn enosys() -> Self {
        Self(errno(libc::ENOSYS))
    }

    /// The errno.
    #[must_use]
    pub const fn errno(self) -> Errno {
        self.0
    }

    /// As the kernel takes it.
    pub(crate) fn negative(self) -> i32 {
        -i32::from(self.0.raw())
    }
}

/// The value that a call returns: any but those that are read as an error, -4095 to -1.
///
/// # Examples
/// ```
/// use callgate_supervise::Value;
///
/// assert_eq!(Value::new(-1), None);
/// assert_eq!(Value::new(-4096).map(Value::raw), Some(-4096));
/// assert_eq!(Value::from(7_u32).raw(), 7);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(i64);

impl Value {
    /// The value that most successful calls return.
    pub const ZERO: Self = Self(0);

    /// Wraps a value; `None` for -4095 to -1, which are errors: see [`Failure`].
    #[must_use]
    pub fn new(raw: i64) -> Option<Self> {
        (!(-i64::from(ERRNO_MAX)..=-1).contains(&raw)).then_some(Self(raw))
    }

    /// The value.
    #[must_use]
    pub const fn raw(self) -> i64 {
        self.0
    }
}

impl From<u32> for Value {
    fn from(raw: u32) -> Self {
        Self(raw.into())
    }
}

/// The fate of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a call that is gone needs what was done for it undone"]
pub enum Delivery {
    /// The call has it. Where any signal interrupts received calls
    /// ([`Interruption::AnySignal`](callgate_kernel::Interruption::AnySignal)), it may have been
    /// interrupted in the same moment all the same: the kernel says to neither that the answer was
    /// lost.
    Delivered,
    /// The call ended before: by a signal, or with its thread. What was done for it was for
    /// nothing, and may have to be undone. A call that a signal interrupted may come again, as a
    /// new notification.
    Gone,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_what_c_libraries_take_for_errors() {
        for (raw, valid) in [
            (0, false),
            (1, true),
            (511, true),
            (512, false),
            (516, false),
            (517, true),
            (4095, true),
            (4096, false),
            (u16::MAX, false),
        ] {
            assert_eq!(Failure::new(Errno::new(raw)).is_some(), valid, "{raw}");
        }
        assert_eq!(Failure::EPERM.negative(), -1);
    }

    #[test]
    fn values_are_what_c_libraries_take_for_success() {
        for (raw, valid) in [
            (i64::MIN, true),
            (-4096, true),
            (-4095, false),
            (-1, false),
            (0, true),
            (i64::MAX, true),
        ] {
            assert_eq!(Value::new(raw).is_some(), valid, "{raw}");
        }
    }
}
