//! Descriptors for the calling process.

use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use callgate_kernel::notify::{self, AddFd};

use crate::error::errno;
use crate::state::State;
use crate::{Delivery, Error, Notification};

/// The number that a descriptor gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// The lowest that is free, as from open(2).
    #[default]
    Lowest,
    /// This one, in place of what was open there, as from dup2(2).
    At(u32),
}

/// The fate of a descriptor when the process executes another program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExec {
    /// It is closed, as with `O_CLOEXEC`.
    Close,
    /// It stays open.
    Keep,
}

/// The fate of a descriptor for the calling process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a call that is gone needs what was done for it undone"]
pub enum Added {
    /// It is open there, with this number.
    As(u32),
    /// The call ended before.
    Gone,
}

/// A call that could not be answered with a descriptor, and still waits for an answer.
#[derive(Debug)]
pub struct Unanswered<'l, S: State> {
    /// The call.
    pub notification: Notification<'l, S>,
    /// Why.
    pub error: Error,
}

impl<S: State> fmt::Display for Unanswered<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<S: State> std::error::Error for Unanswered<'_, S> {}

impl<S: State> From<Unanswered<'_, S>> for Error {
    /// Forgets the call, which so fails with `ENOSYS`.
    fn from(unanswered: Unanswered<'_, S>) -> Self {
        unanswered.error
    }
}

const SET: u32 = 1;
const SEND: u32 = 2;

impl<'l, S: State> Notification<'l, S> {
    /// Puts a copy of a descriptor into the calling process. The call goes on waiting.
    ///
    /// If it is then answered with the number and ends before that, the descriptor stays open in a
    /// process that does not know of it: [`answer_with_fd`](Self::answer_with_fd) does both at
    /// once.
    ///
    /// # Errors
    /// [`Error::NoRoom`]; [`Error::Kernel`] for what the kernel should not say, and before Linux 5.9.
    pub fn add_fd(
        &self,
        descriptor: impl AsFd,
        placement: Placement,
        on_exec: OnExec,
    ) -> Result<Added, Error> {
        self.add(descriptor.as_fd(), placement, on_exec, 0)
    }

    /// Puts a copy of a descriptor into the calling process and answers the call with its number,
    /// both or neither.
    ///
    /// # Errors
    /// As [`add_fd`](Self::add_fd), with the call, which has no answer yet. Before Linux 5.14 the
    /// kernel can't do this.
    pub fn answer_with_fd(
        self,
        descriptor: impl AsFd,
        placement: Placement,
        on_exec: OnExec,
    ) -> Result<Delivery, Unanswered<'l, S>> {
        let delivery = match self.add(descriptor.as_fd(), placement, on_exec, SEND) {
            Ok(Added::As(_)) => Delivery::Delivered,
            Ok(Added::Gone) => Delivery::Gone,
            Err(error) => return Err(Unanswered { notification: self, error }),
        };
        self.answered();
        Ok(delivery)
    }

    fn add(
        &self,
        descriptor: BorrowedFd<'_>,
        placement: Placement,
        on_exec: OnExec,
        flags: u32,
    ) -> Result<Added, Error> {
        let add = request(self.raw_id(), descriptor, placement, on_exec, flags);
        loop {
            let reason = match notify::add_fd_undisturbed(self.listener().as_fd(), add) {
                Ok(number) => return Ok(Added::As(number.unsigned_abs())),
                Err(reason) => reason,
            };
            match i32::from(reason.raw()) {
                // The call was over before the request, or is over since.
                libc::ENOENT | libc::ESRCH => return Ok(Added::Gone),
                libc::EMFILE | libc::EBADF => return Err(Error::NoRoom { errno: reason }),
                libc::EINPROGRESS => return Err(Error::AnsweredElsewhere),
                // A stop of this thread, which can't be held back. Nothing was done.
                _ if reason == errno(libc::EINTR) => {}
                _ => return Err(Error::Kernel { call: "adding a descriptor", errno: reason }),
            }
        }
    }
}

fn request(
    id: u64,
    descriptor: BorrowedFd<'_>,
    placement: Placement,
    on_exec: OnExec,
    flags: u32,
) -> AddFd {
    let (newfd, set) = match placement {
        Placement::Lowest => (0, 0),
        Placement::At(number) => (number, SET),
    };
    let newfd_flags = match on_exec {
        OnExec::Close => libc::O_CLOEXEC.unsigned_abs(),
        OnExec::Keep => 0,
    };
    let srcfd = descriptor.as_raw_fd().unsigned_abs();
    AddFd { id, flags: flags | set, srcfd, newfd, newfd_flags }
}
