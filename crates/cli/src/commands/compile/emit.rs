//! What the compiler makes on its way, for reading.

use std::path::Path;

use callgate::compiler::{Emit, Options, emit};
use callgate_policy::Policy;
use callgate_review::svg;
use callgate_syscalls::Arch;
use clap::ValueEnum;

use callgate_console::args::group::ProfileArgs;
use callgate_console::error::{Error, Status};
use callgate_console::input::Source;
use callgate_console::output;

use crate::commands::report::report_of;
use callgate_console::side::Side;

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
    /// What is decided about which calls, as a picture; of programs too
    Svg,
}

/// Writes one of them to a file or standard output.
///
/// # Errors
/// [`Error::Filter`] for the layout of a filter that is too long, [`Error::Write`].
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
        // The picture is not of the compiler's graph, and drawn elsewhere.
        What::Dot | What::Svg => Emit::Dot,
    };
    let text = emit(policy, options, kind);
    let text = text.map_err(|reason| Error::from(callgate::Error::Compile(reason)))?;
    to(path, &text)
}

/// Draws what a filter of any form decides.
///
/// # Errors
/// As [`input::read`], [`report_of`] and [`Error::Write`].
pub(super) fn drawn(
    source: &Source,
    how: &ProfileArgs,
    arches: &[Arch],
    path: Option<&Path>,
) -> Result<Status, Error> {
    let side = Side::read(source, how, arches)?;
    let (_, report) = report_of(&side, source, arches)?;
    to(path, &svg(&report))
}

fn to(path: Option<&Path>, text: &str) -> Result<Status, Error> {
    match path {
        Some(path) => output::product(path, text.as_bytes())?,
        None => output::text(|out| out.write_all(text.as_bytes()))?,
    }
    Ok(Status::Success)
}
