//! Filters that depend on the machine, the kernel and capabilities as one text, equal under all of
//! them.

use callgate_formats::{Multiplexers, Profile};
use callgate_gate::{Cases, NotShown, Style, Written, draft};
use callgate_policy::Policy;
use callgate_raise::{Agreement, Differing, Refusals, compare};
use callgate_rules::{Circumstances, Factors, Rule, Source, SubjectKind, Target};

use crate::engine::{self, Listed};
use crate::open::{Meaning, at, of_profile};
use crate::{Format, NotConverted, Open, difference_text};

/// A text that means a filter wherever it is read, and what was proved.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Everywhere {
    /// The text.
    pub text: String,
    /// What its readers refuse in another way than the filter: calls that nobody makes.
    pub refusals: Refusals,
    /// Under how many circumstances the two were compared.
    pub compared: usize,
}

/// Writes a filter in the language or as a profile of Docker's: one text that means it on every
/// machine and kernel and with every set of capabilities; none where the filter leaves nothing to
/// those, or the form has no words for them. Claim: C-CONVERT.
///
/// What becomes of a call depends on the circumstances that the rules about it name and on no
/// others, on either side. So the two are compared on each machine under every assignment of what
/// any call depends on, which is few of all that there are.
///
/// # Errors
/// [`NotConverted`].
pub fn everywhere(
    filter: &Open<'_>,
    to: Format,
    style: Style,
) -> Result<Option<Everywhere>, NotConverted> {
    if !matches!(to, Format::Gate | Format::Docker) {
        return Ok(None);
    }
    let Some(opened) = filter.opened() else { return Ok(None) };
    let cases = Cases { circumstances: &opened.circumstances, policy: &*opened.meant };
    match to {
        Format::Docker => as_profile(&cases).map(Some),
        _ => as_gate(&cases, style).map(Some),
    }
}

fn as_gate(cases: &Cases<'_>, style: Style) -> Result<Everywhere, NotConverted> {
    let attempt = |style| proved_gate(cases, &draft(cases, style).map_err(not_shown)?);
    match (style, attempt(style)) {
        // Names of groups are a convenience that must not cost the text.
        (
            Style::Folded,
            Err(NotConverted::Inexpressible { .. } | NotConverted::Unreadable { .. }),
        ) => attempt(Style::Expanded),
        (_, found) => found,
    }
}

fn as_profile(cases: &Cases<'_>) -> Result<Everywhere, NotConverted> {
    let inexpressible = |what| NotConverted::Inexpressible { format: Format::Docker, what };
    let targets = targets(cases.circumstances, Format::Docker)?;
    let attempt = |way| {
        let text = engine::text(cases, &targets, way).map_err(inexpressible)?;
        proved_profile(cases, &text)
    };
    // Readers derive rules for `socketcall` and `ipc` from others: mostly that is what is meant.
    let [first, others @ ..] = [
        (Multiplexers::Derived, Listed::Named),
        (Multiplexers::Written, Listed::Named),
        (Multiplexers::Derived, Listed::Every),
        (Multiplexers::Written, Listed::Every),
    ];
    let found = attempt(first);
    if !matches!(found, Err(NotConverted::Inexpressible { .. } | NotConverted::Unreadable { .. })) {
        return found;
    }
    others.into_iter().find_map(|way| attempt(way).ok()).map_or(found, Ok)
}

fn not_shown(error: NotShown) -> NotConverted {
    match error {
        NotShown::Unproved { reason } => NotConverted::Unproved(reason),
        other => inexpressible(other.to_string()),
    }
}

const fn inexpressible(what: String) -> NotConverted {
    NotConverted::Inexpressible { format: Format::Gate, what }
}

fn targets(circumstances: &Circumstances, format: Format) -> Result<Vec<Target>, NotConverted> {
    let what = "too much decides about one call".to_owned();
    circumstances.targets().map_err(|_| NotConverted::Inexpressible { format, what })
}

/// Compares a text of the language with what it shall mean.
fn proved_gate(cases: &Cases<'_>, text: &str) -> Result<Everywhere, NotConverted> {
    let unreadable = |reason| NotConverted::Unreadable { format: Format::Gate, reason };
    let source =
        Source::new("written.gate", text).map_err(|error| unreadable(error.to_string()))?;
    let written = callgate_gate::read(source, &mut callgate_gate::nothing)
        .map_err(|refused| unreadable(refused.to_string()))?;
    depends_on_no_more(&written, cases.circumstances)?;
    let read = |target: &Target| match written.lower(target) {
        Ok(lowered) => Ok(lowered.policy),
        Err(refused) => Err(refused.to_string()),
    };
    let targets = targets(cases.circumstances, Format::Gate)?;
    proved((text, Format::Gate), &targets, cases.policy, &read)
}

/// Compares a profile with what it shall mean, under all on which either depends.
fn proved_profile(cases: &Cases<'_>, text: &str) -> Result<Everywhere, NotConverted> {
    let format = Format::Docker;
    let profile = Profile::parse(text.as_bytes(), "profile")
        .map_err(|error| NotConverted::Unreadable { format, reason: error.to_string() })?;
    let both = match profile.circumstances(None) {
        Some(own) => cases.circumstances.union(&own),
        None => cases.circumstances.clone(),
    };
    let read = |target: &Target| of_profile(&profile, None, target);
    proved((text, format), &targets(&both, format)?, cases.policy, &read)
}

/// Compares what a text is read as with what it shall mean.
fn proved(
    (text, format): (&str, Format),
    targets: &[Target],
    meaning: &Meaning<'_>,
    reading: &Meaning<'_>,
) -> Result<Everywhere, NotConverted> {
    let mut all = Refusals::default();
    let mut equal: Vec<(Policy, Policy)> = Vec::new();
    for target in targets {
        let meant = meaning(target).map_err(|what| NotConverted::Inexpressible { format, what })?;
        let read = reading(target).map_err(|reason| NotConverted::Unreadable { format, reason })?;
        if equal.iter().any(|(left, right)| *left == meant && *right == read) {
            continue;
        }
        match compare(&meant, &read).map_err(NotConverted::Unproved)? {
            Agreement::Equal => {}
            Agreement::OtherRefusals(refusals) => all.extend(refusals),
            Agreement::Differ(differing) => return Err(differ(target, &differing, format)),
        }
        equal.push((meant, read));
    }
    Ok(Everywhere { text: text.to_owned(), refusals: all, compared: targets.len() })
}

fn differ(target: &Target, differing: &[Differing], format: Format) -> NotConverted {
    let first = differing.first().map(difference_text);
    let found = first.map_or_else(String::new, |found| format!(": {found}"));
    let what = format!("it would be read as another filter {}{found}", at(target));
    NotConverted::Inexpressible { format, what }
}

/// Without this the comparison under the profile's circumstances would show nothing about others.
fn depends_on_no_more(written: &Written, of: &Circumstances) -> Result<(), NotConverted> {
    let is_within = |rule: &Rule| {
        let factors = Factors::of(&rule.applies);
        rule.subjects.iter().all(|subject| match &subject.kind {
            SubjectKind::Number(_) => factors.is_within(&of.others),
            kind => kind.names().iter().all(|name| factors.is_within(of.of(Some(*name)))),
        })
    };
    match written.rules.rules.iter().all(is_within) {
        true => Ok(()),
        false => Err(inexpressible("the text would depend on more than the profile".to_owned())),
    }
}
