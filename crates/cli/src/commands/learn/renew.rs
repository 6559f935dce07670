//! A profile brought up to date.

use std::fs;
use std::path::{Path, PathBuf};

use callgate_learn::{Evidence, Promised, Refusal, Update, Updated, Wants, replay, update};
use callgate_observe::record;

use callgate_console::error::{Error, Status};
use callgate_console::output;

use super::promises::{self, Broken};
use super::{files, places};

/// A profile that is to be brought up to date, read before anything is recorded.
pub(super) struct Profile {
    path: PathBuf,
    text: String,
    filter: callgate::Filter,
    /// What it was learned from.
    base: Evidence,
}

impl Profile {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let unreadable = |reason| Error::Read { what: path.display().to_string(), reason };
        let text = fs::read_to_string(path).map_err(unreadable)?;
        let filter = callgate::Filter::read(path)?;
        let beside = path.with_extension("evidence");
        places::writable(&beside)?;
        places::writable(path)?;
        let base = places::evidence_at(&beside)?;
        Ok(Self { path: path.to_owned(), text, filter, base })
    }

    /// Brings the file up to date with what was seen, and the evidence beside it.
    pub(super) fn bring_up_to_date(self, new: &Evidence, wants: &Wants) -> Result<Status, Error> {
        let heading = format!("{}: {}", record::today(), super::title(new));
        let promised = Promised::default();
        let policy = self.filter.policy();
        let (text, base) = (&self.text, &self.base);
        let input = Update { text, policy, base, new, heading: &heading, promised: &promised };
        let (updated, broken) = keeping_promises(&self.path, &input, wants)?;
        put(&self.path, &input, &updated)?;
        let mut all = self.base.clone();
        all.join(new.clone());
        files::write_evidence(Some(&self.path.with_extension("evidence")), &all)?;
        tell(&self.path, &updated, &broken);
        super::tell_of_any_arguments(new);
        Ok(if broken.is_empty() { Status::Success } else { Status::No })
    }
}

/// The update without what would break a test of the profile that holds now, and these tests.
fn keeping_promises(
    path: &Path,
    input: &Update<'_>,
    wants: &Wants,
) -> Result<(Updated, Vec<Broken>), Error> {
    let failed_before = promises::broken(path, input.text)?;
    let mut promised = Promised::default();
    let mut kept: Vec<Broken> = Vec::new();
    loop {
        let updated = update(&Update { promised: &promised, ..*input }, wants);
        let mut broken = promises::broken(path, &updated.text)?;
        // Lines move as statements are added: tests are known by what they say.
        broken.retain(|b| !failed_before.iter().any(|known| known.is_like(b)));
        if broken.is_empty() {
            return Ok((updated, kept));
        }
        let refused = replay(input.new, input.policy);
        if !promises::keep(&mut promised, &broken, &refused) {
            let told = &broken[0].told;
            return Err(Error::Usage(format!("no update keeps the test in {told}")));
        }
        for test in broken {
            if !kept.iter().any(|known| known.told == test.told) {
                kept.push(test);
            }
        }
    }
}

fn tell(path: &Path, updated: &Updated, broken: &[Broken]) {
    for refusal in &updated.withheld {
        output::note(&format_args!("{} stays refused, as somebody has it", files::told(refusal)));
    }
    for refusal in &updated.promised {
        let told = files::told(refusal);
        output::warning(&format_args!("{told}: stays refused, as a test of the profile promises"));
    }
    for test in broken {
        output::warning(&format_args!(
            "{}: what was seen would break this test; the statement is a comment at the end of the \
             file: change one or the other",
            test.told
        ));
    }
    for refusal in &updated.foreign {
        let told = files::told(refusal);
        output::warning(&format_args!("{told}: the profile is not about this architecture"));
    }
    for line in &updated.added {
        output::note(&format_args!("added: {line}"));
    }
    let (added, unseen) = (updated.added.len(), updated.unseen);
    let fallbacks = match updated.fallbacks {
        0 => String::new(),
        count => format!(", and {count} that stand in for them"),
    };
    output::note(&format_args!(
        "{}: {added} statements added{fallbacks}, {unseen} not seen lately",
        path.display(),
    ));
}

/// Puts the update in the profile's place, once its filter was proved and every observation decided.
fn put(path: &Path, input: &Update<'_>, updated: &Updated) -> Result<(), Error> {
    check(path, input, updated)?;
    if fs::read_to_string(path).is_ok_and(|now| now != input.text) {
        let problem = "was changed meanwhile, and is left as it is: run the update again";
        return Err(Error::Usage(format!("{} {problem}", path.display())));
    }
    output::file(path, updated.text.as_bytes())
}

fn check(path: &Path, input: &Update<'_>, updated: &Updated) -> Result<(), Error> {
    // Beside the profile, because it may include files by their relative paths.
    let beside = output::Temporary::beside(path, updated.text.as_bytes())?;
    let filter = callgate::Filter::read(beside.path())?;
    let left = |refusal: &Refusal| {
        let known = updated.withheld.iter().chain(&updated.foreign).chain(&updated.promised);
        !known.into_iter().any(|other| other.data == refusal.data)
    };
    match replay(input.new, filter.policy()).iter().find(|refusal| left(refusal)) {
        None => Ok(()),
        Some(refusal) => Err(Error::Usage(format!(
            "the profile would still refuse what was seen: {}",
            files::told(refusal)
        ))),
    }
}
