//! Programs, in whatever form a tool printed them.

use callgate_bpf::Program;
use callgate_dumps::{Form, Options, read};
use callgate_syscalls::Endian;

use super::Source;
use crate::error::Error;
use crate::output;

/// The program in bytes, and the byte order of the machines it is for. Notes are written.
///
/// # Errors
/// [`Error::Decode`], [`Error::Refused`].
pub(super) fn program(
    bytes: &[u8],
    source: &Source,
    form: Option<Form>,
) -> Result<(Program, Endian), Error> {
    let what = || source.to_string();
    let options = Options { form, name: source.part(), arch: None };
    let dump = read(bytes, &options);
    let dump = dump.map_err(|e| Error::Decode { what: what(), reason: Box::new(e) })?;
    for note in &dump.notes {
        output::note(&format_args!("{source}: {note}"));
    }
    match dump.checked.clone() {
        Ok(program) => Ok((program, dump.endian)),
        Err(_) => Err(Error::Refused { what: what(), dump: Box::new(dump) }),
    }
}

/// Whether text that begins with a bracket is a program: an array, or JSON with instructions.
pub(super) fn begins_program(text: &[u8]) -> bool {
    let inside = text.get(1..).unwrap_or_default().trim_ascii_start();
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let has = |key: &str| text.contains(key);
    let quoted = (has("\"instructions\"") || has("\"jt\"")) && !has("\"syscalls\"");
    match inside.first() {
        Some(b'"') => quoted,
        Some(b'{') if has("\"") => quoted,
        // Anything else is a profile with a mistake, and is told so.
        Some(first) => first.is_ascii_alphanumeric() || matches!(first, b'{' | b'[' | b'.' | b'('),
        None => false,
    }
}
