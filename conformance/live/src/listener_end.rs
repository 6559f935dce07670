//! The end of listeners whose supervisor is the parent of what it supervises.

use std::ffi::CString;
use std::os::fd::AsFd;

use callgate::{Action, Filter, SeccompData, names};
use callgate_kernel::child::Ending;
use callgate_kernel::{Command, Interruption, Options, Tid, parts, running_kernel};
use callgate_observe::record::{Event, Going, Notify, Observer, Recorder};

use super::support::{Checked, Row, eventually, listen, passes, said, same};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "notify-hangup-zombie",
        about: "POLLHUP comes when the last process ends; before Linux 6.11, when it was waited for",
        check: hangup_zombie,
    },
    Row {
        name: "supervise-child",
        about: "whoever supervises a command serves its listener to the end and then waits for it",
        check: supervised_command,
    },
    Row {
        name: "record-child",
        about: "a recording by notifications ends with the command and its orphans",
        check: recorded_command,
    },
];

fn hangup_zombie() -> Checked {
    let at_end = running_kernel().map_err(said)? >= callgate::KernelVersion::new(6, 11);
    passes(|subject| {
        let board = super::support::board()?;
        let told = &board;
        let child = subject.fork(move |_| {
            let Ok(listener) = listen(Interruption::AnySignal) else { return 1 };
            told.set(0, i64::from(std::os::fd::AsRawFd::as_raw_fd(&listener)));
            u8::from(told.wait_for(1, 1).is_err())
        })?;
        board.wait_for(0, 1)?;
        let listener = subject.take_descriptor(child.pid(), board.at(0))?;
        board.set(1, 1);
        let process = Tid::new(child.pid()).ok_or("a child without an id")?;
        eventually("its end", || Ok(parts::has_ended(process)))?;
        let expected = if at_end { libc::POLLHUP } else { 0 };
        let wait = if at_end { 5_000 } else { 50 };
        same("a zombie", subject.poll(listener.as_fd(), wait)? & libc::POLLHUP, expected)?;
        super::notify::ended_well(child)?;
        same("the end", subject.poll(listener.as_fd(), 5_000)? & libc::POLLHUP, libc::POLLHUP)
    })
}

fn command(script: &str) -> Result<Command, String> {
    let words = ["/bin/sh", "-c", script].map(CString::new);
    let words: Result<Vec<_>, _> = words.into_iter().collect();
    Command::resolve_here(words.map_err(|error| error.to_string())?).map_err(said)
}

fn supervised_command() -> Checked {
    let filter = Filter::builder(Action::ALLOW);
    let filter = filter.answer(Action::USER_NOTIFY, [names::EXIT_GROUP]).build().map_err(said)?;
    passes(|_| {
        let options = Options::default();
        let (child, listener) = filter.supervise(&command("exit 5")?, &options).map_err(said)?;
        let mut calls = 0;
        for call in listener.calls() {
            let _delivery = call.and_then(|call| call.proceed()).map_err(said)?;
            calls += 1;
        }
        same("calls", calls, 1)?;
        same("the command", child.wait(), Ok(Ending::Exited { code: 5 }))
    })
}

/// How many processes have ended, and how many seconds passed.
#[derive(Default)]
struct Ends {
    exits: u32,
    seconds: u32,
}

impl Observer for Ends {
    fn event(&mut self, event: &Event<'_>) {
        let SeccompData { arch, nr, .. } = *event.call;
        let arch = callgate::Arch::of_call(arch, nr);
        let exit = arch.and_then(|arch| arch.syscall(names::EXIT_GROUP));
        self.exits += u32::from(exit.is_some_and(|exit| exit.nr == nr));
    }

    fn tick(&mut self, _signals: u32) -> Going {
        const SECONDS_MAX: u32 = 60;
        self.seconds += 1;
        if self.seconds < SECONDS_MAX { Going::On } else { Going::End }
    }
}

fn recorded_command() -> Checked {
    passes(|_| {
        let recorder = Notify::everything().map_err(|error| error.to_string())?;
        let mut ends = Ends::default();
        // What the shell starts and does not wait for is its orphan, and ends after it or before.
        let recorded = recorder.record(&command("(exit 3) & exit 5")?, &mut ends).map_err(said)?;
        same("the command", recorded.ending, Some(Ending::Exited { code: 5 }))?;
        same("processes", ends.exits, 2)
    })
}
