//! How a command ends: with a status, or with an error that has one.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{fmt, io};

use callgate_bpf::AsmErrorKind;
use callgate_dumps::ErrorKind;
use callgate_kernel::Tid;
use callgate_syscalls::{Action, Arch};

/// The exit status, the same for all commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done; for questions: yes.
    Success = 0,
    /// The answer is no: the filters differ, the filter is not accepted.
    No = 1,
    /// Wrong arguments or input, or something that could not be read or written.
    Failure = 2,
    /// No answer within the limits of the proof. Never a yes.
    Undecided = 3,
    /// The command to run could not be executed.
    NotExecuted = 126,
    /// The command to run was not found.
    NotFound = 127,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Arguments that are fine alone do not go together, or name something that does not exist.
    Usage(String),
    /// Something could not be read.
    Read {
        /// What.
        what: String,
        /// The system's reason.
        reason: io::Error,
    },
    /// There is nothing in the input.
    Empty {
        /// What was read.
        what: String,
    },
    /// The input is longer than any filter.
    TooLarge {
        /// What was read.
        what: String,
        /// The limit in bytes.
        limit: u64,
        /// Whether refused calls are logged in it, as far as it was read.
        is_log: bool,
    },
    /// The input is in none of the forms of filters, or not right in the one it has.
    Decode {
        /// What was read.
        what: String,
        /// What is wrong with it.
        reason: Box<callgate_dumps::Error>,
    },
    /// The kernel would refuse the program.
    Refused {
        /// What was read.
        what: String,
        /// The program, and why it would be refused.
        dump: Box<callgate_dumps::Dump>,
    },
    /// The text is not assembler, or the kernel would refuse its program.
    Assemble {
        /// What was read.
        what: String,
        /// What is wrong with it.
        reason: callgate_bpf::AsmError,
    },
    /// The text is no policy; each error has its place.
    Text(Box<callgate_gate::Refused>),
    /// The profile cannot be used.
    Profile(Box<callgate_formats::Error>),
    /// The file of weights has a line that says nothing.
    Weights {
        /// What was read.
        what: String,
        /// The line, and what is expected.
        reason: callgate::compiler::InvalidWeights,
    },
    /// There is no proved filter.
    Filter(Box<callgate::Error>),
    /// The prover has no answer.
    Prover(callgate_prover::Error),
    /// The kernel refused.
    Kernel(callgate_kernel::Error),
    /// The agent that a profile names as its listener can't be reached.
    AgentUnreachable {
        /// Its socket.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// The agent does not work.
    Agent(Box<callgate_agent::Error>),
    /// The command was not executed.
    NotExecuted(callgate_kernel::Error),
    /// The command was not executed, as the filter is not for this machine.
    OtherMachine {
        /// The architectures that it is for.
        of: Vec<Arch>,
        /// This machine's.
        machine: Arch,
        /// What calls of this machine get.
        action: Action,
    },
    /// The process has no filters.
    NoFilters {
        /// The process.
        tid: Tid,
    },
    /// Something could not be written.
    Write {
        /// What.
        what: String,
        /// The system's reason.
        reason: io::Error,
    },
    /// A filter would have been written to a terminal.
    BinaryToTerminal,
}

impl Error {
    /// The exit status.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Prover(error) => unproved(error),
            Self::Filter(error) => match &**error {
                callgate::Error::Proof(error) => unproved(error),
                _ => Status::Failure,
            },
            Self::AgentUnreachable { .. } | Self::OtherMachine { .. } => Status::NotExecuted,
            Self::NotExecuted(error) => match error.exit_code() {
                127 => Status::NotFound,
                _ => Status::NotExecuted,
            },
            _ => Status::Failure,
        }
    }

    /// Whether there is a program, but one that the kernel refuses.
    #[must_use]
    pub const fn is_rejection(&self) -> bool {
        match self {
            Self::Refused { .. } => true,
            Self::Decode { reason, .. } => match &reason.kind {
                ErrorKind::Assembler(error) => matches!(error.kind, AsmErrorKind::Rejected(_)),
                _ => false,
            },
            _ => false,
        }
    }

    /// A text that is no policy.
    pub fn text(refused: callgate_gate::Refused) -> Self {
        Self::Text(Box::new(refused))
    }

    /// A file that could not be written.
    pub fn write(path: impl Into<PathBuf>, reason: io::Error) -> Self {
        Self::Write { what: path.into().display().to_string(), reason }
    }
}

