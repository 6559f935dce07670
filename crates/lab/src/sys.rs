//! What the rows of `cargo xtask conformance live` do to processes of their own: signals, sockets,
//! other ways into the kernel.

pub(crate) mod trace;
pub(crate) mod trap;

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use callgate_syscalls::Errno;
use libc::{c_int, c_long, pid_t};

use callgate_kernel::parts::{self, checked, own, pidfd_getfd};

/// How many signals [`count`] has seen in this process.
static CAUGHT: AtomicU32 = AtomicU32::new(0);

/// The signals that were counted.
pub(crate) fn caught() -> u32 {
    CAUGHT.load(Ordering::SeqCst)
}

/// Lets a signal be counted instead of its default effect; calls that it interrupts are restarted,
/// or fail with `EINTR`.
pub(crate) fn catch(signal: c_int, restart: bool) -> Result<(), Errno> {
    set_action(signal, Handler::Count, if restart { libc::SA_RESTART } else { 0 })
}

/// Lets a signal be ignored.
pub(crate) fn ignore(signal: c_int) -> Result<(), Errno> {
    set_action(signal, Handler::Ignore, 0)
}

/// What is done on a signal.
enum Handler {
    Count,
    Ignore,
}

fn set_action(signal: c_int, handler: Handler, flags: c_int) -> Result<(), Errno> {
    let counter: extern "C" fn(c_int) = count;
    // SAFETY: all zeroes are a sigaction: no flags, an empty mask.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    action.sa_sigaction = match handler {
        Handler::Count => counter as usize,
        Handler::Ignore => libc::SIG_IGN,
    };
    action.sa_flags = flags;
    // SAFETY: the action is alive; its handler, where it is a function, touches one atomic and
    // lives as long as the program; the old action is not asked for.
    let result = unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
    checked(c_long::from(result)).map(drop)
}

extern "C" fn count(_signal: c_int) {
    CAUGHT.fetch_add(1, Ordering::SeqCst);
}

/// Keeps a signal from the calling thread.
pub(crate) fn block(signal: c_int) -> Result<(), Errno> {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: the pointer is to a set to be written.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: the set was made by the call above; a signal there is none of is refused.
    unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    // SAFETY: the set is alive and made above; the old one is not asked for.
    match unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut()) } {
        0 => Ok(()),
        errno => Err(parts::errno(errno)),
    }
}

/// Which of these events, and those that are always looked for, a descriptor shows within some
/// milliseconds; none where the time is up.
pub(crate) fn poll(
    descriptor: BorrowedFd<'_>,
    events: i16,
    milliseconds: c_int,
) -> Result<i16, Errno> {
    let mut polled = libc::pollfd { fd: descriptor.as_raw_fd(), events, revents: 0 };
    // SAFETY: the pointer is to one pollfd, as the count says.
    let result = unsafe { libc::poll(&raw mut polled, 1, milliseconds) };
    checked(c_long::from(result)).map(|_| polled.revents)
}

/// Waits for the next change of a child: its wait status, or `None` where it has none and the
/// caller does not want to wait.
pub(crate) fn wait_status(pid: pid_t, wait: bool) -> Result<Option<c_int>, Errno> {
    let mut status = 0;
    let options = libc::__WALL | if wait { 0 } else { libc::WNOHANG };
    loop {
        // SAFETY: the pointer is to an int to be written.
        let result = unsafe { libc::waitpid(pid, &raw mut status, options) };
        match checked(c_long::from(result)) {
            Err(errno) if i32::from(errno.raw()) == libc::EINTR => {}
            result => return result.map(|pid| (pid != 0).then_some(status)),
        }
    }
}

/// Has the kernel kill this process when its parent ends.
pub(crate) fn die_with_parent() {
    // SAFETY: the option takes a number.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

/// A copy of another process's descriptor.
pub(crate) fn descriptor_of(pid: pid_t, number: c_int) -> Result<OwnedFd, Errno> {
    // SAFETY: the call takes numbers.
    let process = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    // SAFETY: the result of a call that opens a descriptor for its caller.
    let process = unsafe { own(process) }?;
    pidfd_getfd(process.as_fd(), number)
}

/// What a socket receives next, if there is anything: its length in the buffer.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Errno> {
    let (address, length) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: pointer and length are those of a live slice that is borrowed mutably.
    let result = unsafe { libc::recv(socket.as_raw_fd(), address, length, libc::MSG_DONTWAIT) };
    let result = c_long::try_from(result).unwrap_or(-1);
    checked(result).map(|length| usize::try_from(length).unwrap_or(0))
}

