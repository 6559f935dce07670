//! A supervisor for the syscalls that a seccomp filter hands over.
//!
//! A filter can answer a call with "ask the supervisor" (`SECCOMP_RET_USER_NOTIF`). The calling
//! thread then waits until the process that holds the filter's listener has answered: the call
//! fails, returns a value, returns a descriptor that the supervisor has opened, or goes on.
//!
//! ```
//! use callgate_supervise::{Error, Failure, Listener, Value};
//!
//! /// Pretends to every mount that it worked, and refuses the rest.
//! fn serve(listener: &Listener, mount: u32) -> Result<(), Error> {
//!     for call in listener.calls() {
//!         let call = call?;
//!         let _delivery = match call.call().nr.raw() {
//!             nr if nr == mount => call.succeed(Value::ZERO)?,
//!             _ => call.fail(Failure::EPERM)?,
//!         };
//!     }
//!     Ok(()) // every process under the filter has ended
//! }
//! ```
//!
//! # What the types rule out
//!
//! - **Answering twice, or never.** An answer consumes the [`Notification`]; one that is dropped
//!   fails with `ENOSYS`.
//! - **Errors that are none.** [`Failure`] is 1 to 4095, [`Value`] is never read as an error.
//! - **"Looked through a pointer, then let the call go on".** [`Notification::examine`] gives
//!   access to the memory of the calling process, which its other threads can change at any moment,
//!   and takes [`Notification::proceed`] away. A supervisor that decides by a path does what was
//!   asked for itself, on its own copy of the path, and answers with the result: see
//!   [`Notification::answer_with_fd`].
//! - **Looking into the wrong process.** Thread ids are used again. [`Memory`] asks before and
//!   after each access whether the call still waits, and writes only through a file that cannot
//!   come to mean another process.
//! - **Mistaking a routine event for an error.** That a call is gone, a signal came, or the last
//!   process has ended, are values: [`Delivery`], [`Event`], [`Seen`], [`Added`].
//!
//! # Three ways to wait
//!
//! [`Listener`] is for threads that wait, [`Pollable`] for event loops, `AsyncListener` for tasks
//! of tokio (feature `tokio`). [`Dispatcher`] answers with a fixed number of threads.
//!
//! # Getting the listener
//!
//! The load of the filter returns it, but to the process that is to be supervised. [`handover`] has
//! the ways to bring it here;
//! [`Command::spawn_supervised`](callgate_kernel::Command::spawn_supervised) starts a program under
//! a filter with the listener here from the start. Ask for
//! [`Interruption::fewest`](callgate_kernel::Interruption::fewest) at the load, or every signal can
//! undo what the supervisor has done.
//!
//! A supervisor that is also the parent serves the listener until [`Event::Ended`] and then waits
//! for its child; before Linux 6.11 it has to wait for the child first, or meanwhile
//! ([`Child::wait_aside`](callgate_kernel::child::Child::wait_aside)).
//!
//! A supervisor must not be under the filter itself, or it may wait for its own answer.
#![forbid(unsafe_code)]
#![cfg(target_os = "linux")]

mod answer;
mod descriptor;
mod dispatcher;
mod error;
mod listener;
mod memory;
mod notification;
mod pollable;
mod state;
#[cfg(feature = "tokio")]
mod tokio;

#[cfg(feature = "tokio")]
pub use self::tokio::AsyncListener;
pub use answer::{Delivery, Failure, Value};
pub use descriptor::{Added, OnExec, Placement, Unanswered};
pub use dispatcher::{Dispatcher, Stopper, Summary};
pub use error::Error;
pub use listener::{Calls, Event, Listener, WakeUp};
pub use memory::{Memory, Seen};
pub use notification::{Aside, Excuse, Id, Left, Notification};
pub use pollable::{Pollable, Wake};
pub use state::{Examined, Fresh, State};

pub use callgate_kernel::notify::handover;
