//! Policies in the language, `*.gate`.

use callgate_dialects::Dialect;
use callgate_gate::{Lowered, Written, from_folder, nothing, read};
use callgate_rules::{Diagnostic, Sources, Target};
use callgate_syscalls::Arch;

use super::Source;
use crate::args::group::ProfileArgs;
use crate::error::Error;
use crate::output;

/// Whether bytes from there are a policy in the language: by the file's name, or by the first word.
pub(super) fn is_gate(bytes: &[u8], source: &Source) -> bool {
    match source {
        Source::File(path) if path.extension().is_some_and(|extension| extension == "gate") => true,
        Source::File(_) | Source::Stdin => begins_with_policy(bytes),
        Source::Formed(dialect, _) => *dialect == Dialect::Gate,
        Source::Builtin(_) => true,
        Source::Process(_) | Source::Part(..) => false,
    }
}

/// Whether bytes that are no text are a policy in the language with something wrong in it, and no program.
pub(super) fn is_spoilt(bytes: &[u8], source: &Source) -> bool {
    let is_program = || {
        let read = callgate_dumps::read(bytes, &callgate_dumps::Options::default());
        read.is_ok_and(|dump| dump.checked.is_ok())
    };
    is_gate(bytes, source) && !is_program()
}

/// Whether the first word that is not a comment is `policy`. Assembler has comments with `#` nowhere at the beginning.
fn begins_with_policy(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    line.and_then(|line| line.split_whitespace().next()) == Some("policy")
}

/// Reads a policy, with all that it includes.
///
/// # Errors
/// [`Error::Text`].
pub fn written(bytes: Vec<u8>, source: &Source) -> Result<Written, Error> {
    let name = match source {
        Source::Builtin(builtin) => builtin.file_name(),
        _ => source.to_string(),
    };
    let text = callgate_rules::Source::from_bytes(name, bytes);
    let text = text.map_err(|error| Error::text(error.into()))?;
    let read = match source {
        Source::File(_) | Source::Formed(..) => read(text, &mut from_folder),
        _ => read(text, &mut nothing),
    };
    read.map_err(Error::text)
}

/// What a policy means for these architectures instead of its own if there are any. Warnings are written.
///
/// # Errors
/// [`Error::Text`], and as [`ProfileArgs::options`].
pub fn lowered(written: &Written, args: &ProfileArgs, arches: &[Arch]) -> Result<Lowered, Error> {
    let lowered = written.lower(&target(args, arches)?).map_err(Error::text)?;
    warn(&lowered.warnings, &written.sources);
    Ok(lowered)
}

/// Says what is remarkable about a text.
pub fn warn(warnings: &[Diagnostic], sources: &Sources) {
    output::remarks(warnings, sources);
}

/// What a policy is lowered for.
///
/// # Errors
/// As [`ProfileArgs::options`].
pub fn target(args: &ProfileArgs, arches: &[Arch]) -> Result<Target, Error> {
    let options = args.options(arches)?;
    let arches = (!arches.is_empty()).then(|| arches.to_vec());
    Ok(Target { native: options.native, arches, kernel: Some(options.kernel), caps: options.caps })
}