/// Starts to count an event of the calling process, whose attribute names a file.
///
/// `attribute` is a `struct perf_event_attr` without its size, which is that of the array, and at
/// `path_at` gets the pointer to the path.
///
/// # Panics
/// Where `path_at` is not inside.
pub(crate) fn perf_event(
    attribute: &mut [u8; 128],
    path_at: usize,
    path: &CStr,
) -> Result<OwnedFd, Errno> {
    let address = path.as_ptr().expose_provenance().to_ne_bytes();
    attribute[path_at..path_at + address.len()].copy_from_slice(&address);
    attribute[SIZE_AT..SIZE_AT + 4].copy_from_slice(&128_u32.to_ne_bytes());
    const FD_CLOEXEC: libc::c_ulong = 1 << 3;
    let (pid, cpu, group, flags) = (0, -1, -1, FD_CLOEXEC);
    let pointer = attribute.as_mut_ptr();
    // SAFETY: the kernel reads as many bytes of the attribute as the size in it says, which is the
    // array's, and the path, both alive, and writes at most a size to the former.
    let result =
        unsafe { libc::syscall(libc::SYS_perf_event_open, pointer, pid, cpu, group, flags) };
    // SAFETY: the result of a call that opens a descriptor for its caller.
    unsafe { own(result) }
}

/// Where the size stands in a `struct perf_event_attr`.
const SIZE_AT: usize = 4;

/// Makes a call by the 32-bit entry of x86, with whole 64-bit registers: what the kernel returns.
///
/// # Safety
/// As [`any_syscall`](parts::any_syscall).
#[cfg(target_arch = "x86_64")]
pub(crate) unsafe fn int80(nr: u64, args: [u64; 5]) -> Option<i64> {
    let [first, second, third, fourth, fifth] = args;
    let result: i64;
    // SAFETY: the caller answers for the call. RBX, which the compiler keeps for itself, is put
    // back; the kernel clears R8 to R11, and changes no register besides RAX.
    unsafe {
        std::arch::asm!(
            "xchg {first}, rbx",
            "int 0x80",
            "xchg {first}, rbx",
            first = inout(reg) first => _,
            inout("rax") nr => result,
            in("rcx") second,
            in("rdx") third,
            in("rsi") fourth,
            in("rdi") fifth,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            options(nostack),
        );
    }
    Some(result)
}

/// Makes a call without arguments by the native entry, with a whole register as its number: what
/// the kernel returns.
///
/// # Safety
/// As [`any_syscall`](parts::any_syscall).
#[cfg(target_arch = "x86_64")]
pub(crate) unsafe fn whole_number(nr: u64) -> Option<i64> {
    let result: i64;
    // SAFETY: the caller answers for the call; the kernel changes RCX, R11 and RAX.
    unsafe {
        std::arch::asm!("syscall", inout("rax") nr => result, out("rcx") _, out("r11") _, options(nostack));
    }
    Some(result)
}

/// This machine has no such register.
///
/// # Safety
/// None.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) unsafe fn whole_number(_nr: u64) -> Option<i64> {
    None
}

/// This machine has no such entry.
///
/// # Safety
/// None.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) unsafe fn int80(_nr: u64, _args: [u64; 5]) -> Option<i64> {
    None
}

#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".pushsection .text.callgate_probed,\"ax\",@progbits",
    ".p2align 6",
    ".hidden callgate_probed",
    ".globl callgate_probed",
    "callgate_probed:",
    // The no-operation of five bytes that the kernel replaces by a call of its trampoline.
    ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00",
    "mov eax, 17",
    "ret",
    ".popsection",
);

#[cfg(target_arch = "x86_64")]
unsafe extern "C" {
    fn callgate_probed() -> c_int;
}

/// Runs a function at whose beginning probes can be put, and which returns [`PROBED`].
pub(crate) fn probed() -> c_int {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the function above takes nothing, follows the C ABI and touches one register, which
    // its result is in.
    return unsafe { callgate_probed() };
    #[cfg(not(target_arch = "x86_64"))]
    PROBED
}

/// What [`probed`] returns.
pub(crate) const PROBED: c_int = 17;

/// Where that function is; `None` where this machine has none.
pub(crate) fn probed_address() -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    return Some((callgate_probed as *const ()).addr());
    #[cfg(not(target_arch = "x86_64"))]
    None
}
