//! bpf(2): maps, programs, and the raw tracepoints that run them.
//!
//! References: bpf(2), `include/uapi/linux/bpf.h`.

use std::ffi::CStr;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use callgate_kernel::parts::{checked, errno, own};
use callgate_syscalls::Errno;
use libc::{c_int, c_long};

/// An instruction as the kernel takes it.
pub(crate) type Code = [u8; 8];

/// The kinds of maps that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Hash = 1,
    Array = 2,
    Cgroups = 8,
    Ring = 27,
}

/// Sizes of keys and values in bytes, and the most entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measures {
    pub(crate) key: u32,
    pub(crate) value: u32,
    pub(crate) entries: u32,
}

/// A map that programs and this process share.
#[derive(Debug)]
pub(crate) struct Map {
    descriptor: OwnedFd,
    measures: Measures,
}

impl Map {
    pub(crate) fn new(kind: Kind, measures: Measures) -> Result<Self, Errno> {
        let mut attributes: Attributes = [0; 16];
        attributes[0] = pair(kind as u32, measures.key);
        attributes[1] = pair(measures.value, measures.entries);
        // SAFETY: the command reads numbers only.
        let result = unsafe { command(MAP_CREATE, &attributes) };
        // SAFETY: the result of a call that opens a descriptor for its caller.
        let descriptor = unsafe { own(result) }?;
        Ok(Self { descriptor, measures })
    }

    /// Puts a value there.
    pub(crate) fn update(&self, key: &[u8], value: &[u8]) -> Result<(), Errno> {
        self.fits(key, value)?;
        let attributes = self.attributes(key.as_ptr().addr(), value.as_ptr().addr());
        // SAFETY: the command reads a key and a value, of the sizes that were just compared.
        checked(unsafe { command(MAP_UPDATE, &attributes) }).map(drop)
    }

    /// Reads the value of a key; `ENOENT` where there is none.
    pub(crate) fn lookup(&self, key: &[u8], value: &mut [u8]) -> Result<(), Errno> {
        self.fits(key, value)?;
        let value = value.as_mut_ptr().expose_provenance();
        let attributes = self.attributes(key.as_ptr().addr(), value);
        // SAFETY: the command reads a key and writes a value, of the sizes that were just compared.
        checked(unsafe { command(MAP_LOOKUP, &attributes) }).map(drop)
    }

