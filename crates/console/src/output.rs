//! Where output goes: text, filters, messages.
//!
//! A reader that goes away (`callgate syscalls | head`) is no error: what it did not want to read is dropped, and the
//! exit status is what it would have been. Messages never fail; there is nowhere left to complain to.

mod diagnostics;
mod file;
mod program;

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::OnceLock;

use anstyle::{AnsiColor, Style};
use callgate_rules::{Diagnostic, Sources};
use serde::Serialize;

use crate::error::{Error, Status};

pub use diagnostics::{DiagnosticJson, rendered};
pub use file::{Temporary, file, policy, product};
pub use program::{ListingJson, owned, program, refused, style, style_for};

/// How file names and verdicts are told apart from the text around them, on a terminal.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What was refused, differs or is wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What may be overlooked.
pub const FAINT: Style = Style::new().dimmed();
/// Headings.
pub const HEADING: Style = Style::new().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Writes text to standard output. Colours reach terminals only, and none if `NO_COLOR` is set.
///
/// # Errors
/// [`Error::Write`], for a full disk and the like.
pub fn text(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    if is_closed() {
        return written(write(&mut Closed));
    }
    let mut out = BufWriter::new(anstream::stdout().lock());
    written(write(&mut out).and_then(|()| out.flush()))
}

/// Standard output where there is none. The runtime itself drops what is written there, and says that it was written.
struct Closed;

impl Write for Closed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match bytes.len() {
            0 => Ok(0),
            _ => Err(io::Error::other("it was closed by whoever started this command")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_closed() -> bool {
    callgate_kernel::Start::get().is_some_and(|start| start.is_output_closed)
}

/// Writes a value to standard output as JSON, indented and with a newline at the end.
///
/// # Errors
/// As [`text`].
pub fn json(value: &impl Serialize) -> Result<(), Error> {
    let json = json_text(value)?;
    text(|out| out.write_all(json.as_bytes()))
}

/// A value as [`json`] writes it.
///
/// # Errors
/// [`Error::Write`] for a value that JSON cannot hold.
pub fn json_text(value: &impl Serialize) -> Result<String, Error> {
    match serde_json::to_string_pretty(value) {
        Ok(text) => Ok(text + "\n"),
        Err(reason) => Err(Error::write("JSON", reason.into())),
    }
}

/// Writes bytes as they are to standard output.
///
/// # Errors
/// [`Error::BinaryToTerminal`], and as [`text`].
pub fn binary(bytes: &[u8]) -> Result<(), Error> {
    if is_closed() {
        return written(Closed.write_all(bytes));
    }
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        return Err(Error::BinaryToTerminal);
    }
    written(out.write_all(bytes).and_then(|()| out.flush()))
}

/// How this process writes messages, chosen once by its arguments: what has something to say is too
/// far from them to be told by an argument of its own.
static FORMAT: OnceLock<ErrorFormat> = OnceLock::new();

/// Writes messages in this format from now on; the first choice counts.
pub fn choose_format(format: ErrorFormat) {
    let _ = FORMAT.set(format);
}

fn format() -> ErrorFormat {
    FORMAT.get().copied().unwrap_or_default()
}

/// Says something that the user should know although the command goes on.
pub fn warning(message: &dyn fmt::Display) {
    match format() {
        ErrorFormat::Text => message_line(WARNING, "warning: ", message),
        ErrorFormat::Json => json_line(&DiagnosticJson::message("warning", message.to_string())),
    }
}

/// Says something that was decided for the user.
pub fn note(message: &dyn fmt::Display) {
    match format() {
        ErrorFormat::Text => message_line(FAINT, "note: ", message),
        ErrorFormat::Json => json_line(&DiagnosticJson::message("note", message.to_string())),
    }
}

/// Says what is remarkable about a text.
pub fn remarks(diagnostics: &[Diagnostic], sources: &Sources) {
    match format() {
        ErrorFormat::Text => aside(&rendered(diagnostics, sources)),
        ErrorFormat::Json => {
            diagnostics.iter().for_each(|d| json_line(&DiagnosticJson::new(d, sources)));
        }
    }
}

/// Whether messages are for scripts, which are told all there is.
#[must_use]
pub fn is_for_scripts() -> bool {
    format() == ErrorFormat::Json
}

/// Says why the command failed.
pub fn error(error: &Error) {
    match (format(), error) {
        (ErrorFormat::Text, Error::Text(refused)) => {
            aside(&rendered(&refused.diagnostics, &refused.sources));
            let count = match refused.diagnostics.len() {
                1 => "an error".to_owned(),
                count => format!("{count} errors"),
            };
            message_line(BAD, "", &format_args!("no filter, because of {count}"));
        }
        (ErrorFormat::Text, _) => message_line(BAD, "", error),
        (ErrorFormat::Json, Error::Text(refused)) => {
            for diagnostic in &refused.diagnostics {
                json_line(&DiagnosticJson::new(diagnostic, &refused.sources));
            }
        }
        (ErrorFormat::Json, _) => json_line(&DiagnosticJson::message("error", error.to_string())),
    }
}

/// Writes an error as a line of JSON to standard error.
fn json_line(diagnostic: &DiagnosticJson<'_>) {
    // What holds strings and numbers only is always JSON.
    if let Ok(line) = serde_json::to_string(diagnostic) {
        aside(&format_args!("{line}\n"));
    }
}

/// How errors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ErrorFormat {
    /// For people: with the lines of the text
    #[default]
    Text,
    /// One object a line, for editors
    Json,
}

/// Writes a block of lines to standard error.
pub fn aside(lines: &dyn fmt::Display) {
    // Nothing is left to do where not even a message can be written.
    let _ = write!(anstream::stderr().lock(), "{lines}");
}

/// Writes what the parser of arguments has to say: help and version, or what is wrong with the arguments.
pub fn parser_answer(answer: &clap::Error) -> Status {
    let styled = answer.render().ansi().to_string();
    if answer.use_stderr() {
        // The parser's "error:", in its colours, gives way to the name that all other messages begin with.
        aside(&styled.replacen("error:", "callgate:", 1));
        return Status::Failure;
    }
    match text(|out| out.write_all(styled.as_bytes())) {
        Ok(()) => Status::Success,
        Err(write_error) => {
            error(&write_error);
            write_error.status()
        }
    }
}

/// How many columns lines for people may have: those of the terminal; without one, as many as can be
/// read.
#[must_use]
pub fn columns() -> usize {
    const READABLE: usize = 100;
    terminal_size::terminal_size().map_or(READABLE, |(width, _)| usize::from(width.0).max(40))
}

fn message_line(style: Style, kind: &str, message: &dyn fmt::Display) {
    let _ = writeln!(anstream::stderr().lock(), "{style}callgate: {kind}{style:#}{message}");
}

fn written(result: io::Result<()>) -> Result<(), Error> {
    match result {
        Err(reason) if reason.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Write { what: "standard output".to_owned(), reason })
        }
        _ => Ok(()),
    }
}