fn unproved(error: &callgate_prover::Error) -> Status {
    match error {
        callgate_prover::Error::Undecided(_) => Status::Undecided,
        callgate_prover::Error::NotExpressible { .. } => Status::Failure,
        _ => Status::No,
    }
}

impl From<callgate_formats::Error> for Error {
    fn from(error: callgate_formats::Error) -> Self {
        Self::Profile(Box::new(error))
    }
}

impl From<callgate::Error> for Error {
    fn from(error: callgate::Error) -> Self {
        Self::Filter(Box::new(error))
    }
}

impl From<callgate_agent::Error> for Error {
    fn from(error: callgate_agent::Error) -> Self {
        Self::Agent(Box::new(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => f.write_str(message),
            Self::Read { what, reason } => write!(f, "cannot read {what}: {reason}"),
            Self::Empty { what } => write!(f, "{what} is empty: expected a filter"),
            Self::TooLarge { what, is_log: true, .. } => write!(
                f,
                "{what} is a log of refused calls, and a filter is wanted here: `callgate explain {what}` reads it"
            ),
            Self::TooLarge { what, limit, is_log: false } => {
                write!(f, "{what} is longer than {limit} bytes, which no filter is")
            }
            // The place in a text follows the file's name as compilers write it.
            Self::Assemble { what, reason } => write!(f, "{what}:{reason}"),
            Self::Decode { what, reason } if reason.place.is_some() => write!(f, "{what}:{reason}"),
            Self::Decode { what, reason } => write!(f, "{what}: {reason}"),
            Self::Refused { what, dump } => refused(f, what, dump),
            Self::Weights { what, reason } => write!(f, "{what}: {reason}"),
            Self::Text(refused) => refused.fmt(f),
            Self::Profile(error) => error.fmt(f),
            Self::Filter(error) => error.fmt(f),
            Self::Prover(error) => error.fmt(f),
            Self::Kernel(error) | Self::NotExecuted(error) => error.fmt(f),
            Self::Agent(error) => error.fmt(f),
            Self::AgentUnreachable { path, reason } => write!(
                f,
                "cannot hand the filter's listener to {} (listenerPath): {reason}: start the agent first, and give it \
                 that socket",
                path.display()
            ),
            Self::OtherMachine { of, machine, action } => {
                let of = of.iter().map(|arch| arch.name()).collect::<Vec<_>>().join(", ");
                write!(
                    f,
                    "the filter has no rules for {machine}, which this machine is: it is for {of}, and answers {action} to all \
                     calls of others, also to the command's own execve: add {machine} to its architectures (--arch {machine} \
                     instead of them)"
                )
            }
            Self::NoFilters { tid } => write!(f, "process {tid} has no filters"),
            Self::Write { what, reason } => write!(f, "cannot write {what}: {reason}"),
            Self::BinaryToTerminal => f.write_str(
                "a filter in binary form is no text for a terminal: name a file with -o, redirect the \
                 output, or choose --format hex, c, json or asm",
            ),
        }
    }
}

/// The place where a program stands that the kernel would refuse, and the reason.
fn refused(f: &mut fmt::Formatter<'_>, what: &str, dump: &callgate_dumps::Dump) -> fmt::Result {
    let Err(refused) = &dump.checked else { return Ok(()) };
    match refused.place {
        Some(place) => write!(f, "{what}:{place}: {}", refused.reason),
        None => write!(f, "{what}: {}", refused.reason),
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // Errors of the libraries are shown as their own text, so that their source is what comes next.
        match self {
            Self::Read { reason, .. }
            | Self::Write { reason, .. }
            | Self::AgentUnreachable { reason, .. } => Some(reason),
            Self::Decode { reason, .. } => Some(reason.as_ref()),
            Self::Assemble { reason, .. } => Some(reason),
            Self::Weights { reason, .. } => Some(reason),
            Self::Profile(error) => error.source(),
            Self::Filter(error) => error.source(),
            Self::Prover(error) => error.source(),
            Self::Kernel(error) | Self::NotExecuted(error) => error.source(),
            Self::Agent(error) => error.source(),
            _ => None,
        }
    }
}
