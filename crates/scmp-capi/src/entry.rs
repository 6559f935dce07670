//! The way from C into Rust: every exported function begins with one of the functions here.
//!
//! A panic is a defect of ours, and must neither end nor unwind the process that uses us. It is caught here and becomes
//! `-EFAULT`, libseccomp's word for internal errors; the context it happened in answers `-EFAULT` from then on and can only
//! be released.

use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};

use callgate_scmp::Context;
use libc::c_int;

use crate::error::Error;
use crate::reserve::{InForce, Reserve};

/// What a `scmp_filter_ctx` points to.
#[derive(Debug)]
#[repr(C)]
pub struct Handle {
    context: Context,
    /// For changes; absent after it was needed, until the next.
    reserve: Option<Reserve>,
    /// Set during a call, and so after one that panicked.
    in_use: bool,
    /// Last, because allocators write to the beginning of what they get back.
    mark: u32,
}

/// "scmp".
const LIVE: u32 = 0x7363_6d70;
const RELEASED: u32 = !LIVE;

/// Enough for a new context and the first changes.
const FIRST_RESERVE: usize = 128 << 10;

impl Handle {
    /// Makes a context and hands it to C.
    pub(crate) fn new(
        make: impl FnOnce() -> Result<Context, Error>,
    ) -> Result<NonNull<Self>, Error> {
        let in_force = InForce::new(Reserve::new(FIRST_RESERVE)?);
        let context = make()?;
        let mut handle = Box::new(Self { context, reserve: None, in_use: false, mark: LIVE });
        handle.reserve = in_force.into_unused();
        Ok(NonNull::from(Box::leak(handle)))
    }

    /// Takes a context back and drops it. What is no context is left alone.
    ///
    /// # Safety
    /// As [`on_context`]; nothing else uses the context.
    pub(crate) unsafe fn release(handle: *mut Self) {
        // SAFETY: the caller answers for the pointer.
        if unsafe { checked(handle) }.is_err() {
            return;
        }
        // SAFETY: a live handle came from the box in `new`, and only here does it go back to one.
        let mut handle = unsafe { Box::from_raw(handle) };
        // Volatile, or the compiler would drop a write to memory that is freed next.
        let mark = &raw mut handle.mark;
        // SAFETY: the field of a box is valid for writes and aligned.
        unsafe { ptr::write_volatile(mark, RELEASED) };
    }
}

/// Runs what makes up a function that returns 0, or another number that is not negative, or `-errno`.
pub(crate) fn code(function: impl FnOnce() -> Result<c_int, Error>) -> c_int {
    guarded(function).unwrap_or_else(|error| error.code())
}

/// Runs what makes up a function that returns a pointer, or NULL on any failure.
pub(crate) fn pointer<T>(function: impl FnOnce() -> Result<NonNull<T>, Error>) -> *mut T {
    guarded(function).map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// Runs a function and makes an error of a panic.
pub(crate) fn guarded<T>(function: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    silence::panics();
    // What a panic leaves half done is either dropped or behind `Handle::in_use`.
    catch_unwind(AssertUnwindSafe(function)).unwrap_or(Err(Error::Panicked))
}

/// Runs what makes up a function on a context; its result is 0.
///
/// # Safety
/// `handle` is NULL or from `seccomp_init`, and no other thread uses it during the call. One that was released is recognised
/// as long as its memory was not given out again.
pub(crate) unsafe fn on_context(
    handle: *mut Handle,
    function: impl FnOnce(&mut Context) -> Result<(), Error>,
) -> c_int {
    code(|| {
        // SAFETY: the caller answers for the pointer, and the borrow ends with this closure.
        let context = unsafe { Borrowed::new(handle) }?;
        function(context.context).map(|()| 0)
    })
}

/// As [`on_context`], for functions that may need memory: `-ENOMEM` before anything is done, or all of it.
///
/// # Safety
/// As [`on_context`].
pub(crate) unsafe fn changing(
    handle: *mut Handle,
    function: impl FnOnce(&mut Context) -> Result<(), Error>,
) -> c_int {
    code(|| {
        // SAFETY: the caller answers for the pointer, and the borrow ends with this closure.
        let mut borrowed = unsafe { Borrowed::new(handle) }?;
        borrowed.change(function).map(|()| 0)
    })
}

/// A context in use.
pub(crate) struct Borrowed<'a> {
    pub(crate) context: &'a mut Context,
    reserve: &'a mut Option<Reserve>,
    in_use: &'a mut bool,
}

