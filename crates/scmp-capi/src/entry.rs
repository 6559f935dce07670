//! The way from C into Rust: every exported function begins with one of the functions here.
//!
//! A panic is a defect of ours, and must neither end nor unwind the process that uses us. It is
//! caught here and becomes `-EFAULT`, libseccomp's word for internal errors; the context it
//! happened in answers `-EFAULT` from then on and can only be released. A call on a context that
//! another call is using, a mistake of the caller, answers `-EFAULT`, too, and leaves both alone.

use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};

use callgate_scmp::Context;
use libc::c_int;

use crate::error::Error;
use crate::memory;
use crate::usage::Usage;

/// What a `scmp_filter_ctx` points to.
#[derive(Debug)]
#[repr(C)]
pub struct Handle {
    /// First, because a pointer that is no context may have little memory behind it that can be
    /// read.
    mark: u32,
    usage: Usage,
    /// The handle's own address: what was copied, or freed and written to, is no context either.
    own: usize,
    context: Context,
}

/// "scmp".
const LIVE: u32 = 0x7363_6d70;
const RELEASED: u32 = !LIVE;

impl Handle {
    /// Hands a context to C.
    pub(crate) fn new(context: Context) -> Result<NonNull<Self>, Error> {
        let memory = memory::zeroed(size_of::<Self>())?.cast::<Self>();
        let (usage, own) = (Usage::new(), memory.as_ptr().addr());
        // SAFETY: just allocated with this type's size; malloc(3) aligns for every type without a
        // larger demand (below).
        unsafe { memory.write(Self { mark: LIVE, usage, own, context }) };
        Ok(memory)
    }

    /// Takes a context back and drops it. What is no context is left alone, and so is one that a
    /// call is using.
    ///
    /// # Safety
    /// As [`on_context`]; nothing uses the context afterwards.
    pub(crate) unsafe fn release(handle: *mut Self) {
        // SAFETY: the caller answers for the pointer.
        let Ok(handle) = (unsafe { checked(handle) }) else { return };
        // SAFETY: a live handle, of which only this field is borrowed.
        let usage = unsafe { &(*handle.as_ptr()).usage };
        if !usage.end() {
            return;
        }
        // SAFETY: a field of a live handle.
        let mark = unsafe { &raw mut (*handle.as_ptr()).mark };
        // Volatile, or the compiler would drop a write to memory that is freed next.
        // SAFETY: the field is valid for writes and aligned.
        unsafe { ptr::write_volatile(mark, RELEASED) };
        // SAFETY: written in `new`, and dropped once, because `Usage::end` says yes to one call
        // only.
        unsafe { ptr::drop_in_place(handle.as_ptr()) };
        // SAFETY: from `memory::zeroed` in `new`, and freed once.
        unsafe { memory::free(handle.as_ptr().cast()) };
    }
}

const _: () = {
    assert!(offset_of!(Handle, mark) == 0);
    // What malloc(3) aligns for at least.
    assert!(align_of::<Handle>() <= 2 * size_of::<usize>());
};

/// Runs what makes up a function that returns 0, or another number that is not negative, or
/// `-errno`.
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
/// `handle` is NULL or from `seccomp_init`, and not released during the call. One that was released
/// before is recognised as long as its memory was not given out again.
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

/// A context in use.
pub(crate) struct Borrowed<'a> {
    pub(crate) context: &'a mut Context,
    usage: &'a Usage,
}

impl Borrowed<'_> {
    /// # Safety
    /// As [`on_context`], until the value is dropped.
    pub(crate) unsafe fn new(handle: *mut Handle) -> Result<Self, Error> {
        // SAFETY: the caller answers for the pointer.
        let handle = unsafe { checked(handle) }?;
        // SAFETY: a live handle, of which only this field is borrowed: two threads may be here at
        // once.
        let usage = unsafe { &(*handle.as_ptr()).usage };
        usage.begin()?;
        // SAFETY: a live handle. `begin` says yes to one call at a time, so that nothing else
        // borrows this field.
        let context = unsafe { &mut (*handle.as_ptr()).context };
        Ok(Self { context, usage })
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        match std::thread::panicking() {
            true => self.usage.poison(),
            false => self.usage.give_back(),
        }
    }
}

