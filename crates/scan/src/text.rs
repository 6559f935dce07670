//! A report as people read it: calls under their intents, each with the way to it.

use std::fmt;

use callgate_facts::{Block, Groups, Stance};
use callgate_syscalls::{Arch, Name};

use crate::report::{Call, Report, Unknown};

/// The column in which ways begin.
const WAYS: usize = 22;

/// The intent that a call is shown under.
pub(crate) fn section(arch: Arch, name: Option<&str>) -> Option<Block> {
    let name = Name::parse(name?)?;
    let has =
        |block: &Block| block.line(name, arch).is_some_and(|line| line.stance() != Stance::Leave);
    Groups::LATEST.blocks().filter(|block| block.is_intent()).find(has)
}

/// The calls of an architecture, by the order of their intents.
pub(crate) fn by_intent(report: &Report, arch: Arch) -> Vec<(Option<Block>, Vec<&Call>)> {
    let own = || report.calls.iter().filter(|call| call.arch == arch.name());
    let intents = Groups::LATEST.blocks().filter(|block| block.is_intent()).map(Some);
    let all = intents.chain([None]);
    let under = |block: Option<Block>| {
        own().filter(|call| section(arch, call.name) == block).collect::<Vec<_>>()
    };
    all.map(|block| (block, under(block))).filter(|(_, calls)| !calls.is_empty()).collect()
}

impl Call {
    /// Its name, or its number where it has none.
    #[must_use]
    pub fn told(&self) -> String {
        self.name.map_or_else(|| format!("nr {}", self.number), str::to_owned)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (programs, libraries): (Vec<_>, Vec<_>) =
            self.files.iter().partition(|file| file.role == "program");
        for file in &programs {
            writeln!(f, "{}", file.path)?;
        }
        for file in &libraries {
            writeln!(f, "  {}  ({})", file.path, file.role)?;
        }
        for arch in self.arches() {
            let count = self.calls.iter().filter(|call| call.arch == arch.name()).count();
            writeln!(f, "\n{count} calls can be reached on {arch}")?;
            for (block, calls) in by_intent(self, arch) {
                writeln!(f, "\n{}", block.map_or("other calls", Block::name))?;
                for call in calls {
                    writeln!(f, "  {:WAYS$} {}", call.told(), self.told(&call.path))?;
                }
            }
        }
        if self.unknown.is_empty() {
            return writeln!(f, "\nnothing is unknown");
        }
        writeln!(f, "\n{} unknown", self.unknown.len())?;
        for of_kind in self.unknown.chunk_by(|a, b| a.what == b.what) {
            writeln!(f, "\n{}", of_kind[0].what)?;
            for Unknown { at, path, .. } in of_kind {
                writeln!(f, "  {at:WAYS$} {}", self.told(path))?;
            }
        }
        Ok(())
    }
}
