//! What the compiler makes on its way, for reading.

use std::path::Path;

use callgate::compiler::{Emit, Options, emit};
use callgate_policy::Policy;
use clap::ValueEnum;

use callgate_console::draw;
use callgate_console::error::{Error, Status};
use callgate_console::output;

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum What {
    /// The decision graph: one question a line, shared ones once
    Graph,
    /// The decision graph as an indented tree
    Tree,
    /// The instructions
    Layout,
    /// The decision graph for Graphviz: solid lines are for yes, dashed ones for no
    Dot,
    /// The same, drawn
    Svg,
}

/// Writes one of them to a file or standard output.
///
/// # Errors
/// [`Error::Filter`] for the layout of a filter that is too long, [`Error::NotDrawn`], [`Error::Write`].
pub(super) fn write(
    what: What,
    policy: &Policy,
    options: &Options,
    path: Option<&Path>,
) -> Result<Status, Error> {
    let kind = match what {
        What::Graph => Emit::Graph,
        What::Tree => Emit::Tree,
        What::Layout => Emit::Layout,
        What::Dot | What::Svg => Emit::Dot,
    };
    let text = emit(policy, options, kind);
    let mut text = text.map_err(|reason| Error::from(callgate::Error::Compile(reason)))?;
    if what == What::Svg {
        text = draw::svg(&text)?;
    }
    match path {
        Some(path) => output::file(path, text.as_bytes())?,
        None => output::text(|out| out.write_all(text.as_bytes()))?,
    }
    Ok(Status::Success)
}
