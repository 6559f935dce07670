//! What a program was started with, before its own runtime changed it.
//!
//! Before `main`, Rust's runtime ignores SIGPIPE and opens `/dev/null` in the place of closed
//! standard descriptors (or aborts where there is none). A program that only prepares something and
//! then executes a command, as env(1) does, must hand on what it was given. So it looks before the
//! runtime does: [`remember_start!`](crate::remember_start).

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::sys::start;

/// Has this program remember how it was started, and keeps closed standard descriptors closed for
/// the commands that it executes; and which descriptors its service manager passed
/// ([`inherited_descriptors`](crate::inherited_descriptors)). To be written once, outside of
/// functions, in the program itself; see [`Start`].
///
/// The runtime finds the closed descriptors open, as an empty pipe: reading from them is at the end
/// at once, writing fails. execve(2) closes them again.
///
/// # Examples
/// ```
/// callgate_kernel::remember_start!();
///
/// fn main() {
///     let start = callgate_kernel::Start::get().expect("remembered by the line above");
///     println!("SIGPIPE was ignored by whoever started this: {}", start.ignores_sigpipe);
/// }
/// ```
#[macro_export]
macro_rules! remember_start {
    () => {
        const _: () = {
            #[used]
            // SAFETY: the section holds pointers to functions, which the C library calls once each,
            // before `main` and its runtime, with or without arguments in registers; this one takes
            // none, and needs nothing of the runtime.
            #[unsafe(link_section = ".init_array")]
            static HOOK: unsafe extern "C" fn() = $crate::__look_at_start;
        };
    };
}

/// How a program was started, if it has [`remember_start!`](crate::remember_start).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Start {
    /// Whether SIGPIPE was ignored; else it had its default effect, as after execve(2) there is
    /// nothing else.
    pub ignores_sigpipe: bool,
    /// Whether standard output was closed: what is written to it is lost, and the runtime takes
    /// that for success.
    pub is_output_closed: bool,
}

impl Start {
    /// What was remembered; `None` in programs that do not, and where the kernel did not answer.
    #[must_use]
    pub fn get() -> Option<Self> {
        let ignores_sigpipe = match SIGPIPE.load(Ordering::Relaxed) {
            IGNORED => true,
            DEFAULT => false,
            _ => return None,
        };
        Some(Self { ignores_sigpipe, is_output_closed: OUTPUT_CLOSED.load(Ordering::Relaxed) })
    }
}

/// Written before `main`, and never after.
static SIGPIPE: AtomicU8 = AtomicU8::new(UNKNOWN);
static OUTPUT_CLOSED: AtomicBool = AtomicBool::new(false);
const UNKNOWN: u8 = 0;
const DEFAULT: u8 = 1;
const IGNORED: u8 = 2;

/// Looks, and fills closed standard descriptors.
///
/// # Safety
/// Nothing of the program has run: no descriptor that is open belongs to anybody in it.
pub(crate) unsafe fn look() {
    // SAFETY: the caller's duty is the same.
    unsafe { start::remember_inherited() };
    OUTPUT_CLOSED.store(start::is_output_closed(), Ordering::Relaxed);
    start::fill_standard_descriptors();
    if let Ok(ignored) = start::ignores_sigpipe() {
        SIGPIPE.store(if ignored { IGNORED } else { DEFAULT }, Ordering::Relaxed);
    }
}
