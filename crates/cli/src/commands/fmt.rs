//! `callgate fmt`: policies written the one way.

use callgate_gate::{format, read_syntax};
use clap::ValueHint;

use callgate_console::error::{Error, Status};
use callgate_console::input::door::{self, Wanted};
use callgate_console::input::{self, Source};
use callgate_console::output;

/// Format policies in the language (*.gate)
///
/// Only spaces, line feeds and the column of comments change, never the meaning. Files are replaced whole or not at
/// all; what comes from standard input goes to standard output.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate fmt nginx.gate
  callgate fmt --check *.gate        for a build: writes nothing
  callgate fmt - < nginx.gate        to standard output, for editors

Exit status:
  0  done; with --check: every file is formatted
  1  with --check: a file is not formatted; it is named
  2  a file could not be read, written or understood
")]
pub(crate) struct Args {
    /// The policies: FILE, or - for standard input
    #[arg(
        value_name = "FILE",
        default_value = "-",
        value_parser = input::parser(),
        value_hint = ValueHint::FilePath
    )]
    files: Vec<Source>,
    /// Change nothing; name the files that are not formatted
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    input::stdin_once(&args.files.iter().collect::<Vec<_>>())?;
    let mut status = Status::Success;
    for source in &args.files {
        let text = input::text_of(source, Wanted::Language)?;
        let named = callgate_rules::Source::new(source.to_string(), text.clone());
        let named = named.map_err(|error| Error::text(error.into()))?;
        let file = read_syntax(named).map_err(|refused| {
            door::named(Error::text(refused), text.as_bytes(), source, Wanted::Language)
        })?;
        // What has no errors has a format.
        let Some(formatted) = format(&file) else { continue };
        match (args.check, source) {
            (true, _) if formatted != text => {
                output::text(|out| writeln!(out, "{source}"))?;
                status = Status::No;
            }
            (true, _) => {}
            (false, Source::File(path)) if formatted != text => {
                output::file(path, formatted.as_bytes())?;
            }
            (false, Source::File(_)) => {}
            (false, _) => output::text(|out| out.write_all(formatted.as_bytes()))?,
        }
    }
    Ok(status)
}
