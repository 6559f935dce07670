//! Memory that C frees with free(3).

use std::ffi::c_void;
use std::ptr::NonNull;

use crate::error::Error;

/// Zeroed memory of that size.
pub(crate) fn zeroed(size: usize) -> Result<NonNull<c_void>, Error> {
    // SAFETY: calloc(3) takes any sizes; what it returns is used only where it is not NULL.
    NonNull::new(unsafe { libc::calloc(1, size) }).ok_or(Error::OutOfMemory)
}

/// A copy of a text as a C string.
pub(crate) fn c_string(text: &str) -> Result<NonNull<libc::c_char>, Error> {
    let copy = zeroed(text.len() + 1)?.cast::<u8>();
    // SAFETY: the copy was just allocated with room for the text, and one zero after it.
    unsafe { copy.copy_from_nonoverlapping(NonNull::from(text.as_bytes()).cast(), text.len()) };
    Ok(copy.cast())
}

/// Frees what C may have had from here.
///
/// # Safety
/// `memory` is NULL or from malloc(3) and its like, and not freed yet.
pub(crate) unsafe fn free(memory: *mut c_void) {
    // SAFETY: the caller's obligation is that of free(3).
    unsafe { libc::free(memory) };
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn strings_end_with_a_zero() {
        let copy = c_string("read").unwrap();
        // SAFETY: a C string was just made.
        assert_eq!(unsafe { CStr::from_ptr(copy.as_ptr()) }, c"read");
        // SAFETY: it came from malloc(3).
        unsafe { free(copy.as_ptr().cast()) };
    }
}