impl Borrowed<'_> {
    /// # Safety
    /// As [`on_context`], until the value is dropped.
    pub(crate) unsafe fn new(handle: *mut Handle) -> Result<Self, Error> {
        // SAFETY: the caller answers for the pointer.
        unsafe { checked(handle) }?;
        // SAFETY: a live handle, which the caller says nothing else uses.
        let Handle { context, reserve, in_use, .. } = unsafe { &mut *handle };
        match std::mem::replace(in_use, true) {
            true => Err(Error::Panicked),
            false => Ok(Self { context, reserve, in_use }),
        }
    }

    /// Gives the reserve back; the next change makes sure of another.
    ///
    /// To be called before a filter is loaded: what is given back after it may take a system call that the filter refuses.
    pub(crate) fn give_back_reserve(&mut self) {
        *self.reserve = None;
    }

    /// Runs a function that may need as much memory as a change of the context.
    pub(crate) fn change<T>(
        &mut self,
        function: impl FnOnce(&mut Context) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let len = self.context.change_memory();
        let reserve = match self.reserve.take().filter(|kept| kept.len() >= len) {
            Some(kept) => kept,
            None => Reserve::new(2 * len)?,
        };
        let in_force = InForce::new(reserve);
        let result = function(self.context);
        *self.reserve = in_force.into_unused();
        result
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        *self.in_use = std::thread::panicking();
    }
}

/// Whether a pointer is a live handle.
///
/// # Safety
/// As [`on_context`].
unsafe fn checked(handle: *mut Handle) -> Result<(), Error> {
    if handle.is_null() || !handle.is_aligned() {
        return Err(Error::NoContext);
    }
    let mark = handle.wrapping_byte_add(offset_of!(Handle, mark)).cast::<u32>();
    // SAFETY: the pointer is from `seccomp_init`, so the field lies in memory that is or was a handle's; a released one is
    // the caller's error, which this read reports where it can.
    let mark = unsafe { ptr::read_volatile(mark) };
    if mark == LIVE { Ok(()) } else { Err(Error::NoContext) }
}

/// Rust's own report of a panic would go to the standard error of a process that is not ours.
mod silence {
    #[cfg(not(test))]
    pub(super) fn panics() {
        use std::sync::atomic::{AtomicBool, Ordering};

        static SILENT: AtomicBool = AtomicBool::new(false);
        if !SILENT.load(Ordering::Relaxed) && !SILENT.swap(true, Ordering::Relaxed) {
            // The library has its own copy of the standard library, so this hook is nobody else's.
            std::panic::set_hook(Box::new(|_| {}));
        }
    }

    /// Tests share their standard library, and report by panics.
    #[cfg(test)]
    pub(super) fn panics() {}
}

#[cfg(test)]
mod tests {
    use callgate_scmp::Capabilities;
    use callgate_syscalls::{Action, Arch};

    use super::*;

    fn handle() -> *mut Handle {
        let make = || Ok(Context::new(Arch::X86_64, Action::ALLOW, &Capabilities::ALL)?);
        Handle::new(make).unwrap().as_ptr()
    }

    #[test]
    fn after_a_panic_a_context_can_only_be_released() {
        let handle = handle();
        // SAFETY: a live handle.
        let call = |function: fn(&mut Context) -> Result<(), Error>| unsafe {
            on_context(handle, function)
        };
        assert_eq!(call(|_| Ok(())), 0);
        assert_eq!(call(|_| Err(Error::Null)), -libc::EINVAL);
        assert_eq!(call(|_| Ok(())), 0);
        let panics =
            |_: &mut Context| -> Result<(), Error> { std::panic::resume_unwind(Box::new(0)) };
        assert_eq!(call(panics), -libc::EFAULT);
        assert_eq!(call(|_| Ok(())), -libc::EFAULT);
        // SAFETY: a live handle.
        unsafe { Handle::release(handle) };
    }

    #[test]
    fn null_is_no_context() {
        // SAFETY: NULL.
        let null = unsafe { on_context(ptr::null_mut(), |_| Ok(())) };
        assert_eq!(null, -libc::EINVAL);
        // SAFETY: NULL.
        unsafe { Handle::release(ptr::null_mut()) };
    }

    #[test]
    fn a_panic_without_a_context_is_an_error_too() {
        let panicked = code(|| std::panic::resume_unwind(Box::new(0)));
        assert_eq!(panicked, -libc::EFAULT);
    }
}
