//! Where refused calls arrive and are answered.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use callgate_kernel::Tid;
use callgate_kernel::notify::{self, Format, Notification, Response};
use callgate_kernel::parts::errno;
use callgate_syscalls::{ArchToken, Errno, SeccompData, SyscallNr};

use super::Refused;
use super::open::Open;

/// A listener, and the calls that were received and not looked at yet.
#[derive(Debug)]
pub(super) struct Desk {
    listener: OwnedFd,
    format: Format,
    waiting: VecDeque<Refused>,
    /// What is left to whoever takes over, once there is somebody.
    open: Option<Open>,
}

/// Whether an answer reached its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    Yes,
    /// The call has ended before: by a signal, or with its thread.
    Gone,
}

impl Desk {
    pub(super) const fn new(listener: OwnedFd, format: Format) -> Self {
        Self { listener, format, waiting: VecDeque::new(), open: None }
    }

    /// Remembers calls without an answer in memory that processes share which are forked from now on.
    pub(super) fn share_open(&mut self) -> Result<(), Errno> {
        self.open = Some(Open::new()?);
        Ok(())
    }

    /// The calls without an answer that others have received.
    pub(super) fn left(&self) -> Vec<(u64, Option<Tid>)> {
        let calls = self.open.iter().flat_map(Open::all);
        calls.filter(|(id, _)| notify::id_valid(self.listener(), *id).is_ok()).collect()
    }

    pub(super) fn listener(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    /// The call that waits longest.
    pub(super) fn next_waiting(&mut self) -> Option<Refused> {
        self.waiting.pop_front()
    }

    /// Puts a call behind all that wait, if any do; whether any did.
    pub(super) fn put_behind_others(&mut self, refused: &Refused) -> bool {
        let Refused { id, thread, call } = *refused;
        let others = !self.waiting.is_empty();
        if others {
            self.waiting.push_back(Refused { id, thread, call });
        }
        others
    }

    /// Receives a call, if it still waits.
    pub(super) fn receive(&mut self) -> Result<(), Errno> {
        if let Some(refused) = self.received()? {
            self.waiting.push_back(refused);
        }
        Ok(())
    }

    /// While a thread is steered: lets its own calls go on, and keeps those of others for later.
    pub(super) fn serve(&mut self, steered: Tid, time: Duration) -> Result<(), Errno> {
        match notify::wait(self.listener(), None, Some(time)) {
            Ok(ready) if ready.call => {}
            Err(reason) if reason != errno(libc::EINTR) => return Err(reason),
            _ => return Ok(()),
        }
        match self.received()? {
            Some(refused) if refused.thread == Some(steered) => self.go_on(&refused).map(drop),
            Some(refused) => {
                self.waiting.push_back(refused);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn received(&self) -> Result<Option<Refused>, Errno> {
        match self.format.receive(self.listener()) {
            Ok(raw) => {
                let refused = Refused::of(&raw);
                if let Some(open) = &self.open {
                    let waits = |id| notify::id_valid(self.listener(), id).is_ok();
                    open.add(refused.id, refused.thread, waits);
                }
                Ok(Some(refused))
            }
            Err(reason) if [libc::ENOENT, libc::EINTR].map(errno).contains(&reason) => Ok(None),
            Err(reason) => Err(reason),
        }
    }

    /// Whether a call still waits.
    pub(super) fn waits(&self, refused: &Refused) -> bool {
        notify::id_valid(self.listener(), refused.id).is_ok()
    }

    /// Lets a call be made.
    pub(super) fn go_on(&self, refused: &Refused) -> Result<Reached, Errno> {
        const CONTINUE: u32 = 1;
        self.respond(Response { id: refused.id, val: 0, error: 0, flags: CONTINUE })
    }

    /// Makes a call return a value, without being made.
    pub(super) fn give(&self, refused: &Refused, val: i64) -> Result<Reached, Errno> {
        self.respond(Response { id: refused.id, val, error: 0, flags: 0 })
    }

    /// Makes a call fail; with 0 it returns 0, as it does where a filter says so.
    pub(super) fn fail(&self, refused: &Refused, reason: Errno) -> Result<Reached, Errno> {
        self.fail_at(refused.id, reason)
    }

    /// As [`fail`](Self::fail), for a call of which no more is known.
    pub(super) fn fail_at(&self, id: u64, reason: Errno) -> Result<Reached, Errno> {
        self.respond(Response { id, val: 0, error: -i32::from(reason.raw()), flags: 0 })
    }

    fn respond(&self, response: Response) -> Result<Reached, Errno> {
        let reached = self.respond_once(response)?;
        if let Some(open) = &self.open {
            open.remove(response.id);
        }
        Ok(reached)
    }

    fn respond_once(&self, response: Response) -> Result<Reached, Errno> {
        loop {
            return match self.format.respond(self.listener(), response) {
                Ok(()) => Ok(Reached::Yes),
                Err(reason) if reason == errno(libc::ENOENT) => Ok(Reached::Gone),
                Err(reason) if reason == errno(libc::EINTR) => continue,
                Err(reason) => Err(reason),
            };
        }
    }
}

impl Refused {
    fn of(raw: &Notification) -> Self {
        let data = raw.data;
        let call = SeccompData {
            nr: SyscallNr::new(u32::from_ne_bytes(data.nr.to_ne_bytes())),
            arch: ArchToken::new(data.arch),
            instruction_pointer: data.instruction_pointer,
            args: data.args,
        };
        Self { id: raw.id, thread: Tid::new(raw.pid), call }
    }
}
