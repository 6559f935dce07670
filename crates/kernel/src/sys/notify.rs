//! The ioctls of a listener, and the calls of seccomp(2) that say what a listener speaks.

pub(crate) mod handover;
pub(crate) mod memory;
pub(crate) mod signals;
pub(crate) mod wait;

use std::ffi::c_void;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use callgate_syscalls::Errno;
use libc::{c_int, c_ulong, seccomp_notif, seccomp_notif_resp};

use super::checked;
use crate::notify::AddFd;

// The request numbers carry these sizes; another size would be another request.
const _: () = {
    assert!(size_of::<seccomp_notif>() == 80);
    assert!(size_of::<seccomp_notif_resp>() == 24);
    assert!(size_of::<AddFd>() == 24);
};

/// `_IOWR('!', 0, struct seccomp_notif)` and its siblings.
const RECEIVE: c_ulong = request(READ | WRITE, 0, size_of::<seccomp_notif>());
const SEND: c_ulong = request(READ | WRITE, 1, size_of::<seccomp_notif_resp>());
const ID_VALID: c_ulong = request(WRITE, 2, size_of::<u64>());
const ADD_FD: c_ulong = request(WRITE, 3, size_of::<AddFd>());
const SET_FLAGS: c_ulong = request(WRITE, 4, size_of::<u64>());

/// [`ID_VALID`] as kernels before 5.17 number it: with the wrong direction.
const ID_VALID_OLD: c_ulong = request(READ, 2, size_of::<u64>());

const WRITE: c_ulong = if OLD_LAYOUT { 4 } else { 1 };
const READ: c_ulong = 2;

/// Some architectures have three bits for the direction, the others two.
const OLD_LAYOUT: bool = cfg!(any(
    target_arch = "mips",
    target_arch = "mips64",
    target_arch = "powerpc",
    target_arch = "powerpc64",
    target_arch = "sparc",
    target_arch = "sparc64"
));

const fn request(direction: c_ulong, number: c_ulong, size: usize) -> c_ulong {
    let shift = if OLD_LAYOUT { 29 } else { 30 };
    (direction << shift) | ((size as c_ulong) << 16) | ((b'!' as c_ulong) << 8) | number
}

/// The size of the rooms below. A kernel whose structures have grown further is refused.
const ROOM: usize = 256;

/// A notification with room behind it for what a later kernel may add.
#[repr(C, align(8))]
struct NotificationRoom {
    notification: seccomp_notif,
    more: [u8; ROOM - size_of::<seccomp_notif>()],
}

/// A response with zeroes behind it, which is what a later kernel would take for nothing asked.
#[repr(C, align(8))]
struct ResponseRoom {
    response: seccomp_notif_resp,
    more: [u8; ROOM - size_of::<seccomp_notif_resp>()],
}

const _: () = {
    assert!(size_of::<NotificationRoom>() == ROOM);
    assert!(size_of::<ResponseRoom>() == ROOM);
};

/// Proof that the running kernel's structures are no larger than the rooms for them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fits(());

impl Fits {
    /// `None` where a structure has other sizes than can be handled here: larger than the room, or
    /// smaller than ours.
    pub(crate) fn new(sizes: &libc::seccomp_notif_sizes) -> Option<Self> {
        let fits = |kernel: u16, ours: usize| (ours..=ROOM).contains(&usize::from(kernel));
        let all = fits(sizes.seccomp_notif, size_of::<seccomp_notif>())
            && fits(sizes.seccomp_notif_resp, size_of::<seccomp_notif_resp>());
        all.then_some(Self(()))
    }
}

/// Waits for the next call that is handed to the listener, on kernels of any size.
pub(crate) fn receive_any_size(
    listener: BorrowedFd<'_>,
    _fits: Fits,
) -> Result<seccomp_notif, Errno> {
    let mut room = MaybeUninit::<NotificationRoom>::zeroed();
    // SAFETY: the request writes one structure of the kernel's size, which `Fits` shows to be at
    // most the room's.
    unsafe { ioctl(listener, RECEIVE, room.as_mut_ptr().cast()) }?;
    // SAFETY: integers, zeroed at first, are a valid value whatever was written.
    Ok(unsafe { room.assume_init() }.notification)
}

