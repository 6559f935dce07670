//! What a program can see of its start. Where it runs before the runtime, nothing here allocates,
//! prints or panics.

use std::ffi::CStr;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use callgate_syscalls::Errno;
use libc::{c_int, c_long};

use super::checked;

/// The descriptors that every program expects to be open.
const STANDARD: [RawFd; 3] = [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO];

/// Whether SIGPIPE is ignored.
pub(crate) fn ignores_sigpipe() -> Result<bool, Errno> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: no new action is given, and the pointer for the old one is to a sigaction to be
    // written.
    let result = unsafe { libc::sigaction(libc::SIGPIPE, ptr::null(), action.as_mut_ptr()) };
    checked(c_long::from(result))?;
    // SAFETY: all zeroes are a sigaction, and the call wrote one.
    let action = unsafe { action.assume_init() };
    Ok(action.sa_sigaction == libc::SIG_IGN)
}

/// Whether standard output is closed.
pub(crate) fn is_output_closed() -> bool {
    is_closed(libc::STDOUT_FILENO)
}

/// Opens an empty pipe, which is closed on exec, in the place of each standard descriptor that is
/// closed. Where the kernel refuses, they stay closed.
///
/// It never names the number that it wants: the kernel gives out the lowest that is free, so that
/// no descriptor of anybody else can be replaced.
pub(crate) fn fill_standard_descriptors() {
    if !STANDARD.into_iter().any(is_closed) {
        return;
    }
    let Some([reader, writer]) = pipe() else { return };
    fill_with(&reader);
    // Reading is at the end only when nobody can write; its number may be one of the three.
    drop(writer);
    fill_with(&reader);
    keep_if_standard(reader);
}

/// Copies a descriptor until the copies are none of the three.
fn fill_with(descriptor: &OwnedFd) {
    while duplicate(descriptor).is_some_and(keep_if_standard) {}
}

/// Whether it is one of the three, which stay open; all else is closed.
fn keep_if_standard(descriptor: OwnedFd) -> bool {
    let standard = STANDARD.contains(&descriptor.as_raw_fd());
    if standard {
        mem::forget(descriptor);
    }
    standard
}

/// How many descriptors of the service manager's, from [`FIRST`] on, nobody has taken yet.
static INHERITED: AtomicI32 = AtomicI32::new(0);

/// The first number after standard input, output and error.
const FIRST: RawFd = 3;

/// Counts the descriptors that the service manager announces to this process and has passed.
///
/// # Safety
/// Nothing of the program has run: no descriptor that is open belongs to anybody in it.
pub(crate) unsafe fn remember_inherited() {
    // SAFETY: the call takes nothing.
    let this_process = unsafe { libc::getpid() };
    if variable(c"LISTEN_PID") != Some(this_process) {
        return;
    }
    let announced = variable(c"LISTEN_FDS").unwrap_or(0);
    let there = (FIRST..).take_while(|number| !is_closed(*number));
    let count = there.zip(0..announced).count();
    INHERITED.store(RawFd::try_from(count).unwrap_or(0), Ordering::Relaxed);
}

/// Takes the descriptors that were counted, the first time; they are closed on exec from now on.
pub(crate) fn take_inherited() -> Vec<OwnedFd> {
    let count = INHERITED.swap(0, Ordering::AcqRel);
    (FIRST..FIRST.saturating_add(count)).map(own_inherited).collect()
}

fn own_inherited(number: RawFd) -> OwnedFd {
    // SAFETY: the request takes a number.
    unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    // SAFETY: the descriptor was open before anything of the program ran, by the duty of
    // `remember_inherited`. As nobody got it since, nobody may have closed it, and it is still the
    // same; the counter is emptied by whoever takes it, so that it is given out once.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// A variable of the environment that is a number, read without the runtime.
fn variable(name: &CStr) -> Option<c_int> {
    // SAFETY: the name is a C string; before `main` nobody changes the environment.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: what getenv returns, if it is not null, is a C string, which nobody changes before
    // `main`.
    let value = unsafe { CStr::from_ptr(value) };
    let digits = value.to_bytes();
    let digit = |sum: c_int, byte: &u8| match byte {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(c_int::from(byte - b'0')),
        _ => None,
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, digit) }
}

fn is_closed(number: RawFd) -> bool {
    // SAFETY: the request takes a number, and is an error for descriptors that are not open.
    unsafe { libc::fcntl(number, libc::F_GETFD) == -1 }
}

fn duplicate(descriptor: &OwnedFd) -> Option<OwnedFd> {
    // SAFETY: the request takes numbers.
    let copy = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 0) };
    // SAFETY: a result that is no error is a descriptor that the kernel has just opened for the
    // caller alone.
    (copy != -1).then(|| unsafe { OwnedFd::from_raw_fd(copy) })
}

fn pipe() -> Option<[OwnedFd; 2]> {
    let mut ends = [0; 2];
    // SAFETY: the pointer is to two ints to be written.
    let result = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) };
    // SAFETY: without an error the kernel has just opened each of the two for the caller alone.
    (result != -1).then(|| ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) }))
}