    /// All keys, those that come and go meanwhile or not.
    pub(crate) fn keys(&self) -> Result<Vec<Vec<u8>>, Errno> {
        let size = usize::try_from(self.measures.key).map_err(|_| errno(libc::EINVAL))?;
        let mut keys: Vec<Vec<u8>> = Vec::new();
        // A key that is taken out while it is asked for the next begins anew: hence the limit.
        for _ in 0..u64::from(self.measures.entries) * 2 {
            let mut next = vec![0; size];
            let before = keys.last().map_or(0, |key| key.as_ptr().addr());
            let attributes = self.attributes(before, next.as_mut_ptr().expose_provenance());
            // SAFETY: the command reads a key, where the address is not 0, and writes a key; both
            // vectors have that size.
            match checked(unsafe { command(MAP_NEXT_KEY, &attributes) }) {
                Ok(_) => keys.push(next),
                Err(reason) if reason == errno(libc::ENOENT) => break,
                Err(reason) => return Err(reason),
            }
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    fn fits(&self, key: &[u8], value: &[u8]) -> Result<(), Errno> {
        let Measures { key: key_size, value: value_size, .. } = self.measures;
        let is = |bytes: &[u8], size: u32| u32::try_from(bytes.len()) == Ok(size);
        let fits = is(key, key_size) && is(value, value_size);
        if fits { Ok(()) } else { Err(errno(libc::EINVAL)) }
    }

    fn attributes(&self, key: usize, value: usize) -> Attributes {
        let mut attributes: Attributes = [0; 16];
        attributes[0] = pair(number(self.as_fd()), 0);
        attributes[1] = key as u64;
        attributes[2] = value as u64;
        attributes
    }
}

impl AsFd for Map {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Loads a program for raw tracepoints; `log` gets what the kernel's verifier says.
pub(crate) fn load(code: &[Code], log: &mut [u8]) -> Result<OwnedFd, Errno> {
    const RAW_TRACEPOINT: u32 = 17;
    const LICENSE: &CStr = c"GPL";
    let mut attributes: Attributes = [0; 16];
    attributes[0] = pair(RAW_TRACEPOINT, u32::try_from(code.len()).unwrap_or(u32::MAX));
    attributes[1] = code.as_ptr().addr() as u64;
    attributes[2] = LICENSE.as_ptr().addr() as u64;
    if !log.is_empty() {
        attributes[3] = pair(1, u32::try_from(log.len()).unwrap_or(0));
        attributes[4] = log.as_mut_ptr().expose_provenance() as u64;
    }
    // SAFETY: the command reads that many instructions and a C string, and writes at most as many
    // bytes to the log as it has.
    let result = unsafe { command(PROGRAM_LOAD, &attributes) };
    // SAFETY: the result of a call that opens a descriptor for its caller.
    unsafe { own(result) }
}

/// Has a program run at a raw tracepoint, for as long as the descriptor is open.
pub(crate) fn attach(program: BorrowedFd<'_>, tracepoint: &CStr) -> Result<OwnedFd, Errno> {
    let mut attributes: Attributes = [0; 16];
    attributes[0] = tracepoint.as_ptr().addr() as u64;
    attributes[1] = pair(number(program), 0);
    // SAFETY: the command reads a C string.
    let result = unsafe { command(RAW_TRACEPOINT_OPEN, &attributes) };
    // SAFETY: the result of a call that opens a descriptor for its caller.
    unsafe { own(result) }
}

/// How often a program did not run because it was running on the same CPU; 0 before Linux 5.12,
/// which does not say.
pub(crate) fn missed(program: BorrowedFd<'_>) -> u64 {
    /// The place of `recursion_misses` in `struct bpf_prog_info`, in words.
    const MISSES: usize = 26;
    let mut info = [0_u64; MISSES + 1];
    let mut attributes: Attributes = [0; 16];
    let size = u32::try_from(size_of_val(&info)).unwrap_or(0);
    attributes[0] = pair(number(program), size);
    attributes[1] = info.as_mut_ptr().expose_provenance() as u64;
    // SAFETY: the command writes at most as many bytes as the size says, which are those of the
    // words; the zeroes there ask for none of the lists that it could write elsewhere.
    let asked = checked(unsafe { command(INFO_BY_DESCRIPTOR, &attributes) });
    asked.map_or(0, |_| info[MISSES])
}

const MAP_CREATE: c_int = 0;
const MAP_LOOKUP: c_int = 1;
const MAP_UPDATE: c_int = 2;
const MAP_NEXT_KEY: c_int = 4;
const PROGRAM_LOAD: c_int = 5;
const INFO_BY_DESCRIPTOR: c_int = 15;
const RAW_TRACEPOINT_OPEN: c_int = 17;

/// `union bpf_attr` as far as these commands read it, in words.
type Attributes = [u64; 16];

/// Two fields of 32 bits, the first at the lower address.
fn pair(first: u32, second: u32) -> u64 {
    let ([a, b, c, d], [e, f, g, h]) = (first.to_ne_bytes(), second.to_ne_bytes());
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

fn number(descriptor: BorrowedFd<'_>) -> u32 {
    u32::try_from(descriptor.as_raw_fd()).unwrap_or(u32::MAX)
}

/// # Safety
/// What the attributes point to is alive, and as large as the command reads or writes there.
unsafe fn command(command: c_int, attributes: &Attributes) -> c_long {
    let (attributes, size) = (attributes.as_ptr(), size_of::<Attributes>());
    // SAFETY: pointer and size are those of live attributes, of which the kernel takes those that
    // it does not know where they are 0; for what they point to the caller answers.
    unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size) }
}
