//! Processes: fork, wait, exec, exit.

use std::ffi::{CStr, CString, c_char};
use std::mem::MaybeUninit;
use std::ptr;

use callgate_syscalls::Errno;
use libc::{c_int, c_long, pid_t};

use super::{checked, last_errno};
use crate::Tid;

/// The two sides of a fork.
#[derive(Clone, Copy, Debug)]
pub enum Fork {
    /// The new process, with this one thread.
    Child,
    /// The process that was there before, with the id of the new one.
    Parent(Tid),
}

/// Splits the process.
///
/// # Safety
/// What the caller does on the child's side is sound in a second process of one thread: see
/// [`run_forked`](crate::child::run_forked).
pub unsafe fn fork() -> Result<Fork, Errno> {
    // SAFETY: fork touches no memory of the parent; for what is done in the child the caller
    // answers.
    let pid = unsafe { libc::fork() };
    side(c_long::from(pid))
}

/// Splits the process into two that share one table of descriptors, until either executes a
/// program.
///
/// # Safety
/// The C library does not know of it: on the child's side the caller only makes syscalls, executes
/// a program or exits, and uses nothing of the C library that remembers a thread or takes a lock,
/// such as the allocator. As the descriptors are the parent's too, it closes none of them.
pub(crate) unsafe fn fork_sharing_descriptors() -> Result<Fork, Errno> {
    let flags = c_long::from(libc::CLONE_FILES | libc::SIGCHLD);
    // Without a stack of its own the child goes on with a copy of this one, and the last three are
    // not asked for.
    let (stack, unused) = (c_long::from(0), c_long::from(0));
    let (first, second) = if cfg!(target_arch = "s390x") { (stack, flags) } else { (flags, stack) };
    // SAFETY: without CLONE_VM this touches no memory of the parent, and without CLONE_SETTLS and a
    // stack the child goes on as this thread does; for what is done in the child the caller
    // answers.
    let pid = unsafe { libc::syscall(libc::SYS_clone, first, second, unused, unused, unused) };
    side(pid)
}

fn side(result: c_long) -> Result<Fork, Errno> {
    let result = checked(result)?;
    let child = pid_t::try_from(result).ok().and_then(Tid::from_kernel);
    Ok(child.map_or(Fork::Child, Fork::Parent))
}

/// Kills a process.
pub fn kill(process: Tid) -> Result<(), Errno> {
    // SAFETY: the call takes numbers.
    let result = unsafe { libc::kill(process.as_pid(), libc::SIGKILL) };
    checked(c_long::from(result)).map(drop)
}

/// Whether a child has ended; it can still be waited for.
pub fn has_ended(process: Tid) -> bool {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    let id = process.raw();
    // SAFETY: the pointer is to a siginfo_t to be written.
    let result = unsafe { libc::waitid(libc::P_PID, id, info.as_mut_ptr(), flags) };
    // SAFETY: all zeroes are a siginfo_t, and the kernel only wrote numbers to it.
    let info = unsafe { info.assume_init() };
    result != 0 || info.si_signo != 0
}

/// Waits for a child's end; it can still be waited for.
pub(crate) fn wait_for_end(process: Tid) -> Result<(), Errno> {
    let flags = libc::WEXITED | libc::WNOWAIT;
    loop {
        // SAFETY: without a pointer the call writes nothing.
        let result = unsafe { libc::waitid(libc::P_PID, process.raw(), ptr::null_mut(), flags) };
        match checked(c_long::from(result)) {
            Err(errno) if i32::from(errno.raw()) == libc::EINTR => {}
            result => return result.map(drop),
        }
    }
}

/// Waits for a child's end and returns its wait status.
pub fn wait(pid: pid_t) -> Result<c_int, Errno> {
    let mut status = 0;
    loop {
        // SAFETY: the pointer is to an int to be written.
        let result = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        match checked(c_long::from(result)) {
            Err(errno) if i32::from(errno.raw()) == libc::EINTR => {}
            // Another thread of this process traces the child; its stops are not for us.
            Ok(_) if libc::WIFSTOPPED(status) => {}
            result => return result.map(|_| status),
        }
    }
}

