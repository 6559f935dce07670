//! A recording, from its begin to its end.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use callgate_bpf::Stack;
use callgate_kernel::child::Ending;
use callgate_kernel::parts::signals::Held;
use callgate_kernel::parts::{Fork, errno, exit_now, fork, pidfd_open, wait};
use callgate_kernel::{Command, Error, Options, Tid};
use callgate_syscalls::{Arch, names};

use super::error::EbpfError;
use super::layout::{Key, State};
use super::watch::Watch;
use super::{Whom, processes};
use crate::record::{Event, Going, Observer, Recorded};
use crate::sys::marks;
use crate::sys::stopping::Stopping;

/// Programs that record, and what was told of what they saw.
#[derive(Debug)]
pub(super) struct Session {
    watch: Watch,
    stopping: Stopping,
    until: Option<Instant>,
    told: HashMap<Key, u64>,
}

impl Session {
    /// Begins to listen to signals and, if there is an end, to the clock.
    pub(super) fn of_others(watch: Watch, time: Option<Duration>) -> Result<Self, EbpfError> {
        let stopping = Stopping::of_others().map_err(EbpfError::Kernel)?;
        let until = time.map(|time| Instant::now() + time);
        Ok(Self { watch, stopping, until, told: HashMap::new() })
    }

    /// Starts a command, and begins to listen to its signals.
    pub(super) fn start(watch: Watch, command: &Command) -> Result<(Self, Tid), Error> {
        let held = Held::all()?;
        let child = start(command, watch.secret(), &held)?;
        let stopping = Stopping::of(child)?;
        Ok((Self { watch, stopping, until: None, told: HashMap::new() }, child))
    }

    /// Records a command and all it starts.
    pub(super) fn command(
        &mut self,
        child: Tid,
        observer: &mut dyn Observer,
    ) -> Result<Recorded, Error> {
        let mut ending = None;
        let mut next = Some(child);
        while let Some(process) = next {
            let descriptor = pidfd_open(process, 0);
            let descriptor = descriptor.map_err(|e| Error::Kernel { call: "pidfd_open", errno: e });
            if self.until_ended(&[descriptor?], observer)? == Going::End {
                self.stopping.end_descendants();
                self.finish(observer)?;
                return self.recorded(None);
            }
            let status = wait(process.as_pid());
            if process == child {
                self.stopping.command_ended();
                ending = status.ok().map(Ending::of_status);
            }
            next = self.stopping.children().first().copied();
        }
        self.finish(observer)?;
        match ending {
            Some(Ending::Exited { code: code @ (126 | 127) }) if self.told.is_empty() => {
                let reason = if code == 127 { libc::ENOENT } else { libc::EACCES };
                Err(Error::Kernel { call: "execve", errno: errno(reason) })
            }
            ending => self.recorded(ending),
        }
    }

    /// Records what runs already.
    pub(super) fn follow(
        &mut self,
        whom: &Whom,
        observer: &mut dyn Observer,
    ) -> Result<Recorded, EbpfError> {
        self.watch.leave_this_thread();
        match whom {
            Whom::Processes(listed) => {
                let waited = processes::add(&self.watch, listed)?;
                self.until_ended(&waited, observer).map_err(EbpfError::Kernel)?;
            }
            Whom::Group(folder) => {
                let mut members = Members::of(folder);
                while !members.have_left() && !self.is_over() {
                    let going = self.look(&[], observer).map_err(EbpfError::Kernel)?;
                    if matches!(going, Some(Going::End)) {
                        break;
                    }
                }
            }
        }
        self.finish(observer).map_err(EbpfError::Kernel)?;
        self.recorded(None).map_err(EbpfError::Kernel)
    }

