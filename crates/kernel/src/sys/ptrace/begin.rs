//! A command that is traced from its first call on.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use callgate_syscalls::Errno;

use super::signals::Held;
use super::{steer, trace};
use crate::Error;
use crate::sys::errno_of;
use crate::sys::process::{Fork, exit_now, fork};
use crate::tid::Tid;

/// Starts a process that waits until it is traced, and then is replaced. Signals are held back here
/// until the caller passes them on.
///
/// # Errors
/// What the kernel refuses.
///
/// # Safety
/// This process has one thread, or `exec` neither allocates nor takes locks: another thread may have
/// held any at the fork.
pub unsafe fn start(exec: impl FnOnce() -> Error) -> Result<(Tid, Held), Error> {
    let held = Held::all()?;
    let (mut here, mut there) =
        UnixStream::pair().map_err(|error| kernel("socketpair", errno_of(&error)))?;
    // SAFETY: what the child does beside `exec`, for which the caller answers, is reading, writing
    // and ending.
    match unsafe { fork() }.map_err(|errno| kernel("fork", errno))? {
        Fork::Child => {
            // Without a word from the parent, which has gone, nothing is run. Its end is open here as
            // well, and would keep the answer from coming.
            drop(here);
            let code = match there.read_exact(&mut [0]) {
                Ok(()) => {
                    held.give_back();
                    let error = exec();
                    let _ = writeln!(io::stderr(), "callgate: {error}");
                    error.exit_code()
                }
                Err(_) => 126,
            };
            exit_now(code)
        }
        Fork::Parent(child) => {
            let traced = steer::seize_following(child).and_then(|()| trace::interrupt(child));
            traced.map_err(|errno| kernel("ptrace", errno))?;
            here.write_all(&[1]).map_err(|error| kernel("write", errno_of(&error)))?;
            Ok((child, held))
        }
    }
}

fn kernel(call: &'static str, errno: Errno) -> Error {
    Error::Kernel { call, errno }
}
