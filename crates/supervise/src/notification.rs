//! A call that waits for its answer.
//!
//! Claim: C-LOOKED

use std::marker::PhantomData;
use std::mem;

use callgate_kernel::{Tid, notify};
use callgate_syscalls::{Arch, ArchToken, SeccompData, SyscallNr};

use crate::listener::waits;
use crate::state::{Examined, Fresh, State};
use crate::{Delivery, Error, Failure, Listener, Value};

/// A call that waits for its answer.
///
/// **It is answered once**, by a method that consumes it: [`fail`](Self::fail),
/// [`succeed`](Self::succeed), [`answer_with_fd`](Self::answer_with_fd) or
/// [`proceed`](Notification::proceed). One that is dropped without an answer, say because a handler
/// panics, fails with `ENOSYS`, as if there were no supervisor.
///
/// **A fresh notification can go on, one that was examined can't.** Number and registers
/// ([`call`](Self::call)) are the kernel's copy, which nobody changes. Memory, descriptors and
/// whatever else the calling process shares with its other threads can change between our look and
/// the kernel's. So a decision that rests on them must not end in "then do it":
/// [`examine`](Notification::examine) gives access to them and takes
/// [`proceed`](Notification::proceed) away.
///
/// ```
/// # use callgate_supervise::{Delivery, Error, Failure, Fresh, Notification};
/// fn by_registers(call: Notification<'_, Fresh>) -> Result<Delivery, Error> {
///     match call.call().args[0] {
///         0 => call.proceed(),
///         _ => call.fail(Failure::EPERM),
///     }
/// }
/// ```
///
/// This is the mistake, and it does not compile: another thread could put a different path there
/// after it was read.
///
/// ```compile_fail,E0599
/// # use callgate_supervise::{Delivery, Error, Failure, Fresh, Notification, Seen};
/// fn by_path(call: Notification<'_, Fresh>) -> Result<Delivery, Error> {
///     let call = call.examine();
///     match call.memory().c_string(call.pointer(1), 4096)? {
///         Seen::Value(Some(path)) if path.to_bytes() == b"/etc/hostname" => call.proceed(),
///         _ => call.fail(Failure::EACCES),
///     }
/// }
/// ```
///
/// Nor can the notification be kept aside while its memory is looked at:
///
/// ```compile_fail,E0382
/// # use callgate_supervise::{Delivery, Error, Fresh, Notification};
/// fn aside(call: Notification<'_, Fresh>) -> Result<Delivery, Error> {
///     let examined = call.examine();
///     let _path = examined.memory().c_string(examined.pointer(1), 4096)?;
///     call.proceed()
/// }
/// ```
///
/// Nor answered twice:
///
/// ```compile_fail,E0382
/// # use callgate_supervise::{Error, Failure, Fresh, Notification, Value};
/// fn twice(call: Notification<'_, Fresh>) -> Result<(), Error> {
///     let _delivered = call.succeed(Value::ZERO)?;
///     let _again = call.fail(Failure::EPERM)?;
///     Ok(())
/// }
/// ```
///
/// # References
/// seccomp_unotify(2), section "Design goals; use of `SECCOMP_USER_NOTIF_FLAG_CONTINUE`".
#[derive(Debug)]
#[must_use = "a call that is not answered fails with ENOSYS"]
pub struct Notification<'l, S: State = Fresh> {
    listener: &'l Listener,
    id: u64,
    caller: Option<Tid>,
    call: SeccompData,
    state: PhantomData<S>,
}

/// The kernel's number for a notification: unique for its listener, and no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u64);

impl Id {
    /// Wraps a number, as [`Id::raw`] gave it.
    #[must_use]
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// The raw number.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }
}

/// Why a call may go on although what it points to was looked at: see
/// [`Notification::proceed_despite`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// Nothing was decided: the call was watched, and would have gone on whatever was seen.
    OnlyWatched,
    /// What was looked at only made the call more convenient or faster; something else, such as a
    /// file's permissions or an LSM, refuses what must be refused.
    EnforcedElsewhere,
}

impl<'l> Notification<'l, Fresh> {
    pub(crate) fn new(listener: &'l Listener, raw: &notify::Notification) -> Self {
        let data = raw.data;
        let call = SeccompData {
            nr: SyscallNr::new(u32::from_ne_bytes(data.nr.to_ne_bytes())),
            arch: ArchToken::new(data.arch),
            instruction_pointer: data.instruction_pointer,
            args: data.args,
        };
        Self { listener, id: raw.id, caller: Tid::new(raw.pid), call, state: PhantomData }
    }

    /// Lets the call go on as if it had not been handed over, with the registers it has.
    ///
    /// No filter is asked again: this also overrides other filters of the process that would have
    /// logged the call or shown it to a tracer.
    ///
    /// # Errors
    /// As [`fail`](Self::fail); [`Error::Kernel`] before Linux 5.5, which can't do this.
    pub fn proceed(self) -> Result<Delivery, Error> {
        self.go_on()
    }

    /// Gives access to what the calling process may change meanwhile, and so takes away the answer
    /// that the call may go on.
    pub fn examine(self) -> Notification<'l, Examined> {
        let (listener, id, caller, call) = (self.listener, self.id, self.caller, self.call);
        // Not to be answered by being dropped.
        mem::forget(self);
        Notification { listener, id, caller, call, state: PhantomData }
    }
}

impl Notification<'_, Examined> {
    /// Lets the call go on although it was looked at, for a reason that makes the race harmless.
    /// The name of this method and its argument are what a review has to look for.
    ///
    /// # Errors
    /// As [`Notification::proceed`].
    pub fn proceed_despite(self, _excuse: Excuse) -> Result<Delivery, Error> {
        self.go_on()
    }
}

