//! Every call that lines tell of, refused or not.

use callgate_syscalls::Arch;

use super::made::Told;
use super::strace::{Line, Strace};
use super::{LINE_MAX, Made, audit, perf};

/// Reads the calls of a recording: lines of strace, of `perf script`, `perf trace` and ftrace, and
/// audit records of filters and of syscall rules.
///
/// ```
/// use callgate_explain::{Calls, Told};
/// use callgate_syscalls::Arch;
///
/// let mut calls = Calls::new(Arch::X86_64); let Told::Call(made) = calls.line("7 socket(AF_UNIX,
/// SOCK_STREAM, 0) = 3") else { panic!("a call") }; assert_eq!((made.denial.args[0],
/// made.has_succeeded), (Some(1), true)); assert_eq!(calls.line("something else"), Told::Nothing);
/// ```
#[derive(Debug)]
pub struct Calls {
    audit: audit::Audit,
    strace: Strace,
    native: Arch,
}

impl Calls {
    /// A reader for lines of a machine: some forms do not say their architecture.
    #[must_use]
    pub fn new(native: Arch) -> Self {
        Self { audit: audit::Audit::default(), strace: Strace::new(native), native }
    }

    /// Reads the next line.
    pub fn line(&mut self, line: &str) -> Told {
        let line = line.trim_end();
        if line.len() > LINE_MAX {
            return Told::Nothing;
        }
        let told = audit::made(line)
            .or_else(|| self.audit.line(line).map(Told::from))
            .or_else(|| perf::line(line, self.native))
            .or_else(|| self.strace(line));
        told.unwrap_or(Told::Nothing)
    }

    /// The calls that have begun and of which no line has told the end.
    pub fn unfinished(&mut self) -> Vec<Made> {
        self.strace.unfinished()
    }

    fn strace(&mut self, line: &str) -> Option<Told> {
        match self.strace.read(line)? {
            Line::Other(_) => Some(Told::Understood),
            Line::Call(pid, call) => self.strace.made(pid, &call).map(Told::from),
        }
    }
}
