//! How much a profile allows beyond what was seen.

use callgate_learn::Wants;

#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Width {
    /// Write what was seen, with the arguments that were seen, and nothing that stands in for it
    #[arg(long)]
    seen_only: bool,
    /// Leave out the rest of harmless intents, such as writing files where they were only read;
    /// longer work may find more refused
    #[arg(long, conflicts_with = "seen_only")]
    narrow: bool,
    /// Leave out the calls without which, refused by --explore, nothing changed
    #[arg(long)]
    minimal: bool,
}

impl Width {
    pub(super) fn wants(self) -> Wants {
        let mut wants = Wants::default();
        wants.closure = !self.seen_only;
        wants.intents = !self.narrow;
        wants.exact = self.seen_only;
        wants.minimal = self.minimal;
        wants
    }
}
