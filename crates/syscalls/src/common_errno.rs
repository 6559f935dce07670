//! The errno values that filters answer with.

use crate::{Action, Errno};

macro_rules! common {
    ($($name:ident = $value:literal: $about:literal,)*) => {
        /// Values that filters commonly answer with.
        ///
        /// Up to `ERANGE` (34) they are the same everywhere. Above, these are the values of all
        /// architectures but MIPS and PA-RISC, which number them otherwise.
        impl Errno {
            $(#[doc = $about] pub const $name: Self = Self::new($value);)*
        }
    };
}

common! {
    EPERM = 1: "Operation not permitted.",
    ENOENT = 2: "No such file or directory.",
    EIO = 5: "Input/output error.",
    EBADF = 9: "Bad file descriptor.",
    EAGAIN = 11: "Resource temporarily unavailable.",
    ENOMEM = 12: "Cannot allocate memory.",
    EACCES = 13: "Permission denied.",
    EBUSY = 16: "Device or resource busy.",
    EINVAL = 22: "Invalid argument.",
    EROFS = 30: "Read-only file system.",
    ENOSYS = 38: "Function not implemented: what a kernel says of a syscall it does not have.",
    EOPNOTSUPP = 95: "Operation not supported.",
    EAFNOSUPPORT = 97: "Address family not supported by protocol.",
}

impl Errno {
    /// The action that makes a call fail with this value; above 4095 with 4095, as the kernel has
    /// it.
    #[must_use]
    pub const fn action(self) -> Action {
        match Action::errno(self.raw()) {
            Some(action) => action,
            None => Action::from_raw(0x0005_0fff),
        }
    }
}
