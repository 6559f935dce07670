//! Rules as somebody wrote them: what they are about, when they hold, what they do, and where they
//! stand.

use std::fmt;

use callgate_policy::Known;
use callgate_syscalls::{Arch, KernelVersion, Name, SyscallNr};

use crate::{Applies, Cond, Span, Verdict};

/// A filter as somebody wrote it: a header and rules, of which for each call the first that holds
/// decides.
///
/// Nothing here depends on a machine; [`lower`](crate::lower()) makes the policy of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What the filter says beside its rules.
    pub header: Header,
    /// The rules, first asked first.
    pub rules: Vec<Rule>,
}

/// What a filter says beside its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The architectures it is for; empty where it leaves them to the target.
    pub arches: Vec<Arch>,
    /// Where it leaves them to the target, which architectures go with which machine: the
    /// machine's own first. On machines that are not listed it is for their own alone.
    pub machines: Vec<Vec<Arch>>,
    /// What happens to calls of other architectures.
    pub foreign: Answer,
    /// What happens to calls for which no rule holds.
    pub default: Answer,
    /// What happens instead to calls without rules that a kernel does not have.
    pub unknown: Option<UnknownAnswer>,
    /// What loading the filter shall ask of the kernel.
    pub flags: Vec<LoadFlag>,
    /// The socket that a runtime sends the listener to, and the data that it sends along.
    pub listener: Option<Listener>,
}

/// A verdict of the header, with the place where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What happens to the calls.
    pub verdict: Verdict,
    /// Who says so.
    pub origin: Origin,
}

/// What happens to calls without rules that a kernel does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownAnswer {
    /// Which calls the kernel has.
    pub baseline: Baseline,
    /// What happens.
    pub answer: Answer,
}

/// Which calls without rules count as known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// Those of this kernel.
    Kernel(KernelVersion),
    /// What is known on each architecture, or on all where none is named. On architectures that are
    /// not named all calls are known.
    Each(Vec<(Option<Arch>, Known)>),
}

impl Baseline {
    /// What it says on an architecture.
    #[must_use]
    pub fn on(&self, arch: Arch) -> Option<Known> {
        match self {
            Self::Kernel(kernel) => Some(Known::Kernel(*kernel)),
            Self::Each(list) => {
                let own = list.iter().find(|(of, _)| *of == Some(arch));
                let found = own.or_else(|| list.iter().find(|(of, _)| of.is_none()));
                found.map(|(_, known)| *known)
            }
        }
    }
}

/// A flag of seccomp(2), `SECCOMP_FILTER_FLAG_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LoadFlag {
    /// Install the filter on all threads.
    Tsync,
    /// Log what the filter refuses.
    Log,
    /// Leave speculative store bypass alone.
    SpecAllow,
    /// A notified thread can only be interrupted by fatal signals.
    WaitKillableRecv,
}

impl LoadFlag {
    /// All flags, by the bits that the kernel has for them.
    pub const ALL: [Self; 4] = [Self::Tsync, Self::Log, Self::SpecAllow, Self::WaitKillableRecv];

    /// The kernel's name (`include/uapi/linux/seccomp.h`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tsync => "SECCOMP_FILTER_FLAG_TSYNC",
            Self::Log => "SECCOMP_FILTER_FLAG_LOG",
            Self::SpecAllow => "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
            Self::WaitKillableRecv => "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
        }
    }

    /// The flag of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.name() == name)
    }
}

impl fmt::Display for LoadFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where a runtime sends the listener of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The path of the socket.
    pub path: String,
    /// The data that goes along.
    pub metadata: Option<String>,
}

/// A rule: subjects, a condition on their arguments, and a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What the rule is about.
    pub subjects: Vec<Subject>,
    /// When it holds; always, where there is none.
    pub condition: Option<Cond>,
    /// What happens then.
    pub verdict: Verdict,
    /// Where it applies at all.
    pub applies: Applies,
    /// Who says so.
    pub origin: Origin,
}

/// Something that a rule is about, with the place where it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What is named.
    pub kind: SubjectKind,
    /// Where; none for rules that were not read from a text.
    pub span: Option<Span>,
}

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    /// A syscall by its name. Architectures without it are passed over; one of the target's must
    /// have it.
    Call(Name),
    /// A number, whatever it stands for on each architecture that the rule applies to.
    Number(SyscallNr),
    /// All members of a family or block. Architectures without some of them are passed over.
    Group(Group),
}

/// A list of syscalls under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name, with its sign: `~stat` or `@threads`.
    pub name: String,
    /// The syscalls.
    pub members: Vec<Name>,
}

/// Who says what a rule or header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A place in a text.
    Text(Span),
    /// Something that was observed, by its position in the list of observations.
    Observation(u32),
    /// A program that made the rules; the rule's position is all that is known.
    Program,
}

impl Rule {
    /// A rule for a syscall, made by a program.
    #[must_use]
    pub fn new(name: Name, condition: Option<Cond>, verdict: Verdict) -> Self {
        Self {
            subjects: vec![Subject { kind: SubjectKind::Call(name), span: None }],
            condition,
            verdict,
            applies: Applies::default(),
            origin: Origin::Program,
        }
    }
}

impl Answer {
    /// A verdict that a program gives.
    #[must_use]
    pub const fn new(verdict: Verdict) -> Self {
        Self { verdict, origin: Origin::Program }
    }
}

impl Header {
    /// A header that answers `default`, kills what is foreign, and leaves the rest open.
    #[must_use]
    pub const fn new(default: Verdict) -> Self {
        Self {
            arches: Vec::new(),
            machines: Vec::new(),
            foreign: Answer::new(Verdict::Kill),
            default: Answer::new(default),
            unknown: None,
            flags: Vec::new(),
            listener: None,
        }
    }
}

impl SubjectKind {
    /// The syscalls that are named; none for a number.
    #[must_use]
    pub fn names(&self) -> &[Name] {
        match self {
            Self::Call(name) => std::slice::from_ref(name),
            Self::Number(_) => &[],
            Self::Group(group) => &group.members,
        }
    }
}
