//! The signals of a process that waits for something else: handlers note them and interrupt the
//! wait.
//!
//! One at a time, or one within another, which takes over what that has noted: signals are a
//! process's own.
//!
//! References: sigaction(2), signal-safety(7).

use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use callgate_syscalls::Errno;
use libc::{c_int, c_long, c_void, siginfo_t};

use super::signals::{Received, Sent};
use crate::sys::{checked, errno_of};

static ANY: AtomicBool = AtomicBool::new(false);
static CHILD_ENDED: AtomicBool = AtomicBool::new(false);
/// Where the handler writes what it knows of a signal.
static NOTES: AtomicI32 = AtomicI32::new(-1);
/// Where it is read.
static READING: AtomicI32 = AtomicI32::new(-1);
/// The thread that waits. A signal may come to any.
static WAITING: AtomicI32 = AtomicI32::new(0);

/// While it lives, signals are noted and interrupt what waits.
#[derive(Debug)]
pub struct Caught {
    notes: UnixDatagram,
    /// Where the handler writes; none where another one around this has it.
    end: Option<UnixDatagram>,
    before: Vec<(c_int, Before)>,
    /// The thread that waited before.
    waiting: i32,
}

impl Caught {
    /// Begins, with this thread as the one that waits. Of SIGALRM by a timer and of SIGCHLD nothing
    /// is noted but that they came. Children that were started before have their own dispositions.
    pub fn begin(signals: impl IntoIterator<Item = c_int>) -> Result<Self, Errno> {
        let (notes, end) = match reading_around()? {
            Some(notes) => (notes, None),
            None => {
                let (notes, end) = UnixDatagram::pair().map_err(|error| errno_of(&error))?;
                notes.set_nonblocking(true).map_err(|error| errno_of(&error))?;
                NOTES.store(end.as_raw_fd(), Ordering::Relaxed);
                READING.store(notes.as_raw_fd(), Ordering::Relaxed);
                (notes, Some(end))
            }
        };
        let waiting = WAITING.swap(own_thread(), Ordering::Relaxed);
        let mut caught = Self { notes, end, before: Vec::new(), waiting };
        for signal in signals {
            caught.before.push((signal, handle(signal)?));
        }
        Ok(caught)
    }

    /// Interrupts what waits also at the end of a child.
    pub fn notice_children(&mut self) -> Result<(), Errno> {
        // One may have ended before.
        CHILD_ENDED.store(true, Ordering::Relaxed);
        self.before.push((libc::SIGCHLD, handle(libc::SIGCHLD)?));
        Ok(())
    }

    /// Whether a signal has come since the last question, other than SIGCHLD.
    #[must_use]
    pub fn any(&self) -> bool {
        // Mostly not: a load is cheaper than an exchange.
        ANY.load(Ordering::Relaxed) && ANY.swap(false, Ordering::Relaxed)
    }

    /// Whether a child may have ended since the last question.
    #[must_use]
    pub fn child_ended(&self) -> bool {
        CHILD_ENDED.load(Ordering::Relaxed) && CHILD_ENDED.swap(false, Ordering::Relaxed)
    }

    /// The next signal that was noted.
    #[must_use]
    pub fn next(&self) -> Option<Received> {
        let mut info = Sent::empty();
        let (descriptor, size) = (self.notes.as_raw_fd(), size_of::<Sent>());
        let info_mut = ptr::from_mut(&mut info).cast::<c_void>();
        // SAFETY: the pointer is to as many bytes, of integers, to be written.
        let read = unsafe { libc::recv(descriptor, info_mut, size, 0) };
        (usize::try_from(read) == Ok(size)).then(|| info.received())
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        for (signal, before) in &self.before {
            before.restore(*signal);
        }
        if self.end.is_some() {
            NOTES.store(-1, Ordering::Relaxed);
            READING.store(-1, Ordering::Relaxed);
        }
        WAITING.store(self.waiting, Ordering::Relaxed);
    }
}

