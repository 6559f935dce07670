//! The memory of the calling process, and its descriptors.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use callgate_kernel::notify::handover::Process;
use callgate_kernel::{Tid, notify};
use callgate_syscalls::Errno;

use crate::error::{errno, errno_of};
use crate::listener::waits;
use crate::state::Examined;
use crate::{Error, Listener, Notification};

/// Data of the calling process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Seen<T> {
    /// This. It was so while the call waited; the process may change it at any moment.
    Value(T),
    /// Nothing: no memory there, or no descriptor of that number. The kernel would have said
    /// `EFAULT` or `EBADF`.
    Fault,
    /// The call has ended; what was found may be another process's, and was thrown away.
    Gone,
}

/// The memory of the calling process; made by [`Notification::memory`].
///
/// Each access is framed by the question whether the call still waits: its thread id could have
/// come to mean another process.
#[derive(Clone, Copy, Debug)]
pub struct Memory<'n> {
    listener: &'n Listener,
    id: u64,
    caller: Option<Tid>,
}

impl Notification<'_, Examined> {
    /// The memory of the calling process.
    #[must_use]
    pub const fn memory(&self) -> Memory<'_> {
        Memory { listener: self.listener(), id: self.raw_id(), caller: self.caller() }
    }

    /// A copy of a descriptor of the calling thread.
    ///
    /// # Errors
    /// [`Error::Invisible`], [`Error::Forbidden`]; [`Error::Kernel`] for what the kernel should not
    /// say.
    pub fn descriptor(&self, number: u32) -> Result<Seen<OwnedFd>, Error> {
        let memory = self.memory();
        let Ok(number) = i32::try_from(number) else { return Ok(Seen::Fault) };
        memory.framed(|tid| match Process::of_thread(tid)?.take(number) {
            Ok(descriptor) => Ok(Some(descriptor)),
            Err(reason) if reason == errno(libc::EBADF) => Ok(None),
            Err(reason) => Err(reason),
        })
    }
}

impl Memory<'_> {
    /// Fills a buffer.
    ///
    /// # Errors
    /// [`Error::Invisible`], [`Error::Forbidden`]; [`Error::Kernel`] for what the kernel should not
    /// say.
    pub fn read(&self, address: u64, buffer: &mut [u8]) -> Result<Seen<()>, Error> {
        let wanted = buffer.len();
        let seen = self.framed(|tid| copy(tid, address, buffer).map(Some))?;
        Ok(match seen {
            Seen::Value(copied) if copied == wanted => Seen::Value(()),
            Seen::Value(_) | Seen::Fault => Seen::Fault,
            Seen::Gone => Seen::Gone,
        })
    }

    /// Copies so many bytes: a structure of fixed size.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn bytes<const N: usize>(&self, address: u64) -> Result<Seen<[u8; N]>, Error> {
        let mut bytes = [0; N];
        Ok(match self.read(address, &mut bytes)? {
            Seen::Value(()) => Seen::Value(bytes),
            Seen::Fault => Seen::Fault,
            Seen::Gone => Seen::Gone,
        })
    }

    /// Copies a string that ends with a zero within `limit` bytes; `None` where it does not.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn c_string(&self, address: u64, limit: usize) -> Result<Seen<Option<CString>>, Error> {
        self.framed(|tid| match c_string(tid, address, limit) {
            Ok(text) => Ok(Some(text)),
            Err(reason) if reason == errno(libc::EFAULT) => Ok(None),
            Err(reason) => Err(reason),
        })
    }

    /// Writes into the memory.
    ///
    /// Through a file that was opened before the call was seen to wait still, so that nothing is
    /// ever written to another process. Unlike the process itself it can write to private memory
    /// that is mapped for reading only.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn write(&self, address: u64, bytes: &[u8]) -> Result<Seen<()>, Error> {
        let seen = self.framed(|tid| {
            let file = memory_file(tid)?;
            // A failure to ask is found again by the frame.
            if !waits(self.listener, self.id).unwrap_or(false) {
                return Ok(None);
            }
            match file.write_all_at(bytes, address) {
                Ok(()) => Ok(Some(())),
                Err(error) if is_fault(&error) => Ok(None),
                Err(error) => Err(errno_of(&error)),
            }
        })?;
        Ok(seen)
    }

    /// Looks while the call waits: asked before, so that no other process is looked into, and
    /// after, because only then is it certain. `None` is a fault.
    fn framed<T>(
        &self,
        look: impl FnOnce(Tid) -> Result<Option<T>, Errno>,
    ) -> Result<Seen<T>, Error> {
        let tid = self.caller.ok_or(Error::Invisible)?;
        if !waits(self.listener, self.id)? {
            return Ok(Seen::Gone);
        }
        let found = look(tid);
        if !waits(self.listener, self.id)? {
            return Ok(Seen::Gone);
        }
        match found {
            Ok(Some(value)) => Ok(Seen::Value(value)),
            Ok(None) => Ok(Seen::Fault),
            Err(errno) if refuses(errno) => Err(Error::Forbidden { tid, errno }),
            Err(errno) => Err(Error::Kernel { call: "looking into a process", errno }),
        }
    }
}

