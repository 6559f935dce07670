//! Conditions on texts in the memory of the calling process.

use callgate_formats::ArgIndex;
use callgate_supervise::{Error, Examined, Notification, Seen};

/// The longest text that is read from a process: a path's length.
pub const TEXT_MAX: usize = 4096;

/// That an argument points to one of these texts.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// Which argument.
    pub(crate) index: ArgIndex,
    /// The texts.
    pub(crate) is: Vec<String>,
}

impl Text {
    /// Whether the condition holds; not where there is no text, or none of at most [`TEXT_MAX`]
    /// bytes.
    pub(crate) fn holds(&self, call: &Notification<'_, Examined>) -> Result<bool, Error> {
        let address = call.pointer(usize::from(self.index.raw()));
        Ok(match call.memory().c_string(address, TEXT_MAX)? {
            Seen::Value(Some(text)) => {
                self.is.iter().any(|wanted| wanted.as_bytes() == text.as_bytes())
            }
            Seen::Value(None) | Seen::Fault | Seen::Gone => false,
        })
    }
}
