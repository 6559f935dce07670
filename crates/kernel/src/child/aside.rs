//! Waiting for a child in a thread of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use super::{Ending, kill, wait_for};
use crate::sys::process;
use crate::{Error, Tid, parts};

/// The thread that waits. One that is dropped waits on.
#[derive(Debug)]
pub(super) struct Waiter {
    process: Tid,
    /// Whether the process id may be another's by now.
    gone: Arc<Mutex<bool>>,
    thread: JoinHandle<Result<Ending, Error>>,
}

/// The thread waits and stores: what the standard library needs for a thread is most of it.
const STACK: usize = 64 * 1024;

impl Waiter {
    pub(super) fn start(process: Tid) -> Result<Self, Error> {
        let gone = Arc::new(Mutex::new(false));
        let told = Arc::clone(&gone);
        let builder = Builder::new().name("waiter".into()).stack_size(STACK);
        let thread = builder.spawn(move || wait(process, &told)).map_err(|error| {
            Error::Kernel { call: "starting a thread", errno: parts::errno_of(&error) }
        })?;
        Ok(Self { process, gone, thread })
    }

    pub(super) fn ending(self) -> Result<Ending, Error> {
        let lost = Error::Kernel { call: "waitpid", errno: parts::errno(libc::ECHILD) };
        self.thread.join().unwrap_or(Err(lost))
    }

    /// Does nothing to one that has ended, as the kernel does nothing to one that nobody has waited
    /// for.
    pub(super) fn kill(&self) -> Result<(), Error> {
        let gone = locked(&self.gone);
        if *gone { Ok(()) } else { kill(self.process) }
    }
}

/// The id is the child's until the second wait, which is short: so who kills it has not to wait for
/// its end.
fn wait(process: Tid, gone: &Mutex<bool>) -> Result<Ending, Error> {
    process::wait_for_end(process).map_err(|errno| Error::Kernel { call: "waitid", errno })?;
    let mut gone = locked(gone);
    *gone = true;
    wait_for(process)
}

fn locked(gone: &Mutex<bool>) -> MutexGuard<'_, bool> {
    gone.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, feature = "test-support"))]
mod tests {
    use crate::child::{self, Ending, Signal};
    use crate::parts;

    #[test]
    fn a_child_that_nobody_waits_for_yet_is_no_zombie() {
        let child = child::start(|| 7).unwrap().wait_aside().unwrap();
        let id = child.id();
        // What has ended and was not waited for can be asked about; what was waited for is unknown.
        let status = format!("/proc/{}/status", id.raw());
        let mut rounds = 0;
        while std::fs::exists(&status).unwrap() {
            rounds += 1;
            assert!(rounds < 10_000, "still there");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert!(parts::has_ended(id));
        assert_eq!(child.kill(), Ok(()), "nobody else may have the signal");
        assert_eq!(child.wait(), Ok(Ending::Exited { code: 7 }));
    }

    #[test]
    fn a_child_can_be_killed_while_a_thread_waits() {
        let child = child::start(|| {
            loop {
                std::thread::park();
            }
        });
        let child = child.unwrap().wait_aside().unwrap().wait_aside().unwrap();
        child.kill().unwrap();
        assert_eq!(child.wait(), Ok(Ending::Killed { signal: Signal::KILL }));
    }
}
