//! From listening to tracing, while the command runs: for a program that loads a filter with a
//! listener of its own, of which a thread can have one.
//!
//! All threads under the filter are stopped, the listener is closed, and from then on each call is
//! looked at [before the filters](super::watch). What the filter hands over fails with `ENOSYS`
//! now, for want of a listener; [what the profile says](super::hand) is done to it instead. The
//! load that all this is for is handed over as well, to be noticed: it is made with a
//! [mark](super::mark).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::process;
use std::time::{Duration, Instant};

use callgate_bpf::Stack;
use callgate_kernel::parts::errno;
use callgate_kernel::parts::steer::{self, Stand};
use callgate_kernel::parts::trace;
use callgate_kernel::{Error, Tid};
use callgate_syscalls::{Errno, SeccompData};

use super::mark::can_be_marked;
use super::watch::Watch;
use super::{Enforcer, Means, Refused, guard, kernel};

/// What became of a take-over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever enforces has to look at each")]
pub enum Takeover {
    /// The command is traced, and the load is made.
    Done,
    /// Other calls have to be answered first; the load comes again.
    Later,
    /// Nothing has changed, and the load waits for its answer.
    Impossible(Obstacle),
}

/// Why the command can't be traced from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "each has its words")]
pub enum Obstacle {
    /// It is not known how for this architecture.
    Architecture,
    /// A thread is traced already, or is not this user's to trace.
    NotTraceable,
    /// A process that its parent has left behind may be under the filter, and can't be told from
    /// others.
    LeftBehind,
}

/// The longest that threads may take to stop.
const TIME_MAX: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(1);

