//! Loads that take what the kernel offers, and say what that was.
//!
//! [`load`](crate::load()) takes all that it is asked for or fails. A program that runs on many
//! kernels says instead of each feature whether it must have it, and looks at the report: what was
//! left out, and what holds now.
//!
//! What a filter is for is never best effort: the program and the threads it is attached to are all
//! there, or nothing is. As loads, these allocate nothing.
//!
//! References: seccomp(2), prctl(2).

use std::os::fd::OwnedFd;

use callgate_bpf::Program;

use crate::flag::Flags;
use crate::load::{listener_flags, scope_flags};
use crate::{
    Error, Flag, Interruption, Logging, NoNewPrivs, Options, Scope, Speculation, flag_supported,
    load, load_with_listener, set_no_new_privs,
};

/// How much a feature is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Want {
    /// Not at all.
    #[default]
    No,
    /// Where the kernel has it; its absence is reported.
    IfPossible,
    /// Without it nothing is loaded.
    Required,
}

/// What is wanted of a load. The default requires no_new_privs and wants nothing else.
///
/// # Examples
/// ```
/// use callgate_kernel::{Want, Wants};
///
/// let wants = Wants { logging: Want::IfPossible, ..Wants::default() };
/// assert_eq!(wants.no_new_privs, Want::Required);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// That no_new_privs is set ([`NoNewPrivs::Set`]).
    pub no_new_privs: Want,
    /// That the kernel logs what the filter does not allow ([`Logging::On`]).
    pub logging: Want,
    /// That the kernel forces no speculation mitigations for this filter
    /// ([`Speculation::Allowed`]).
    pub speculation: Want,
    /// That only fatal signals interrupt a call whose notification was received
    /// ([`Interruption::FatalSignals`]); for loads with a listener.
    pub uninterrupted: Want,
}

impl Default for Wants {
    fn default() -> Self {
        let no_new_privs = Want::Required;
        Self { no_new_privs, logging: Want::No, speculation: Want::No, uninterrupted: Want::No }
    }
}

/// What was enforced, as far as the load decides it: no call is made to find out, which the filter
/// might forbid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enforced {
    flags: Flags,
    missing: Flags,
    no_new_privs: bool,
}

impl Enforced {
    /// Whether the filter was loaded with a flag.
    #[must_use]
    pub const fn has(&self, flag: Flag) -> bool {
        self.flags.contains(flag)
    }

    /// The flags that the filter was loaded with, those of scope and listener included.
    pub fn flags(&self) -> impl Iterator<Item = Flag> + use<> {
        self.flags.iter()
    }

    /// The flags that were wanted and that the kernel does not know.
    pub fn missing(&self) -> impl Iterator<Item = Flag> + use<> {
        self.missing.iter()
    }

    /// Whether this load set no_new_privs, or found it set when it tried to.
    #[must_use]
    pub const fn no_new_privs(&self) -> bool {
        self.no_new_privs
    }
}

/// Attaches a filter with what the kernel has of what is wanted.
///
/// # Errors
/// As [`load`](crate::load()). [`Error::UnknownFlag`] for a required feature comes before anything
/// is changed.
///
/// # Examples
/// ```
/// use callgate_bpf::{Instruction, Program};
/// use callgate_kernel::child::{self, Ending};
/// use callgate_kernel::{Scope, Want, Wants, enforce};
///
/// let allow = Program::new([Instruction::new(0x06, 0x7fff_0000)])?;
/// let wants = Wants { logging: Want::IfPossible, ..Wants::default() };
/// let in_child = || match enforce(&allow, Scope::ThisThread, &wants) {
///     Ok(enforced) => u8::from(!enforced.no_new_privs()),
///     Err(_) => 2,
/// };
/// // SAFETY: the closure makes syscalls, and shares nothing with this process.
/// let ending = unsafe { child::run_forked(in_child) }?;
/// assert_eq!(ending, Ending::Exited { code: 0 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn enforce(program: &Program, scope: Scope, wants: &Wants) -> Result<Enforced, Error> {
    let choice = Choice::new(wants, Want::No)?;
    let no_new_privs = promise(wants.no_new_privs)?;
    load(program, scope, &choice.options)?;
    let flags = scope_flags(scope, choice.options.flags());
    Ok(Enforced { flags, missing: choice.missing, no_new_privs })
}

/// As [`enforce`], and returns the listener to which the filter hands calls.
///
/// # Errors
/// As [`load_with_listener`]; [`Error::UnknownFlag`] as with [`enforce`].
pub fn enforce_with_listener(
    program: &Program,
    scope: Scope,
    wants: &Wants,
) -> Result<(OwnedFd, Enforced), Error> {
    let choice = Choice::new(wants, wants.uninterrupted)?;
    let no_new_privs = promise(wants.no_new_privs)?;
    let listener = load_with_listener(program, scope, &choice.options, choice.interruption)?;
    let flags = scope_flags(scope, listener_flags(&choice.options, choice.interruption));
    Ok((listener, Enforced { flags, missing: choice.missing, no_new_privs }))
}

/// Sets no_new_privs as wanted: whether it is set. Where it is not and was needed, the load fails.
fn promise(want: Want) -> Result<bool, Error> {
    match want {
        Want::No => Ok(false),
        Want::IfPossible => Ok(set_no_new_privs().is_ok()),
        Want::Required => set_no_new_privs().map(|()| true),
    }
}

/// What of the wanted is asked for.
struct Choice {
    options: Options,
    interruption: Interruption,
    missing: Flags,
}

impl Choice {
    fn new(wants: &Wants, uninterrupted: Want) -> Result<Self, Error> {
        let mut missing = Flags::default();
        let mut take = |want: Want, flag: Flag| match want {
            Want::No => Ok(false),
            _ if flag_supported(flag) => Ok(true),
            Want::Required => Err(Error::UnknownFlag { flag }),
            Want::IfPossible => {
                missing = missing.with(flag);
                Ok(false)
            }
        };
        let logs = take(wants.logging, Flag::Log)?;
        let speculates = take(wants.speculation, Flag::SpecAllow)?;
        let waits = take(uninterrupted, Flag::WaitKillableRecv)?;
        let options = Options {
            no_new_privs: NoNewPrivs::Leave,
            logging: if logs { Logging::On } else { Logging::Off },
            speculation: if speculates { Speculation::Allowed } else { Speculation::Mitigated },
        };
        let interruption = if waits { Interruption::FatalSignals } else { Interruption::AnySignal };
        Ok(Self { options, interruption, missing })
    }
}
