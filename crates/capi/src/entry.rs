//! The way from C into Rust: every exported function begins with one of the functions here.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use libc::c_int;

use crate::failure::Failure;

thread_local! {
    /// What this thread's last call said.
    static SAID: RefCell<Said> = RefCell::new(Said::default());
}

#[derive(Default)]
struct Said {
    error: CString,
    warnings: CString,
}

/// The text of the last failure of a function of this library in this thread; empty where the last
/// one succeeded. Never NULL; valid until the thread calls another function of this library.
#[unsafe(no_mangle)]
pub extern "C" fn callgate_error() -> *const c_char {
    said(|said| &said.error)
}

/// What is remarkable about the policy that this thread read last, a paragraph each; empty where
/// nothing is. As [`callgate_error`] otherwise.
#[unsafe(no_mangle)]
pub extern "C" fn callgate_warnings() -> *const c_char {
    said(|said| &said.warnings)
}

/// A pointer into what was said, which stays until the thread says something else.
fn said(part: impl Fn(&Said) -> &CString) -> *const c_char {
    let pointer = SAID.try_with(|said| part(&said.borrow()).as_ptr());
    // A thread that is ending has nothing to say any more.
    pointer.unwrap_or(c"".as_ptr())
}

/// Runs what makes up a function: its number, or `-errno` with the text remembered.
pub(crate) fn code(function: impl FnOnce() -> Result<c_int, Failure>) -> c_int {
    silence_panics();
    say(|said| said.error = CString::default());
    // What a panic leaves half done is dropped.
    let result = catch_unwind(AssertUnwindSafe(function));
    let panicked =
        |_| Err(Failure::new(libc::EFAULT, "internal error: this is a defect of callgate"));
    result.unwrap_or_else(panicked).unwrap_or_else(|failure| {
        remember(failure.text());
        failure.code()
    })
}

/// Keeps a text for [`callgate_error`].
pub(crate) fn remember(text: &str) {
    say(|said| said.error = c_string(text));
}

/// Keeps a text for [`callgate_warnings`].
pub(crate) fn warn(text: &str) {
    say(|said| said.warnings = c_string(text));
}

fn say(change: impl FnOnce(&mut Said)) {
    // A thread that is ending remembers nothing.
    let _ = SAID.try_with(|said| change(&mut said.borrow_mut()));
}

fn c_string(text: &str) -> CString {
    let bytes: Vec<u8> = text.bytes().filter(|byte| *byte != 0).collect();
    CString::new(bytes).unwrap_or_default()
}

/// A text of C's.
///
/// # Safety
/// `text` is NULL or a C string that stays as it is while the result is used.
pub(crate) unsafe fn text<'a>(text: *const c_char, what: &str) -> Result<&'a CStr, Failure> {
    match text.is_null() {
        true => Err(Failure::invalid(format!("{what} is NULL"))),
        // SAFETY: not NULL, and the caller answers for the rest.
        false => Ok(unsafe { CStr::from_ptr(text) }),
    }
}

/// Rust's own report of a panic would go to the standard error of a process that is not ours. The
/// library has its own copy of the standard library, so this hook is nobody else's.
fn silence_panics() {
    static SILENT: std::sync::Once = std::sync::Once::new();
    SILENT.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}
