//! Callgate's own language.

use callgate_gate::{NotShown, Style, show};
use callgate_policy::{Action, ArchPolicy, Known, Policy, Unknown};
use callgate_raise::{Raised, RaisedArch, Test};
use callgate_rules::{Source, Target};
use callgate_syscalls::{Arch, Name};

use crate::printer::Printer;

/// The language, which says almost everything.
pub(crate) struct Gate;

impl Printer for Gate {
    fn says(&self, _arch: Arch, _name: Option<Name>, test: &Test) -> bool {
        test.argument().is_some()
    }

    fn repeats(&self) -> bool {
        true
    }

    fn has_action(&self, _action: Action) -> bool {
        true
    }

    fn print(&self, raised: &Raised, meant: &Policy) -> Result<String, String> {
        let words = |error: NotShown| match error {
            NotShown::Inexpressible { what } => what,
            other => other.to_string(),
        };
        let counts = |(_, rules): (Arch, &ArchPolicy)| {
            matches!(rules.unknown_action(), Some(Unknown { known: Known::UpTo(_), .. }))
        };
        if !meant.arches().any(counts) {
            // The order that was written says more than exceptions taken out of each other.
            if let Ok(shown) = show(meant, Style::Folded) {
                return Ok(shown.text);
            }
        }
        let mut raised = raised.clone();
        raised.arches = raised.arches.into_iter().map(RaisedArch::by_kernel).collect();
        let shown = |raised: &Raised| {
            let policy = raised.policy().map_err(|error| error.to_string())?;
            show(&policy, Style::Folded).map(|shown| shown.text).map_err(words)
        };
        // Architectures that are shut may be so in another way than others refuse.
        shown(&raised).or_else(|_| shown(&raised.without_silent()))
    }

    fn read(&self, text: &str, meant: &Policy) -> Result<Policy, String> {
        let source = Source::new("written.gate", text).map_err(|error| error.to_string())?;
        let written = callgate_gate::read(source, &mut callgate_gate::nothing);
        let written = written.map_err(|refused| refused.to_string())?;
        let native = meant.arches().next().map_or(Arch::X86_64, |(arch, _)| arch);
        let lowered = written.lower(&Target::new(native)).map_err(|refused| refused.to_string())?;
        Ok(lowered.policy)
    }
}