/// Ends the process at once: no destructors, no exit handlers, no flushing.
pub fn exit_now(code: u8) -> ! {
    // SAFETY: the call takes a number and does not return.
    unsafe { libc::_exit(c_int::from(code)) }
}

/// Writes to standard error with a single write(2), and ignores failure.
pub(crate) fn write_stderr(text: &[u8]) {
    // SAFETY: pointer and length are those of a live slice, which is only read.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
}

/// Whether the process may execute a file, by its effective ids.
pub(crate) fn executable(file: &CStr) -> Result<(), Errno> {
    let (path, flags) = (file.as_ptr(), libc::AT_EACCESS);
    // SAFETY: the path is a C string that lives through the call.
    let result = unsafe { libc::faccessat(libc::AT_FDCWD, path, libc::X_OK, flags) };
    checked(c_long::from(result)).map(drop)
}

/// What happens on a signal.
#[derive(Clone, Copy)]
pub(crate) struct Disposition(libc::sigaction);

impl Disposition {
    /// The signal is ignored, or has its default effect.
    pub(crate) fn of_ignored(ignored: bool) -> Self {
        // SAFETY: all zeroes are a sigaction: no flags, an empty mask and, as SIG_DFL is 0, the
        // default.
        let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
        action.sa_sigaction = if ignored { libc::SIG_IGN } else { libc::SIG_DFL };
        Self(action)
    }
}

/// Gives SIGPIPE a disposition that it had, and returns the one before.
pub(crate) fn set_sigpipe(disposition: Disposition) -> Result<Disposition, Errno> {
    let mut before = disposition.0;
    // SAFETY: both pointers are to live sigactions, and the new one runs no handler but one that
    // was installed before.
    let result =
        unsafe { libc::sigaction(libc::SIGPIPE, &raw const disposition.0, &raw mut before) };
    checked(c_long::from(result)).map(|_| Disposition(before))
}

unsafe extern "C" {
    /// The environment as the C library has it: a null-terminated array of pointers to C strings,
    /// or null.
    static mut environ: *const *const c_char;
}

/// The environment as it is, entry for entry, whatever these look like.
///
/// As getenv(3), it must not be called while another thread changes the environment: that is the
/// duty of whoever calls the functions that change it, which are unsafe for this reason
/// (`std::env::set_var`).
pub(crate) fn environment() -> Vec<CString> {
    // SAFETY: the pointer is read, which nobody writes meanwhile: see above.
    let mut entry = unsafe { environ };
    let mut entries = Vec::new();
    while !entry.is_null() {
        // SAFETY: the array goes on up to and including its null pointer, which has not been seen
        // yet.
        let text = unsafe { *entry };
        if text.is_null() {
            break;
        }
        // SAFETY: an entry that is not null is a C string, which nobody changes meanwhile: see
        // above.
        entries.push(unsafe { CStr::from_ptr(text) }.to_owned());
        // SAFETY: as this entry was not the null pointer, there is one behind it.
        entry = unsafe { entry.add(1) };
    }
    entries
}

/// C strings with the null-terminated array of pointers to them that execve(2) reads.
#[derive(Debug)]
pub(crate) struct StringTable {
    // Never touched again: the pointers are to the buffers of these.
    _strings: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl StringTable {
    pub(crate) fn new(strings: Vec<CString>) -> Self {
        let pointers = strings.iter().map(|s| s.as_ptr()).chain([ptr::null()]).collect();
        Self { _strings: strings, pointers }
    }

    /// Where the array lies: the argument that execve(2) sees.
    pub(crate) fn address(&self) -> usize {
        self.pointers.as_ptr().addr()
    }
}

/// Replaces the process by another program; returns only the reason for which it can't.
pub(crate) fn execve(file: &CStr, argv: &StringTable, environment: &StringTable) -> Errno {
    let (argv, environment) = (argv.pointers.as_ptr(), environment.pointers.as_ptr());
    // SAFETY: a C string and two null-terminated arrays of pointers to C strings, all alive while
    // borrowed, as StringTable keeps them.
    unsafe { libc::execve(file.as_ptr(), argv, environment) };
    last_errno()
}
