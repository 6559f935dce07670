//! Parts of a system in versions of which the calls are known.

use std::fmt;

use super::drift::Drift;
use super::text;
use crate::generated::history as tables;

/// What a part of a system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ReleaseKind {
    /// A C library.
    Libc,
    /// What programs are built on, or started by.
    Runtime,
    /// What starts containers, whose own calls meet the filter as well.
    Container,
}

/// A part of a system, in a version: `glibc-2.39`.
///
/// # Examples
/// ```
/// use callgate_facts::{Drift, Release};
///
/// let glibc: Release = "glibc-2.39".parse()?;
/// let clone3 = Drift::all().find(|drift| (drift.part(), drift.since()) == ("glibc", "2.34"));
/// assert!(glibc.makes(clone3.expect("it is known")));
/// let unknown = "glibc-2.99".parse::<Release>().unwrap_err();
/// assert!(unknown.to_string().contains("2.25 to 2.43"), "{unknown}");
/// # Ok::<(), callgate_facts::UnknownRelease>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    row: usize,
    version: Version,
}

/// No part in no version of which the calls are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRelease(String);

/// `2.39`, by its numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(Vec<u32>);

impl ReleaseKind {
    /// What a part is; nothing for parts whose versions are not told apart.
    #[must_use]
    pub fn of(part: &str) -> Option<Self> {
        let mut rows = tables::PARTS.iter().zip(0..);
        rows.find(|(_, row)| word(*row, PART) == part).map(|((kind, _), _)| *kind)
    }
}

impl Release {
    /// What the part is.
    #[must_use]
    pub fn kind(&self) -> ReleaseKind {
        tables::PARTS[self.row].0
    }

    /// Whether the part in this version makes a call.
    #[must_use]
    pub fn makes(&self, drift: Drift) -> bool {
        let is_since = match Version::begins(drift.since()) {
            Some(since) => since <= self.version,
            None => true,
        };
        drift.part() == word(self.row, PART) && is_since
    }

    /// The names of the parts, each with the versions that are known: `glibc-2.25 to 2.43`.
    pub fn known() -> impl Iterator<Item = String> {
        (0..tables::PARTS.len()).map(range)
    }
}

impl std::str::FromStr for Release {
    type Err = UnknownRelease;

    /// Parses `NAME-VERSION`.
    ///
    /// # Errors
    /// [`UnknownRelease`], which says what is known.
    fn from_str(text: &str) -> Result<Self, UnknownRelease> {
        let all = || Self::known().collect::<Vec<_>>().join(", ");
        let unknown = |problem: String| Err(UnknownRelease(problem));
        let Some((name, version)) = text.rsplit_once('-') else {
            return unknown(format!("{text:?} is no NAME-VERSION; known: {}", all()));
        };
        let Some(row) = (0..tables::PARTS.len()).find(|row| word(*row, NAME) == name) else {
            return unknown(format!("no part is called {name:?}; known: {}", all()));
        };
        let range = range(row);
        let Some(version) = Version::whole(version) else {
            return unknown(format!("{version:?} is no version; known: {range}"));
        };
        let limit = |place| Version::whole(word(row, place)).unwrap_or_else(|| version.clone());
        let (first, last) = (limit(FIRST), limit(LAST));
        if version.cut(&first) < first || version.cut(&last) > last {
            return unknown(format!("what {text} calls is not known; known: {range}"));
        }
        Ok(Self { row, version })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.version.0.iter().map(ToString::to_string).collect();
        write!(f, "{} {}", word(self.row, NAME), numbers.join("."))
    }
}

impl fmt::Display for UnknownRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnknownRelease {}

/// The columns of a part.
const NAME: usize = 0;
const PART: usize = 1;
const FIRST: usize = 2;
const LAST: usize = 3;

fn word(row: usize, column: usize) -> &'static str {
    text(tables::PARTS[row].1[column])
}

fn range(row: usize) -> String {
    let (name, first, last) = (word(row, NAME), word(row, FIRST), word(row, LAST));
    match first == last {
        true => format!("{name}-{first}"),
        false => format!("{name}-{first} to {last}"),
    }
}

impl Version {
    fn whole(text: &str) -> Option<Self> {
        let is_plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        text.split('.')
            .map(|part| part.parse().ok().filter(|_| is_plain(part)))
            .collect::<Option<_>>()
            .map(Self)
    }

    /// What a text begins with: `1.17` of `1.17 + glibc 2.34 (cgo)`; nothing of `any`.
    fn begins(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        Self::whole(text[..end].trim_end_matches('.'))
    }

    /// Without numbers that the other does not have: 2.43.1 is one of 2.43.
    fn cut(&self, other: &Self) -> Self {
        Self(self.0.iter().take(other.0.len()).copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        text.parse::<Release>().unwrap_err().to_string()
    }

    #[test]
    fn versions_are_those_that_are_known() {
        for known in ["glibc-2.25", "glibc-2.43", "glibc-2.43.9", "musl-1.1.20", "musl-1.2.5"] {
            assert!(known.parse::<Release>().is_ok(), "{known}");
        }
        for (unknown, says) in [
            ("glibc-2.24", "glibc-2.25 to 2.43"),
            ("glibc-2.44", "glibc-2.25 to 2.43"),
            ("glibc-3", "glibc-2.25 to 2.43"),
            ("musl-1.1.19", "musl-1.1.20 to 1.2.5"),
            ("musl-1.2.6", "musl-1.1.20 to 1.2.5"),
            ("runc-1.2", "known: runc-1.1"),
            ("glibc-two", "no version"),
            ("glibc-", "no version"),
            ("uclibc-1.0", "glibc-2.25 to 2.43, musl"),
            ("glibc", "NAME-VERSION"),
        ] {
            assert!(refused(unknown).contains(says), "{unknown}: {}", refused(unknown));
        }
    }

    #[test]
    fn every_part_makes_calls_and_has_them_within_its_range() {
        for row in 0..tables::PARTS.len() {
            let last: Release = format!("{}-{}", word(row, NAME), word(row, LAST)).parse().unwrap();
            assert!(Drift::all().any(|drift| last.makes(drift)), "{last}");
        }
        let old: Release = "glibc-2.33".parse().unwrap();
        let new: Release = "glibc-2.34".parse().unwrap();
        let clone3 = |part: &Release| {
            Drift::of(callgate_syscalls::names::CLONE3).any(|drift| part.makes(drift))
        };
        assert!(!clone3(&old) && clone3(&new));
    }
}
