//! Descriptors on their way between processes.

use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use callgate_syscalls::Errno;
use libc::{c_int, c_long, c_uint, iovec, msghdr};

use crate::Tid;
use crate::sys::{checked, errno};

/// The most descriptors that the kernel puts into one message (`SCM_MAX_FD`).
pub(crate) const DESCRIPTORS_MAX: usize = 253;

/// The room for the ancillary data of that many descriptors: their header, padded, and four bytes
/// each, padded.
const CONTROL_WORDS: usize = (64 + DESCRIPTORS_MAX * size_of::<RawFd>()).div_ceil(8);

/// The descriptor is to be that of a thread (Linux 6.9); include/uapi/linux/pidfd.h.
pub(crate) const PIDFD_THREAD: c_int = libc::O_EXCL;

/// A descriptor that refers to a process; it is closed on exec.
pub fn pidfd_open(process: Tid, flags: c_int) -> Result<OwnedFd, Errno> {
    let (pid, flags) = (c_long::from(process.as_pid()), c_long::from(flags));
    // SAFETY: the call takes numbers.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) };
    // SAFETY: the result of a call that opens a descriptor for its caller.
    unsafe { own(result) }
}

/// A copy of a descriptor of the process; it is closed on exec.
pub fn pidfd_getfd(process: BorrowedFd<'_>, number: RawFd) -> Result<OwnedFd, Errno> {
    let (process, number) = (c_long::from(process.as_raw_fd()), c_long::from(number));
    let flags = c_long::from(0);
    // SAFETY: the call takes numbers.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_getfd, process, number, flags) };
    // SAFETY: the result of a call that opens a descriptor for its caller.
    unsafe { own(result) }
}

/// Owns what a call has opened, or says why it has not.
///
/// # Safety
/// `result` is what a syscall has just returned that opens a descriptor for its caller alone.
pub unsafe fn own(result: c_long) -> Result<OwnedFd, Errno> {
    let descriptor = RawFd::try_from(checked(result)?).map_err(|_| errno(libc::EBADF))?;
    // SAFETY: the call has opened the descriptor for its caller alone, who gives it up here.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Sends bytes, at least one, with a copy of one descriptor.
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptor: BorrowedFd<'_>,
) -> Result<usize, Errno> {
    let mut control = [0_u64; CONTROL_WORDS];
    let mut bytes = iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut message = message(&mut bytes, &mut control);
    let size = c_uint::try_from(size_of::<RawFd>()).unwrap_or(0);
    // SAFETY: the call computes a number.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(size) } as _;
    // SAFETY: the message is alive and its control pointer and length are those of a live buffer.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    // SAFETY: all zeroes are a header. In some C libraries, musl for one, it has padding, which the
    // kernel takes for the length's.
    let mut rights = unsafe { MaybeUninit::<libc::cmsghdr>::zeroed().assume_init() };
    // SAFETY: the call computes a number.
    rights.cmsg_len = unsafe { libc::CMSG_LEN(size) } as _;
    rights.cmsg_level = libc::SOL_SOCKET;
    rights.cmsg_type = libc::SCM_RIGHTS;
    // SAFETY: the buffer, aligned as u64, has room for a header at its start: the control length is
    // not less.
    unsafe { header.write(rights) };
    // SAFETY: the header is in the buffer, whose length has room for the data behind it.
    let data = unsafe { libc::CMSG_DATA(header) };
    // SAFETY: four bytes of data are in the buffer; they need not be aligned.
    unsafe { data.cast::<RawFd>().write_unaligned(descriptor.as_raw_fd()) };
    // SAFETY: the message points to live buffers, which are only read.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) };
    Ok(usize::try_from(checked(sent as c_long)?).unwrap_or(0))
}

/// What a message carried.
#[derive(Debug)]
pub(crate) struct Message {
    /// How many bytes were written to the buffer.
    pub(crate) len: usize,
    pub(crate) descriptors: Vec<OwnedFd>,
    /// Whether the kernel dropped bytes or descriptors for which there was no room.
    pub(crate) truncated: bool,
}

/// Receives bytes and descriptors, which are closed on exec.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Message, Errno> {
    let mut control = [0_u64; CONTROL_WORDS];
    let mut bytes = iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut message = message(&mut bytes, &mut control);
    // SAFETY: the message points to live buffers to be written.
    let received =
        unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
    let len = usize::try_from(checked(received as c_long)?).unwrap_or(0);
    let truncated = message.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0;
    // SAFETY: recvmsg has filled in the message, whose control buffer is alive.
    let numbers = unsafe { numbers(&message) };
    // SAFETY: the kernel has just opened each of these descriptors for this receiver alone.
    let own = |number| unsafe { OwnedFd::from_raw_fd(number) };
    Ok(Message { len, descriptors: numbers.into_iter().map(own).collect(), truncated })
}

/// The descriptors in the control buffer of a message.
///
/// # Safety
/// recvmsg(2) has filled the message in, and its control buffer, aligned as u64, is alive.
unsafe fn numbers(message: &msghdr) -> Vec<RawFd> {
    let mut numbers = Vec::new();
    // SAFETY: control pointer and length are those of a live buffer, of which the kernel has left
    // how much it has filled.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !next.is_null() {
        // SAFETY: not null, so a whole header in the buffer, each of which is aligned as a size is.
        let header = unsafe { next.read() };
        if (header.cmsg_level, header.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            // SAFETY: the call computes a number.
            let before = unsafe { libc::CMSG_LEN(0) } as usize;
            let count = (header.cmsg_len as usize).saturating_sub(before) / size_of::<RawFd>();
            // SAFETY: the header is in the buffer; what is behind it is at most the end of that.
            let data = unsafe { libc::CMSG_DATA(next) }.cast::<RawFd>();
            numbers.extend((0..count).map(|index| {
                // SAFETY: the kernel wrote as many descriptors as the header's length says behind
                // it.
                let place = unsafe { data.add(index) };
                // SAFETY: as for the place itself, this one is inside; it need not be aligned.
                unsafe { place.read_unaligned() }
            }));
        }
        // SAFETY: the header is one of this message.
        next = unsafe { libc::CMSG_NXTHDR(message, next) };
    }
    numbers
}

/// A message of one range of bytes and a whole control buffer, both of which the caller keeps
/// alive.
fn message(bytes: &mut iovec, control: &mut [u64; CONTROL_WORDS]) -> msghdr {
    // SAFETY: all zeroes are a msghdr: no name, no ranges, no control data.
    let mut message = unsafe { MaybeUninit::<msghdr>::zeroed().assume_init() };
    message.msg_iov = ptr::from_mut(bytes);
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = (CONTROL_WORDS * 8) as _;
    message
}
