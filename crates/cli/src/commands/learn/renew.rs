//! A profile brought up to date.

use std::fs;
use std::path::Path;

use callgate_learn::{Evidence, Refusal, Update, Wants, replay, update};
use callgate_observe::record;

use callgate_console::error::{Error, Status};
use callgate_console::output;

use super::files;

/// Brings the profile of a file up to date with what was seen, and the evidence beside it.
pub(super) fn bring_up_to_date(
    path: &Path,
    new: &Evidence,
    wants: &Wants,
) -> Result<Status, Error> {
    let unreadable = |reason| Error::Read { what: path.display().to_string(), reason };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let filter = callgate::Filter::read(path)?;
    let beside = path.with_extension("evidence");
    let base = match beside.exists() {
        true => files::read_all(std::slice::from_ref(&beside))?,
        false => Evidence::default(),
    };
    let heading = format!("{}: {}", record::today(), super::title(new));
    let policy = filter.policy();
    let input = Update { text: &text, policy, base: &base, new, heading: &heading };
    let updated = update_checked(path, &input, wants)?;
    let mut all = base;
    all.join(new.clone());
    files::write_evidence(Some(&beside), &all)?;
    for refusal in &updated.withheld {
        output::note(&format_args!("{} stays refused, as somebody has it", files::told(refusal)));
    }
    for refusal in &updated.foreign {
        let told = files::told(refusal);
        output::warning(&format_args!("{told}: the profile is not about this architecture"));
    }
    super::tell_of_any_arguments(new);
    for line in &updated.added {
        output::note(&format_args!("added: {line}"));
    }
    output::note(&format_args!(
        "{}: {} statements added, {} not seen lately",
        path.display(),
        updated.added.len(),
        updated.unseen
    ));
    Ok(Status::Success)
}

/// The update, of which the filter was proved and every observation decided before it takes the
/// profile's place.
fn update_checked(
    path: &Path,
    input: &Update<'_>,
    wants: &Wants,
) -> Result<callgate_learn::Updated, Error> {
    let updated = update(input, wants);
    check(path, input, &updated)?;
    if fs::read_to_string(path).is_ok_and(|now| now != input.text) {
        let problem = "was changed meanwhile, and is left as it is: run the update again";
        return Err(Error::Usage(format!("{} {problem}", path.display())));
    }
    output::file(path, updated.text.as_bytes())?;
    Ok(updated)
}

fn check(path: &Path, input: &Update<'_>, updated: &callgate_learn::Updated) -> Result<(), Error> {
    // Beside the profile, because it may include files by their relative paths.
    let beside = output::Temporary::beside(path, updated.text.as_bytes())?;
    let filter = callgate::Filter::read(beside.path())?;
    let left = |refusal: &Refusal| {
        let known = updated.withheld.iter().chain(&updated.foreign);
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
