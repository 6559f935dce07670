//! `callgate fmt`: policies written the one way.

use callgate_gate::{File, SyntaxError, format};
use clap::ValueHint;

use crate::error::{Error, Status};
use crate::input::{self, Source};
use crate::output;

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
        let text = input::text(source)?;
        let file = File::parse(&text);
        let formatted = format(&file).ok_or_else(|| wrong(source, &text, file.errors()))?;
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

/// The errors with their places, one a line.
fn wrong(source: &Source, text: &str, errors: &[SyntaxError]) -> Error {
    let line = |error: &SyntaxError| {
        let before = &text[..usize::from(error.range.start())];
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{source}:{line}:{column}: {error} [{}]", error.code)
    };
    Error::Usage(errors.iter().map(line).collect::<Vec<_>>().join("\n"))
}
