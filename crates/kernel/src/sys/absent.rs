//! Memory that never arrives, for tests of those who look into other processes.
//!
//! References: userfaultfd(2), `include/uapi/linux/userfaultfd.h`.

use std::mem::size_of;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::{self, NonNull};

use callgate_syscalls::Errno;
use libc::{c_long, c_ulong, c_void};

use super::notify::handover::own;
use super::{checked, last_errno};

const LEN: usize = 1 << 16;

/// `struct uffdio_api`.
#[repr(C)]
struct Api {
    api: u64,
    features: u64,
    ioctls: u64,
}

/// `struct uffdio_register`.
#[repr(C)]
struct Register {
    start: u64,
    len: u64,
    mode: u64,
    ioctls: u64,
}

/// `_IOWR(0xaa, number, size)`, in the layout of most architectures.
const fn request(number: c_ulong, size: usize) -> c_ulong {
    (3 << 30) | ((size as c_ulong) << 16) | (0xaa << 8) | number
}

/// A mapping for whose pages the kernel asks through a descriptor that nobody reads.
pub(crate) struct Absent {
    address: NonNull<c_void>,
    pages: OwnedFd,
}

impl Absent {
    pub(crate) fn new() -> Result<Self, Errno> {
        let flags = c_long::from(libc::O_CLOEXEC);
        // SAFETY: the call takes a number.
        let pages = unsafe { libc::syscall(libc::SYS_userfaultfd, flags) };
        // SAFETY: the result of a call that opens a descriptor for its caller.
        let pages = unsafe { own(pages) }?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new anonymous mapping, at an address of the kernel's choice, overlaps nothing.
        let address = unsafe { libc::mmap(ptr::null_mut(), LEN, access, kind, -1, 0) };
        let address = match NonNull::new(address) {
            Some(address) if address.as_ptr() != libc::MAP_FAILED => address,
            _ => return Err(last_errno()),
        };
        let absent = Self { address, pages };
        absent.register()?;
        Ok(absent)
    }

    fn register(&self) -> Result<(), Errno> {
        const API: u64 = 0xaa;
        const MISSING: u64 = 1;
        let pages = self.pages.as_raw_fd();
        let mut api = Api { api: API, features: 0, ioctls: 0 };
        let number = request(0x3f, size_of::<Api>()) as _;
        // SAFETY: the request reads and writes one uffdio_api, which is what the pointer is to.
        let result = unsafe { libc::ioctl(pages, number, &raw mut api) };
        checked(result.into())?;
        let start = self.address.as_ptr().addr() as u64;
        let mut range = Register { start, len: LEN as u64, mode: MISSING, ioctls: 0 };
        let number = request(0x00, size_of::<Register>()) as _;
        // SAFETY: the request reads and writes one uffdio_register, which is what the pointer is
        // to; the mapping that it is about is this value's, and nobody looks at it.
        let result = unsafe { libc::ioctl(pages, number, &raw mut range) };
        checked(result.into()).map(drop)
    }

    /// Makes mkdir(2) with a path that is in this memory.
    pub(crate) fn make_directory(&self) -> Result<c_long, Errno> {
        let directory = c_long::from(libc::AT_FDCWD);
        let mode: c_long = 0o700;
        // SAFETY: the kernel reads the path, as far as it gets there, and nothing else.
        checked(unsafe { libc::syscall(libc::SYS_mkdirat, directory, self.address.as_ptr(), mode) })
    }
}
