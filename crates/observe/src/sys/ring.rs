//! A ring that programs write records to and this process reads them from, without a call.
//!
//! References: `Documentation/bpf/ringbuf.rst`, `kernel/bpf/ringbuf.c`.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use callgate_kernel::parts::{errno, errno_of};
use callgate_syscalls::Errno;
use libc::c_int;

use super::bpf::{Kind, Map, Measures};

/// The reader's end.
#[derive(Debug)]
pub(crate) struct Ring {
    map: Map,
    /// Where this process says how far it has read.
    read: Mapping,
    /// Where the kernel says how far it has written; a page behind it are the records, twice, so
    /// that none is ever cut in two.
    written: Mapping,
    size: usize,
    page: usize,
}

/// Each record begins with its length, two of whose bits say how it stands, and a word for the
/// kernel.
const HEADER_LEN: usize = 8;
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;

impl Ring {
    /// A ring of that many bytes, a power of two and a multiple of a page.
    pub(crate) fn new(size: u32) -> Result<Self, Errno> {
        let map = Map::new(Kind::Ring, Measures { key: 0, value: 0, entries: size })?;
        let size = usize::try_from(size).map_err(|_| errno(libc::EINVAL))?;
        let page = page_size()?;
        let read = Mapping::new(map.as_fd(), 0, page, libc::PROT_READ | libc::PROT_WRITE)?;
        let written = Mapping::new(map.as_fd(), page, page + 2 * size, libc::PROT_READ)?;
        Ok(Self { map, read, written, size, page })
    }

    /// Takes the next record, if there is one.
    #[expect(clippy::needless_pass_by_ref_mut, reason = "what was taken may be written over")]
    pub(crate) fn next<T>(&mut self, take: impl Fn(&[u8]) -> T) -> Option<T> {
        loop {
            let begin = self.read.position().load(Ordering::Relaxed);
            if begin >= self.written.position().load(Ordering::Acquire) {
                return None;
            }
            let mask = self.size as u64 - 1;
            let at = self.page + usize::try_from(begin & mask).unwrap_or(0);
            let header = self.written.word(at).load(Ordering::Acquire);
            if header & BUSY != 0 {
                return None;
            }
            let len = usize::try_from(header & !DISCARDED).unwrap_or(0);
            let is_whole = len <= self.size - HEADER_LEN;
            let is_kept = header & DISCARDED == 0 && is_whole;
            let taken = is_kept.then(|| take(self.written.bytes(at + HEADER_LEN, len)));
            let end = begin + (HEADER_LEN + len.next_multiple_of(8)) as u64;
            self.read.position().store(end, Ordering::Release);
            if taken.is_some() {
                return taken;
            }
        }
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }
}

/// Memory that the kernel writes to, or reads.
#[derive(Debug)]
struct Mapping {
    address: NonNull<u8>,
    len: usize,
}

impl Mapping {
    fn new(file: BorrowedFd<'_>, from: usize, len: usize, access: c_int) -> Result<Self, Errno> {
        let from = libc::off_t::try_from(from).map_err(|_| errno(libc::EINVAL))?;
        let (kind, file) = (libc::MAP_SHARED, file.as_raw_fd());
        // SAFETY: a new mapping, at an address of the kernel's choice, overlaps nothing.
        let address = unsafe { libc::mmap(ptr::null_mut(), len, access, kind, file, from) };
        match NonNull::new(address.cast::<u8>()) {
            Some(address) if address.as_ptr().cast() != libc::MAP_FAILED => {
                Ok(Self { address, len })
            }
            _ => Err(errno_of(&std::io::Error::last_os_error())),
        }
    }

    /// The position at its begin.
    fn position(&self) -> &AtomicU64 {
        // SAFETY: the mapping lives as long as the reference, begins at a page, is longer than 8
        // bytes, and both sides access them atomically.
        unsafe { AtomicU64::from_ptr(self.address.as_ptr().cast()) }
    }

    /// The word at a place, a multiple of 8.
    fn word(&self, at: usize) -> &AtomicU32 {
        assert!(at % 8 == 0 && at + 8 <= self.len);
        // SAFETY: the place was just found to be inside.
        let address = unsafe { self.address.as_ptr().add(at) };
        // SAFETY: the mapping lives as long as the reference, the address is aligned as the
        // mapping's begin is, and the kernel changes the word atomically; it is only read here.
        unsafe { AtomicU32::from_ptr(address.cast()) }
    }

    /// Bytes that the kernel writes no more until they are read.
    fn bytes(&self, at: usize, len: usize) -> &[u8] {
        assert!(at <= self.len && len <= self.len - at);
        // SAFETY: the place was just found to be inside.
        let address = unsafe { self.address.as_ptr().add(at) };
        // SAFETY: that many bytes lie inside the mapping, which lives as long as the slice, and
        // the kernel, having finished the record, leaves it alone until the reader's position is
        // behind it, which is changed only once the slice is gone.
        unsafe { std::slice::from_raw_parts(address, len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: address and length are those of the mapping, and what it lent has ended.
        unsafe { libc::munmap(self.address.as_ptr().cast(), self.len) };
    }
}

fn page_size() -> Result<usize, Errno> {
    // SAFETY: the call takes a number.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).map_err(|_| errno(libc::EINVAL))
}
