//! Policies in the forms of other sandboxes.

use std::path::Path;

use callgate_dialects::{Dialect, Loader, Options, Written, detect, drop_ins, nothing, read};
use callgate_gate::{Lowered, Refused, from_folder};
use callgate_rules::Sources;
use callgate_syscalls::Arch;

use super::{Source, gate};
use crate::args::group::ProfileArgs;
use crate::error::Error;

/// A policy in another sandbox's form, not yet for any machine.
#[derive(Debug)]
pub(super) struct Foreign {
    written: Written,
    is_file: bool,
}

/// The form of bytes, where a reader of this module has it: that which is named, or else what the
/// content tells.
///
/// # Errors
/// [`Error::Usage`] where the content does not tell.
pub(super) fn of(bytes: &[u8], source: &Source) -> Result<Option<Dialect>, Error> {
    let is_ours =
        |dialect: &Dialect| !matches!(dialect, Dialect::Gate | Dialect::Docker | Dialect::Oci);
    match source {
        Source::Builtin(_) | Source::Process(_) | Source::Part(..) => return Ok(None),
        Source::Formed(dialect, _) => return Ok(Some(*dialect).filter(is_ours)),
        Source::File(path) if path.extension().is_some_and(|extension| extension == "gate") => {
            return Ok(None);
        }
        Source::File(_) | Source::Stdin => {}
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(None) };
    match detect(text).as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(*only).filter(is_ours)),
        several => {
            let titles: Vec<&str> = several.iter().map(|dialect| dialect.title()).collect();
            let message = format!(
                "{source} may be {}: say which by `{}:{source}`",
                titles.join(" or "),
                several[0]
            );
            Err(Error::Usage(message))
        }
    }
}

/// Why bytes that are no policy are none.
pub(super) fn no_policy(bytes: &[u8], source: &Source) -> Error {
    let dump = callgate_dumps::read(bytes, &callgate_dumps::Options::default());
    if let Some(program) = dump.ok().and_then(|dump| dump.checked.ok()) {
        let length = program.len();
        return Error::Usage(format!(
            "{source} is a compiled filter of {length} instructions, and a policy is wanted here: \
             `callgate optimize` writes it anew, `callgate disasm` shows it"
        ));
    }
    let names: Vec<&str> = Dialect::ALL.iter().map(|dialect| dialect.name()).collect();
    Error::Usage(format!(
        "{source} is in none of the forms that are known by their content: name the one that it \
         has, as in `minijail:FILE` ({})",
        names.join(", ")
    ))
}

impl Foreign {
    /// Reads a policy, with all that it includes, and of a unit the drop-ins beside it.
    ///
    /// # Errors
    /// [`Error::Text`], [`Error::Read`].
    pub(super) fn read(dialect: Dialect, bytes: Vec<u8>, source: &Source) -> Result<Self, Error> {
        let (path, name) = match source {
            Source::File(path) => (Some(path), source.to_string()),
            Source::Formed(_, path) if *path != Path::new("-") => {
                (Some(path), path.display().to_string())
            }
            _ => (None, source.to_string()),
        };
        let text = callgate_rules::Source::from_bytes(name, bytes);
        let mut sources = Sources::from(text.map_err(|error| Error::text(error.into()))?);
        if let Some(path) = path.filter(|_| dialect == Dialect::Systemd) {
            for drop_in in drop_ins(path) {
                let text = callgate_rules::Source::load(&drop_in);
                sources.add(text.map_err(|error| Error::text(error.into()))?);
            }
        }
        let is_file = path.is_some();
        Ok(Self { written: written(dialect, Options::default(), sources, is_file)?, is_file })
    }

    /// The version of systemd whose sets a unit is read with, where it names any and none was asked for.
    pub(super) fn assumed_sets(&self, args: &ProfileArgs) -> Option<&'static str> {
        let names_sets = |line: &str| {
            let line = line.trim_start();
            line.starts_with("SystemCall") && line.contains('@')
        };
        let is_unit = self.written.dialect == Dialect::Systemd && !args.names_systemd();
        let mut lines = self.written.sources.iter().flat_map(|source| source.text().lines());
        (is_unit && lines.any(names_sets))
            .then(|| Options::default().systemd.trim_start_matches("systemd-"))
    }

    pub(super) const fn sources(&self) -> &Sources {
        &self.written.sources
    }

    /// What the policy means for these architectures instead of its own if there are any. Warnings
    /// are written.
    ///
    /// # Errors
    /// [`Error::Text`], and as [`ProfileArgs::options`].
    pub(super) fn lowered(&self, args: &ProfileArgs, arches: &[Arch]) -> Result<Lowered, Error> {
        let lowered = self.lowered_quietly(args, arches).inspect_err(|_| {
            gate::warn(&self.written.warnings, &self.written.sources);
        })?;
        gate::warn(&lowered.warnings, &self.written.sources);
        Ok(lowered)
    }

    /// The same, and the warnings are not written.
    ///
    /// # Errors
    /// As [`Foreign::lowered`].
    pub(super) fn lowered_quietly(
        &self,
        args: &ProfileArgs,
        arches: &[Arch],
    ) -> Result<Lowered, Error> {
        let target = gate::target(args, arches)?;
        let again = match args.systemd_sets()? {
            Some(systemd) if self.written.dialect == Dialect::Systemd => {
                let sources = self.written.sources.clone();
                let options = Options { systemd };
                Some(written(self.written.dialect, options, sources, self.is_file)?)
            }
            _ => None,
        };
        let written = again.as_ref().unwrap_or(&self.written);
        let part = written.part(args.thread()).map_err(|names| {
            let first = names.first().copied().unwrap_or_default();
            Error::Usage(format!(
                "the text has a policy for each of the threads {}: choose one, as with --thread {first}",
                names.join(", ")
            ))
        })?;
        let lowered = written.lower(part, &target).map_err(refused)?;
        let callgate_dialects::Lowered { policy, provenance, warnings } = lowered;
        let warnings = written.warnings.iter().cloned().chain(warnings).collect();
        Ok(Lowered { policy, provenance, warnings })
    }
}

fn written(
    dialect: Dialect,
    options: Options,
    sources: Sources,
    is_file: bool,
) -> Result<Written, Error> {
    let load: &mut Loader<'_> = if is_file { &mut from_folder } else { &mut nothing };
    read(dialect, options, sources, load).map_err(refused)
}

/// The error of a text that was refused.
pub(super) fn refused(refused: callgate_dialects::Refused) -> Error {
    let callgate_dialects::Refused { sources, diagnostics } = refused;
    Error::text(Refused { sources, diagnostics })
}
