//! A policy in any form: which form it has, and what it means on this machine.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use callgate_dialects::{Dialect, detect, drop_ins, spo};
use callgate_formats::{Options, Profile};
use callgate_policy::Policy;
use callgate_rules::{Diagnostic, LoadFlag, Source, SourceError, Sources, Target};

use crate::failure::Failure;

/// What was read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) policy: Policy,
    /// What is asked for when the filter is loaded.
    pub(crate) flags: Vec<LoadFlag>,
    /// What is remarkable, a paragraph each.
    pub(crate) warnings: String,
}

/// Reads the policy in a file, with what it includes.
pub(crate) fn file(path: &Path) -> Result<Read, Failure> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(Source::BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    if let Err(error) = read {
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        return Err(Failure::new(errno, format!("cannot read {}: {error}", path.display())));
    }
    let dialect = match path.extension().is_some_and(|extension| extension == "gate") {
        true => Some(Dialect::Gate),
        false => None,
    };
    policy(&path.display().to_string(), bytes, dialect, Some(path))
}

/// Reads a policy that is no file, and can include none.
pub(crate) fn text(name: &str, bytes: &[u8]) -> Result<Read, Failure> {
    policy(name, bytes.to_vec(), None, None)
}

fn policy(
    name: &str,
    bytes: Vec<u8>,
    dialect: Option<Dialect>,
    path: Option<&Path>,
) -> Result<Read, Failure> {
    if dialect.is_none() && callgate_dumps::recognise(&bytes).is_some() {
        let text = "is a program, and a policy is wanted here: `callgate show` writes it as one";
        return Err(Failure::invalid(format!("{name} {text}")));
    }
    let source = Source::from_bytes(name, bytes).map_err(unread)?;
    let dialect = match dialect {
        Some(dialect) => dialect,
        None => detected(&source)?,
    };
    let machine = callgate::this_machine()?;
    match dialect {
        Dialect::Gate => gate(source, &machine, path.is_some()),
        Dialect::Docker | Dialect::Oci => profile(Profile::read(source.clone()), source, &machine),
        Dialect::Spo => {
            let way = "write it out with `callgate convert --to oci`";
            let mut none = |base: &str| Err(format!("this profile builds on `{base}`: {way}"));
            let found = spo::profile(&source, &mut none);
            let found = found.map_err(|refused| said(&refused.sources, &refused.diagnostics))?;
            profile(Profile::of_document(found), source, &machine)
        }
        Dialect::Systemd
        | Dialect::Minijail
        | Dialect::Kafel
        | Dialect::Nsjail
        | Dialect::Seccompiler
        | Dialect::Firejail
        | Dialect::Lxc
        | Dialect::Snapd
        | Dialect::Pfc => foreign(dialect, source, &machine, path),
    }
}

fn detected(source: &Source) -> Result<Dialect, Failure> {
    let name = source.name();
    match detect(source.text()).as_slice() {
        [only] => Ok(*only),
        [] => Err(Failure::invalid(format!(
            "{name} is in none of the forms that are known by their content: a policy in the \
             language begins with `policy 1`, container profiles are JSON"
        ))),
        several => {
            let titles: Vec<&str> = several.iter().map(|dialect| dialect.title()).collect();
            let way = "`callgate convert --from FORM --to gate` writes it as one that is told";
            Err(Failure::invalid(format!("{name} may be {}: {way}", titles.join(" or "))))
        }
    }
}

fn target(machine: &Options) -> Target {
    let kernel = Some(machine.kernel);
    Target { kernel, caps: machine.caps, ..Target::new(machine.native) }
}

fn gate(source: Source, machine: &Options, is_file: bool) -> Result<Read, Failure> {
    let read = match is_file {
        true => callgate_gate::read(source, &mut callgate_gate::from_folder),
        false => callgate_gate::read(source, &mut callgate_gate::nothing),
    };
    let written = read.map_err(Failure::invalid)?;
    let lowered = written.lower(&target(machine)).map_err(Failure::invalid)?;
    let warnings = shown(&written.sources, &lowered.warnings);
    Ok(Read { policy: lowered.policy, flags: written.rules.header.flags, warnings })
}

fn profile(
    read: Result<Profile, callgate_formats::Error>,
    source: Source,
    machine: &Options,
) -> Result<Read, Failure> {
    let profile = read.map_err(|error| said(&source.into(), &[error.diagnostic()]))?;
    let sources = Sources::from(profile.source().clone());
    let resolved = profile.resolve(machine);
    let resolved = resolved.map_err(|error| said(&sources, &[error.diagnostic()]))?;
    let warnings = resolved.warnings.iter().map(callgate_formats::Warning::diagnostic);
    let warnings = shown(&sources, &warnings.collect::<Vec<_>>());
    let flags = resolved.flags.into_iter().map(LoadFlag::from).collect();
    Ok(Read { policy: resolved.policy, flags, warnings })
}

fn foreign(
    dialect: Dialect,
    source: Source,
    machine: &Options,
    path: Option<&Path>,
) -> Result<Read, Failure> {
    let name = source.name().to_owned();
    let mut sources = Sources::from(source);
    if let Some(path) = path.filter(|_| dialect == Dialect::Systemd) {
        for drop_in in drop_ins(path) {
            sources.add(Source::load(&drop_in).map_err(unread)?);
        }
    }
    let options = callgate_dialects::Options::default();
    let read = match path {
        Some(_) => {
            callgate_dialects::read(dialect, options, sources, &mut callgate_gate::from_folder)
        }
        None => callgate_dialects::read(dialect, options, sources, &mut callgate_dialects::nothing),
    };
    let written = read.map_err(|refused| said(&refused.sources, &refused.diagnostics))?;
    let part = written.part(None).map_err(|threads| {
        let (first, threads) = (threads.first().copied().unwrap_or_default(), threads.join(", "));
        let way = format!("`callgate convert --thread {first} --to oci` writes one of them");
        Failure::invalid(format!("{name} has a policy for each of the threads {threads}: {way}"))
    })?;
    let lowered = written.lower(part, &target(machine));
    let lowered = lowered.map_err(|refused| said(&refused.sources, &refused.diagnostics))?;
    let mut warnings = written.warnings.clone();
    warnings.extend(lowered.warnings);
    let warnings = shown(&written.sources, &warnings);
    Ok(Read { policy: lowered.policy, flags: Vec::new(), warnings })
}

/// What is wrong with a text, each error with `FILE:LINE:COLUMN`.
fn said(sources: &Sources, diagnostics: &[Diagnostic]) -> Failure {
    Failure::invalid(shown(sources, diagnostics))
}

fn shown(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let refused =
        callgate_gate::Refused { sources: sources.clone(), diagnostics: diagnostics.to_vec() };
    refused.to_string()
}

fn unread(error: SourceError) -> Failure {
    match error {
        SourceError::TooLong { .. } => Failure::new(libc::EFBIG, error),
        SourceError::Unreadable { .. } | SourceError::NotUtf8 { .. } => Failure::invalid(error),
    }
}
