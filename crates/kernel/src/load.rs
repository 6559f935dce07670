//! Attaching filters.
//!
//! A load is at most three syscalls (is there one thread, no_new_privs, seccomp) and allocates
//! nothing, so it can be made between fork and exec in a process with threads. Only a refusal costs
//! more: it is looked into before it is returned.
//!
//! References: seccomp(2), `kernel/seccomp.c`.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use callgate_bpf::{Program, Stack};
use libc::c_long;

use crate::flag::Flags;
use crate::sys;
use crate::{Error, Flag, Tid, flag_supported, refusal};

/// Which threads a filter is attached to. There is no default: filters belong to threads, not to
/// processes, and the thread that nobody thought of is a way around the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The calling thread, and the threads and processes it starts from now on. Its siblings stay
    /// as they are.
    ThisThread,
    /// Every thread of the process, and all that they start from now on. Processes started before
    /// are not covered.
    ///
    /// The kernel does so at once or not at all: threads with filters that the caller does not have
    /// are in the way.
    AllThreads,
    /// The calling thread, which must be the only one of the process: what a program does that is
    /// about to execute another one, or that has not started its threads yet.
    BeforeExec,
}

/// How a filter is attached. The default sets no_new_privs and nothing else.
///
/// # Examples
/// ```
/// use callgate_kernel::{Logging, Options};
///
/// let options = Options { logging: Logging::On, ..Options::default() };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What happens to no_new_privs.
    pub no_new_privs: NoNewPrivs,
    /// Whether the kernel logs what this filter does not allow.
    pub logging: Logging,
    /// Whether the kernel may force speculation mitigations on the threads.
    pub speculation: Speculation,
}

/// What happens to no_new_privs, the promise that execve(2) grants no privileges (set-user-id
/// programs, file capabilities). Without it only `CAP_SYS_ADMIN` in the caller's user namespace may
/// load filters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoNewPrivs {
    /// It is set before the load and stays set, even if the load fails.
    #[default]
    Set,
    /// It stays as it is.
    Leave,
}

/// Whether the kernel logs what a filter does not allow, in so far as
/// `kernel.seccomp.actions_logged` has the action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logging {
    /// Only kills and the action that is there for logging.
    #[default]
    Off,
    /// Whatever is not allowed ([`Flag::Log`]).
    On,
}

/// Whether the kernel, where booted to do so, forces speculation mitigations on threads with
/// filters.
///
/// A single filter that is loaded without [`Speculation::Allowed`] is enough to force them, for
/// good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speculation {
    /// The kernel's choice.
    #[default]
    Mitigated,
    /// Never because of this filter ([`Flag::SpecAllow`]).
    Allowed,
}

/// Which signals interrupt a call whose notification the listener has received and not answered
/// yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// Any: the call fails with `EINTR` or starts anew, and what the supervisor did for it is lost
    /// or done twice.
    AnySignal,
    /// Only those that kill the thread ([`Flag::WaitKillableRecv`]); what supervisors should ask
    /// for.
    FatalSignals,
}

impl Interruption {
    /// The best that the running kernel has, by asking it.
    #[must_use]
    pub fn fewest() -> Self {
        if flag_supported(Flag::WaitKillableRecv) { Self::FatalSignals } else { Self::AnySignal }
    }
}

/// Attaches a filter. It can't be removed again.
///
/// # Errors
/// Why the kernel refuses; then nothing is attached, though no_new_privs may have been set.
/// [`Error::SeveralThreads`] and [`Error::ThreadsUnknown`] come with [`Scope::BeforeExec`] only,
/// [`Error::ThreadDiverged`] with [`Scope::AllThreads`] only.
///
/// # Examples
/// A filter that answers getppid with `EPERM`, tried in a child. Write such programs by hand only
/// where no policy will do: this one is wrong for every architecture but one.
/// ```
/// use callgate_bpf::{Instruction, Program};
/// use callgate_kernel::child::{self, Ending};
/// use callgate_kernel::{Options, Scope, load};
/// use callgate_syscalls::{Arch, names};
///
/// let getppid = Arch::native().and_then(|arch| arch.syscall(names::GETPPID)).ok_or("no getppid")?;
/// let program = Program::new([
///     Instruction::new(0x20, 0),                                          // load the number
///     Instruction { code: 0x15, jt: 0, jf: 1, k: getppid.nr.raw() },      // is it getppid's?
///     Instruction::new(0x06, 0x0005_0001),                                // return ERRNO(1)
///     Instruction::new(0x06, 0x7fff_0000),                                // return ALLOW
/// ])?;
/// let in_child = || match load(&program, Scope::ThisThread, &Options::default()) {
///     Ok(()) => u8::from(std::os::unix::process::parent_id() == u32::MAX),
///     Err(_) => 2,
/// };
/// // SAFETY: the closure makes syscalls, and shares nothing with this process.
/// let ending = unsafe { child::run_forked(in_child) }?;
/// assert_eq!(ending, Ending::Exited { code: 1 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load(program: &Program, scope: Scope, options: &Options) -> Result<(), Error> {
    let flags = prepare(scope, options, options.flags())?;
    match sys::set_mode_filter(flags.bits(), program.instructions()) {
        Ok(0) => Ok(()),
        // With TSYNC a positive result is no success: it names the thread in the way.
        Ok(tid) => Err(diverged(tid)),
        Err(errno) => Err(refusal::explain(errno, flags)),
    }
}

