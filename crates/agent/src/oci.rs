//! What a container runtime sends: a container's state, and with it the listener.
//!
//! References: "Container Process State" in `config-linux.md` of the OCI runtime specification.

use std::os::fd::OwnedFd;

use callgate_formats::json::{Document, Fault, Node};
use callgate_rules::Source;
use serde::Serialize;

/// The largest state in bytes: 64 KiB. Annotations make up most of it; a runtime's usual message
/// has 1 KiB.
pub(crate) const STATE_MAX: usize = 64 << 10;

/// A container, as far as its runtime tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Container {
    /// The container's id.
    pub(crate) id: String,
    /// Its first process, in the runtime's pid namespace.
    pub(crate) pid: i64,
    /// What its configuration has for the agent (`listenerMetadata`).
    pub(crate) metadata: String,
}

/// Why what a client sent is of no use. The names are labels of metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// Nothing complete within the time.
    Slow,
    /// Nothing complete before so many newer clients came that there was no room for it.
    Displaced,
    /// More than [`STATE_MAX`] bytes.
    Oversized,
    /// Not the state of a container.
    Garbage(String),
    /// No descriptor, or none that the state calls the listener.
    NoListener,
    /// The descriptor is no listener.
    NotAListener(String),
    /// The connection failed, or descriptors were lost for want of room.
    Broken(String),
}

impl Rejection {
    /// The name in metrics and logs.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Displaced => "displaced",
            Self::Oversized => "oversized",
            Self::Garbage(_) => "garbage",
            Self::NoListener => "no_listener",
            Self::NotAListener(_) => "not_a_listener",
            Self::Broken(_) => "broken",
        }
    }

    /// More than the name says, where there is more.
    pub(crate) fn detail(&self) -> Option<&str> {
        match self {
            Self::Garbage(text) | Self::NotAListener(text) | Self::Broken(text) => Some(text),
            _ => None,
        }
    }
}

/// The longest id, metadata and name that is kept: what goes to every line of the log.
const KEPT_MAX: usize = 1024;

/// Takes the message apart: the container, and of the descriptors the listener. The others are
/// closed.
pub(crate) fn parse(
    bytes: &[u8],
    descriptors: Vec<OwnedFd>,
) -> Result<(Container, OwnedFd), Rejection> {
    let garbage = |reason: String| Rejection::Garbage(reason);
    let source = Source::from_bytes("state", bytes.to_vec());
    let source = source.map_err(|error| garbage(error.to_string()))?;
    let document = Document::parse(source).map_err(|fault| garbage(fault.to_string()))?;
    let state = state(document.root());
    let (container, position) =
        state.map_err(|fault| garbage(document.placed(fault).to_string()))?;
    let listener = position.and_then(|index| descriptors.into_iter().nth(index));
    Ok((container, listener.ok_or(Rejection::NoListener)?))
}

/// The container and the position of its listener among the descriptors. What is not needed is not
/// looked at.
fn state(node: Node<'_>) -> Result<(Container, Option<usize>), Fault> {
    let mut message = node.object("the state of a container")?;
    let mut position = None;
    if let Some(fds) = message.take_value("fds") {
        for (index, name) in fds.array("the names of descriptors")?.enumerate() {
            let is_listener = name.text("the name of a descriptor")? == "seccompFd";
            position = position.or(is_listener.then_some(index));
        }
    }
    let pid = message.take_value("pid").map_or(Ok(0), |pid| pid.i64("the process"))?;
    let metadata = message.take_value("metadata");
    let metadata = metadata.map_or(Ok(String::new()), |node| kept(node, "the metadata"))?;
    let mut state = message.require("state")?.object("an object with id")?;
    let id = kept(state.require("id")?, "the container's id")?;
    Ok((Container { id, pid, metadata }, position))
}

fn kept(node: Node<'_>, what: &str) -> Result<String, Fault> {
    let text = node.text(what)?;
    match text.len() > KEPT_MAX {
        true => Err(node.fault(format!("longer than {KEPT_MAX} bytes"))),
        false => Ok(text.into_owned()),
    }
}

/// Whether the bytes are one whole value of JSON, which is all that a client sends.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    let ends = bytes.iter().rev().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'}');
    let text = || Source::from_bytes("state", bytes.to_vec()).ok();
    ends && text().is_some_and(|source| Document::parse(source).is_ok())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd;

    use super::*;

    const MESSAGE: &str = r#"{"ociVersion": "1.0.2", "fds": ["other", "seccompFd"], "pid": 7,
        "metadata": "m", "state": {"ociVersion": "1.0.2", "id": "c", "status": "creating",
        "bundle": "/b", "annotations": {"a": "b"}}}"#;

    fn descriptors(count: usize) -> Vec<OwnedFd> {
        (0..count).map(|_| File::open("/dev/null").unwrap().into()).collect()
    }

    #[test]
    fn the_listener_is_found_by_its_name() {
        let descriptors = descriptors(3);
        let second = descriptors[1].as_raw_fd();
        let (container, listener) = parse(MESSAGE.as_bytes(), descriptors).unwrap();
        let expected = Container { id: "c".to_owned(), pid: 7, metadata: "m".to_owned() };
        assert_eq!((container, listener.as_raw_fd()), (expected, second));
    }

    #[test]
    fn without_the_listener_or_a_state_there_is_no_container() {
        let rejected = |text: &str, count| parse(text.as_bytes(), descriptors(count)).unwrap_err();
        assert_eq!(rejected(MESSAGE, 1), Rejection::NoListener);
        assert_eq!(rejected(&MESSAGE.replace("seccompFd", "fd"), 2), Rejection::NoListener);
        for text in ["", "{}", "[]", "null", r#"{"fds": ["seccompFd"]}"#, &MESSAGE[..100]] {
            assert!(matches!(rejected(text, 2), Rejection::Garbage(_)), "{text}");
        }
    }

    #[test]
    fn what_is_kept_has_a_limit() {
        for (len, kept) in [(KEPT_MAX - 1, true), (KEPT_MAX, true), (KEPT_MAX + 1, false)] {
            let text = MESSAGE.replace("\"c\"", &format!("\"{}\"", "c".repeat(len)));
            assert_eq!(parse(text.as_bytes(), descriptors(2)).is_ok(), kept, "{len}");
        }
    }

    #[test]
    fn messages_are_whole_at_their_end() {
        assert!(is_whole(MESSAGE.as_bytes()) && is_whole(b"{} \n"));
        for len in 0..MESSAGE.len() {
            assert!(!is_whole(&MESSAGE.as_bytes()[..len]), "{len}");
        }
    }
}
