//! Programs that run, and what they have seen.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use callgate_kernel::Tid;
use callgate_syscalls::Errno;

use super::calibrate;
use super::error::EbpfError;
use super::layout::{self, Key, State};
use super::maps::{Maps, Scope, loaded};
use super::places::Places;
use super::writer::Plan;
use super::{Interest, programs};
use crate::sys::{bpf, marks};

/// Programs that run.
#[derive(Debug)]
pub(super) struct Watch {
    maps: Maps,
    /// The programs at the begin and the end of calls, and where threads are born.
    programs: [OwnedFd; 3],
    links: Vec<OwnedFd>,
    secret: u64,
    epoch: u64,
}

impl Watch {
    pub(super) fn new(scope: &Scope, interests: &[Interest]) -> Result<Self, EbpfError> {
        let secret = RandomState::new().build_hasher().finish();
        let maps = Maps::new(scope, interests)?;
        let narrowness = calibrate::narrowness(&maps)?;
        let places = Places::here(narrowness).ok_or(EbpfError::Machine)?;
        let plan = Plan { maps: &maps, places: &places, scope, secret };
        let [begin, end, birth, death] =
            [programs::begin, programs::end, programs::birth, programs::death]
                .map(|program| loaded(program(plan)));
        let (begin, end, birth, death) = (begin?, end?, birth?, death?);
        let mut links = Vec::new();
        for (program, tracepoint) in [
            (&death, c"sched_process_exit"),
            (&birth, c"sched_process_fork"),
            (&end, c"sys_exit"),
            (&begin, c"sys_enter"),
        ] {
            let link = bpf::attach(program.as_fd(), tracepoint);
            links.push(link.map_err(|errno| EbpfError::NoTracepoint { tracepoint, errno })?);
        }
        Ok(Self { maps, programs: [begin, end, birth], links, secret, epoch: 1 })
    }

    /// What a thread has to know to mark itself.
    pub(super) const fn secret(&self) -> u64 {
        self.secret
    }

    /// Has this thread not be recorded.
    pub(super) fn leave_this_thread(&self) {
        marks::mark(self.secret, State::Left as u32);
    }

    /// Has a process be recorded, and what it starts from now on.
    pub(super) fn add_process(&self, process: Tid) -> Result<(), Errno> {
        let key = u64::from(process.raw()).to_ne_bytes();
        self.maps.processes.update(&key, &[1; 4])
    }

    /// What becomes readable when something new is seen.
    pub(super) fn news(&self) -> BorrowedFd<'_> {
        self.maps.ring.as_fd()
    }

    /// The next observation that was not seen of late.
    pub(super) fn next(&mut self) -> Option<Key> {
        self.maps.ring.next(Key::new).flatten()
    }

    /// From now on all that is seen is told once more.
    pub(super) fn tell_again(&mut self) -> Result<(), Errno> {
        self.epoch += 1;
        self.maps.epoch.update(&[0; 4], &self.epoch.to_ne_bytes())
    }

    /// Stops recording.
    pub(super) fn stop(&mut self) {
        self.links.clear();
    }

    /// All observations, and how often each was made.
    pub(super) fn seen(&self) -> Result<Vec<(Key, u64)>, Errno> {
        let mut seen = Vec::new();
        for key in self.maps.seen.keys()? {
            let mut value = [0; layout::COUNT_VALUE_LEN as usize];
            self.maps.seen.lookup(&key, &mut value)?;
            seen.extend(Key::new(&key).map(|key| (key, first_word(&value))));
        }
        Ok(seen)
    }

    /// The calls that threads are making.
    pub(super) fn under_way(&self) -> Result<Vec<Key>, Errno> {
        let mut calls = Vec::new();
        for thread in self.maps.threads.keys()? {
            let mut value = [0; layout::THREAD_VALUE_LEN as usize];
            // Threads end meanwhile.
            if self.maps.threads.lookup(&thread, &mut value).is_ok() {
                calls.extend(layout::call_of_thread(&value));
            }
        }
        Ok(calls)
    }

    /// How much was not seen: calls, and threads with all their calls.
    pub(super) fn lost(&self) -> Result<(u64, u64), Errno> {
        let mut lost = [0; layout::LOST_LEN as usize];
        self.maps.lost.lookup(&[0; 4], &mut lost)?;
        let [begin, end, birth] = &self.programs;
        // A call of which one program was missed is known by the other.
        let calls = bpf::missed(begin.as_fd()).min(bpf::missed(end.as_fd()));
        let threads = bpf::missed(birth.as_fd());
        Ok((first_word(&lost) + calls, first_word(&lost[8..]) + threads))
    }
}

fn first_word(bytes: &[u8]) -> u64 {
    let word = bytes.get(..8).and_then(|word| word.try_into().ok());
    word.map_or(0, u64::from_ne_bytes)
}