/// The pointer, where it is a live handle.
///
/// # Safety
/// As [`on_context`]. Memory at a pointer that is aligned can be read as far as its page goes,
/// which is all that is read of what has no mark.
unsafe fn checked(handle: *mut Handle) -> Result<NonNull<Handle>, Error> {
    let live = NonNull::new(handle).filter(|handle| handle.is_aligned()).ok_or(Error::NoContext)?;
    // SAFETY: the mark is the first field. The pointer is from `seccomp_init`, so that there is or
    // was a handle; another pointer is the caller's error, which this read reports wherever the
    // memory can be read.
    let mark = unsafe { ptr::read_volatile(live.as_ptr().cast::<u32>()) };
    if mark != LIVE {
        return Err(Error::NoContext);
    }
    let own = handle.wrapping_byte_add(offset_of!(Handle, own)).cast::<usize>();
    // SAFETY: there is a mark, so this is a handle, or looks like one for some reason that its own
    // address tells.
    let own = unsafe { ptr::read_volatile(own) };
    if own == handle.addr() { Ok(live) } else { Err(Error::NoContext) }
}

/// Rust's own report of a panic would go to the standard error of a process that is not ours.
mod silence {
    #[cfg(not(test))]
    #[expect(clippy::disallowed_methods, reason = "a box of nothing needs no memory")]
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
        let context = Context::new(Arch::X86_64, Action::ALLOW, &Capabilities::ALL).unwrap();
        Handle::new(context).unwrap().as_ptr()
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
    fn a_context_in_use_refuses_other_calls_and_is_not_released() {
        let handle = handle();
        let mut inner = (0, 0);
        let outer = |_: &mut Context| {
            // SAFETY: a live handle.
            inner.0 = unsafe { on_context(handle, |_| Ok(())) };
            // SAFETY: a live handle, which nothing is done to.
            unsafe { Handle::release(handle) };
            // SAFETY: a live handle.
            inner.1 = unsafe { on_context(handle, |_| Ok(())) };
            Ok(())
        };
        // SAFETY: a live handle.
        assert_eq!(unsafe { on_context(handle, outer) }, 0);
        assert_eq!(inner, (-libc::EFAULT, -libc::EFAULT));
        // SAFETY: a live handle.
        assert_eq!(unsafe { on_context(handle, |_| Ok(())) }, 0);
        // SAFETY: a live handle.
        unsafe { Handle::release(handle) };
    }

    #[test]
    fn memory_that_is_no_handle_is_read_as_far_as_its_mark() {
        let page = 4096;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping of two pages.
        let start = unsafe { libc::mmap(ptr::null_mut(), 2 * page, rights, flags, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED);
        // SAFETY: the second page of that mapping, which nothing uses.
        assert_eq!(unsafe { libc::munmap(start.wrapping_byte_add(page), page) }, 0);
        let end = start.wrapping_byte_add(page - align_of::<Handle>()).cast::<Handle>();
        // SAFETY: no handle, and the memory up to the page's end can be read.
        assert_eq!(unsafe { on_context(end, |_| Ok(())) }, -libc::EINVAL);
        let handle = handle();
        let copy = start.cast::<Handle>();
        // SAFETY: a live handle, and a page of its own for a copy that is never dropped.
        unsafe { ptr::copy_nonoverlapping(handle, copy, 1) };
        // SAFETY: what is there has a mark, and is no handle.
        assert_eq!(unsafe { on_context(copy, |_| Ok(())) }, -libc::EINVAL);
        // SAFETY: a live handle.
        unsafe { Handle::release(handle) };
        // SAFETY: the first page, which nothing uses any more.
        assert_eq!(unsafe { libc::munmap(start, page) }, 0);
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
