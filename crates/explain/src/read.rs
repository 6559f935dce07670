//! Denials from what logs, tracers and programs print.

mod audit;
mod bounded;
mod calls;
pub(crate) mod core;
mod explained;
mod made;
mod perf;
mod phrase;
mod siginfo;
mod strace;
mod words;

use callgate_syscalls::Arch;

use crate::Denial;

pub use bounded::read_line;
pub use calls::Calls;
pub use core::{NoDenial, read_core};
pub use made::{Made, Told};
pub use phrase::Ended;

/// Reads lines, whatever they are of: audit records in all their clothings, strace's lines, fields of
/// `siginfo_t` as programs print them, explanations that were written as JSON, and the phrases with
/// which others report an end by SIGSYS.
///
/// ```
/// use callgate_explain::{Found, Reader};
/// use callgate_syscalls::Arch;
///
/// let mut reader = Reader::new(Arch::X86_64);
/// let line = "audit: type=1326 audit(1795871271.788:3968): auid=4294967295 uid=0 gid=0 ses=4294967295 pid=14359 \
///             comm=\"sh\" exe=\"/bin/dash\" sig=31 arch=c000003e syscall=83 compat=0 ip=0x7f34919ea829 code=0x80000000";
/// let Found::Denial(denial) = reader.line(line) else { panic!("an audit record") };
/// assert_eq!((denial.nr.raw(), denial.process.comm.as_deref()), (83, Some("sh")));
/// assert!(matches!(reader.line("something else"), Found::Nothing));
/// ```
#[derive(Debug)]
pub struct Reader {
    audit: audit::Audit,
    strace: strace::Strace,
    explained: explained::Explained,
    native: Arch,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// A call was refused, or failed with an errno that may be a refusal.
    Denial(Box<Denial>),
    /// A process was ended by SIGSYS, and that is all that is said.
    Ended(Ended),
    /// It is understood and adds nothing: a call that succeeded, or an event that was told before in
    /// another clothing.
    Understood,
    /// It is none of the forms that are known.
    Nothing,
}

/// The longest line that is looked at: no record comes near.
const LINE_MAX: usize = 64 << 10;

impl Reader {
    /// A reader for lines of a machine: some forms do not say their architecture.
    #[must_use]
    pub fn new(native: Arch) -> Self {
        let (audit, explained) = (audit::Audit::default(), explained::Explained::default());
        Self { audit, strace: strace::Strace::new(native), explained, native }
    }

    /// Reads the next line.
    pub fn line(&mut self, line: &str) -> Found {
        let line = line.trim_end();
        if line.len() > LINE_MAX {
            return Found::Nothing;
        }
        // What is an audit record is never anything else, and so on: the most certain form first.
        let found = self
            .explained
            .line(line)
            .or_else(|| self.audit.line(line))
            .or_else(|| self.strace.line(line))
            .or_else(|| siginfo::line(line, self.native))
            .or_else(|| phrase::line(line));
        found.unwrap_or(Found::Nothing)
    }
}

impl From<Denial> for Found {
    fn from(denial: Denial) -> Self {
        Self::Denial(Box::new(denial))
    }
}
