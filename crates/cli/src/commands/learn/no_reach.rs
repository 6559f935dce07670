//! The command without `callgate scan` has no third tier.

use std::ffi::OsString;

use callgate_console::error::Error;
use callgate_learn::Mined;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Reaching {}

impl Reaching {
    #[expect(clippy::unused_self, reason = "the other has something to refuse")]
    pub(super) const fn refuse_with(&self, _: &str) -> Result<(), Error> {
        Ok(())
    }

    /// Adds nothing.
    #[expect(clippy::unused_self, reason = "the other has something to add")]
    pub(super) const fn add(&self, _: &mut Mined, _: &[OsString]) {}
}
