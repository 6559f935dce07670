//! `seccomp_notify_*`.
//!
//! A supervisor may itself be under a filter, so nothing here makes a syscall that its work does
//! not need.

use std::ffi::c_void;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};

use callgate_kernel::notify::{self, AddFd, Notification, Response};
use callgate_scmp::{Capabilities, Error as ContextError, code};
use callgate_scmp_process as process;
use libc::c_int;

use crate::entry::{Handle, code as entry_code, on_context};
use crate::error::Error;
use crate::memory;

/// Allocates a notification and a response of the kernel's sizes, all zeroes, for each pointer that
/// is not NULL.
///
/// # Safety
/// Each pointer is NULL or to be written.
///
/// # References
/// seccomp_notify_alloc(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_notify_alloc(
    req: *mut *mut Notification,
    resp: *mut *mut Response,
) -> c_int {
    entry_code(|| {
        if !process::kernel().syscall {
            return Err(unsupported());
        }
        let sizes = notify::sizes().map_err(|_| refused())?;
        let (req, resp) = (NonNull::new(req), NonNull::new(resp));
        let notification =
            Allocated::for_target::<Notification>(req.is_some(), sizes.notification)?;
        let response = Allocated::for_target::<Response>(resp.is_some(), sizes.response)?;
        if let Some(target) = req {
            // SAFETY: not NULL, and so to be written.
            unsafe { target.write(notification.into_raw().cast()) };
        }
        if let Some(target) = resp {
            // SAFETY: not NULL, and so to be written.
            unsafe { target.write(response.into_raw().cast()) };
        }
        Ok(0)
    })
}

/// Frees a notification and a response.
///
/// # Safety
/// Each pointer is NULL or from [`seccomp_notify_alloc`], and not freed yet.
///
/// # References
/// seccomp_notify_free(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_notify_free(req: *mut Notification, resp: *mut Response) {
    // SAFETY: the caller's promise.
    unsafe { memory::free(req.cast()) };
    // SAFETY: the caller's promise.
    unsafe { memory::free(resp.cast()) };
}

/// Waits for a call that a filter hands to the listener. The notification must be all zeroes.
///
/// # Safety
/// `req` is NULL or from [`seccomp_notify_alloc`]; `fd` stays open during the call.
///
/// # References
/// seccomp_notify_receive(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_notify_receive(fd: c_int, req: *mut Notification) -> c_int {
    entry_code(|| {
        require(process::known_kernel())?;
        // SAFETY: the caller's promise: NULL, or as large and aligned as `seccomp_notify_alloc`
        // made it, and used by nothing else.
        let notification = unsafe { req.as_mut() }.ok_or(Error::Null)?;
        // SAFETY: the caller keeps the descriptor open.
        let listener = unsafe { listener(fd) };
        notify::receive(listener, notification).map(|()| 0).map_err(|_| refused())
    })
}

/// Answers a call.
///
/// # Safety
/// `resp` is NULL or from [`seccomp_notify_alloc`]; `fd` stays open during the call.
///
/// # References
/// seccomp_notify_respond(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_notify_respond(fd: c_int, resp: *mut Response) -> c_int {
    entry_code(|| {
        require(process::known_kernel())?;
        // SAFETY: the caller's promise: NULL, or as large and aligned as `seccomp_notify_alloc`
        // made it, and used by nothing else.
        let response = unsafe { resp.as_mut() }.ok_or(Error::Null)?;
        // SAFETY: the caller keeps the descriptor open.
        let listener = unsafe { listener(fd) };
        notify::respond(listener, response).map(|()| 0).map_err(|_| refused())
    })
}

/// 0 where the call still waits for its answer, else `-ENOENT`.
///
/// # Safety
/// `fd` stays open during the call.
///
/// # References
/// seccomp_notify_id_valid(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_notify_id_valid(fd: c_int, id: u64) -> c_int {
    entry_code(|| {
        require(Some(process::kernel()))?;
        // SAFETY: the caller keeps the descriptor open.
        let listener = unsafe { listener(fd) };
        let valid = notify::id_valid(listener, id).is_ok();
        if valid { Ok(0) } else { Err(Error::Kernel(code::ENOENT)) }
    })
}

