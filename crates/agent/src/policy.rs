//! What the agent answers: rules, read from a file and checked once.
//!
//! **No call continues because of what was found in memory.** The process could put something else
//! there before the kernel looks. So rules that look into memory can fail a call or do it in its
//! place, and a policy in which a later rule would let the same call continue is refused.

mod file;
mod test;
mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use callgate_supervise::{Failure, Value};
use callgate_syscalls::{Arch, Name, SeccompData};

pub use file::{FILE_MAX, POLICY_FORMAT};
pub(crate) use test::ArgTest;
pub use text::TEXT_MAX;
pub(crate) use text::Text;

use crate::emulate::Devices;

/// The rules, with the syscalls they are about.
#[derive(Clone, Debug)]
pub struct Policy {
    rules: Vec<Rule>,
    by_name: BTreeMap<Name, Vec<usize>>,
    default: Answer,
    default_place: Option<Arc<str>>,
}

/// A rule: the calls it is about, and the answer to them.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// Its place in the file, from 0.
    pub(crate) index: usize,
    /// Its place in the file as `FILE:LINE:COLUMN`.
    pub(crate) place: Arc<str>,
    pub(crate) names: Vec<Name>,
    pub(crate) args: Vec<ArgTest>,
    pub(crate) texts: Vec<Text>,
    pub(crate) metadata: Option<String>,
    pub(crate) answer: Answer,
    pub(crate) log: bool,
}

/// What a call is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// It fails.
    Fail(Failure),
    /// The kernel makes it, as if there were no agent.
    Continue,
    /// It returns a value and is not made.
    Value(Value),
    /// It returns a descriptor of a file that the agent opens.
    File(FileAnswer),
    /// The agent makes the device, if it is one of these.
    Mknod(Devices),
}

/// A file of the agent's for the calling process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileAnswer {
    pub(crate) path: PathBuf,
    pub(crate) write: bool,
    pub(crate) cloexec: bool,
}

impl Answer {
    /// Whether to give it may take as long as the calling process or a file system likes.
    pub(crate) const fn may_wait(&self) -> bool {
        match self {
            Self::Fail(_) | Self::Continue | Self::Value(_) => false,
            Self::File(_) | Self::Mknod(_) => true,
        }
    }

    /// The name in logs and metrics.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Fail(_) => "errno",
            Self::Continue => "continue",
            Self::Value(_) => "value",
            Self::File(_) => "file",
            Self::Mknod(_) => "mknod",
        }
    }
}

impl Policy {
    /// The answer to calls that no rule is about.
    pub(crate) const fn default_answer(&self) -> &Answer {
        &self.default
    }

    /// Where the file says what else happens; none where it does not.
    pub(crate) const fn default_place(&self) -> Option<&Arc<str>> {
        self.default_place.as_ref()
    }

    /// The rules about a call, in their order, as far as number and registers tell.
    pub(crate) fn candidates<'p>(
        &'p self,
        call: &'p SeccompData,
        metadata: &'p str,
    ) -> impl Iterator<Item = &'p Rule> {
        let arch = Arch::of_call(call.arch, call.nr);
        let name = arch.and_then(|arch| arch.syscall_at(call.nr)).map(|syscall| syscall.name);
        let indices = name.and_then(|name| self.by_name.get(&name)).map_or(&[][..], Vec::as_slice);
        let holds = move |rule: &&Rule| {
            let meant = rule.metadata.as_deref().is_none_or(|wanted| wanted == metadata);
            meant && arch.is_some_and(|arch| rule.args.iter().all(|test| test.holds(call, arch)))
        };
        indices.iter().map(|&index| &self.rules[index]).filter(holds)
    }
}
