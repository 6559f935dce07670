//! Where recordings go, looked at before they begin: hours of work must neither end in a file that
//! can't be written nor take the place of another's.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use callgate_learn::Evidence;

use callgate_console::error::Error;
use callgate_console::output;

/// The files that a recording ends in.
pub(super) struct Places {
    pub(super) profile: Option<PathBuf>,
    pub(super) evidence: Option<PathBuf>,
    /// What `evidence` says already, where it was named to be added to.
    pub(super) before: Evidence,
}

impl Places {
    /// The profile's, and the evidence's beside it unless it was named.
    pub(super) fn new(
        profile: Option<&Path>,
        evidence: Option<&Path>,
        force: bool,
    ) -> Result<Self, Error> {
        let beside = profile.filter(|path| !is_special(path));
        let beside = beside.map(|path| path.with_extension("evidence"));
        let is_named = evidence.is_some();
        let evidence = evidence.map(Path::to_owned).or(beside);
        if let (Some(profile), Some(evidence)) = (profile, &evidence) {
            if profile == evidence {
                let problem = "would be the profile and its evidence: name the profile FILE.gate";
                return Err(Error::Usage(format!("{} {problem}", profile.display())));
            }
        }
        if let Some(path) = profile {
            new_profile(path, force)?;
        }
        let mut before = Evidence::default();
        match &evidence {
            Some(path) if is_named => before = evidence_at(path)?,
            Some(path) if is_taken(path) && !force => {
                let path = path.display();
                return Err(Error::Usage(format!(
                    "{path} exists, and what was seen would take its place: `--evidence {path}` \
                     adds to it, --force replaces it"
                )));
            }
            _ => {}
        }
        profile.into_iter().chain(evidence.as_deref()).try_for_each(writable)?;
        Ok(Self { profile: profile.map(Path::to_owned), evidence, before })
    }
}

/// A profile may be anybody's work: none is replaced unasked.
pub(super) fn new_profile(path: &Path, force: bool) -> Result<(), Error> {
    if force || !is_taken(path) {
        return Ok(());
    }
    let path = path.display();
    Err(Error::Usage(format!(
        "{path} exists, and a new profile would take its place: `callgate learn --update {path}` and \
         `callgate learn update {path}` add to it, --force replaces it"
    )))
}

/// Evidence may take the place of evidence that it contains, and of nothing else unasked.
pub(super) fn new_evidence(path: &Path, evidence: &Evidence, force: bool) -> Result<(), Error> {
    if force || !is_taken(path) {
        return Ok(());
    }
    let mut all = evidence_at(path)?;
    all.join(evidence.clone());
    if all == *evidence {
        return Ok(());
    }
    let path = path.display();
    Err(Error::Usage(format!(
        "{path} exists, and holds what would be lost: name it among the files to keep it, or \
         --force to replace it"
    )))
}

/// The evidence in a file; none where there is no file yet.
pub(super) fn evidence_at(path: &Path) -> Result<Evidence, Error> {
    let mut evidence = Evidence::default();
    if !is_taken(path) {
        return Ok(evidence);
    }
    let file = File::open(path)
        .map_err(|reason| Error::Read { what: path.display().to_string(), reason })?;
    match evidence.read_lines(BufReader::new(file)) {
        Ok(()) => Ok(evidence),
        Err(error) => Err(Error::Usage(format!(
            "{}: evidence would take the place of what is no evidence ({error}); `callgate learn \
             import` makes evidence of recordings, in another file",
            path.display()
        ))),
    }
}

/// Whether a file can be written there, without harm to one that is there.
pub(super) fn writable(path: &Path) -> Result<(), Error> {
    match is_special(path) {
        true => Ok(()),
        false => output::Temporary::beside(path, &[]).map(drop),
    }
}

/// Whether there is a file with something in it.
fn is_taken(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| !is_special(path) && (file.is_dir() || file.len() > 0))
}

/// A pipe or device, which is written to as it is.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| !file.is_file() && !file.is_dir())
}
