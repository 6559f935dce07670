//! The end of the command, and its signals on the way there.

use std::os::fd::AsFd;
use std::time::Duration;

use callgate_kernel::child::Ending;
use callgate_kernel::parts::Fork;
use callgate_kernel::parts::{signals, steer};
use callgate_kernel::{Error, Tid, notify, parts};

use super::halt::{self, Sign};
use super::{Enforcer, Means, kernel};

/// Which of two processes this one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two sides, and both have work to do")]
pub enum Side {
    /// The one that was there before, which has nothing left to do but to [leave](Enforcer::leave_with).
    Front,
    /// The new one, which enforces.
    Behind,
}

impl Enforcer {
    /// Whether nothing is under the filter any more, or nothing that can be seen once this process has
    /// ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match &self.means {
            Means::Desk(desk) => {
                let now = notify::wait(desk.listener(), None, Some(Duration::ZERO));
                self.over || now.is_ok_and(|ready| ready.ended && !ready.call)
            }
            // Whatever is left goes on without being traced.
            Means::Watch(_) => true,
        }
    }

    /// Splits the process in two, of which the new one goes on to enforce: for when the command has
    /// ended and something that it has started has not. The new one keeps standard error, and
    /// neither of the other two.
    ///
    /// # Errors
    /// [`Error::Kernel`] where the process can't be forked.
    pub fn stay_behind(&mut self) -> Result<Side, Error> {
        // SAFETY: this process has one thread (`Enforcer::start`), which goes on in the new one with
        // a copy of all that it owns.
        match unsafe { parts::fork() }.map_err(|errno| kernel("fork", errno))? {
            Fork::Child => {
                steer::close_input_and_output();
                Ok(Side::Behind)
            }
            Fork::Parent(_) => Ok(Side::Front),
        }
    }

    /// Ends this process as the command has ended: with its exit code, or by its signal.
    pub fn leave_with(ending: Ending) -> ! {
        let code = match ending {
            Ending::Exited { code } => code,
            Ending::Killed { signal } => {
                steer::end_by(signal.raw());
                // As shells have it, should the signal not end a process by default.
                u8::try_from(signal.raw()).map_or(u8::MAX, |signal| signal.saturating_add(128))
            }
        };
        parts::exit_now(code)
    }

    /// The end of the command, if it has ended. If it was stopped, so is this process, until
    /// somebody continues it.
    pub(super) fn take_ending(&mut self) -> Result<Option<Ending>, Error> {
        loop {
            let status = steer::stand_of_child(self.command);
            let Some(status) = status.map_err(|errno| kernel("waitpid", errno))? else {
                return Ok(None);
            };
            if libc::WIFSTOPPED(status) {
                self.stop()?;
                continue;
            }
            let ending = Ending::of_status(status);
            self.has_ended(ending);
            return Ok(Some(ending));
        }
    }

    /// The command has ended, and was waited for.
    pub(super) fn has_ended(&mut self, ending: Ending) {
        self.ending = Some(ending);
        self.passing.end();
    }

    /// Stops this process, as its command has been.
    pub(super) fn stop(&mut self) -> Result<(), Error> {
        let sign = match &self.means {
            Means::Desk(desk) => Sign::Calls(desk.listener()),
            Means::Watch(_) => Sign::Children,
        };
        self.take_signals(halt::stop_with(self.command, &sign))
    }

    /// Passes on the signals that this process got, but for those of one sender.
    pub(super) fn take_signals(&mut self, but_of: Option<Tid>) -> Result<(), Error> {
        loop {
            let signal = signals::next(self.signals.as_fd());
            let Some(received) = signal.map_err(|errno| kernel("signalfd", errno))? else {
                return Ok(());
            };
            let own = but_of.is_some() && received.sender() == but_of;
            match &self.means {
                _ if own => {}
                Means::Desk(_) => self.passing.pass(&received),
                Means::Watch(_) => self.passing.pass_to_traced(&received),
            }
        }
    }
}
