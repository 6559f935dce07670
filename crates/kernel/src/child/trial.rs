//! Children for tests, which hold no unsafe code.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::{Child, Ending, start_forked};
use crate::Error;
use crate::sys::process;

/// [`start_forked`] for tests. Test support, behind the feature `test-support`, which no program
/// may turn on: its functions leave to whoever writes a test what nothing checks.
///
/// Why a closure panics is written to standard error: the test harness would keep it in memory that
/// ends with the child.
///
/// # Errors
/// As [`start_forked`].
pub fn start(closure: impl FnOnce() -> u8) -> Result<Child, Error> {
    // SAFETY: nothing here shows it. The feature is for tests alone, and says so; they load
    // filters, make syscalls, and use of the standard library what works in children of this
    // system's C library.
    unsafe { start_forked(|| or_say_why(closure)) }
}

fn or_say_why(closure: impl FnOnce() -> u8) -> u8 {
    catch_unwind(AssertUnwindSafe(closure)).unwrap_or_else(|panic| {
        process::write_stderr(format!("a child panicked: {}\n", text(&*panic)).as_bytes());
        resume_unwind(panic)
    })
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let string = panic.downcast_ref::<String>().map(String::as_str);
    string.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a text")
}

/// [`run_forked`](super::run_forked) for tests, as [`start`].
///
/// # Errors
/// As [`run_forked`](super::run_forked).
///
/// # Examples
/// ```
/// use callgate_kernel::child::{self, Ending};
///
/// assert_eq!(child::run(|| 7)?, Ending::Exited { code: 7 });
/// # Ok::<(), callgate_kernel::Error>(())
/// ```
pub fn run(closure: impl FnOnce() -> u8) -> Result<Ending, Error> {
    start(closure)?.wait()
}
