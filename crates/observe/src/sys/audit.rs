//! The kernel's audit socket, of which only two questions are asked: whether it is on, and whether
//! its records may be read.
//!
//! References: `kernel/audit.c`, `include/uapi/linux/audit.h`, netlink(7).

use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use callgate_syscalls::Errno;
use libc::{c_int, c_long};

use callgate_kernel::parts::{checked, errno};

const NETLINK_AUDIT: c_int = 9;
/// `AUDIT_GET`, which asks for the state and changes none.
const GET: u16 = 1000;
/// The mask of the group `AUDIT_NLGRP_READLOG`.
const READ_LOG: u32 = 1;
/// `struct nlmsghdr`: length, type, flags, sequence, port.
const HEADER_LEN: usize = 16;

/// Opens a socket for the kernel's audit, which is closed on exec.
pub fn socket() -> Result<OwnedFd, Errno> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: the call takes numbers.
    let descriptor = unsafe { libc::socket(libc::AF_NETLINK, kind, NETLINK_AUDIT) };
    checked(c_long::from(descriptor))?;
    // SAFETY: the kernel has just opened this descriptor for the caller alone.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Joins those who get a copy of every record.
pub fn listen(socket: &OwnedFd) -> Result<(), Errno> {
    // SAFETY: all zeroes are a sockaddr_nl.
    let mut address = unsafe { MaybeUninit::<libc::sockaddr_nl>::zeroed().assume_init() };
    address.nl_family = libc::sa_family_t::try_from(libc::AF_NETLINK).unwrap_or(0);
    address.nl_groups = READ_LOG;
    let len = libc::socklen_t::try_from(size_of::<libc::sockaddr_nl>()).unwrap_or(0);
    // SAFETY: address and length are those of a live sockaddr_nl, which is only read.
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len) };
    checked(c_long::from(result)).map(drop)
}

/// The message that asks for the state.
pub fn status_request() -> [u8; HEADER_LEN] {
    const REQUEST: u16 = 1;
    let mut message = [0; HEADER_LEN];
    message[0] = 16;
    message[4..6].copy_from_slice(&GET.to_ne_bytes());
    message[6..8].copy_from_slice(&REQUEST.to_ne_bytes());
    message[8] = 1;
    message
}

/// Whether calls are audited, from the kernel's answer: 0, 1, or 2 if that can't be changed any
/// more.
pub fn enabled_in(answer: &[u8]) -> Result<u32, Errno> {
    const ERROR: u16 = 2;
    let invalid = errno(libc::EPROTO);
    let word = |at: usize| answer.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    let kind = answer.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    match kind.ok_or(invalid)? {
        GET => word(HEADER_LEN + 4).map(u32::from_ne_bytes).ok_or(invalid),
        ERROR => Err(word(HEADER_LEN)
            .map_or(invalid, |word| errno(i32::from_ne_bytes(word).checked_neg().unwrap_or(0)))),
        _ => Err(invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: u16, words: &[u32]) -> Vec<u8> {
        let mut message = vec![0; HEADER_LEN];
        message[4..6].copy_from_slice(&kind.to_ne_bytes());
        message.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        message
    }

    #[test]
    fn answers_are_a_state_or_an_errno() {
        assert_eq!(enabled_in(&answer(GET, &[0, 1, 7])), Ok(1));
        let refused = answer(2, &[u32::MAX, 0]);
        assert_eq!(enabled_in(&refused), Err(errno(libc::EPERM)));
    }

    #[test]
    fn what_is_cut_off_or_unknown_is_a_protocol_error() {
        let invalid = Err(errno(libc::EPROTO));
        for len in [0, 5, 6, 16, 20, 23] {
            assert_eq!(enabled_in(&answer(GET, &[0, 1])[..len]), invalid, "{len}");
        }
        assert_eq!(enabled_in(&answer(GET, &[0, 1])[..24]), Ok(1));
        assert_eq!(enabled_in(&answer(1326, &[0, 1])), invalid);
    }
}