impl Enforcer {
    /// Traces the command from now on, because of a call that loads a filter with a listener, and
    /// makes the call. Refusals are what `filters` say, none of which may let a call pass and log it.
    ///
    /// A process that outlives the command is let go then: its refused calls fail with `ENOSYS`.
    ///
    /// # Errors
    /// [`Error::Kernel`] for what the kernel should not say.
    pub fn take_over(&mut self, load: &Refused, filters: &Stack) -> Result<Takeover, Error> {
        let Means::Desk(desk) = &mut self.means else {
            return Ok(Takeover::Impossible(Obstacle::NotTraceable));
        };
        let Some(thread) = load.thread.filter(|_| can_be_marked(&load.call, filters)) else {
            return Ok(Takeover::Impossible(Obstacle::Architecture));
        };
        if desk.put_behind_others(load) {
            return Ok(Takeover::Later);
        }
        let failed = |reason| kernel("ptrace", reason);
        let mut stopped = Stopped::default();
        if let Some(obstacle) = stopped.all_of(self.command, thread) {
            stopped.let_go();
            return Ok(Takeover::Impossible(obstacle));
        }
        desk.give(load, i64::from(load.call.nr.raw())).map_err(failed)?;
        stopped.wait_for(&BTreeSet::from([thread]), Held::Waits).map_err(failed)?;
        if let Some(guarded) = self.guarded.take() {
            guard::end(guarded);
        }
        let backlog = stopped.stands.into_iter().collect();
        // The listener ends with the desk.
        self.means = Means::Watch(Watch::taking_over(filters.clone(), backlog));
        match in_front_of(thread, &load.call) {
            // Another thread may have ended the process meanwhile, which is told next.
            Err(reason) if reason != errno(libc::ESRCH) => Err(failed(reason)),
            _ => Ok(Takeover::Done),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn in_front_of(thread: Tid, call: &SeccompData) -> Result<(), Errno> {
    use callgate_kernel::parts::registers::Registers;

    Registers::of(thread)?.in_front_of(call).set(thread)
}

#[cfg(not(target_arch = "x86_64"))]
fn in_front_of(_: Tid, _: &SeccompData) -> Result<(), Errno> {
    Err(errno(libc::ENOSYS))
}

/// Whether it is enough that a thread can't go on before somebody else does, as after vfork(2): it
/// stops before it makes another call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    IsEnough,
    Waits,
}

/// Threads that are traced, and how those stand that have stopped.
#[derive(Default)]
struct Stopped {
    seized: BTreeSet<Tid>,
    stands: BTreeMap<Tid, Stand>,
}

impl Stopped {
    /// Stops the threads of the command and of what it has started. The one whose call waits comes
    /// last: it can't stop, or be let go, before it has its answer.
    fn all_of(&mut self, command: Tid, waits: Tid) -> Option<Obstacle> {
        let gathered = self.gather(command, waits).unwrap_or(Some(Obstacle::NotTraceable));
        gathered.or_else(|| left_behind(command)).or_else(|| {
            let seized = steer::seize_following(waits).and_then(|()| trace::interrupt(waits));
            seized.err().map(|_| Obstacle::NotTraceable)
        })
    }

    /// Stops all threads of the command and of what it has started, but for one that waits for an
    /// answer.
    fn gather(&mut self, command: Tid, waits: Tid) -> Result<Option<Obstacle>, Errno> {
        loop {
            let mut found = false;
            for thread in threads_of(command) {
                if thread == waits || self.is_known(thread) {
                    continue;
                }
                match steer::seize_following(thread).and_then(|()| trace::interrupt(thread)) {
                    Ok(()) => found |= self.seized.insert(thread),
                    Err(reason) if reason == errno(libc::ESRCH) => {}
                    // Started meanwhile by one that is traced, and traced with it.
                    Err(_) if Status::of(thread).is_some_and(|it| it.is_traced_from_here()) => {
                        found |= self.seized.insert(thread);
                    }
                    Err(_) => return Ok(Some(Obstacle::NotTraceable)),
                }
            }
            if !found {
                break;
            }
            self.wait_for(&self.seized.clone(), Held::IsEnough)?;
        }
        Ok(None)
    }

    fn is_known(&self, thread: Tid) -> bool {
        self.seized.contains(&thread) || self.stands.contains_key(&thread)
    }

    /// Waits until threads stand still or have ended.
    fn wait_for(&mut self, threads: &BTreeSet<Tid>, held: Held) -> Result<(), Errno> {
        let deadline = Instant::now() + TIME_MAX;
        loop {
            self.look()?;
            let stands = |thread: &Tid| {
                self.stands.contains_key(thread)
                    || Status::of(*thread)
                        .is_none_or(|status| status.is_held && held == Held::IsEnough)
            };
            if threads.iter().all(stands) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(errno(libc::ETIMEDOUT));
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn look(&mut self) -> Result<(), Errno> {
        loop {
            match steer::stand_of_any() {
                Ok(Some((thread, stand))) => _ = self.stands.insert(thread, stand),
                Ok(None) => return Ok(()),
                // All have ended.
                Err(reason) if reason == errno(libc::ECHILD) => return Ok(()),
                Err(reason) => return Err(reason),
            }
        }
    }

    /// Lets all go on as if nothing had been.
    fn let_go(&mut self) {
        let deadline = Instant::now() + TIME_MAX;
        while Instant::now() < deadline {
            for (thread, stand) in std::mem::take(&mut self.stands) {
                let signal = if let Stand::AtSignal(signal) = stand { signal } else { 0 };
                let _ = steer::detach(thread, signal);
                self.seized.remove(&thread);
            }
            if self.seized.is_empty() || self.look().is_err() {
                break;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// What `/proc` says of a thread.
struct Status {
    parent: u32,
    tracer: u32,
    filters: u32,
    is_held: bool,
    has_ended: bool,
}

impl Status {
    fn of(thread: Tid) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
        let field =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let number = |name: &str| field(name).and_then(|text| text.parse().ok()).unwrap_or(0);
        let state = field("State:")?.chars().next();
        Some(Self {
            parent: number("PPid:"),
            tracer: number("TracerPid:"),
            filters: number("Seccomp_filters:"),
            is_held: state == Some('D'),
            has_ended: matches!(state, Some('Z' | 'X')),
        })
    }

    fn is_traced_from_here(&self) -> bool {
        self.tracer == process::id()
    }
}

/// All processes, with what is said of them.
fn processes() -> BTreeMap<u32, Status> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.filter_map(|number| Some((number, Status::of(Tid::new(number)?)?))).collect()
}

/// The threads of a process and of all that descend from it.
fn threads_of(command: Tid) -> Vec<Tid> {
    let processes = processes();
    let mut found = Vec::new();
    let mut next = VecDeque::from([command.raw()]);
    while let Some(process) = next.pop_front() {
        let entries = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        let threads = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let lives = |thread: &Tid| Status::of(*thread).is_some_and(|status| !status.has_ended);
        found.extend(threads.filter_map(Tid::new).filter(lives));
        let children = processes.iter().filter(|(_, status)| status.parent == process);
        next.extend(children.map(|(&child, _)| child));
    }
    found
}

/// Whether a process may have been left behind by its parent that is under the filter: one that was
/// given to an ancestor of this process, began after the command and has more filters than this.
fn left_behind(command: Tid) -> Option<Obstacle> {
    let processes = processes();
    let parent = |process: &u32| processes.get(process).map(|status| status.parent);
    let ancestors: BTreeSet<u32> = std::iter::successors(parent(&process::id()), parent).collect();
    let own = processes.get(&process::id()).map_or(0, |status| status.filters);
    let began = start_of(command.raw());
    let may_be = |(&process, status): (&u32, &Status)| {
        ancestors.contains(&status.parent)
            && !ancestors.contains(&process)
            && process != process::id()
            && !status.has_ended
            && status.filters > own
            && start_of(process) >= began
    };
    processes.iter().any(may_be).then_some(Obstacle::LeftBehind)
}

/// When a process began, in ticks since the machine did.
fn start_of(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_begins_after_its_parent_and_has_its_threads() {
        let this = process::id();
        let parent = Status::of(Tid::new(this).unwrap()).unwrap().parent;
        assert!(start_of(this).unwrap() >= start_of(parent).unwrap_or(0));
        assert!(threads_of(Tid::new(this).unwrap()).contains(&Tid::new(this).unwrap()));
    }
}
