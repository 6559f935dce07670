//! The other way to see what a filter refuses: the filter is loaded as it is, and each call looked at
//! before it gets there.
//!
//! A tracer stops a thread on its way into a call before the filters are asked. So what they will
//! say can be told, and then happens by itself.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::AsFd;

use callgate_bpf::Stack;
use callgate_kernel::child::Ending;
use callgate_kernel::parts::steer::{self, Stand};
use callgate_kernel::parts::{errno, signals};
use callgate_kernel::{Error, Tid, notify, status_of};
use callgate_syscalls::{Action, ActionKind, Endian, Errno, SeccompData};

use super::desk::Reached;
use super::hand::Did;
use super::own::OwnListeners;
use super::{Answered, Enforcer, Event, Means, Refused, hand, kernel, mark, rival};

/// What a traced command did or got last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third reason for SIGSYS")]
pub enum Last {
    /// It made a call: if a filter has ended it, that was for this one.
    Call(SeccompData),
    /// It got a SIGSYS that a process has sent, if that can be seen.
    Sent(Option<Tid>),
}

/// The filters of a traced command.
#[derive(Debug)]
pub(super) struct Watch {
    filters: Stack,
    /// Whether the command has executed its program: before, its calls are our own.
    begun: bool,
    /// Whether the command has stopped, and this process has not yet.
    stops: bool,
    /// Threads that have stopped and were not looked at yet.
    backlog: VecDeque<(Tid, Stand)>,
    /// The call that was made last, and who has made it.
    last: Option<(Tid, SeccompData)>,
    /// Who has sent a SIGSYS to the command, if it has made no call since.
    sent: Option<Option<Tid>>,
    /// How many filters the command's process had when it began.
    filters_at_start: Option<u32>,
    /// Whether the filter in force has only handed calls over, and no longer to anybody.
    took_over: bool,
    /// Who may take such calls since.
    own: OwnListeners,
    /// Who has just asked to trace what is traced.
    rival: Option<Tid>,
    /// Threads whose call was not made, and what it is to return.
    returns: BTreeMap<Tid, u64>,
}

impl Watch {
    pub(super) fn new(filters: Stack) -> Self {
        Self {
            filters,
            begun: false,
            stops: false,
            backlog: VecDeque::new(),
            last: None,
            sent: None,
            filters_at_start: None,
            took_over: false,
            own: OwnListeners::default(),
            rival: None,
            returns: BTreeMap::new(),
        }
    }

    /// Of a command that runs, under a filter whose listener is gone.
    pub(super) fn taking_over(filters: Stack, backlog: VecDeque<(Tid, Stand)>) -> Self {
        Self { begun: true, backlog, took_over: true, ..Self::new(filters) }
    }

    /// Does to a call what the filter says, or lets the filter do it.
    pub(super) fn answer(&mut self, refused: &Refused, action: Action) -> Result<Answered, Errno> {
        if !self.took_over {
            return Self::let_go(refused).map(Answered::from);
        }
        let thread = refused.thread.ok_or(errno(libc::ESRCH))?;
        let is_made = !self.own.take(&refused.call);
        match hand::answer(thread, refused, action, is_made) {
            Ok(Did::Runs) => Ok(Answered::AsTheFilter),
            Ok(Did::Stands(stand)) => {
                self.backlog.push_back((thread, stand));
                Ok(Answered::AsTheFilter)
            }
            Ok(Did::Instead(instead)) => Ok(Answered::Instead(instead)),
            Ok(Did::Returns(result)) => {
                self.returns.insert(thread, result);
                Ok(Answered::AsTheFilter)
            }
            Err(reason) if reason == errno(libc::ESRCH) => Ok(Answered::Gone),
            Err(reason) => Err(reason),
        }
    }

    /// The next thread that has stopped.
    fn next_stand(&mut self) -> Result<Option<(Tid, Stand)>, Errno> {
        self.backlog.pop_front().map_or_else(steer::stand_of_any, |first| Ok(Some(first)))
    }

    /// Lets the filter have a call.
    fn let_go(refused: &Refused) -> Result<Reached, Errno> {
        let thread = refused.thread.ok_or(errno(libc::ESRCH))?;
        match steer::go_to_call(thread) {
            Ok(()) => Ok(Reached::Yes),
            Err(reason) if reason == errno(libc::ESRCH) => Ok(Reached::Gone),
            Err(reason) => Err(reason),
        }
    }

    /// The call in front of which a thread stands, if the filters do not allow it; otherwise the
    /// thread goes on.
    fn refused(&mut self, thread: Tid) -> Result<Option<Refused>, Errno> {
        let Some(call) = steer::call(thread)? else {
            if let Some(result) = self.returns.remove(&thread) {
                hand::make_return(thread, result)?;
            }
            return steer::go_to_call(thread).map(|()| None);
        };
        self.last = Some((thread, call));
        if self.took_over && mark::can_be_marked(&call, &self.filters) {
            self.own.add(thread, &call);
            let stand = hand::make_marked(thread, &call)?;
            self.backlog.extend(stand.map(|stand| (thread, stand)));
            return Ok(None);
        }
        let action = self.filters.run(&call, Endian::native()).action;
        let is_allowed = action.kind() == ActionKind::Allow;
        self.rival = Some(thread).filter(|_| is_allowed && rival::asks_for_traced(thread, &call));
        match self.begun && !is_allowed {
            true => Ok(Some(Refused { id: 0, thread: Some(thread), call })),
            false => steer::go_to_call(thread).map(|()| None),
        }
    }
}