/// Where one around this reads its notes, if there is one.
fn reading_around() -> Result<Option<UnixDatagram>, Errno> {
    let descriptor = READING.load(Ordering::Relaxed);
    if descriptor < 0 {
        return Ok(None);
    }
    // SAFETY: the one whose descriptor this is takes it back before it closes it.
    let reading = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let reading = reading.try_clone_to_owned().map_err(|error| errno_of(&error))?;
    Ok(Some(reading.into()))
}

/// Whether this process ignores a signal.
#[must_use]
pub fn is_ignored(signal: c_int) -> bool {
    // SAFETY: all zeroes are a sigaction: no flags, an empty mask.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    // SAFETY: the action is alive, to be written; nothing is set.
    let asked = unsafe { libc::sigaction(signal, ptr::null(), &raw mut action) };
    asked == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// What happened on a signal before it was caught.
struct Before(libc::sigaction);

impl std::fmt::Debug for Before {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Before")
    }
}

impl Before {
    fn restore(&self, signal: c_int) {
        // SAFETY: the action is alive and one that the kernel has returned for this signal; the old
        // one is not asked for.
        unsafe { libc::sigaction(signal, &raw const self.0, ptr::null_mut()) };
    }
}

/// Without SA_RESTART: what waits is to look around.
fn handle(signal: c_int) -> Result<Before, Errno> {
    // SAFETY: all zeroes are a sigaction: no flags, an empty mask.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = note;
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO;
    let mut before = action;
    // SAFETY: both actions are alive, and the new one's handler has the type of one with
    // SA_SIGINFO, makes calls that a handler may, and lives as long as the program.
    let result = unsafe { libc::sigaction(signal, &raw const action, &raw mut before) };
    checked(c_long::from(result)).map(|_| Before(before))
}

extern "C" fn note(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    let errno = errno_place();
    // SAFETY: the place is this thread's own.
    let before = unsafe { *errno };
    if signal == libc::SIGCHLD {
        CHILD_ENDED.store(true, Ordering::Relaxed);
    } else {
        write_down(info.cast());
        ANY.store(true, Ordering::Relaxed);
    }
    hand_on(signal);
    // SAFETY: the place is this thread's own.
    unsafe { *errno = before };
}

/// Writes down who has sent a signal, but for this process and its timer.
fn write_down(info: *const Sent) {
    // SAFETY: the kernel hands a handler with SA_SIGINFO a siginfo_t, whose size and layout the
    // structure has.
    let info = unsafe { *info };
    let received = info.received();
    // SAFETY: the call takes nothing.
    let own = unsafe { libc::getpid() };
    let is_own = received.sender().is_some_and(|sender| sender.as_pid() == own);
    if is_own || received.signal == libc::SIGALRM && received.is_of_kernel() {
        return;
    }
    let notes = NOTES.load(Ordering::Relaxed);
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: pointer and size are those of a live structure, which is only read.
    unsafe { libc::send(notes, ptr::from_ref(&info).cast(), size_of::<Sent>(), flags) };
}

/// Interrupts the thread that waits, if the signal has come to another.
fn hand_on(signal: c_int) {
    let waiting = WAITING.load(Ordering::Relaxed);
    if own_thread() == waiting {
        return;
    }
    // SAFETY: the call takes nothing.
    let process = unsafe { libc::getpid() };
    let numbers = [process, waiting, signal].map(c_long::from);
    // SAFETY: the call takes numbers, and may be made in a handler.
    unsafe { libc::syscall(libc::SYS_tgkill, numbers[0], numbers[1], numbers[2]) };
}

fn own_thread() -> i32 {
    // SAFETY: the call takes nothing.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) };
    i32::try_from(thread).unwrap_or(0)
}

fn errno_place() -> *mut c_int {
    // SAFETY: the call takes nothing.
    unsafe { libc::__errno_location() }
}
