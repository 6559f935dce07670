//! The playground: a filter in any form, and what it does, as JSON.
//!
//! A page calls [`look`]: text in, JSON out. It reads what the command reads (a
//! policy in the language, profiles of containers, policies of other sandboxes, programs in the
//! forms that tools print), shows it as a policy, looks for mistakes, proves tests, and says what
//! differs from a second filter; [`draw`] draws its decisions. Nothing leaves the page.
#![forbid(unsafe_code)]

mod answer;
mod read;
mod settings;

use wasm_bindgen::prelude::wasm_bindgen;

pub use answer::{Change, Facts, Note};
pub use settings::Settings;

/// What a filter does, as JSON: an [`Facts`].
///
/// `other` is a filter to compare with, and `tests` a table of tests; both may be empty. `settings`
/// is the JSON of
/// [`Settings`]; what it does not say is as on a x86_64 machine of today.
///
/// ```
/// let answer = playground::look(b"policy 1\ndefault allow\nerrno EPERM ptrace", b"", "", "");
/// let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
/// assert_eq!(answer["form"], "a policy in callgate's language");
/// assert!(answer["shown"].as_str().unwrap().contains("errno EPERM ptrace"));
/// ```
#[wasm_bindgen]
#[must_use]
pub fn look(filter: &[u8], other: &[u8], tests: &str, settings: &str) -> String {
    let settings = serde_json::from_str(settings).unwrap_or_default();
    let answer = answer::of(filter, other, tests, &settings);
    serde_json::to_string(&answer).unwrap_or_default()
}

/// The decisions of a filter as a picture (SVG); nothing for what is no filter, or can't be drawn,
/// of which [`look`] says why.
///
/// ```
/// let picture = playground::draw(b"policy 1\ndefault allow\nerrno EPERM ptrace", "");
/// assert!(picture.starts_with("<svg ") && picture.contains("ptrace"));
/// assert!(playground::draw(b"policy 1\nallow opnat", "").is_empty());
/// ```
#[wasm_bindgen]
#[must_use]
pub fn draw(filter: &[u8], settings: &str) -> String {
    let settings = serde_json::from_str(settings).unwrap_or_default();
    answer::picture(filter, &settings).unwrap_or_default()
}
