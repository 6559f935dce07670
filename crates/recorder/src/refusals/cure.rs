//! Lines that would cure what was refused, to be put into the profile.

use callgate_explain::{Answer, Change, ChangeKind, Denial, Explanation, Filter, Knowledge};
use callgate_facts::Hidden;
use callgate_syscalls::Name;

/// A line, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cure {
    change: Change,
    /// What its callers do then that is refused as well.
    then: Option<String>,
}

impl Cure {
    /// The call allowed as it was made; or refused in the way on which its callers take another,
    /// where that is the only change.
    pub(super) fn of(explanation: &Explanation, filter: &Filter<'_>) -> Option<Self> {
        let changes = &explanation.changes;
        let exact = changes.iter().find(|change| change.kind == ChangeKind::Exact);
        let change = exact.or_else(|| changes.first())?;
        let then = (change.kind == ChangeKind::Enosys)
            .then(|| refused_instead(&explanation.denial, filter))
            .flatten();
        let mut change = change.clone();
        // It tells calls apart that are cured by the same line.
        change.cost = None;
        Some(Self { change, then })
    }

    /// The line, and as a comment what has to be done beside it.
    pub(super) fn line(&self) -> String {
        let line = &self.change.line;
        let said: Vec<String> = self.change.steps().into_iter().chain(self.then.clone()).collect();
        match said.is_empty() {
            true => line.clone(),
            false => format!("{line}  # {}", said.join("; ")),
        }
    }

    /// The same as a rule of a container profile.
    pub(super) fn profile_rule(&self) -> Option<&str> {
        self.change.profile_rule.as_deref()
    }

    /// Where a container profile has a rule that has to be without a call, and the call.
    pub(super) fn removals_in_profile(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_profile = self.change.before.as_ref().is_some_and(|before| before.is_profile);
        let removals = self.change.removals.iter().filter(move |_| is_profile);
        removals.flat_map(|one| one.calls.iter().map(|call| (one.place.as_str(), call.as_str())))
    }
}

/// What callers make in a call's place, where the filter refuses all of it.
fn refused_instead(denial: &Denial, filter: &Filter<'_>) -> Option<String> {
    let arch = denial.arch()?;
    let name = arch.syscall_at(denial.nr)?.name;
    let instead = Hidden::of(name, arch).find_map(|hidden| hidden.instead)?;
    // A sentence of which the call is the subject.
    let instead = Name::parse(instead.split(' ').next()?)?;
    let call = arch.syscall(instead)?;
    let mut asked = Denial::new(arch.token(), call.nr, Knowledge::Asked);
    asked.answer = Answer::Unknown;
    let rulings = filter.rulings(&asked);
    let all_refuse = rulings.iter().all(|ruling| !ruling.action.kind().executes());
    (all_refuse && !rulings.is_empty())
        .then(|| format!("its callers then make {instead}, which is refused as well"))
}