fn refuses(reason: Errno) -> bool {
    [libc::EPERM, libc::EACCES].map(errno).contains(&reason)
}

/// Copies as much as there is.
fn copy(tid: Tid, address: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
    let mut copied = 0;
    while let Some(rest) = buffer.get_mut(copied..).filter(|rest| !rest.is_empty()) {
        // An address space ends before its last address.
        let Some(place) = address.checked_add(copied as u64) else { break };
        match copy_some(tid, place, rest) {
            Ok(0) => break,
            Ok(more) => copied += more,
            Err(reason) if reason == errno(libc::EFAULT) => break,
            Err(reason) => return Err(reason),
        }
    }
    Ok(copied)
}

/// Reads by the call that is meant for it or, where an outer sandbox or an old kernel refuses that,
/// through /proc.
fn copy_some(tid: Tid, address: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
    match notify::read_memory(tid, address, buffer) {
        Err(reason) if refuses(reason) || reason == errno(libc::ENOSYS) => {
            read_file(tid, address, buffer).map_err(|by_file| match by_file {
                // Without /proc the first reason tells more.
                missing if missing == errno(libc::ENOENT) => reason,
                other => other,
            })
        }
        result => result,
    }
}

pub(crate) fn read_file(tid: Tid, address: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
    match memory_file(tid)?.read_at(buffer, address) {
        Ok(copied) => Ok(copied),
        Err(error) if is_fault(&error) => Err(errno(libc::EFAULT)),
        Err(error) => Err(errno_of(&error)),
    }
}

fn memory_file(tid: Tid) -> Result<File, Errno> {
    let path = format!("/proc/{tid}/mem");
    OpenOptions::new().read(true).write(true).open(path).map_err(|error| errno_of(&error))
}

/// The memory file says EIO where nothing is mapped, EINVAL for addresses that no process has.
fn is_fault(error: &io::Error) -> bool {
    let raw = error.raw_os_error();
    raw.is_none() || raw.is_some_and(|raw| [libc::EIO, libc::EFAULT, libc::EINVAL].contains(&raw))
}

/// The size of the pieces in which strings are read, each within a page: what lies behind a
/// string's end may not be mapped.
const PIECE: u64 = 256;

fn c_string(tid: Tid, address: u64, limit: usize) -> Result<Option<CString>, Errno> {
    let mut text = Vec::new();
    let mut piece = [0; 256];
    while text.len() < limit {
        let place = address.checked_add(text.len() as u64).ok_or(errno(libc::EFAULT))?;
        let to_end = usize::try_from(PIECE - place % PIECE).unwrap_or(1);
        let len = to_end.min(limit - text.len());
        let copied = copy(tid, place, &mut piece[..len])?;
        let copied = &piece[..copied];
        if let Some(end) = copied.iter().position(|&byte| byte == 0) {
            text.extend_from_slice(&copied[..end]);
            return Ok(CString::new(text).ok());
        }
        if copied.len() < len {
            return Err(errno(libc::EFAULT));
        }
        text.extend_from_slice(copied);
    }
    Ok(None)
}