/// The descriptor of the process's listener.
///
/// # Safety
/// `ctx` is NULL or from `seccomp_init`, and no other thread uses it.
///
/// # References
/// seccomp_notify_fd(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_notify_fd(ctx: *mut Handle) -> c_int {
    let mut descriptor = 0;
    let find = |context: &mut callgate_scmp::Context| {
        // Asked first, as in libseccomp, for what the process then knows; whatever it is, a
        // listener that is there is told.
        let _ = process::kernel();
        context.arches().next().ok_or(ContextError::NoArchitecture)?;
        descriptor = process::listener().ok_or(Error::Kernel(code::EFAULT))?;
        Ok(())
    };
    // SAFETY: the caller's promise is that of `on_context`.
    match unsafe { on_context(ctx, find) } {
        0 => descriptor,
        error => error,
    }
}

/// Puts a copy of a descriptor into the process whose call waits: its number there.
///
/// # Safety
/// `addfd` is NULL or to be read; `fd` stays open during the call.
///
/// # References
/// seccomp_notify_addfd(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_notify_addfd(fd: c_int, addfd: *mut AddFd) -> c_int {
    entry_code(|| {
        require(Some(process::kernel()))?;
        // SAFETY: the caller's promise: NULL, or to be read.
        let add = unsafe { addfd.as_ref() }.ok_or(Error::Null)?;
        // SAFETY: the caller keeps the descriptor open.
        let listener = unsafe { listener(fd) };
        notify::add_fd(listener, *add).map_err(|errno| match errno {
            code::EINVAL => unsupported(),
            _ => refused(),
        })
    })
}

/// Memory that is freed unless it is handed out.
struct Allocated(*mut c_void);

impl Allocated {
    /// As much as the kernel says, and at least as much as is referred to here.
    fn for_target<T>(wanted: bool, size: u16) -> Result<Self, Error> {
        match (wanted, usize::from(size)) {
            (false, _) => Ok(Self(ptr::null_mut())),
            (true, 0) => Err(Error::Kernel(code::EFAULT)),
            (true, size) => {
                let memory = memory::zeroed(size.max(size_of::<T>()))?;
                Ok(Self(memory.as_ptr()))
            }
        }
    }

    fn into_raw(mut self) -> *mut c_void {
        std::mem::replace(&mut self.0, ptr::null_mut())
    }
}

impl Drop for Allocated {
    fn drop(&mut self) {
        // SAFETY: NULL, or from malloc(3) and nobody else's.
        unsafe { memory::free(self.0) };
    }
}

/// Fails where notifications are not known to be supported.
fn require(kernel: Option<Capabilities>) -> Result<(), Error> {
    let supported = kernel.is_some_and(|kernel| kernel.action_notify);
    if supported { Ok(()) } else { Err(unsupported()) }
}

/// # Safety
/// `fd` stays open as long as the result is used. A number that is not open only makes requests
/// fail.
unsafe fn listener<'a>(fd: c_int) -> BorrowedFd<'a> {
    // -1 is no value of the type. The largest number is never open, so that the request itself
    // fails, and sets errno.
    let fd = if fd < 0 { c_int::MAX } else { fd };
    // SAFETY: not -1, and the caller keeps it open.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

fn unsupported() -> Error {
    Error::Kernel(code::EOPNOTSUPP)
}

fn refused() -> Error {
    Error::Kernel(code::ECANCELED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_allocated_zeroed_and_only_where_wanted() {
        let (mut request, mut response) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: NULL, or to be written.
        let alloc = |request, response| unsafe { seccomp_notify_alloc(request, response) };
        assert_eq!(alloc(ptr::null_mut(), ptr::null_mut()), 0);
        assert_eq!(alloc(&raw mut request, &raw mut response), 0);
        // SAFETY: just allocated, and zeroes are a notification.
        assert_eq!(unsafe { (*request).id }, 0);
        // SAFETY: just allocated, and freed once.
        unsafe { seccomp_notify_free(request, response) };
    }

    #[test]
    fn descriptors_that_are_no_listener_are_refused() {
        assert!(process::kernel().action_notify);
        for descriptor in [-1, 1_000_000] {
            // SAFETY: no such descriptors.
            let valid = unsafe { seccomp_notify_id_valid(descriptor, 0) };
            assert_eq!(valid, -libc::ENOENT);
            let mut add = AddFd::default();
            // SAFETY: as above, and a structure to be read.
            let added = unsafe { seccomp_notify_addfd(descriptor, &raw mut add) };
            assert_eq!(added, -libc::ECANCELED);
            // SAFETY: as above, and NULL.
            let received = unsafe { seccomp_notify_receive(descriptor, ptr::null_mut()) };
            assert_eq!(received, -libc::EINVAL);
        }
    }
}
