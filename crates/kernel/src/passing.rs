//! Signals that this process gets and that are meant for its command.

use std::fs;
use std::process;

use callgate_syscalls::Errno;

use crate::sys::ptrace::signals::{self, Received};
use crate::sys::ptrace::steer;
use crate::tid::Tid;

/// How signals get to a command.
#[derive(Debug)]
pub struct Passing {
    command: Tid,
    has_ended: bool,
    /// Signals that a traced command has not stopped in front of yet.
    under_way: Vec<Received>,
}

impl Passing {
    /// None is under way.
    #[must_use]
    pub const fn to(command: Tid) -> Self {
        Self { command, has_ended: false, under_way: Vec::new() }
    }

    /// Its number may be another's from now on.
    pub const fn end(&mut self) {
        self.has_ended = true;
    }

    /// Passes a signal on, if it is for the command.
    pub fn pass(&self, received: &Received) {
        if !self.has_ended && self.is_for_command(received) {
            // It may have ended just now.
            let _ = signals::pass_on(self.command, received);
        }
    }

    /// As [`pass`](Self::pass), to a command that is traced: [`deliver`](Self::deliver) has the rest.
    pub fn pass_to_traced(&mut self, received: &Received) {
        if !self.has_ended && self.is_for_command(received) {
            // Of the others, one that waits already stands for all.
            let queues = received.signal >= libc::SIGRTMIN();
            let waits = !queues && self.under_way.iter().any(|it| it.signal == received.signal);
            if received.is_plain() && !waits {
                self.under_way.push(*received);
            }
            let _ = signals::pass_on(self.command, received);
        }
    }

    /// Lets a traced thread have the signal in front of which it stands, with the sender that it
    /// had when it came to this process.
    ///
    /// # Errors
    /// Why the kernel does not let it go on: `ESRCH` where it was killed meanwhile.
    pub fn deliver(&mut self, thread: Tid, signal: i32) -> Result<(), Errno> {
        let passed = self.under_way.iter().position(|it| it.signal == signal);
        let sender = || signals::of(thread).ok().and_then(|it| it.sender());
        let is_from_here = |_: &usize| sender().is_some_and(|it| it.raw() == process::id());
        if let Some(passed) = passed.filter(is_from_here) {
            signals::say_sender(thread, &self.under_way.remove(passed))?;
        }
        steer::go_to_call_with(thread, signal)
    }

    /// Whether a signal is meant for the command: one of a terminal goes to all processes there,
    /// the command's own signals, even to its whole group, are not for its parent, and what this
    /// process does to itself, such as SIGPIPE, is its own affair. Who sends from outside of a
    /// container is not to be seen.
    fn is_for_command(&self, received: &Received) -> bool {
        match received.sender() {
            Some(sender) if sender.raw() == process::id() => false,
            Some(sender) => received.signal != libc::SIGCHLD && !self.has_started(sender),
            None => !received.is_of_kernel(),
        }
    }

    fn has_started(&self, process: Tid) -> bool {
        // Far more than any machine has generations of processes.
        const GENERATIONS_MAX: usize = 10_000;
        let ancestors = std::iter::successors(Some(process), |found| parent(*found));
        ancestors.take(GENERATIONS_MAX).any(|found| found == self.command)
    }
}

fn parent(process: Tid) -> Option<Tid> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok().and_then(Tid::new)
}
