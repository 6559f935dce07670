//! What is known of a refused call.

use callgate_syscalls::{Action, ActionKind, Arch, ArchToken, Errno, SyscallNr};

use crate::{Ruling, Time, kind};

/// A call that was not allowed, as far as its source knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// The architecture, as the kernel has it.
    pub token: ArchToken,
    /// The number.
    pub nr: SyscallNr,
    /// The argument registers; none where the source does not have it.
    pub args: [Option<u64>; 6],
    /// The address of the instruction after the call.
    pub ip: Option<u64>,
    /// What happened to the call.
    pub answer: Answer,
    /// Who made it.
    pub process: Process,
    /// Where in the program it was made, the innermost frame first.
    pub caller: Vec<Frame>,
    /// Texts behind pointers, by the index of the argument. They are for reading: another thread may
    /// have changed them meanwhile.
    pub texts: Vec<(usize, String)>,
    /// Texts behind the pointers of an array, by the index of the argument; one that was cut ends
    /// with [`MORE`].
    pub lists: Vec<(usize, Vec<String>)>,
    /// What a filter was said to say of it, by an explanation that was written before.
    pub rulings: Vec<Ruling>,
    /// How often.
    pub count: u64,
    /// The first time.
    pub first: Option<Time>,
    /// The last time.
    pub last: Option<Time>,
    /// Where all this is known from.
    pub knowledge: Knowledge,
    /// Whether the caller has loaded filters of its own since, whose answer to the call is not seen.
    pub has_later_filters: bool,
    /// Whether the call was made all the same, as whoever enforced the filter let it pass.
    pub is_let_pass: bool,
}

/// What stands in place of the texts that a list was cut by.
pub const MORE: &str = "…";

/// What happened to a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Answer {
    /// The source does not say.
    #[default]
    Unknown,
    /// The filter's whole word.
    Action(Action),
    /// The filter's action without its data, as in audit records: the errno is not known.
    Kind(ActionKind),
    /// The call failed with this errno; that a filter said so is likely, not certain.
    Returned(Errno),
    /// The thread got SIGSYS, from a trap or a kill; with the filter's data, if it is known.
    Sigsys(Option<u16>),
}

/// Who made a call. Names are those that the process gave itself: they are for reading.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Process {
    /// The process.
    pub pid: Option<u32>,
    /// The thread.
    pub tid: Option<u32>,
    /// The thread's name.
    pub comm: Option<String>,
    /// The executable.
    pub exe: Option<String>,
}

/// A place in a program.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Frame {
    /// The file that is mapped there.
    pub object: Option<String>,
    /// The address, as an offset into that file if there is one.
    pub offset: u64,
    /// The function, and how far behind its beginning.
    pub symbol: Option<(String, u64)>,
}

/// Where a denial is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Knowledge {
    /// The filter handed the call over.
    Notification,
    /// A tracer saw it.
    Tracer,
    /// An audit record.
    Audit,
    /// A line of strace's.
    Strace,
    /// What the signal SIGSYS said.
    Siginfo,
    /// The core of a killed process.
    Core,
    /// Somebody named the call.
    Asked,
}

impl Denial {
    /// A call that was seen once, and of which nothing else is known.
    #[must_use]
    pub fn new(token: ArchToken, nr: SyscallNr, knowledge: Knowledge) -> Self {
        Self {
            token,
            nr,
            args: [None; 6],
            ip: None,
            answer: Answer::Unknown,
            process: Process::default(),
            caller: Vec::new(),
            texts: Vec::new(),
            lists: Vec::new(),
            rulings: Vec::new(),
            count: 1,
            first: None,
            last: None,
            knowledge,
            has_later_filters: false,
            is_let_pass: false,
        }
    }

    /// The architecture, where it is known by a name.
    #[must_use]
    pub fn arch(&self) -> Option<Arch> {
        Arch::of_call(self.token, self.nr)
    }

    /// Whether both are the same call of the same program with the same answer: what differs are
    /// times, threads, and arguments that have no names, such as addresses and descriptors.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    pub(crate) fn key(&self) -> Key<'_> {
        let Process { comm, exe, .. } = &self.process;
        (
            (self.token, self.nr, kind::of(self), self.answer),
            (comm.as_deref(), exe.as_deref(), self.knowledge),
        )
    }
}

/// What [`Denial::is_like`] compares.
pub(crate) type Key<'d> = (
    (ArchToken, SyscallNr, [Option<u64>; 6], Answer),
    (Option<&'d str>, Option<&'d str>, Knowledge),
);

impl Answer {
    /// The filter's action without its data, where it is known.
    #[must_use]
    pub fn kind(self) -> Option<ActionKind> {
        match self {
            Self::Action(action) => Some(action.kind()),
            Self::Kind(kind) => Some(kind),
            Self::Unknown | Self::Returned(_) | Self::Sigsys(_) => None,
        }
    }

    /// Whether a filter that says `action` gives this answer.
    #[must_use]
    pub fn agrees_with(self, action: Action) -> bool {
        match self {
            Self::Unknown => true,
            Self::Action(own) => own.normalised() == action.normalised(),
            Self::Kind(kind) => kind == action.kind(),
            Self::Returned(errno) => match action.kind() {
                ActionKind::Errno => action.normalised().data() == errno.raw(),
                // What a supervisor answers is its own affair, and a tracer's.
                kind => kind.may_execute(),
            },
            Self::Sigsys(data) => match action.kind() {
                ActionKind::Trap => data.is_none_or(|data| data == action.data()),
                ActionKind::KillProcess | ActionKind::KillThread | ActionKind::Unknown => true,
                ActionKind::Errno
                | ActionKind::UserNotify
                | ActionKind::Trace
                | ActionKind::Log
                | ActionKind::Allow => false,
            },
        }
    }
}

impl Knowledge {
    /// The source in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Notification => "the filter's listener",
            Self::Tracer => "a tracer",
            Self::Audit => "an audit record",
            Self::Strace => "strace",
            Self::Siginfo => "the signal SIGSYS",
            Self::Core => "a core",
            Self::Asked => "the call as it was asked for",
        }
    }

    /// The word for it in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notification => "notification",
            Self::Tracer => "tracer",
            Self::Audit => "audit",
            Self::Strace => "strace",
            Self::Siginfo => "siginfo",
            Self::Core => "core",
            Self::Asked => "asked",
        }
    }
}