/// Answers a call, on kernels of any size.
pub(crate) fn respond_any_size(
    listener: BorrowedFd<'_>,
    response: seccomp_notif_resp,
    _fits: Fits,
) -> Result<(), Errno> {
    let mut room = ResponseRoom { response, more: [0; ROOM - size_of::<seccomp_notif_resp>()] };
    // SAFETY: the request reads, and by its number may write, one structure of the kernel's size,
    // which `Fits` shows to be at most the room's.
    unsafe { ioctl(listener, SEND, ptr::from_mut(&mut room).cast()) }.map(drop)
}

/// Waits for the next call that is handed to the listener. The structure must be all zeroes.
pub(crate) fn receive(
    listener: BorrowedFd<'_>,
    notification: &mut seccomp_notif,
) -> Result<(), Errno> {
    // SAFETY: the request writes as many bytes as its number says, one seccomp_notif, which is what
    // the pointer is to; a kernel whose structure has another size refuses the number. Any bytes
    // are a valid one.
    unsafe { ioctl(listener, RECEIVE, ptr::from_mut(notification).cast()) }.map(drop)
}

/// Answers a call.
pub(crate) fn respond(
    listener: BorrowedFd<'_>,
    response: &mut seccomp_notif_resp,
) -> Result<(), Errno> {
    // SAFETY: the request reads, and by its number may write, one seccomp_notif_resp, which is what
    // the pointer is to.
    unsafe { ioctl(listener, SEND, ptr::from_mut(response).cast()) }.map(drop)
}

/// Whether a call still waits for its answer.
pub(crate) fn id_valid(listener: BorrowedFd<'_>, mut id: u64) -> Result<(), Errno> {
    let ask = |request, id: &mut u64| {
        // SAFETY: both requests read or write one u64, which is what the pointer is to.
        unsafe { ioctl(listener, request, ptr::from_mut(id).cast()) }.map(drop)
    };
    match ask(ID_VALID, &mut id) {
        Err(errno) if errno == super::errno(libc::EINVAL) => ask(ID_VALID_OLD, &mut id),
        result => result,
    }
}

/// Puts a copy of a descriptor into the process whose call waits: its number there.
pub(crate) fn add_fd(listener: BorrowedFd<'_>, add: &mut AddFd) -> Result<c_int, Errno> {
    // SAFETY: the request reads one AddFd, which is what the pointer is to and has the kernel's
    // layout.
    unsafe { ioctl(listener, ADD_FD, ptr::from_mut(add).cast()) }
}

/// Sets the flags of a listener.
pub fn set_flags(listener: BorrowedFd<'_>, flags: usize) -> Result<(), Errno> {
    // SAFETY: this request takes the argument as a number.
    unsafe { ioctl(listener, SET_FLAGS, ptr::without_provenance_mut(flags)) }.map(drop)
}

/// The sizes of a notification, a response and the data in a notification, as the kernel has them.
pub(crate) fn sizes() -> Result<libc::seccomp_notif_sizes, Errno> {
    let mut sizes = MaybeUninit::<libc::seccomp_notif_sizes>::zeroed();
    let result =
        // SAFETY: the operation writes one seccomp_notif_sizes, which is what the pointer is to.
        unsafe { super::seccomp(libc::SECCOMP_GET_NOTIF_SIZES, 0, sizes.as_mut_ptr().cast()) };
    result?;
    // SAFETY: three integers, zeroed at first, are a valid value whatever was written.
    Ok(unsafe { sizes.assume_init() })
}

/// The descriptor need not be a listener: the numbers say the size and direction of what is read
/// and written, and drivers that don't know a number refuse it. (A driver that takes one of these
/// for something larger breaks the kernel's rules.)
///
/// # Safety
/// `argument` is what `request` reads and writes, alive during the call.
unsafe fn ioctl(
    listener: BorrowedFd<'_>,
    request: c_ulong,
    argument: *mut c_void,
) -> Result<c_int, Errno> {
    // The type of the request differs between C libraries.
    let request = request as _;
    // SAFETY: the caller answers for the argument; the descriptor is open.
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), request, argument) };
    checked(result.into()).map(|_| result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fit_from_ours_to_the_rooms() {
        let sizes = |notification, response| libc::seccomp_notif_sizes {
            seccomp_notif: notification,
            seccomp_notif_resp: response,
            seccomp_data: 64,
        };
        for (notification, response, fits) in [
            (79, 24, false),
            (80, 23, false),
            (80, 24, true),
            (81, 25, true),
            (255, 255, true),
            (256, 256, true),
            (257, 24, false),
            (80, 257, false),
        ] {
            let made = Fits::new(&sizes(notification, response)).is_some();
            assert_eq!(made, fits, "{notification} {response}");
        }
    }
}
