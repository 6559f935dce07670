//! What a program that may do something can do to others with it.

use std::fmt;

/// A risk of a block: what goes beyond the program's own files and process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Risk {
    /// Much kernel code that programs rarely reach, with a history of holes.
    AttackSurface,
    /// Acts past what a filter sees.
    Bypass,
    /// Code that was data runs.
    CodeInjection,
    /// A way out of what a sandbox shows.
    Escape,
    /// Sees what belongs to others.
    Information,
    /// Changes the running kernel or drives the machine past it.
    Kernel,
    /// Talks to other machines.
    Network,
    /// Runs other programs.
    NewProgram,
    /// Reads, changes or ends other processes.
    OtherProcesses,
    /// Gains or gives privileges.
    Privilege,
    /// Takes processor or memory from others.
    Starvation,
    /// Changes the state of the whole system.
    SystemState,
}

impl Risk {
    /// The word for it, such as `attack-surface`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AttackSurface => "attack-surface",
            Self::Bypass => "bypass",
            Self::CodeInjection => "code-injection",
            Self::Escape => "escape",
            Self::Information => "information",
            Self::Kernel => "kernel",
            Self::Network => "network",
            Self::NewProgram => "new-program",
            Self::OtherProcesses => "other-processes",
            Self::Privilege => "privilege",
            Self::Starvation => "starvation",
            Self::SystemState => "system-state",
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
