//! Children for tests, which hold no unsafe code.

use super::{Child, Ending, start_forked};
use crate::Error;

/// [`start_forked`] for tests. Test support, behind the feature `test-support`, which no program may turn on: its functions
/// leave to whoever writes a test what nothing checks.
///
/// # Errors
/// As [`start_forked`].
pub fn start(closure: impl FnOnce() -> u8) -> Result<Child, Error> {
    // SAFETY: nothing here shows it. The feature is for tests alone, and says so; they load filters, make syscalls, and use
    // of the standard library what works in children of this system's C library.
    unsafe { start_forked(closure) }
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
