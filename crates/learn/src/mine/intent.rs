//! The conditions that blocks have for a call, to be asked whether they hold for what was seen.

use callgate_facts::{Block, Groups, Stance};
use callgate_policy::Policy;
use callgate_rules::{Source, Target};
use callgate_syscalls::{Action, Arch, Name, SeccompData};

/// The blocks of an architecture.
pub(super) struct Intents {
    arch: Arch,
}

/// A condition of a block.
pub(super) struct Intent {
    /// The condition, in callgate's language.
    pub(super) condition: &'static str,
    policy: Policy,
}

impl Intents {
    pub(super) const fn new(arch: Arch) -> Self {
        Self { arch }
    }

    /// The conditions under which any block allows a call, each once, in the order of the blocks.
    pub(super) fn of(&self, call: Name) -> Vec<Intent> {
        let mut found: Vec<Intent> = Vec::new();
        for block in Groups::LATEST.blocks() {
            let Some(condition) = self.condition(block, call) else { continue };
            if !found.iter().any(|intent| intent.condition == condition) {
                found.extend(Intent::read(self.arch, call, condition));
            }
        }
        found
    }

    /// The condition under which a block allows a call.
    pub(super) fn condition(&self, block: Block, call: Name) -> Option<&'static str> {
        let line = block.line(call, self.arch)?;
        line.condition().filter(|_| line.stance() == Stance::Allow)
    }
}

impl Intent {
    fn read(arch: Arch, call: Name, condition: &'static str) -> Option<Self> {
        let name = call.as_str();
        let text = format!(
            "policy 1\narch {}\ndefault kill\nallow {name} where {condition}\n",
            arch.name()
        );
        let source = Source::new("block", text).ok()?;
        let written = callgate_gate::read(source, &mut callgate_gate::nothing).ok()?;
        let policy = written.lower_unchecked(&Target::new(arch)).ok()?.policy;
        Some(Self { condition, policy })
    }

    /// Whether the condition holds.
    pub(super) fn holds(&self, call: &SeccompData) -> bool {
        self.policy.decide(call) == Action::ALLOW
    }
}