impl<S: State> Notification<'_, S> {
    /// The call, as the filter saw it.
    #[must_use]
    pub const fn call(&self) -> &SeccompData {
        &self.call
    }

    /// The calling thread; `None` where it is in a pid namespace that can't be seen from here.
    ///
    /// The number means another thread once this one has ended. Use
    /// [`examine`](Notification::examine) to look into its process.
    #[must_use]
    pub const fn caller(&self) -> Option<Tid> {
        self.caller
    }

    /// The kernel's number for this notification.
    #[must_use]
    pub const fn id(&self) -> Id {
        Id(self.id)
    }

    /// Leaves the call waiting, to be answered by number: by [`Listener::left`], here or in another
    /// process that has the listener. If nobody does, it waits until the listener is closed.
    ///
    /// That is how a supervisor can be restarted in the middle of a call: the kernel shows a call
    /// only once.
    #[must_use]
    pub fn leave(self) -> Id {
        let id = self.id();
        mem::forget(self);
        id
    }

    /// Sets the call aside, to be [taken up](Listener::take_up) by whoever has the listener:
    /// another thread, while this one receives the next. If nobody does, it waits until the
    /// listener is closed.
    pub fn set_aside(self) -> Aside {
        let aside = Aside { id: self.id(), caller: self.caller, call: self.call };
        mem::forget(self);
        aside
    }

    /// An argument (0 to 5; else 0) that is an address: without the high half where the call's
    /// architecture has 32 bits.
    #[must_use]
    pub fn pointer(&self, index: usize) -> u64 {
        let arg = self.call.args.get(index).copied().unwrap_or(0);
        match Arch::of_call(self.call.arch, self.call.nr) {
            Some(arch) if arch.word_bits() == 32 => arg & 0xffff_ffff,
            _ => arg,
        }
    }

    /// Whether the call still waits. One that does may end at any moment after.
    ///
    /// # Errors
    /// [`Error::Kernel`] for what the kernel should not say.
    pub fn still_waits(&self) -> Result<bool, Error> {
        waits(self.listener, self.id)
    }

    /// Makes the call fail.
    ///
    /// # Errors
    /// [`Error::AnsweredElsewhere`]; [`Error::Kernel`] for what the kernel should not say.
    pub fn fail(self, failure: Failure) -> Result<Delivery, Error> {
        self.respond(0, failure.negative(), 0)
    }

    /// Makes the call return a value, without having been made.
    ///
    /// # Errors
    /// As [`fail`](Self::fail).
    pub fn succeed(self, value: Value) -> Result<Delivery, Error> {
        self.respond(value.raw(), 0, 0)
    }

    fn go_on(self) -> Result<Delivery, Error> {
        const CONTINUE: u32 = 1;
        self.respond(0, 0, CONTINUE)
    }

    fn respond(self, val: i64, error: i32, flags: u32) -> Result<Delivery, Error> {
        let delivery = self.send(val, error, flags);
        mem::forget(self);
        delivery
    }

    fn send(&self, val: i64, error: i32, flags: u32) -> Result<Delivery, Error> {
        self.listener.send(notify::Response { id: self.id, val, error, flags })
    }

    pub(crate) const fn listener(&self) -> &Listener {
        self.listener
    }

    pub(crate) const fn raw_id(&self) -> u64 {
        self.id
    }

    /// The call was answered in another way.
    pub(crate) fn answered(self) {
        mem::forget(self);
    }
}

impl<S: State> Drop for Notification<'_, S> {
    fn drop(&mut self) {
        // Whether the call is gone or the kernel refuses: there is nobody left to be told.
        let _ = self.send(0, Failure::enosys().negative(), 0);
    }
}

/// A call that was set aside, which borrows nothing; made by [`Notification::set_aside`].
///
/// By its [`id`](Aside::id), [`Listener::left`] answers it at any moment, say when its time is up.
/// Whoever took it up and answers later finds it gone.
#[derive(Debug)]
#[must_use = "a call that was set aside waits until it is answered"]
pub struct Aside {
    id: Id,
    caller: Option<Tid>,
    call: SeccompData,
}

impl Aside {
    /// The kernel's number for the notification.
    #[must_use]
    pub const fn id(&self) -> Id {
        self.id
    }

    /// The call, as the filter saw it.
    #[must_use]
    pub const fn call(&self) -> &SeccompData {
        &self.call
    }

    /// The same call on its listener. Meanwhile the process may have been looked into, so that the
    /// call can't go on any more.
    pub(crate) const fn taken_up(self, listener: &Listener) -> Notification<'_, Examined> {
        let Self { id: Id(id), caller, call } = self;
        Notification { listener, id, caller, call, state: PhantomData }
    }
}

/// A call that was left waiting, of which only the number is known; made by [`Listener::left`].
#[derive(Debug)]
#[must_use = "a call that was left waits until it is answered"]
pub struct Left<'l> {
    listener: &'l Listener,
    id: Id,
}

impl<'l> Left<'l> {
    pub(crate) const fn new(listener: &'l Listener, id: Id) -> Self {
        Self { listener, id }
    }

    /// Makes the call fail.
    ///
    /// # Errors
    /// As [`Notification::fail`].
    pub fn fail(self, failure: Failure) -> Result<Delivery, Error> {
        self.respond(0, failure.negative())
    }

    /// Makes the call return a value, without having been made.
    ///
    /// # Errors
    /// As [`Notification::fail`].
    pub fn succeed(self, value: Value) -> Result<Delivery, Error> {
        self.respond(value.raw(), 0)
    }

    fn respond(&self, val: i64, error: i32) -> Result<Delivery, Error> {
        self.listener.send(notify::Response { id: self.id.0, val, error, flags: 0 })
    }
}
