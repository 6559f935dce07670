//! Capabilities in profiles: as they are spelled there.

use callgate_rules::Capability;

use crate::json::{Fault, Node};
use crate::scalar::word;
use crate::spelled::Spelled;

impl Spelled<Capability> {
    /// Reads the name from a file.
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Fault> {
        let accepted = || Capability::all().map(|cap| cap.to_string()).collect();
        word(node, "capability", |text| Some(Self::of(Capability::parse(text)?, text)), accepted)
    }
}
