//! What a command answers.

use std::io::{self, Write};
use std::process::ExitCode;

/// EINVAL, the exit status after wrong arguments.
pub(crate) const INVALID: u8 = 22;

/// EIO, the exit status where output can't be written and the system gives no better reason.
const INPUT_OUTPUT: u8 = 5;

/// What a command writes, and its exit status.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: u8,
}

impl Output {
    /// A text on standard output.
    pub(crate) const fn text(stdout: String) -> Self {
        Self { stdout, stderr: String::new(), status: 0 }
    }

    /// A line on standard error.
    pub(crate) fn failure(line: &str, status: u8) -> Self {
        Self { stdout: String::new(), stderr: format!("{line}\n"), status }
    }

    /// How a command is used, for a person who did not know.
    pub(crate) fn usage(line: &str) -> Self {
        Self::failure(line, INVALID)
    }

    /// The same after what was wrong, as the command that was called says it.
    pub(crate) fn after(mut self, called: &str, wrong: &str) -> Self {
        self.stderr.insert_str(0, &format!("{called}: {wrong}\n"));
        self
    }

    /// Writes the texts and turns into the exit status.
    pub(crate) fn give(self) -> ExitCode {
        let written = io::stdout().lock().write_all(self.stdout.as_bytes());
        // Where even this fails there is nowhere left to complain to.
        let _ = io::stderr().lock().write_all(self.stderr.as_bytes());
        match written {
            Ok(()) => self.status.into(),
            Err(error) => status(&error).into(),
        }
    }
}

/// The error number as an exit status.
pub(crate) fn status(error: &io::Error) -> u8 {
    let number = error.raw_os_error().and_then(|number| u8::try_from(number).ok());
    number.filter(|&number| number != 0).unwrap_or(INPUT_OUTPUT)
}
