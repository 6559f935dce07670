//! Source code that makes a filter by calls.

use callgate_convert::SourceCode;
use callgate_gate::Lowered;
use callgate_policy::Policy;
use callgate_rules::{Provenance, Sources};
use callgate_syscalls::Arch;

use super::Source;
use crate::error::Error;

/// The policy of the filter that source code makes.
#[derive(Debug)]
pub(super) struct Code {
    policy: Policy,
    sources: Sources,
}

/// Whether bytes are such code.
pub(super) fn of(bytes: &[u8], source: &Source) -> Option<SourceCode> {
    match source {
        Source::Builtin(_) | Source::Process(_) | Source::Part(..) | Source::Formed(..) => None,
        Source::File(_) | Source::Stdin => SourceCode::of(std::str::from_utf8(bytes).ok()?),
    }
}

impl Code {
    /// Reads what `callgate convert` wrote.
    ///
    /// # Errors
    /// [`Error::Usage`] for all other code.
    pub(super) fn read(code: SourceCode, bytes: Vec<u8>, source: &Source) -> Result<Self, Error> {
        let text = callgate_rules::Source::from_bytes(source.to_string(), bytes);
        let text = text.map_err(|error| Error::text(error.into()))?;
        let policy = code.policy(text.text()).map_err(|reason| {
            let why = match code {
                SourceCode::Written(_) => format!(" ({reason})"),
                SourceCode::Other(_) => String::new(),
            };
            Error::Usage(format!(
                "{source} is {}, of which only what `callgate convert` wrote is read{why}: run the program, and \
                 read the filter back from the process (`pid:PID`), or a file that it exports",
                code.title()
            ))
        })?;
        Ok(Self { policy, sources: text.into() })
    }

    pub(super) const fn sources(&self) -> &Sources {
        &self.sources
    }

    pub(super) fn covers(&self, arch: Arch) -> bool {
        self.policy.arch(arch).is_some()
    }

    /// The policy, which is for the architectures that the code names.
    ///
    /// # Errors
    /// [`Error::Usage`] for another architecture.
    pub(super) fn lowered(&self, arches: &[Arch]) -> Result<Lowered, Error> {
        if let Some(other) = arches.iter().find(|arch| !self.covers(**arch)) {
            let message = format!("the code makes a filter without rules for {other}");
            return Err(Error::Usage(message));
        }
        let (policy, provenance) = (self.policy.clone(), Provenance::default());
        Ok(Lowered { policy, provenance, warnings: Vec::new() })
    }
}
