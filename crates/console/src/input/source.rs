//! Where a filter comes from, as it is written on the command line.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use callgate_dialects::Dialect;
use callgate_gate::Builtin;
use callgate_kernel::Tid;
use clap::builder::{OsStringValueParser, TypedValueParser};

/// Where a filter comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// An embedded profile.
    Builtin(Builtin),
    /// A running process.
    Process(Tid),
    /// A file.
    File(PathBuf),
    /// A file, or standard input, in a form that is named.
    Formed(Dialect, PathBuf),
    /// One of several programs in a file, by its name: `file.o:filter`.
    Part(PathBuf, String),
}

/// Parses a source for the command line.
pub fn parser() -> impl TypedValueParser<Value = Source> {
    OsStringValueParser::new().try_map(Source::parse)
}

impl Source {
    /// The embedded profile of that name.
    ///
    /// # Errors
    /// A sentence that lists the names there are.
    pub fn builtin(name: &str) -> Result<Builtin, String> {
        callgate_gate::builtin(name).map_err(|error| error.to_string())
    }

    fn parse(text: OsString) -> Result<Self, String> {
        let Some(word) = text.to_str() else { return Ok(Self::File(text.into())) };
        if word == "-" {
            return Ok(Self::Stdin);
        }
        if let Some(name) = word.strip_prefix("builtin:") {
            return Self::builtin(name).map(Self::Builtin);
        }
        if let Some(pid) = word.strip_prefix("pid:") {
            return tid(pid).map(Self::Process);
        }
        // A file may have such a name; what is there is meant.
        let formed = word.split_once(':').filter(|_| !Path::new(word).exists());
        if let Some((form, file)) = formed {
            if let Some(dialect) = Dialect::parse(form) {
                return Ok(Self::Formed(dialect, file.into()));
            }
        }
        if let Ok(builtin) = Self::builtin(word) {
            return Ok(Self::Builtin(builtin));
        }
        // A colon is part of a file's name where there is such a file.
        let part = word.rsplit_once(':').filter(|(file, name)| {
            !name.is_empty() && !Path::new(word).exists() && Path::new(file).is_file()
        });
        Ok(match part {
            Some((file, name)) => Self::Part(file.into(), name.to_owned()),
            None => Self::File(text.into()),
        })
    }

    /// The name of a part of a file.
    pub(super) fn part(&self) -> Option<&str> {
        match self {
            Self::Part(_, name) => Some(name),
            Self::Stdin
            | Self::Builtin(_)
            | Self::Process(_)
            | Self::File(_)
            | Self::Formed(..) => None,
        }
    }
}

/// Parses a process id.
///
/// # Errors
/// A sentence that says what is expected.
pub fn tid(text: &str) -> Result<Tid, String> {
    let tid = text.parse().ok().and_then(Tid::new);
    tid.ok_or_else(|| format!("{text:?} is no process id: expected a number from 1 to 2147483647"))
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::Builtin(builtin) => write!(f, "builtin:{}", builtin.name),
            Self::Process(tid) => write!(f, "pid:{tid}"),
            Self::Formed(dialect, path) => write!(f, "{dialect}:{}", path.display()),
            Self::File(path) | Self::Part(path, _) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Result<Source, String> {
        Source::parse(text.into())
    }

    #[test]
    fn words_with_a_meaning_are_not_files() {
        assert_eq!(source("-"), Ok(Source::Stdin));
        assert_eq!(source("container"), source("builtin:container"));
        assert!(matches!(source("container"), Ok(Source::Builtin(_))));
        assert_eq!(source("pid:7").ok(), Tid::new(7).map(Source::Process));
        for bad in ["builtin:", "builtin:x", "pid:", "pid:0", "pid:-1", "pid:2147483648"] {
            assert!(source(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn all_else_is_a_file() {
        for text in ["./container", "x.json", "pid", "--", ""] {
            assert_eq!(source(text), Ok(Source::File(text.into())));
        }
    }
}
