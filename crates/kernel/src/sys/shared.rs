//! Memory that two processes share.

use std::mem::{align_of, needs_drop, size_of};
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicI32, Ordering};

use callgate_syscalls::Errno;

use super::last_errno;

/// A value in memory that a forked child shares with its parent.
#[derive(Debug)]
pub struct Shared<T>(NonNull<T>);

// SAFETY: a Shared owns its value, which is only lent out by reference: it may go where T may go.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above; several threads may hold references where T says so.
unsafe impl<T: Sync> Sync for Shared<T> {}

impl<T: Sync + Default> Shared<T> {
    /// Maps memory and puts the default value there.
    pub fn new() -> Result<Self, Errno> {
        const { assert!(!needs_drop::<T>() && align_of::<T>() <= 64) };
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: a new anonymous mapping, at an address of the kernel's choice, overlaps nothing.
        let address = unsafe { libc::mmap(ptr::null_mut(), size_of::<T>(), access, kind, -1, 0) };
        let address = match NonNull::new(address.cast::<T>()) {
            Some(address) if address.as_ptr().cast() != libc::MAP_FAILED => address,
            _ => return Err(last_errno()),
        };
        // SAFETY: the mapping is at least as large as T and aligned to a page, more than T needs;
        // nobody reads it yet.
        unsafe { address.write(T::default()) };
        Ok(Self(address))
    }

    /// The value.
    pub fn value(&self) -> &T {
        // SAFETY: the mapping holds a T since `new`, until `drop`; T is Sync, so that the child's
        // writes to the same memory go through what makes it so.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: address and size are those of the mapping, and the value's borrows have ended.
        unsafe { libc::munmap(self.0.as_ptr().cast(), size_of::<T>()) };
    }
}

/// A place through which two processes that share memory *and a table of descriptors* hand a
/// descriptor over.
pub(crate) struct Slot(AtomicI32);

impl Default for Slot {
    fn default() -> Self {
        Self(AtomicI32::new(EMPTY))
    }
}

/// No descriptor.
const EMPTY: RawFd = -1;

impl Slot {
    /// Gives a descriptor away. One that is never taken stays open.
    pub(crate) fn put(&self, descriptor: OwnedFd) {
        self.0.store(descriptor.into_raw_fd(), Ordering::Release);
    }

    /// Takes the descriptor, if there is one.
    ///
    /// # Safety
    /// Whoever puts one here has the same table of descriptors as the caller: a thread of this
    /// process, or a process that shares the table and still did when it put the descriptor here.
    pub(crate) unsafe fn take(&self) -> Option<OwnedFd> {
        match self.0.swap(EMPTY, Ordering::AcqRel) {
            EMPTY => None,
            // SAFETY: `put` gave up its ownership of a descriptor that is open in the table of
            // both, which the caller answers for, and only one of those who swap gets it.
            descriptor => Some(unsafe { OwnedFd::from_raw_fd(descriptor) }),
        }
    }
}
