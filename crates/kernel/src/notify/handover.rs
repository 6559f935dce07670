//! Bringing a listener from the process that loaded the filter to the one that answers.
//!
//! Three ways, by what the filter lets its process do:
//!
//! - **A shared table of descriptors** asks nothing of it:
//!   [`Command::spawn_supervised`](crate::Command::spawn_supervised). Threads share theirs anyway.
//! - **Taking it** ([`Process::take`]) asks nothing of it either but that it still holds the
//!   descriptor, and of the taker that it may trace the process.
//! - **Sending it** over a Unix socket ([`send`], [`receive`]) needs `sendmsg`, and no permission.
//!   It is how container runtimes do it.
//!
//! Whoever gave the listener away has to close its own copy: as long as that is open, calls wait
//! for an answer even if the supervisor has died.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use callgate_syscalls::Errno;

use crate::Tid;
use crate::sys::notify::handover as sys;

/// The most descriptors that come with one message.
pub const DESCRIPTORS_MAX: usize = sys::DESCRIPTORS_MAX;

/// A process, by a descriptor: unlike a number, it never comes to mean another one.
#[derive(Debug)]
pub struct Process(OwnedFd);

impl Process {
    /// Opens a process, which is a child of the caller or otherwise known not to be replaced
    /// meanwhile.
    ///
    /// # Errors
    /// The kernel's errno: `ESRCH` where there is none, `EINVAL` where it is a thread but not the
    /// first of its process.
    ///
    /// # References
    /// pidfd_open(2), Linux 5.3.
    pub fn open(process: Tid) -> Result<Self, Errno> {
        sys::pidfd_open(process, 0).map(Self)
    }

    /// Opens a thread, whose descriptors may be its own; before Linux 6.9, the process of a thread
    /// that is the first of its.
    ///
    /// # Errors
    /// As [`Process::open`].
    pub fn of_thread(thread: Tid) -> Result<Self, Errno> {
        let of_thread = sys::pidfd_open(thread, sys::PIDFD_THREAD);
        of_thread.or_else(|_| sys::pidfd_open(thread, 0)).map(Self)
    }

    /// Makes a copy of one of its descriptors.
    ///
    /// # Errors
    /// The kernel's errno: `EBADF` where it has no such descriptor, `EPERM` where the caller may
    /// not trace it, `ESRCH` where it has ended.
    ///
    /// # References
    /// pidfd_getfd(2), Linux 5.6.
    pub fn take(&self, number: RawFd) -> Result<OwnedFd, Errno> {
        sys::pidfd_getfd(self.0.as_fd(), number)
    }
}

impl From<OwnedFd> for Process {
    /// Takes a descriptor that is one of a process; others fail when it is used.
    fn from(pidfd: OwnedFd) -> Self {
        Self(pidfd)
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What came over a socket.
#[derive(Debug)]
#[non_exhaustive]
pub struct Message {
    /// How many bytes were written to the buffer. None is the end of a stream.
    pub len: usize,
    /// The descriptors, in the order in which they were sent.
    pub descriptors: Vec<OwnedFd>,
    /// Whether the kernel dropped bytes or descriptors, because there was no room or the process
    /// may open no more files.
    pub truncated: bool,
}

/// Sends bytes, at least one, and with them a copy of a descriptor. Does not allocate. Returns how
/// many bytes were sent: on a stream possibly not all, but the descriptor goes with the first.
///
/// # Errors
/// The kernel's errno; `EPIPE`, and no signal, where nobody can receive.
///
/// # References
/// unix(7), `SCM_RIGHTS`.
pub fn send(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptor: BorrowedFd<'_>,
) -> Result<usize, Errno> {
    sys::send(socket, bytes, descriptor)
}

/// Receives bytes and the descriptors that came with them, which are closed on exec.
///
/// # Errors
/// The kernel's errno.
///
/// # References
/// unix(7), `SCM_RIGHTS`.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Message, Errno> {
    let sys::Message { len, descriptors, truncated } = sys::receive(socket, buffer)?;
    Ok(Message { len, descriptors, truncated })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::{UnixDatagram, UnixStream};

    use super::*;
    use crate::sys::errno;

    #[test]
    fn a_descriptor_travels_with_the_first_byte() {
        let (here, there) = UnixStream::pair().unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        assert_eq!(send(here.as_fd(), b"ab", ours.as_fd()), Ok(2));
        drop(ours);
        let mut buffer = [0; 1];
        let message = receive(there.as_fd(), &mut buffer).unwrap();
        assert_eq!((message.len, buffer, message.truncated), (1, *b"a", false));
        let [received] = <[OwnedFd; 1]>::try_from(message.descriptors).unwrap();
        std::io::Write::write_all(&mut UnixStream::from(received), b"hello").unwrap();
        let mut text = String::new();
        theirs.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");

        let rest = receive(there.as_fd(), &mut buffer).unwrap();
        assert_eq!((rest.len, rest.descriptors.len(), buffer), (1, 0, *b"b"));
        drop(here);
        assert_eq!(receive(there.as_fd(), &mut buffer).unwrap().len, 0);
        assert_eq!(send(there.as_fd(), b"a", there.as_fd()), Err(errno(libc::EPIPE)));
    }

    #[test]
    fn bytes_without_room_are_reported() {
        let (here, there) = UnixDatagram::pair().unwrap();
        for (len, truncated) in [(3, false), (4, false), (5, true)] {
            here.send(&vec![1; len]).unwrap();
            let message = receive(there.as_fd(), &mut [0; 4]).unwrap();
            assert_eq!((message.len, message.truncated), (len.min(4), truncated));
        }
    }

    #[test]
    fn a_descriptor_is_taken_by_its_number() {
        let file = File::open("/dev/null").unwrap();
        let this = Process::open(Tid::new(std::process::id()).unwrap()).unwrap();
        let copy = this.take(file.as_raw_fd()).unwrap();
        assert_ne!(copy.as_raw_fd(), file.as_raw_fd());
        assert_eq!(this.take(1_000_000).unwrap_err(), errno(libc::EBADF));
        assert_eq!(Process::open(Tid::new(0x7fff_ffff).unwrap()).unwrap_err(), errno(libc::ESRCH));
    }
}
