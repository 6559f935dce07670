//! The recorder inside the kernel: programs at raw tracepoints, which see every call of a machine
//! and keep those that are asked for.
//!
//! The cheapest recorder, and the only one that sees processes that run already, and containers.
//! It wants `CAP_BPF` and `CAP_PERFMON`, or root, and Linux 5.8.
//!
//! What was seen is counted by the programs in a map, one entry for each distinct observation: so
//! that a call costs little, and that none is lost when this process is slow. A ring tells when
//! something is seen that was not seen of late, and thereby in which order. Only the registers that
//! are asked for ([`Interest`]) leave the kernel, and no memory that a register points to is read.
//!
//! Threads are known by the address of their `task_struct`, which each new thread's parent passes
//! on before the thread runs: no name space of processes and no kernel's layout of structures is
//! involved. A call's result is what `sys_exit` says; a call that a filter has refused, which never
//! gets to `sys_enter`, is known from there too.

mod assembler;
mod calibrate;
mod error;
mod layout;
mod maps;
mod places;
mod processes;
mod programs;
mod session;
mod watch;
mod writer;

use std::fs::File;
use std::time::Duration;

use callgate_kernel::{Command, Error, Tid, running_kernel};
use callgate_syscalls::{ArchToken, KernelVersion, SyscallNr};

use super::{Observer, Recorded, Recorder};
use maps::Scope;
use session::Session;
use watch::Watch;

pub use error::{EbpfError, Forbidden};

/// What is to be kept of a call beside that it was made. Of a call that has none, nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "whoever asks fills it in")]
pub struct Interest {
    /// The ABI's token.
    pub arch: ArchToken,
    /// The number.
    pub nr: SyscallNr,
    /// The bits that are kept of each register.
    pub masks: [u64; 6],
    /// Registers of which is kept only whether they are 0: they become 0 or 1.
    pub is_given: [bool; 6],
}

/// Whom to record.
#[derive(Debug)]
#[non_exhaustive]
pub enum Whom {
    /// These processes, and what they start from now on.
    Processes(Vec<Tid>),
    /// All in a control group (v2) and below it: its folder.
    Group(File),
}

/// Records by programs in the kernel.
#[derive(Debug)]
pub struct Ebpf {
    interests: Vec<Interest>,
}

impl Ebpf {
    /// Records every call, and of each what these ask for.
    ///
    /// # Errors
    /// Why this process may not, or this kernel can't; and what to use instead.
    pub fn everything(interests: Vec<Interest>) -> Result<Self, EbpfError> {
        const RING: KernelVersion = KernelVersion::new(5, 8);
        if let Some(kernel) = running_kernel().ok().filter(|kernel| *kernel < RING) {
            return Err(EbpfError::Old { kernel });
        }
        // Tried once, so that what is missing is said before anything is started.
        Watch::new(&Scope::Marked, &interests).map(drop)?;
        Ok(Self { interests })
    }

    /// Records processes that run already, until they have ended, the time is over or the observer
    /// ends it; they go on.
    ///
    /// # Errors
    /// Why they can't be recorded.
    pub fn follow(
        &self,
        whom: &Whom,
        time: Option<Duration>,
        observer: &mut dyn Observer,
    ) -> Result<Recorded, EbpfError> {
        let scope = Scope::of(whom)?;
        let mut session = Session::of_others(Watch::new(&scope, &self.interests)?, time)?;
        session.follow(whom, observer)
    }
}

impl Recorder for Ebpf {
    fn record(&self, command: &Command, observer: &mut dyn Observer) -> Result<Recorded, Error> {
        let refused = |error: EbpfError| error.into_kernel();
        let watch = Watch::new(&Scope::Marked, &self.interests).map_err(refused)?;
        let (mut session, child) = Session::start(watch, command)?;
        session.command(child, observer)
    }

    fn name(&self) -> &'static str {
        "ebpf"
    }
}