    /// Until all of these processes have ended, the observer ends it or the time is over.
    fn until_ended(
        &mut self,
        processes: &[OwnedFd],
        observer: &mut dyn Observer,
    ) -> Result<Going, Error> {
        let mut left: Vec<BorrowedFd<'_>> = processes.iter().map(AsFd::as_fd).collect();
        while !left.is_empty() {
            if self.is_over() || matches!(self.look(&left, observer)?, Some(Going::End)) {
                return Ok(Going::End);
            }
            let ended = marks::wait_for(&left, Duration::ZERO);
            let Ok(ended) = ended else { continue };
            let mut ended = ended.into_iter();
            left.retain(|_| !ended.next().unwrap_or(false));
        }
        Ok(Going::On)
    }

    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| until <= Instant::now())
    }

    /// Waits for news or the end of a process, and tells what there is; what the observer says, if
    /// it was asked.
    fn look(
        &mut self,
        processes: &[BorrowedFd<'_>],
        observer: &mut dyn Observer,
    ) -> Result<Option<Going>, Error> {
        const LONGEST: Duration = Duration::from_secs(1);
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        let time = left.unwrap_or(LONGEST).min(LONGEST);
        let waited: Vec<_> =
            [self.watch.news()].into_iter().chain(processes.iter().copied()).collect();
        match marks::wait_for(&waited, time) {
            Ok(_) => {}
            Err(reason) if reason == errno(libc::EINTR) => {}
            Err(errno) => return Err(Error::Kernel { call: "poll", errno }),
        }
        self.tell_news(observer)?;
        Ok(self.stopping.ticked().then(|| observer.tick(self.stopping.signals())))
    }

    /// Tells what is new; once something is, all that is seen later is told again, so that it is
    /// known what came after what.
    fn tell_news(&mut self, observer: &mut dyn Observer) -> Result<(), Error> {
        let mut is_new = false;
        while let Some(key) = self.watch.next() {
            let told = self.told.entry(key).or_insert(0);
            is_new |= *told == 0;
            *told += 1;
            tell(&key, 1, false, observer);
        }
        if is_new {
            let again = self.watch.tell_again();
            again.map_err(|errno| Error::Kernel { call: "bpf", errno })?;
        }
        Ok(())
    }

    /// Stops the programs, and tells what is left: calls that were only counted, and those that
    /// were under way.
    fn finish(&mut self, observer: &mut dyn Observer) -> Result<(), Error> {
        let refused = |errno| Error::Kernel { call: "bpf", errno };
        self.watch.stop();
        self.tell_news(observer)?;
        for (key, count) in self.watch.seen().map_err(refused)? {
            let told = self.told.get(&key).copied().unwrap_or(0);
            if let Some(left) = count.checked_sub(told).filter(|left| *left > 0) {
                tell(&key, left, told > 0, observer);
                self.told.insert(key, count);
            }
        }
        for key in self.watch.under_way().map_err(refused)? {
            tell(&key, 1, false, observer);
        }
        Ok(())
    }

    fn recorded(&mut self, ending: Option<Ending>) -> Result<Recorded, Error> {
        let lost = self.watch.lost();
        let (lost, threads) = lost.map_err(|errno| Error::Kernel { call: "bpf", errno })?;
        let interrupted = self.stopping.was_interrupted();
        Ok(Recorded { ending, lost, unfollowed: threads, interrupted, ..Recorded::default() })
    }
}

fn tell(key: &Key, count: u64, is_late: bool, observer: &mut dyn Observer) {
    const BIRTHS: [callgate_syscalls::Name; 4] =
        [names::CLONE, names::CLONE3, names::FORK, names::VFORK];
    let (call, result) = (key.call(), key.result());
    let name = || Arch::of_call(call.arch, call.nr)?.syscall_at(call.nr).map(|call| call.name);
    // The first that is seen of a process whose parent was not recorded.
    if key.is_only_end() && result == Some(0) && name().is_some_and(|name| BIRTHS.contains(&name)) {
        return;
    }
    let thread = key.thread();
    observer.event(&Event { call: &call, thread: &thread, result, count, is_late });
}

/// Starts a process that is recorded from the moment on in which it executes the command.
fn start(command: &Command, secret: u64, held: &Held) -> Result<Tid, Error> {
    // SAFETY: this process has one thread (`Command::exec_under` finds out), and the child uses
    // nothing of it but what executes, which is meant for processes of one thread.
    match unsafe { fork() }.map_err(|errno| Error::Kernel { call: "fork", errno })? {
        Fork::Parent(child) => Ok(child),
        Fork::Child => {
            held.give_back();
            marks::mark(secret, State::Armed as u32);
            let error = command.exec_under(&Stack::new(Vec::new()), &Options::default());
            let _ = writeln!(io::stderr(), "callgate: {error}");
            exit_now(error.exit_code())
        }
    }
}

/// Whether there is anybody in a control group.
struct Members {
    events: Option<File>,
    have_been: bool,
}

impl Members {
    fn of(folder: &File) -> Self {
        use std::os::fd::AsRawFd;
        let path = format!("/proc/self/fd/{}/cgroup.events", folder.as_raw_fd());
        Self { events: File::open(path).ok(), have_been: false }
    }

    /// Whether all have left who were there. The root has no such file, and nobody leaves it.
    fn have_left(&mut self) -> bool {
        let Some(events) = &mut self.events else { return false };
        let mut text = String::new();
        let read = events.rewind().and_then(|()| events.read_to_string(&mut text));
        let populated = text.lines().any(|line| line == "populated 1");
        self.have_been |= populated;
        // A group that was removed can't be read.
        read.is_err() || self.have_been && !populated
    }
}
