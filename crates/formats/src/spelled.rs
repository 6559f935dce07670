//! Words that a file may spell in several ways, of which engines know one.

use std::fmt;

use serde::ser::{Serialize, Serializer};

/// A word with its spelling in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "this is all there is to a word")]
pub struct Spelled<T> {
    /// What it means.
    pub value: T,
    /// The text.
    pub text: String,
}

impl<T> Spelled<T> {
    pub(crate) fn of(value: T, text: &str) -> Self {
        Self { value, text: text.to_owned() }
    }
}

impl<T: fmt::Display> Spelled<T> {
    /// Whether the text is what engines compare with.
    #[must_use]
    pub fn is_canonical(&self) -> bool {
        self.text == self.value.to_string()
    }
}

impl<T> Serialize for Spelled<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
