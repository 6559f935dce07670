//! Files of evidence and profiles.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use callgate_learn::{Evidence, LineError, Refusal};

use callgate_console::error::Error;
use callgate_console::output;

/// Reads files of evidence, one after the other, and puts them together.
pub(super) fn read_all(files: &[PathBuf]) -> Result<Evidence, Error> {
    let mut evidence = Evidence::default();
    for path in files {
        let failed = |reason| Error::Read { what: path.display().to_string(), reason };
        let file = File::open(path).map_err(failed)?;
        evidence.read_lines(BufReader::with_capacity(1 << 16, file)).map_err(
            |error| match error {
                LineError::Io(reason) => failed(reason),
                LineError::Line { line, reason } => {
                    Error::Usage(format!("{}:{line}: {reason}", path.display()))
                }
                other => Error::Usage(format!("{}: {other}", path.display())),
            },
        )?;
    }
    Ok(evidence)
}

/// Writes evidence to a file or standard output.
pub(super) fn write_evidence(path: Option<&Path>, evidence: &Evidence) -> Result<(), Error> {
    match path {
        None => output::text(|out| evidence.write_lines(out)),
        Some(path) => {
            let mut bytes = Vec::new();
            evidence.write_lines(&mut bytes).map_err(|reason| Error::write(path, reason))?;
            output::file(path, &bytes)
        }
    }
}

/// Writes a text to a file or standard output.
pub(super) fn write_text(path: Option<&Path>, text: &str) -> Result<(), Error> {
    match path {
        None => output::text(|out| out.write_all(text.as_bytes())),
        Some(path) => output::file(path, text.as_bytes()),
    }
}

/// An observation that a profile refuses, in words.
pub(super) fn told(refusal: &Refusal) -> String {
    let arguments = match &refusal.arguments {
        None => " with more arguments than are told apart".to_owned(),
        Some(arguments) if arguments.to_string().is_empty() => String::new(),
        Some(arguments) => format!(" with {arguments}"),
    };
    format!("{}{arguments}: {}", refusal.call, refusal.action)
}