impl Enforcer {
    /// What the command did or got last, where it is traced; of a call, if nobody else has made one
    /// since.
    #[must_use]
    pub fn last(&self) -> Option<Last> {
        let Means::Watch(watch) = &self.means else { return None };
        let made = watch.last.filter(|(thread, _)| *thread == self.command);
        watch.sent.map(Last::Sent).or(made.map(|(_, call)| Last::Call(call)))
    }

    /// Whether the caller has loaded filters since the command began: as strict as these or
    /// stricter, they answer in their place, which a tracer sees no more than before.
    #[must_use]
    pub fn has_own_filters(&self, refused: &Refused) -> bool {
        let Means::Watch(watch) = &self.means else { return false };
        let now = refused.thread.and_then(count_of_filters);
        watch.filters_at_start.zip(now).is_some_and(|(before, now)| now > before)
    }

    /// Looks at the next thread that has stopped; what is to be told of it, if anything.
    pub(super) fn watched(&mut self) -> Result<Option<Event>, Error> {
        let next = match &mut self.means {
            Means::Watch(watch) => watch.next_stand(),
            Means::Desk(_) => return Ok(None),
        };
        match next {
            Ok(Some((thread, stand))) => self.look_at(thread, stand),
            Ok(None) if self.is_to_stop() => {
                // A thread may have stopped since, whose signal would be taken here.
                self.take_signals(None)?;
                match steer::stand_of_any() {
                    Ok(Some((thread, stand))) => self.look_at(thread, stand),
                    _ => self.stop_once().map(|()| None),
                }
            }
            Ok(None) => {
                let signal = notify::wait(self.signals.as_fd(), None, None);
                signal.map_err(|errno| kernel("poll", errno))?;
                self.take_signals(None).map(|()| None)
            }
            Err(reason) if reason == errno(libc::ECHILD) => Ok(Some(Event::Over)),
            Err(reason) => Err(kernel("waitpid", reason)),
        }
    }

    /// Whether this process is to stop as the command has, once nothing else is to be done.
    const fn is_to_stop(&self) -> bool {
        matches!(&self.means, Means::Watch(watch) if watch.stops)
    }

    fn stop_once(&mut self) -> Result<(), Error> {
        if let Means::Watch(watch) = &mut self.means {
            watch.stops = false;
        }
        self.stop()
    }

    fn look_at(&mut self, thread: Tid, stand: Stand) -> Result<Option<Event>, Error> {
        let is_command = thread == self.command;
        let Means::Watch(watch) = &mut self.means else { return Ok(None) };
        if is_command {
            watch.stops = stand == Stand::WithAll;
            watch.sent = watch.sent.filter(|_| stand != Stand::AtCall);
        }
        let gone = |reason: &Errno| *reason == errno(libc::ESRCH);
        let done = match stand {
            Stand::Ended(status) if is_command => {
                let how = Ending::of_status(status);
                self.has_ended(how);
                return Ok(Some(Event::Ended(how)));
            }
            Stand::Ended(_) => {
                watch.returns.remove(&thread);
                Ok(())
            }
            Stand::AtCall => match watch.refused(thread) {
                Ok(Some(refused)) => return Ok(Some(Event::Refused(refused))),
                Ok(None) => match watch.rival.take() {
                    Some(thread) => return Ok(Some(Event::Tracing(thread))),
                    None => Ok(()),
                },
                Err(reason) => Err(reason),
            },
            Stand::AtExec => {
                if !watch.begun {
                    watch.filters_at_start = count_of_filters(thread);
                }
                watch.begun = true;
                steer::go_to_call(thread)
            }
            Stand::AtEvent => steer::go_to_call(thread),
            Stand::AtSignal(signal) => {
                let sent = signals::of(thread).ok().filter(|it| !it.is_of_kernel());
                if is_command && signal == libc::SIGSYS {
                    watch.sent = sent.map(|sent| sent.sender());
                }
                self.passing.deliver(thread, signal)
            }
            Stand::WithAll => steer::listen(thread),
        };
        match done {
            Ok(()) => Ok(None),
            // Killed meanwhile, which is told next.
            Err(reason) if gone(&reason) => Ok(None),
            Err(reason) => Err(kernel("ptrace", reason)),
        }
    }
}

/// How many filters a thread runs under, where the kernel counts them.
fn count_of_filters(thread: Tid) -> Option<u32> {
    status_of(thread).ok()?.filters
}
