//! Files of evidence and profiles.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use callgate_learn::{
    Evidence, Form, ImportError, Imported, LineError, Refusal, import, import_policy,
};
use callgate_syscalls::Arch;

use callgate_console::args::group::ProfileArgs;
use callgate_console::error::Error;
use callgate_console::input::{self, Source};
use callgate_console::output;

/// Reads files of evidence, or of what others recorded, and puts them together.
pub(super) fn read_all(files: &[PathBuf]) -> Result<Evidence, Error> {
    let mut evidence = Evidence::default();
    let native =
        Arch::native().ok_or_else(|| Error::Usage("this machine is unknown".to_owned()))?;
    for path in files {
        let failed = |reason| Error::Read { what: path.display().to_string(), reason };
        let file = File::open(path).map_err(failed)?;
        let title = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let input = BufReader::with_capacity(1 << 16, file);
        match import(input, &title, native) {
            Ok(imported) => {
                say_unknown(path, &imported);
                evidence.join(imported.evidence);
            }
            Err(ImportError::Line(LineError::Io(reason))) => return Err(failed(reason)),
            Err(ImportError::Line(LineError::Line { line, reason })) => {
                return Err(Error::Usage(format!("{}:{line}: {reason}", path.display())));
            }
            Err(ImportError::NoCalls) => evidence.join(profile(path, &title, native)?),
            Err(other) => return Err(Error::Usage(format!("{}: {other}", path.display()))),
        }
    }
    Ok(evidence)
}

/// What another recorder's profile allows.
fn profile(path: &Path, title: &str, native: Arch) -> Result<Evidence, Error> {
    let source = Source::File(path.to_owned());
    let wrong = |error: ImportError| Error::Usage(format!("{}: {error}", path.display()));
    let bytes = input::bytes(&source)?;
    // What is no profile either is told as no recording, which most of these files are.
    let profile =
        input::profile(&source, &ProfileArgs::silent()).map_err(|_| wrong(ImportError::NoCalls))?;
    let resolved = profile.resolve_quietly(&ProfileArgs::default(), &[native])?;
    let evidence = import_policy(&resolved.policy, title, &bytes).map_err(wrong)?;
    output::note(&format_args!(
        "{}: a profile of another recorder; {} calls, of which the arguments are not known",
        path.display(),
        evidence.len()
    ));
    Ok(evidence)
}

fn say_unknown(path: &Path, imported: &Imported) {
    if imported.form != Form::Evidence {
        output::note(&format_args!("{}: {} calls", path.display(), imported.calls));
    }
    if let Some(first) = imported.first_unknown {
        output::warning(&format_args!(
            "{}: {} lines are of no form that is known, the first is line {first}",
            path.display(),
            imported.unknown
        ));
    }
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