/// Attaches filters on top of each other, the oldest first, as [`load()`] does each.
///
/// Each but the newest has to allow `seccomp`, or those after it are refused; what was asked of the
/// scope and of no_new_privs is done once, before the first.
///
/// # Errors
/// As [`load()`]; the filters before the one that was refused stay attached.
pub fn load_stack(stack: &Stack, scope: Scope, options: &Options) -> Result<(), Error> {
    let Some((first, others)) = stack.programs().split_first() else { return Ok(()) };
    load(first, scope, options)?;
    let options = Options { no_new_privs: NoNewPrivs::Leave, ..*options };
    let scope = match scope {
        Scope::AllThreads => Scope::AllThreads,
        Scope::ThisThread | Scope::BeforeExec => Scope::ThisThread,
    };
    others.iter().try_for_each(|program| load(program, scope, &options))
}

/// Attaches a filter and returns the listener to which it hands calls (`SECCOMP_RET_USER_NOTIF`).
///
/// When the last descriptor of the listener is closed, those calls fail with `ENOSYS` instead. It
/// is closed on exec.
///
/// # Errors
/// As [`load()`]; [`Error::SomeThreadDiverged`] in place of [`Error::ThreadDiverged`]; and
/// [`Error::ListenerExists`] or one of the errors about open files.
pub fn load_with_listener(
    program: &Program,
    scope: Scope,
    options: &Options,
    interruption: Interruption,
) -> Result<OwnedFd, Error> {
    let flags = prepare(scope, options, listener_flags(options, interruption))?;
    sys::set_mode_filter_with_listener(flags.bits(), program.instructions())
        .map_err(|errno| refusal::explain(errno, flags))
}

/// The flags of a load with a listener, for one thread.
pub(crate) fn listener_flags(options: &Options, interruption: Interruption) -> Flags {
    let flags = options.flags().with(Flag::NewListener);
    match interruption {
        Interruption::AnySignal => flags,
        Interruption::FatalSignals => flags.with(Flag::WaitKillableRecv),
    }
}

/// Sets no_new_privs on the calling thread, for good: execve(2) will grant it no privileges.
///
/// # Errors
/// [`Error::NoNewPrivsRefused`], before Linux 3.5 or inside a sandbox.
///
/// # References
/// `PR_SET_NO_NEW_PRIVS` in prctl(2).
pub fn set_no_new_privs() -> Result<(), Error> {
    sys::set_no_new_privs().map_err(|errno| Error::NoNewPrivsRefused { errno })
}

/// Does what a load needs done before, and adds the flags of the scope.
fn prepare(scope: Scope, options: &Options, flags: Flags) -> Result<Flags, Error> {
    if scope == Scope::BeforeExec {
        require_single_thread()?;
    }
    if options.no_new_privs == NoNewPrivs::Set {
        set_no_new_privs()?;
    }
    Ok(scope_flags(scope, flags))
}

/// These flags with those of the scope.
pub(crate) fn scope_flags(scope: Scope, flags: Flags) -> Flags {
    match scope {
        Scope::ThisThread | Scope::BeforeExec => flags,
        // The kernel has one number to return. Where that is a descriptor, it can't be a thread.
        Scope::AllThreads if flags.contains(Flag::NewListener) => {
            flags.with(Flag::Tsync).with(Flag::TsyncEsrch)
        }
        Scope::AllThreads => flags.with(Flag::Tsync),
    }
}

impl Options {
    pub(crate) fn flags(&self) -> Flags {
        let mut flags = Flags::default();
        if self.logging == Logging::On {
            flags = flags.with(Flag::Log);
        }
        if self.speculation == Speculation::Allowed {
            flags = flags.with(Flag::SpecAllow);
        }
        flags
    }
}

fn diverged(tid: c_long) -> Error {
    let tid = libc::pid_t::try_from(tid).ok().and_then(Tid::from_kernel);
    tid.map_or(Error::SomeThreadDiverged, |tid| Error::ThreadDiverged { tid })
}

/// Asks `/proc`, whose directory of threads has two links and one a thread, and where that does not
/// settle it unshare(2), which refuses to unshare threads that there are. The one may not be
/// mounted, the other not be allowed.
///
/// # Errors
/// [`Error::SeveralThreads`], [`Error::ThreadsUnknown`].
pub fn require_single_thread() -> Result<(), Error> {
    const ONE_THREAD: u64 = 3;
    let links = fs::metadata("/proc/self/task").map(|tasks| tasks.nlink()).unwrap_or(0);
    if links == ONE_THREAD {
        return Ok(());
    }
    sys::unshare_threads().map_err(|errno| match i32::from(errno.raw()) {
        libc::EINVAL => Error::SeveralThreads,
        _ if links > ONE_THREAD => Error::SeveralThreads,
        _ => Error::ThreadsUnknown { errno },
    })
}
