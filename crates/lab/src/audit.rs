//! The kernel's audit records, as every reader of the multicast group sees them.

use std::os::fd::{AsFd, OwnedFd};

use callgate_syscalls::Errno;

use super::said;
use callgate_kernel::parts;
use callgate_observe::sys::audit;

use crate::sys as lab;

/// The records since this was opened. Reading needs `CAP_AUDIT_READ`, and changes nothing.
#[derive(Debug)]
pub struct AuditRecords(OwnedFd);

/// `AUDIT_SECCOMP`.
const SECCOMP: u16 = 1326;

impl AuditRecords {
    /// Joins the group.
    ///
    /// # Errors
    /// The kernel's errno.
    pub fn open() -> Result<Self, Errno> {
        let socket = audit::socket()?;
        audit::listen(&socket).map(|()| Self(socket))
    }

    /// The next record of a filter's, if one comes within some milliseconds; other records are
    /// passed over.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn next(&self, milliseconds: i32) -> Result<Option<String>, String> {
        const HEADER: usize = 16;
        let mut buffer = [0; 8192];
        while lab::poll(self.0.as_fd(), libc::POLLIN, milliseconds).map_err(said)? != 0 {
            let length = match lab::receive(self.0.as_fd(), &mut buffer) {
                // The kernel had to drop records, and goes on.
                Err(errno) if errno == parts::errno(libc::ENOBUFS) => continue,
                result => result.map_err(said)?,
            };
            let Some((header, text)) = buffer[..length].split_at_checked(HEADER) else { continue };
            if u16::from_ne_bytes([header[4], header[5]]) == SECCOMP {
                return Ok(Some(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned()));
            }
        }
        Ok(None)
    }
}
