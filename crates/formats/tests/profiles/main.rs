//! Profiles as files: what is refused, what they mean, what `container` does, and back to files.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod common;
mod docker_form;
mod export;
mod meaning;
mod origins;
mod readings;
